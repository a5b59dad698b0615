//! Clocks of the other validators, as far as their blocks tell.

use std::collections::{BTreeMap, VecDeque};

use ledger_api::ClockOffset;
use types::ValidatorKey;

/// Measurements kept per validator.
const SAMPLES_MAX: usize = 15;
/// Validators that are remembered; beyond it the one with the smallest key is forgotten. Twice the
/// largest set, so that a change of all validators fits.
const VALIDATORS_KEPT_MAX: usize = 2 * types::limits::VALIDATORS_MAX;

/// The last measurements of each validator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clocks(BTreeMap<ValidatorKey, VecDeque<i64>>);

impl Clocks {
    /// A block of `validator` arrived with its time `ahead_ms` after the own clock.
    pub(crate) fn add(&mut self, validator: ValidatorKey, ahead_ms: i64) {
        let samples = self.0.entry(validator).or_default();
        samples.push_back(ahead_ms);
        if samples.len() > SAMPLES_MAX {
            samples.pop_front();
        }
        while self.0.len() > VALIDATORS_KEPT_MAX {
            self.0.pop_first();
        }
    }

    /// What is known of a validator's clock.
    pub(crate) fn of(&self, validator: &ValidatorKey) -> Option<ClockOffset> {
        let samples = self.0.get(validator)?;
        let median_ms = median(samples.iter().copied().collect())?;
        Some(ClockOffset { median_ms, samples: samples.len() })
    }
}

/// The middle value; of an even number, the lower one of the two in the middle.
pub(crate) fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_late_block_does_not_move_the_median_and_old_ones_are_forgotten() {
        let mut clocks = Clocks::default();
        let key = ValidatorKey([7; 32]);
        assert_eq!(clocks.of(&key), None);
        for ahead_ms in [-40, -50, -9_000, -45, -60] {
            clocks.add(key, ahead_ms);
        }
        assert_eq!(clocks.of(&key), Some(ClockOffset { median_ms: -50, samples: 5 }));
        for _ in 0..SAMPLES_MAX {
            clocks.add(key, 3_000);
        }
        let found = clocks.of(&key);
        assert_eq!(found, Some(ClockOffset { median_ms: 3_000, samples: SAMPLES_MAX }));
    }

    #[test]
    fn no_number_of_keys_grows_it_without_bound() {
        let mut clocks = Clocks::default();
        for number in 0..2_000u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            clocks.add(ValidatorKey(key), 0);
        }
        assert_eq!(clocks.0.len(), VALIDATORS_KEPT_MAX);
    }

    #[test]
    fn the_median_of_few() {
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![5]), Some(5));
        assert_eq!(median(vec![9, 1]), Some(1));
    }
}
