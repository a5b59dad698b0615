//! Replayable randomness: the same seed gives the same run.

/// SplitMix64 (Steele, Lea, Flood 2014). Not for keys of anything that matters.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// `count` different numbers below `bound`, in random order.
    pub fn choose(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..bound).collect();
        for index in (1..bound).rev() {
            all.swap(index, self.below(index as u64 + 1) as usize);
        }
        all.truncate(count);
        all
    }
}

/// A seed for a run that was given none: the nanoseconds of the clock.
pub fn seed_from_clock() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |elapsed| elapsed.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn first_words_of_seed_zero_are_the_published_ones() {
        let mut random = Random::new(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn choice_has_no_repetition() {
        let mut chosen = Random::new(7).choose(4, 4);
        chosen.sort_unstable();
        assert_eq!(chosen, [0, 1, 2, 3]);
    }
}
