//! Logs on standard error: text on a terminal, JSON lines otherwise, with fixed field names
//! (`ts level target msg node org` and the event's own fields).

mod json;

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogConfig, LogFormat};

/// Environment variable that wins over `log.level`.
pub const LOG_VARIABLE: &str = "HEQI_LOG";

/// What every JSON line says about its origin.
#[derive(Clone, Debug)]
pub struct LogOrigin {
    /// Short name of the node: the first bytes of its key.
    pub node: String,
    /// Organisation.
    pub organisation: String,
}

/// Whether `level` is a list of filter directives.
///
/// # Errors
/// What is wrong, as the rest of a sentence that starts with the key.
pub fn check_level(level: &str) -> Result<(), String> {
    if level.trim().is_empty() {
        return Err("is empty; levels are error, warn, info, debug, trace".into());
    }
    for directive in level.split(',') {
        EnvFilter::builder()
            .parse(directive)
            .map_err(|error| format!("has `{directive:.80}`, which is no filter: {error}"))?;
    }
    Ok(())
}

/// Whether logs are written as JSON lines.
pub fn is_json(config: &LogConfig) -> bool {
    match config.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    }
}

/// Starts logging for the whole process. Later calls change nothing.
///
/// # Errors
/// `HEQI_LOG` is no filter.
pub fn start(config: &LogConfig, origin: LogOrigin) -> Result<(), String> {
    let level = match std::env::var(LOG_VARIABLE) {
        Ok(level) if !level.is_empty() => {
            check_level(&level).map_err(|cause| format!("{LOG_VARIABLE} {cause}"))?;
            level
        }
        _ => config.level.clone(),
    };
    let filter = EnvFilter::builder().parse_lossy(level);
    let registry = tracing_subscriber::registry().with(filter);
    // An error means that a subscriber is there already, as in tests: it stays.
    let _ = if is_json(config) {
        let layer = fmt::layer().event_format(json::JsonLines::new(origin));
        registry.with(layer.with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_writer(std::io::stderr)).try_init()
    };
    Ok(())
}

/// Ends the process with a log line when a thread panics: what runs on after a defect could do
/// harm, while a restart continues from what is final. A panic on a thread that answers requests
/// ([`REQUEST_THREAD`]) is logged and ends that request only: such threads only read, and a
/// caller must not be able to stop consensus.
pub fn end_process_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let text = panic_text(info.payload());
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let code = match is_disk_full(&text) {
            true => crate::error_code::DISK_FULL,
            false => crate::error_code::INTERNAL,
        };
        let next = match is_disk_full(&text) {
            true => "free space, then start the node again; it continues where it was",
            false => "start the node again; report this line if it repeats",
        };
        tracing::error!(code = code.id, place, next, "{text}");
        if std::thread::current().name() == Some(REQUEST_THREAD) {
            return;
        }
        // For the case that no logs are written yet.
        if !tracing::enabled!(tracing::Level::ERROR) {
            eprintln!("error[{code}]: {text} ({place})\n  next: {next}");
        }
        std::process::exit(PANIC_EXIT_CODE);
    }));
}

/// Name of the threads that answer requests.
pub const REQUEST_THREAD: &str = "heqi-rpc";

/// Exit code of a process that ended because of a defect.
pub const PANIC_EXIT_CODE: i32 = 101;

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "panic without a text".into())
}

fn is_disk_full(text: &str) -> bool {
    ["No space left on device", "StorageFull", "Disk quota exceeded"]
        .iter()
        .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn levels_are_checked() {
        for good in ["info", "warn,consensus=debug", "error", "off"] {
            assert_eq!(check_level(good), Ok(()), "{good}");
        }
        for bad in ["", " ", "info,consensus=loud", "=", "info,a=b=c"] {
            assert!(check_level(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn panics_of_a_full_disk_are_recognised() {
        let error = std::io::Error::from_raw_os_error(28);
        assert!(is_disk_full(&format!("failed to sync: {error:?}")));
        assert!(!is_disk_full("index out of bounds"));
    }
}
