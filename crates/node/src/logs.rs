//! Logs on standard error: text on a terminal, JSON lines otherwise, with fixed field names
//! (`ts level target msg node org` and the event's own fields).

mod json;

use std::{io::IsTerminal, path::Path};

use tokio::sync::watch;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::{LogConfig, LogFormat},
    data_folder,
    error::NodeError,
    error_code::{self, ErrorCode},
};

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

/// Libraries speak of their insides at `info`, thousands of lines that tell an operator nothing;
/// below that they warn of an empty store at each first start, and of each message that does not
/// decode, which a hostile peer may send 256 of per second. They are raised to these levels unless
/// a directive for them is given.
const LIBRARY_DIRECTIVES: &str = "commonware=warn,commonware_broadcast=error,commonware_storage::qmdb=error,fjall=warn,lsm_tree=warn,hyper=warn,tungstenite=warn";

/// `level` with quiet libraries. A later directive for the same target wins, so whoever names a
/// library gets it.
fn with_libraries(level: &str) -> String {
    let quieter = |directive: &str| {
        ["off", "error"].iter().any(|name| directive.trim().eq_ignore_ascii_case(name))
    };
    match level.split(',').any(quieter) {
        true => level.to_string(),
        false => format!("{LIBRARY_DIRECTIVES},{level}"),
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
    let filter = EnvFilter::builder().parse_lossy(with_libraries(&level));
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
///
/// The ledger library ends itself in this way when it cannot write: a full or read-only disk under
/// `data_dir` is no defect and gets its own code, next step and exit code. Nor is it one when a part
/// of the library misses another that ended before it while the node stops.
pub fn end_process_on_panic(data_dir: &Path, stopping: watch::Receiver<bool>) {
    let data_dir = data_dir.to_path_buf();
    std::panic::set_hook(Box::new(move |info| {
        let cause = panic_text(info.payload());
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        if *stopping.borrow() && place.contains(LIBRARY) {
            tracing::info!(place, cause, "a part of the ledger ended before another");
            return;
        }
        let on_request_thread = std::thread::current().name() == Some(REQUEST_THREAD);
        let found = ending(&data_dir, &cause);
        let (code, text, next) = (found.code, &found.text, &found.next);
        tracing::error!(code = code.id, place, cause, next, "{text}");
        if on_request_thread {
            return;
        }
        // For the case that no logs are written yet.
        if !tracing::enabled!(tracing::Level::ERROR) {
            eprintln!("error[{code}]: {text} ({place})\n  next: {next}");
        }
        std::process::exit(found.exit_code);
    }));
}

/// In the path of every source file of the ledger library.
const LIBRARY: &str = "/commonware-";

/// What a panic is reported as.
struct Ending {
    code: ErrorCode,
    text: String,
    next: String,
    exit_code: i32,
}

fn ending(data_dir: &Path, cause: &str) -> Ending {
    let full = || NodeError::storage(data_dir, "write", &std::io::ErrorKind::StorageFull.into());
    let storage = data_folder::trouble(data_dir).or_else(|| is_disk_full(cause).then(full));
    match storage {
        Some(error) => Ending {
            code: error.code(),
            text: error.to_string(),
            next: error.next_step(),
            exit_code: i32::from(error.exit_code()),
        },
        None => Ending {
            code: error_code::INTERNAL,
            text: cause.to_string(),
            next: "start the node again; report this line if it repeats".into(),
            exit_code: PANIC_EXIT_CODE,
        },
    }
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
    fn libraries_are_quiet_unless_named() {
        let filter = |level: &str| {
            let parsed = EnvFilter::builder().parse_lossy(with_libraries(level)).to_string();
            let mut parts: Vec<String> = parsed.split(',').map(String::from).collect();
            parts.sort();
            parts
        };
        let has = |level: &str, part: &str| filter(level).iter().any(|found| found == part);
        assert!(has("info", "commonware=warn") && has("info", "info"));
        assert!(has("debug", "fjall=warn") && has("debug,fjall=debug", "fjall=debug"));
        assert!(!has("debug,fjall=debug", "fjall=warn"));
        assert_eq!(filter("error"), ["error"]);
        assert_eq!(filter("off"), ["off"]);
    }

    #[test]
    fn a_panic_is_put_down_to_the_store_only_where_the_store_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let found = ending(folder.path(), "index out of bounds");
        assert_eq!((found.code.id, found.exit_code), ("NOD-0018", PANIC_EXIT_CODE));
        assert_eq!(found.text, "index out of bounds");
        let found = ending(&folder.path().join("gone"), "Runtime(WriteFailed)");
        assert_eq!((found.code.id, found.exit_code), ("NOD-0011", 1));
        let found = ending(folder.path(), "sync: No space left on device");
        assert_eq!((found.code.id, found.exit_code), ("NOD-0012", 5));
    }

    #[test]
    fn panics_of_a_full_disk_are_recognised() {
        let error = std::io::Error::from_raw_os_error(28);
        assert!(is_disk_full(&format!("failed to sync: {error:?}")));
        assert!(!is_disk_full("index out of bounds"));
    }
}
