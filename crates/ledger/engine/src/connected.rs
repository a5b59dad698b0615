//! The network library's own metrics, and who is connected. The library tells the latter in the
//! former only, and encoding them takes milliseconds, so one text serves everybody for a second.

use std::sync::{Arc, Mutex, PoisonError};

use types::ValidatorKey;

use crate::{handle::ConnectedPeers, status::Clock};

/// How long a text is used, milliseconds.
const FRESH_MS: u64 = 1_000;

/// Something that is made anew when it is older than [`FRESH_MS`]. Whoever comes while it is made
/// waits for it and shares it.
struct Cached<T> {
    clock: Clock,
    kept: Mutex<Option<(u64, T)>>,
}

impl<T: Clone> Cached<T> {
    fn new(clock: Clock) -> Self {
        Self { clock, kept: Mutex::new(None) }
    }

    fn get(&self, make: impl FnOnce() -> T) -> T {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = (self.clock)();
        // `abs_diff`: a clock that is set back must not keep a text for ever.
        if let Some((made_ms, value)) = &*kept
            && now_ms.abs_diff(*made_ms) < FRESH_MS
        {
            return value.clone();
        }
        let value = make();
        *kept = Some((now_ms, value.clone()));
        value
    }
}

/// `encode`, at most once a second.
pub(crate) fn exposition(
    clock: Clock,
    encode: impl Fn() -> String + Send + Sync + 'static,
) -> Arc<dyn Fn() -> String + Send + Sync> {
    let cached = Cached::new(clock);
    Arc::new(move || cached.get(&encode))
}

/// The peers that the network reports as connected in its metrics, at most a second old.
pub(crate) fn connected_peers(
    own_key: ValidatorKey,
    clock: Clock,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> ConnectedPeers {
    let cached = Cached::new(clock);
    let find = move || -> Arc<[ValidatorKey]> {
        let mut found = connected_in(&metrics());
        found.retain(|key| *key != own_key);
        found.into()
    };
    Arc::new(move || cached.get(&find).to_vec())
}

/// Keys in the lines of the gauge that has an entry per connected peer, ascending.
fn connected_in(metrics: &str) -> Vec<ValidatorKey> {
    let mut found: Vec<ValidatorKey> = metrics
        .lines()
        .filter(|line| line.contains("tracker_directory_connected{"))
        .filter_map(|line| line.split("peer=\"").nth(1)?.split('"').next())
        .filter_map(|peer| {
            let bytes = alloy_primitives::hex::decode(peer).ok()?;
            Some(ValidatorKey(<[u8; 32]>::try_from(bytes).ok()?))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn metrics_are_encoded_once_a_second_however_often_they_are_asked_for() {
        let time = Arc::new(AtomicU64::new(5_000));
        let clock: Clock = {
            let time = Arc::clone(&time);
            Arc::new(move || time.load(Ordering::Relaxed))
        };
        let encoded = Arc::new(AtomicU64::new(0));
        let encode = {
            let encoded = Arc::clone(&encoded);
            move || {
                let count = encoded.fetch_add(1, Ordering::Relaxed);
                let peer = "07".repeat(32);
                let own = "09".repeat(32);
                format!(
                    "a_tracker_directory_connected{{peer=\"{peer}\"}} {count}\n\
                     a_tracker_directory_connected{{peer=\"{own}\"}} 1\nother{{peer=\"{own}\"}} 1\n\
                     a_tracker_directory_connected{{peer=\"no key\"}} 1\n"
                )
            }
        };
        let metrics = exposition(Arc::clone(&clock), encode);
        let peers = connected_peers(ValidatorKey([9; 32]), clock, Arc::clone(&metrics));
        for _ in 0..100 {
            assert_eq!(peers(), [ValidatorKey([7; 32])]);
            assert!(metrics().contains("} 0\n"));
        }
        assert_eq!(encoded.load(Ordering::Relaxed), 1);
        time.store(6_000, Ordering::Relaxed);
        assert!(metrics().contains("} 1\n"));
        time.store(3_000, Ordering::Relaxed);
        peers();
        assert_eq!(encoded.load(Ordering::Relaxed), 3, "a clock set back makes anew");
    }
}
