//! The time that blocks get. A user may move it; it never stands still between two blocks.

use std::time::{SystemTime, UNIX_EPOCH};

use ledger_api::DevelopmentError;

/// Latest time of a block, seconds since the Unix epoch: milliseconds still fit with room to spare.
pub const TIME_S_MAX: u64 = 1 << 50;

/// The machine's time, seconds since the Unix epoch.
pub fn machine_time_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The ledger's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Seconds ahead of the machine's clock.
    offset_s: i64,
    /// Timestamp of the next block.
    next: Option<u64>,
    /// Seconds between blocks, whatever the time is.
    pub interval_s: Option<u64>,
}

impl Clock {
    /// The ledger's time, seconds since the Unix epoch.
    pub fn now_s(&self) -> u64 {
        machine_time_s().saturating_add_signed(self.offset_s)
    }

    /// Timestamp of the block after one of `previous`.
    pub fn next_timestamp(&self, previous: u64) -> u64 {
        let least = previous.saturating_add(1);
        match (self.next, self.interval_s) {
            (Some(next), _) => next,
            (None, Some(interval)) => previous.saturating_add(interval).max(least),
            (None, None) => self.now_s().max(least),
        }
    }

    /// The clock as it was when the machine's showed `taken_s`: time goes on from there.
    pub fn resumed(self, taken_s: u64) -> Self {
        let passed = machine_time_s().saturating_sub(taken_s);
        Self { offset_s: self.offset_s.saturating_sub_unsigned(passed), ..self }
    }

    /// A block has this timestamp: what was set for it is used up, and time goes on from there if
    /// it is ahead.
    pub fn made(&mut self, timestamp: u64) {
        let was_set = self.next.take().is_some();
        if was_set || timestamp > self.now_s() {
            self.offset_s = ahead(timestamp);
        }
    }

    /// Sets the timestamp of the block after one of `previous`.
    pub fn set_next(&mut self, timestamp: u64, previous: u64) -> Result<(), DevelopmentError> {
        check_after(timestamp, previous)?;
        self.next = Some(timestamp);
        Ok(())
    }

    /// Moves time; answers how far it is ahead, seconds.
    pub fn increase(&mut self, seconds: u64) -> Result<i64, DevelopmentError> {
        let now = self.now_s().saturating_add(seconds);
        check_range(now)?;
        self.offset_s = ahead(now);
        Ok(self.offset_s)
    }

    /// Sets the time; answers how far it is ahead, seconds.
    pub fn set(&mut self, timestamp: u64) -> Result<i64, DevelopmentError> {
        check_range(timestamp)?;
        self.offset_s = ahead(timestamp);
        self.next = None;
        Ok(self.offset_s)
    }
}

fn ahead(timestamp: u64) -> i64 {
    let limited = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    limited(timestamp).saturating_sub(limited(machine_time_s()))
}

/// Refuses times that blocks cannot have.
pub fn check_range(timestamp: u64) -> Result<(), DevelopmentError> {
    if timestamp <= TIME_S_MAX {
        return Ok(());
    }
    Err(DevelopmentError::Value(format!("timestamp {timestamp} is above {TIME_S_MAX}")))
}

/// Refuses a timestamp that is not above the block's before.
pub fn check_after(timestamp: u64, previous: u64) -> Result<(), DevelopmentError> {
    check_range(timestamp)?;
    if timestamp > previous {
        return Ok(());
    }
    // The words are those that tests of other development nodes look for.
    Err(DevelopmentError::Value(format!(
        "Timestamp {timestamp} is lower than or equal to previous block's timestamp {previous}"
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn time_rises_by_a_second_at_least_and_goes_on_from_where_it_was_set() {
        let mut clock = Clock::default();
        let now = machine_time_s();
        assert!(clock.next_timestamp(now + 1_000) == now + 1_001);
        clock.set_next(now + 5_000, now).unwrap();
        assert_eq!(clock.next_timestamp(now), now + 5_000);
        clock.made(now + 5_000);
        assert!((now + 5_000..now + 5_005).contains(&clock.now_s()));
        assert!(clock.next_timestamp(now + 5_000) > now + 5_000);
        // Back below the machine's time.
        clock.set_next(now - 500, now - 600).unwrap();
        clock.made(now - 500);
        assert!((now - 500..now - 495).contains(&clock.now_s()));
        assert!(clock.increase(1_000).unwrap() >= 499);
    }

    #[test]
    fn a_clock_goes_on_from_where_it_was() {
        let clock = Clock { offset_s: 70, ..Clock::default() };
        let now = machine_time_s();
        assert!((now - 30..now - 25).contains(&clock.resumed(now - 100).now_s()));
        assert_eq!(clock.resumed(now + 100), clock, "the machine's clock went back");
    }

    #[test]
    fn times_that_no_block_can_have_are_refused() {
        let mut clock = Clock::default();
        assert!(clock.set_next(7, 7).is_err());
        assert!(clock.set_next(TIME_S_MAX + 1, 7).is_err());
        assert!(clock.increase(u64::MAX).is_err());
        assert!(clock.set(u64::MAX).is_err());
    }

    #[test]
    fn an_interval_is_kept_whatever_the_time_is() {
        let clock = Clock { interval_s: Some(12), ..Clock::default() };
        assert_eq!(clock.next_timestamp(100), 112);
        let clock = Clock { interval_s: Some(0), ..Clock::default() };
        assert_eq!(clock.next_timestamp(100), 101);
    }
}
