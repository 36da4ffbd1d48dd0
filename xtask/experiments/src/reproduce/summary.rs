//! Runs that differ in their seed, as one line of a table.

use differnet_eval::Interval;

use super::cell::{CellResult, TestResult};

/// A test and the cell that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measurement<'a> {
    /// The training.
    pub(super) cell: &'a CellResult,
    /// The test.
    pub(super) test: &'a TestResult,
}

/// Mean and spread over runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// The mean.
    pub(super) mean: f64,
    /// The sample standard deviation; `None` for a single run.
    pub(super) deviation: Option<f64>,
}

/// Summary of runs with several seeds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Summary {
    /// Runs.
    pub(super) runs: usize,
    /// In \[0, 1\].
    pub(super) auroc: Spread,
    /// The runs' 95 % intervals, lower and upper ends averaged.
    pub(super) interval: Interval,
    /// In \[0, 1\].
    pub(super) average_precision: f64,
    /// In \[0, 1\].
    pub(super) recall_at_zero_fp: Spread,
    /// Means.
    pub(super) train_seconds: f64,
    /// Means.
    pub(super) evaluate_seconds: f64,
    /// Rows of features that no cache had, of training and test; sums.
    pub(super) rows_extracted: u64,
    /// The largest of any run.
    pub(super) peak_mb: Option<f64>,
}

/// Every test of every cell.
pub(super) fn measurements<'a>(results: &'a [CellResult]) -> Vec<Measurement<'a>> {
    let of_cell =
        |cell: &'a CellResult| cell.tests.iter().map(move |test| Measurement { cell, test });
    results.iter().flat_map(of_cell).collect()
}

/// Mean and sample standard deviation; `None` without values.
pub(super) fn spread(values: &[f64]) -> Option<Spread> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    match values.len() {
        0 => None,
        1 => Some(Spread { mean, deviation: None }),
        _ => Some(Spread { mean, deviation: Some((squares / (count - 1.0)).sqrt()) }),
    }
}

/// Summarizes `runs`; `None` without any.
pub(super) fn summarize(runs: &[Measurement<'_>]) -> Option<Summary> {
    let each = |value: &dyn Fn(&Measurement<'_>) -> f64| runs.iter().map(value).collect::<Vec<_>>();
    let mean = |value: &dyn Fn(&Measurement<'_>) -> f64| spread(&each(value)).map(|s| s.mean);
    Some(Summary {
        runs: runs.len(),
        auroc: spread(&each(&|run| run.test.metrics.auroc))?,
        interval: Interval {
            lower: mean(&|run| run.test.metrics.auroc_ci95.lower)?,
            upper: mean(&|run| run.test.metrics.auroc_ci95.upper)?,
        },
        average_precision: mean(&|run| run.test.metrics.average_precision)?,
        recall_at_zero_fp: spread(&each(&|run| run.test.metrics.recall_at_zero_fp))?,
        train_seconds: mean(&|run| run.cell.train_seconds)?,
        evaluate_seconds: mean(&|run| run.test.evaluate_seconds)?,
        rows_extracted: runs.iter().map(|r| r.cell.rows_extracted + r.test.rows_extracted).sum(),
        peak_mb: runs.iter().filter_map(|run| run.cell.peak_mb).reduce(f64::max),
    })
}

/// The mean over `categories` categories for each seed that has all of them.
pub(super) fn means_over_categories(runs: &[Measurement<'_>], categories: usize) -> Vec<f64> {
    let mut seeds: Vec<u64> = runs.iter().map(|run| run.cell.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let mean = |seed: u64| {
        let of_seed = runs.iter().filter(|run| run.cell.seed == seed);
        let aurocs: Vec<f64> = of_seed.map(|run| run.test.metrics.auroc).collect();
        (aurocs.len() == categories).then(|| spread(&aurocs)).flatten().map(|s| s.mean)
    };
    seeds.into_iter().filter_map(mean).collect()
}

/// The ends of an interval of shares in percent: `95.6–100.0`.
pub(super) fn percent_range(interval: Interval) -> String {
    format!("{}–{}", percent(interval.lower), percent(interval.upper))
}

impl Spread {
    /// In percent, as the paper writes it: `98.7 ± 0.3`.
    pub(super) fn percent(&self) -> String {
        match self.deviation {
            Some(deviation) => format!("{} ± {}", percent(self.mean), percent(deviation)),
            None => percent(self.mean),
        }
    }
}

/// A share in percent with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// A difference of a share from a percentage of the paper, in percentage points: `+0.3`, `−0.3`.
pub(super) fn difference(share: f64, paper: f64) -> String {
    let points = (1000.0 * share).round() / 10.0 - paper;
    let digits = format!("{:.1}", points.abs());
    match points {
        _ if digits == "0.0" => digits,
        points if points < 0.0 => format!("−{digits}"),
        _ => format!("+{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::result;
    use super::*;

    #[test]
    fn mean_and_deviation_by_hand() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[0.5]), Some(Spread { mean: 0.5, deviation: None }));
        let three = spread(&[0.8, 0.9, 1.0]).expect("three values");
        // Variance 0.01, divided by n − 1.
        assert!((three.mean - 0.9).abs() < 1e-12);
        assert!(three.deviation.is_some_and(|deviation| (deviation - 0.1).abs() < 1e-12));
        assert_eq!(three.percent(), "90.0 ± 10.0");
    }

    #[test]
    fn runs_are_averaged_and_the_largest_memory_counts() {
        let results = [result("bottle", 1, 0.8), result("bottle", 2, 0.9)];
        let mut results = results.to_vec();
        results[1].peak_mb = Some(600.0);
        let summary = summarize(&measurements(&results)).expect("two runs");
        assert_eq!(summary.runs, 2);
        assert!((summary.auroc.mean - 0.85).abs() < 1e-12);
        assert!((summary.interval.lower - 0.8).abs() < 1e-12);
        assert_eq!(summary.peak_mb, Some(600.0));
        assert_eq!(summary.rows_extracted, 2 * 736);
        assert!(summarize(&[]).is_none());
    }

    #[test]
    fn differences_are_of_what_is_printed() {
        assert_eq!(difference(0.9874, 99.0), "−0.3");
        assert_eq!(difference(0.9932, 99.0), "+0.3");
        assert_eq!(difference(0.98996, 99.0), "0.0");
    }

    #[test]
    fn a_mean_needs_every_category() {
        let results = [result("a", 1, 0.8), result("b", 1, 0.9), result("a", 2, 0.7)];
        let means = means_over_categories(&measurements(&results), 2);
        assert_eq!(means.len(), 1);
        assert!((means[0] - 0.85).abs() < 1e-12);
    }
}
