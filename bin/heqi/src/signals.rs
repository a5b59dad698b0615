//! Ctrl-C and friends, told through a channel.

use std::sync::mpsc::{Receiver, channel};

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{self, CliError};

/// One message per SIGINT, SIGTERM or SIGHUP from now on.
///
/// # Errors
/// The system refuses to tell of signals.
pub fn follow() -> Result<Receiver<()>, CliError> {
    let refused =
        |error: std::io::Error| CliError::new(error::PROCESS, vec![("cause", error.to_string())]);
    let (sender, receiver) = channel();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    let (mut interrupt, mut terminate, mut hang_up) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt()).map_err(refused)?,
            signal(SignalKind::terminate()).map_err(refused)?,
            signal(SignalKind::hangup()).map_err(refused)?,
        )
    };
    let wait = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
    };
    std::thread::Builder::new().name("heqi-signals".into()).spawn(wait).map_err(refused)?;
    Ok(receiver)
}
