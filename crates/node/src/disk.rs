//! Free space of the volume that holds the data, and what it means.

use std::path::Path;

use crate::config::StorageConfig;

/// Room above the reserve that must be free before a node starts, bytes, so that it does not stop
/// again at once.
pub const START_MARGIN_BYTES: u64 = 64 * 1024 * 1024;

/// Bounds of the free space, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskLimits {
    /// Below it operators are warned.
    pub warning_bytes: u64,
    /// Below it a running node stops in good order. It covers what the stores write between two
    /// looks and until they are closed.
    pub reserve_bytes: u64,
}

impl DiskLimits {
    /// What the configuration says.
    pub fn new(storage: &StorageConfig) -> Self {
        Self {
            warning_bytes: storage.disk_warning_bytes,
            reserve_bytes: storage.disk_reserve_bytes,
        }
    }

    /// Free space below which a node does not start, bytes.
    pub fn start_bytes(&self) -> u64 {
        self.reserve_bytes.saturating_add(START_MARGIN_BYTES)
    }

    /// What so much free space means.
    pub fn level(&self, free_bytes: u64) -> DiskLevel {
        match free_bytes {
            free if free < self.reserve_bytes => DiskLevel::Reserve,
            free if free < self.warning_bytes => DiskLevel::Low,
            _ => DiskLevel::Enough,
        }
    }
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self::new(&StorageConfig::default())
    }
}

/// How full a volume is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskLevel {
    /// Nothing to do.
    #[default]
    Enough,
    /// Below the warning: make room soon.
    Low,
    /// Below the reserve: a running node stops.
    Reserve,
}

/// Bytes that this user may still write on the volume of `path`; `None` where the system does not
/// tell.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let answer = rustix::fs::statvfs(path).ok()?;
    answer.f_bavail.checked_mul(answer.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_known_for_folders_and_not_for_nothing() {
        assert!(free_bytes(Path::new("/")).is_some());
        assert_eq!(free_bytes(Path::new("/no/such/folder")), None);
    }

    #[test]
    fn the_warning_comes_long_before_the_reserve() {
        let limits = DiskLimits { warning_bytes: 1_000, reserve_bytes: 100 };
        for (free_bytes, level) in [
            (1_000, DiskLevel::Enough),
            (999, DiskLevel::Low),
            (100, DiskLevel::Low),
            (99, DiskLevel::Reserve),
        ] {
            assert_eq!(limits.level(free_bytes), level, "{free_bytes}");
        }
        let default = DiskLimits::default();
        assert!(default.warning_bytes > 10 * default.start_bytes());
    }
}
