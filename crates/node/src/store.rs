//! Looks after the store while the node runs: warns long before the disk is full, and stops the
//! node while it still can be stopped in good order.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    data_folder,
    disk::{self, DiskLevel, DiskLimits},
    error::NodeError,
    error_code,
    health::StoreHealth,
    server::NodeState,
    stop::StopSignal,
};

/// How often the store is tried.
const STORE_INTERVAL: Duration = Duration::from_secs(10);
/// How often free space is looked at: a ledger under load can fill what is left within seconds.
const SPACE_INTERVAL: Duration = Duration::from_secs(1);

/// Tries the store now and then and looks at the free space every second: too little stops the
/// node, anything else that is wrong makes it not ready or is warned of.
pub(crate) async fn follow(
    path: PathBuf,
    limits: DiskLimits,
    state: Arc<NodeState>,
    stop: StopSignal,
) {
    let mut failed = false;
    let mut watch = SpaceWatch::default();
    loop {
        let tried = path.clone();
        let Ok(probe) = tokio::task::spawn_blocking(move || data_folder::write_probe(&tried)).await
        else {
            return;
        };
        let write_error = probe.as_ref().err().map(ToString::to_string);
        match probe {
            Err(error @ NodeError::DiskFull { .. }) => return stop.fail(error),
            Err(error) if !failed => {
                tracing::error!(code = error.code().id, next = error.next_step(), "{error}");
                failed = true;
            }
            Err(_) => {}
            Ok(()) => failed = false,
        }
        let next_probe = tokio::time::Instant::now() + STORE_INTERVAL;
        while tokio::time::Instant::now() < next_probe {
            let tried = path.clone();
            let look = move || disk::free_bytes(&tried);
            let Ok(free_bytes) = tokio::task::spawn_blocking(look).await else { return };
            let store = StoreHealth { free_bytes, write_error: write_error.clone(), limits };
            if let Some(notice) = watch.look(&store) {
                tell(notice, &store);
            }
            let level = store.level();
            state.set_store(store);
            if let Some(free_bytes) = free_bytes.filter(|_| level == DiskLevel::Reserve) {
                let reserve_bytes = limits.reserve_bytes;
                return stop.fail(NodeError::DiskReserve { path, free_bytes, reserve_bytes });
            }
            tokio::time::sleep(SPACE_INTERVAL).await;
        }
    }
}

/// Something that an operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// Free space fell below the warning.
    Low,
    /// It is above the warning again.
    Enough,
}

/// What the volume was like at the last look.
#[derive(Debug, Default)]
struct SpaceWatch(DiskLevel);

impl SpaceWatch {
    /// What to say: once per change. It is enough again only an eighth above the warning, so that
    /// a volume at the bound does not fill the log.
    fn look(&mut self, store: &StoreHealth) -> Option<Notice> {
        let was_enough = self.0 == DiskLevel::Enough;
        let level = store.level();
        if was_enough == (level == DiskLevel::Enough) {
            return None;
        }
        let enough_bytes =
            store.limits.warning_bytes.saturating_add(store.limits.warning_bytes / 8);
        if !was_enough && store.free_bytes.is_some_and(|free_bytes| free_bytes < enough_bytes) {
            return None;
        }
        self.0 = level;
        Some(if was_enough { Notice::Low } else { Notice::Enough })
    }
}

fn tell(notice: Notice, store: &StoreHealth) {
    let free_bytes = store.free_bytes.unwrap_or(0);
    match notice {
        Notice::Low => tracing::warn!(
            code = error_code::DISK_LOW.id,
            free_bytes,
            warning_bytes = store.limits.warning_bytes,
            reserve_bytes = store.limits.reserve_bytes,
            next = "make room or enlarge the volume; the node stops when the reserve is reached",
            "disk space low"
        ),
        Notice::Enough => tracing::info!(free_bytes, "disk space is enough again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once_and_a_volume_at_the_bound_is_quiet() {
        let limits = DiskLimits { warning_bytes: 800, reserve_bytes: 100 };
        let mut watch = SpaceWatch::default();
        let mut told = Vec::new();
        for free_bytes in [900, 801, 799, 801, 799, 850, 120, 90, 899, 900, 901, 700] {
            let store = StoreHealth { free_bytes: Some(free_bytes), write_error: None, limits };
            told.extend(watch.look(&store).map(|notice| (free_bytes, notice)));
        }
        let expected = [(799, Notice::Low), (900, Notice::Enough), (700, Notice::Low)];
        assert_eq!(told, expected);
    }
}
