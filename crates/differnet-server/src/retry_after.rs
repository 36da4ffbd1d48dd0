//! Estimate of when a refused client may come again (`Retry-After`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Weight of the last batch in the running average.
const WEIGHT: f64 = 0.3;
/// Longest that a client is told to wait, seconds.
const LONGEST: u64 = 120;

/// Running average of the seconds that an image takes.
#[derive(Debug, Default)]
pub(crate) struct RetryAfter {
    /// Bits of an `f64`; 0 until the first batch.
    seconds: AtomicU64,
}

impl RetryAfter {
    /// Notes that `images` took `time`. Only the scoring thread does.
    pub(crate) fn took(&self, time: Duration, images: usize) {
        let last = time.as_secs_f64() / images.max(1) as f64;
        let average = f64::from_bits(self.seconds.load(Ordering::Relaxed));
        let next = if average == 0.0 { last } else { average + WEIGHT * (last - average) };
        self.seconds.store(next.to_bits(), Ordering::Relaxed);
    }

    /// Whole seconds until half of `waiting` images are done, at least 1.
    pub(crate) fn seconds(&self, waiting: usize) -> u64 {
        let seconds = f64::from_bits(self.seconds.load(Ordering::Relaxed)) * waiting as f64 / 2.0;
        (seconds.ceil() as u64).clamp(1, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_come_again_when_half_of_the_queue_is_done() {
        let estimate = RetryAfter::default();
        assert_eq!(estimate.seconds(16), 1);
        estimate.took(Duration::from_secs(4), 2);
        assert_eq!(estimate.seconds(16), 16);
        estimate.took(Duration::from_secs(2), 1);
        assert_eq!(estimate.seconds(3), 3);
        estimate.took(Duration::from_secs(10_000), 1);
        assert_eq!(estimate.seconds(16), LONGEST);
    }
}
