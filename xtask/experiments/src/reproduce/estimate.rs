//! Estimate of the time for the cells that are left, from those that are finished.

use std::time::Duration;

use super::method::PaperMethod;

/// A cell that is running or waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// Its method: cells of one method take about as long.
    pub(super) method: PaperMethod,
    /// Seconds that it has run.
    pub(super) elapsed: f64,
}

/// Time until all of `open` are finished, `jobs` at a time; `None` before the first is.
///
/// `finished` are methods and seconds. A cell is expected to take the mean of its method, of all
/// cells if its method has none. The first cells of a data set extract its features and take longer
/// than later ones, so that the estimate is rather too long.
pub(super) fn time_left(
    finished: &[(PaperMethod, f64)],
    open: &[Open],
    jobs: usize,
) -> Option<Duration> {
    let mean = |of: Option<PaperMethod>| {
        let of_method = finished.iter().filter(|(method, _)| of.is_none_or(|of| of == *method));
        let seconds: Vec<f64> = of_method.map(|(_, seconds)| *seconds).collect();
        (!seconds.is_empty()).then(|| seconds.iter().sum::<f64>() / seconds.len() as f64)
    };
    let overall = mean(None)?;
    let left = open.iter().map(|cell| {
        let expected = mean(Some(cell.method)).unwrap_or(overall);
        (expected - cell.elapsed).max(0.0)
    });
    let (mut sum, mut longest) = (0.0, 0.0_f64);
    for seconds in left {
        sum += seconds;
        longest = longest.max(seconds);
    }
    Some(Duration::from_secs_f64((sum / jobs.max(1) as f64).max(longest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(
        finished: &[(PaperMethod, f64)],
        open: &[(PaperMethod, f64)],
        jobs: usize,
    ) -> Option<f64> {
        let open: Vec<Open> =
            open.iter().map(|&(method, elapsed)| Open { method, elapsed }).collect();
        time_left(finished, &open, jobs).map(|left| left.as_secs_f64())
    }

    #[test]
    fn times_left_by_hand() {
        use PaperMethod::{DifferNet, Ocsvm, OneNn};
        let finished = [(DifferNet, 100.0), (DifferNet, 200.0), (OneNn, 30.0)];
        assert_eq!(seconds(&[], &[(DifferNet, 0.0)], 1), None);
        assert_eq!(seconds(&finished, &[], 1), Some(0.0));
        assert_eq!(seconds(&finished, &[(DifferNet, 50.0), (OneNn, 0.0)], 1), Some(130.0));
        // Two at a time, but never less than the longest alone.
        assert_eq!(seconds(&finished, &[(DifferNet, 50.0), (OneNn, 0.0)], 2), Some(100.0));
        // A method without a finished cell: the mean of all.
        assert_eq!(seconds(&finished, &[(Ocsvm, 0.0)], 1), Some(110.0));
        // Already longer than expected.
        assert_eq!(seconds(&finished, &[(OneNn, 99.0)], 1), Some(0.0));
    }
}
