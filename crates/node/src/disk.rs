//! Free space of the volume that holds the data.

use std::path::Path;

/// Free space below which a node refuses to start and a running one stops in good order, bytes.
/// Enough for the stores to finish what they are writing.
pub const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

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
}
