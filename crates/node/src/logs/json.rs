//! One JSON object per event.

use std::fmt::{Debug, Result};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::LogOrigin;

/// Longest text of one field, characters; longer ones are cut and end in `…`.
const FIELD_CHARACTERS_MAX: usize = 8 * 1024;

/// Formats events as JSON lines.
pub(super) struct JsonLines {
    origin: LogOrigin,
}

impl JsonLines {
    pub(super) fn new(origin: LogOrigin) -> Self {
        Self { origin }
    }

    fn line(&self, time: String, event: &Event<'_>) -> String {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let target = fields.target_of_log_record().unwrap_or_else(|| metadata.target().into());
        let mut line = Map::new();
        line.insert("ts".into(), time.into());
        line.insert("level".into(), metadata.level().as_str().to_lowercase().into());
        line.insert("target".into(), target);
        line.insert("msg".into(), fields.0.remove("message").unwrap_or_default());
        line.insert("node".into(), self.origin.node.as_str().into());
        line.insert("org".into(), self.origin.organisation.as_str().into());
        for (name, value) in fields.0 {
            line.entry(name).or_insert(value);
        }
        Value::Object(line).to_string()
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        writeln!(writer, "{}", self.line(time, event))
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    /// Libraries that use the `log` crate arrive with their origin in fields; the place in the
    /// source is of no use without the source.
    fn target_of_log_record(&mut self) -> Option<Value> {
        for name in ["log.file", "log.line", "log.module_path"] {
            self.0.remove(name);
        }
        self.0.remove("log.target")
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().trim_start_matches("r#").into(), value.into());
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        match text.char_indices().nth(FIELD_CHARACTERS_MAX) {
            Some((end, _)) => self.put(field, format!("{}…", &text[..end])),
            None => self.put(field, text),
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put_text(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::{fmt, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(write: impl FnOnce()) -> Value {
        let sink = Sink::default();
        let writer = sink.clone();
        let origin = LogOrigin { node: "0x01".into(), organisation: "Bank \"A\"".into() };
        let layer =
            fmt::layer().event_format(JsonLines::new(origin)).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), write);
        let bytes = sink.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_line_has_the_documented_fields() {
        let line = logged(|| tracing::info!(height = 7u64, hash = %"0xab", "block\nfinal"));
        assert_eq!(line["msg"], "block\nfinal");
        assert_eq!(line["level"], "info");
        assert_eq!(line["org"], "Bank \"A\"");
        assert_eq!(line["node"], "0x01");
        assert_eq!(line["height"], 7);
        assert_eq!(line["hash"], "0xab");
        assert!(line["target"].as_str().unwrap().starts_with("node::logs"));
        assert!(line["ts"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn fields_are_bounded_and_cannot_replace_the_fixed_ones() {
        let long = "字".repeat(20_000);
        let line = logged(|| tracing::warn!(org = "Mallory", text = long, "x"));
        assert_eq!(line["org"], "Bank \"A\"");
        assert_eq!(line["text"].as_str().unwrap().chars().count(), FIELD_CHARACTERS_MAX + 1);
    }
}
