//! Waiting with a limit.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Looks until `condition` gives something or the time is over; answers it with the time it took.
pub async fn until<T>(
    limit: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> Option<(T, Duration)> {
    let begin = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return Some((found, begin.elapsed()));
        }
        if begin.elapsed() > limit {
            return None;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
