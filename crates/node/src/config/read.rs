//! From text to checked values, with the line of every mistake.

use std::{fs::File, io::Read, ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{CONFIG_BYTES_MAX, CONFIG_KEYS, Config, nearest::nearest};
use crate::{
    error::NodeError,
    error_code::{self, ErrorCode},
};

const REFERENCE: &str = "docs/en/configuration.md has every key";

impl Config {
    /// Reads, checks, and makes relative paths relative to the file's folder.
    ///
    /// # Errors
    /// Unreadable file, TOML mistake, unknown key, wrong type, value out of range.
    pub fn from_file(path: &Path) -> Result<Self, NodeError> {
        let text = read_text(path)
            .map_err(|source| NodeError::ConfigUnreadable { path: path.into(), source })?;
        let mut config = Self::from_text(&text, path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        for file in [&mut config.data_dir, &mut config.genesis_file, &mut config.node_key_file] {
            *file = folder.join(&*file);
        }
        for compiler in &mut config.verification.solc {
            *compiler = folder.join(&*compiler);
        }
        Ok(config)
    }

    /// Reads and checks text; `path` only names it in errors.
    ///
    /// # Errors
    /// As [`Self::from_file`].
    pub fn from_text(text: &str, path: &Path) -> Result<Self, NodeError> {
        let source = Source { text, path };
        let table = DeTable::parse(text).map_err(|error| {
            source.error(
                error_code::CONFIG_SYNTAX,
                error.span(),
                format!("not valid TOML: {}", one_line(error.message())),
                "correct the line; strings need quotes, tables look like [rpc]".into(),
            )
        })?;
        let table = table.get_ref();
        refuse_unknown(&source, table, "")?;
        let config: Self = toml::from_str(text).map_err(|error| {
            let key = error.span().and_then(|span| key_at(table, "", &span));
            let cause = one_line(error.message());
            let cause = key.as_ref().map_or(cause.clone(), |key| format!("`{key}`: {cause}"));
            source.error(error_code::CONFIG_TYPE, error.span(), cause, next_for(key.as_deref()))
        })?;
        match config.first_mistake() {
            None => Ok(config),
            Some(mistake) => {
                let span = span_of(table, mistake.key);
                let code = match span {
                    None if config.is_required(mistake.key) => error_code::CONFIG_TYPE,
                    _ => error_code::CONFIG_RANGE,
                };
                let cause = format!("`{}` {}", mistake.key, mistake.cause);
                Err(source.error(code, span, cause, next_for(Some(mistake.key))))
            }
        }
    }
}

fn next_for(key: Option<&str>) -> String {
    let known = key.and_then(|key| CONFIG_KEYS.iter().find(|known| known.path == key));
    match known {
        Some(known) => format!(
            "set `{}` to {} (default: {}); {REFERENCE}",
            known.path, known.unit, known.default
        ),
        None => format!("correct the value; {REFERENCE}"),
    }
}

struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn error(
        &self,
        code: ErrorCode,
        span: Option<Range<usize>>,
        cause: String,
        next: String,
    ) -> NodeError {
        let place = match span {
            Some(span) => format!("{} line {}", self.path.display(), self.line(span.start)),
            None => self.path.display().to_string(),
        };
        NodeError::Config { code, place, cause, next }
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > CONFIG_BYTES_MAX {
        let cause = format!("longer than {CONFIG_BYTES_MAX} bytes: is this the right file?");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, cause));
    }
    Ok(text)
}

fn refuse_unknown(source: &Source<'_>, table: &DeTable<'_>, prefix: &str) -> Result<(), NodeError> {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        let below = format!("{path}.");
        let is_section = CONFIG_KEYS.iter().any(|known| known.path.starts_with(&below));
        let is_key = CONFIG_KEYS.iter().any(|known| known.path == path);
        match value.get_ref() {
            DeValue::Table(table) if is_section => refuse_unknown(source, table, &below)?,
            DeValue::Array(items) if is_section => {
                for item in items {
                    if let DeValue::Table(table) = item.get_ref() {
                        refuse_unknown(source, table, &below)?;
                    }
                }
            }
            _ if is_key || is_section => {}
            _ => return Err(unknown(source, &path, key.span())),
        }
    }
    Ok(())
}

fn unknown(source: &Source<'_>, path: &str, span: Range<usize>) -> NodeError {
    let shown: String = path.chars().take(80).collect();
    let sections = CONFIG_KEYS.iter().filter_map(|key| Some(key.path.rsplit_once('.')?.0));
    let next = match nearest(path, CONFIG_KEYS.iter().map(|key| key.path).chain(sections)) {
        Some(near) => format!("did you mean `{near}`? {REFERENCE}"),
        None => format!("remove the key; {REFERENCE}"),
    };
    source.error(error_code::CONFIG_UNKNOWN_KEY, Some(span), format!("unknown key `{shown}`"), next)
}

/// The innermost key whose value covers `span`.
fn key_at(table: &DeTable<'_>, prefix: &str, span: &Range<usize>) -> Option<String> {
    let covers = |value: &Spanned<DeValue<'_>>| {
        let outer = value.span();
        outer.start <= span.start && span.end <= outer.end
    };
    table.iter().find_map(|(key, value)| {
        let path = format!("{prefix}{}", key.get_ref());
        let below = format!("{path}.");
        let inner = match value.get_ref() {
            DeValue::Table(table) => key_at(table, &below, span),
            DeValue::Array(items) => items.iter().find_map(|item| match item.get_ref() {
                DeValue::Table(table) => key_at(table, &below, span),
                _ => None,
            }),
            _ => None,
        };
        inner.or_else(|| covers(value).then_some(path))
    })
}

fn span_of(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)?;
    match (rest, value.get_ref()) {
        (Some(rest), DeValue::Table(table)) => span_of(table, rest),
        (_, _) => Some(value.span()),
    }
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
