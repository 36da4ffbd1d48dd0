//! Document of a command's results, before it becomes Markdown, CSV, JSON or HTML.

use differnet::scoring::Average;
use differnet_eval::{Interval, KindMetrics};
use serde::Serialize;

use super::environment::Environment;
use super::paper;
use super::summary::{Measurement, Summary, difference, percent, percent_range, summarize};

/// Everything that a command found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    /// Short name: `table1`.
    pub(super) name: &'static str,
    /// Heading.
    pub(super) title: String,
    /// The command as one would type it.
    pub(super) command: String,
    /// Whether the images are generated ones.
    pub(super) sample: bool,
    /// Sentences that have to be known to read the tables.
    pub(super) notes: Vec<String>,
    /// The tables.
    pub(super) tables: Vec<Table>,
    /// The figures.
    pub(super) figures: Vec<Figure>,
    /// One entry for each measured number.
    pub(super) cells: Vec<TableCell>,
    /// Parts that were asked for and are not there.
    pub(super) missing: Vec<Missing>,
    /// The settings as TOML, those of the first seed.
    pub(super) settings: String,
    /// Environment of the measurement.
    pub(super) environment: Environment,
}

/// A table for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Heading.
    pub(super) title: String,
    /// Headings of the columns.
    pub(super) headers: Vec<String>,
    /// Rows.
    pub(super) rows: Vec<Vec<String>>,
}

/// A drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figure {
    /// File in the output folder.
    pub(super) file: &'static str,
    /// Title.
    pub(super) title: String,
    /// The document.
    pub(super) svg: String,
}

/// Something that was asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    /// The category.
    pub(super) category: String,
    /// The method, if only one is missing.
    pub(super) method: Option<String>,
    /// Reason.
    pub(super) reason: String,
}

/// One measured number and all that belongs to it; shares are in 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TableCell {
    pub(super) category: String,
    pub(super) method: String,
    pub(super) variant: Option<String>,
    pub(super) seed: u64,
    pub(super) auroc: f64,
    pub(super) ci95: Option<Interval>,
    pub(super) average_precision: Option<f64>,
    pub(super) recall_at_zero_fp: f64,
    pub(super) per_kind: Vec<KindMetrics>,
    /// Updates made before the test, if it was made while training.
    pub(super) update: Option<u64>,
    pub(super) test_transforms: usize,
    /// Whether the test's transforms were drawn at random.
    pub(super) random_transforms: bool,
    pub(super) average: Average,
    pub(super) training_images: usize,
    pub(super) images: Option<usize>,
    pub(super) good: Option<usize>,
    pub(super) defects: Option<usize>,
    pub(super) train_seconds: f64,
    pub(super) evaluate_seconds: Option<f64>,
    pub(super) rows_extracted: u64,
    pub(super) resumed: u32,
    pub(super) peak_mb: Option<f64>,
    /// The paper's number, if it has one for this.
    pub(super) paper: Option<f64>,
    pub(super) commit: String,
}

/// Note on the parts that are missing, if there are any.
pub(super) fn note_on_missing(missing: &[Missing]) -> Option<String> {
    let names: Vec<&str> = missing.iter().map(|missing| missing.category.as_str()).collect();
    let note = || format!("Missing, because the folder lacks them: {}.", names.join(", "));
    (!names.is_empty()).then(note)
}

impl TableCell {
    /// The entry of one test; `paper` is in percent.
    pub(super) fn of(measurement: &Measurement<'_>, paper: Option<f64>) -> Self {
        let Measurement { cell, test } = measurement;
        let metrics = &test.metrics;
        Self {
            category: test.category.clone(),
            method: cell.method_name(),
            variant: cell.variant.clone(),
            seed: cell.seed,
            auroc: metrics.auroc,
            ci95: Some(metrics.auroc_ci95),
            average_precision: Some(metrics.average_precision),
            recall_at_zero_fp: metrics.recall_at_zero_fp,
            per_kind: metrics.per_kind.clone(),
            update: None,
            test_transforms: test.spec.transforms,
            random_transforms: test.spec.random,
            average: test.spec.average,
            training_images: cell.training_images,
            images: Some(metrics.images),
            good: Some(metrics.good),
            defects: Some(metrics.defects),
            train_seconds: cell.train_seconds,
            evaluate_seconds: Some(test.evaluate_seconds),
            rows_extracted: cell.rows_extracted + test.rows_extracted,
            resumed: cell.resumed,
            peak_mb: cell.peak_mb,
            paper: paper.map(paper::share),
            commit: cell.environment.short_commit(),
        }
    }
}

impl Table {
    /// A table without rows.
    pub(super) fn new(title: impl Into<String>, headers: &[&str]) -> Self {
        let headers = headers.iter().map(|header| (*header).to_owned()).collect();
        Self { title: title.into(), headers, rows: Vec::new() }
    }
}

/// Columns of [`quality`] after the names of a row.
pub(super) const QUALITY: [&str; 6] =
    ["AUROC", "95 % interval", "paper", "difference", "average precision", "recall at zero FP"];

/// The numbers of [`QUALITY`], in percent; those of `runs` over several seeds.
pub(super) fn quality(runs: &[Measurement<'_>], paper: Option<f64>) -> Vec<String> {
    let Some(summary) = summarize(runs) else { return vec!["missing".to_owned()] };
    let Summary { auroc, interval, average_precision, recall_at_zero_fp, .. } = summary;
    vec![
        auroc.percent(),
        percent_range(interval),
        paper.map_or("–".to_owned(), |paper| format!("{paper:.1}")),
        paper.map_or("–".to_owned(), |paper| difference(auroc.mean, paper)),
        percent(average_precision),
        recall_at_zero_fp.percent(),
    ]
}

/// Columns of [`cost`] after the names of a row.
pub(super) const COST: [&str; 6] =
    ["runs", "training images", "training s", "test s", "rows extracted", "peak MB"];

/// The numbers of [`COST`]: means over the runs, the sum of rows, the largest memory.
pub(super) fn cost(runs: &[Measurement<'_>]) -> Vec<String> {
    let (Some(summary), Some(first)) = (summarize(runs), runs.first()) else { return Vec::new() };
    vec![
        summary.runs.to_string(),
        first.cell.training_images.to_string(),
        format!("{:.0}", summary.train_seconds),
        format!("{:.0}", summary.evaluate_seconds),
        summary.rows_extracted.to_string(),
        summary.peak_mb.map_or("–".to_owned(), |peak| format!("{peak:.0}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::summary::measurements;
    use super::super::test_inputs::result;
    use super::*;

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let results = [result("bottle", 1, 0.98), result("bottle", 2, 0.99)];
        let runs = measurements(&results);
        let row = quality(&runs, Some(99.0));
        assert_eq!(row[..4], ["98.5 ± 0.7", "93.5–103.5", "99.0", "−0.5"]);
        assert_eq!(row.len(), QUALITY.len());
        assert_eq!(quality(&runs, None)[2..4], ["–", "–"]);
        assert_eq!(quality(&[], Some(99.0)), ["missing"]);
        assert_eq!(cost(&runs), ["2", "20", "100", "10", "1472", "512"]);
        assert_eq!(cost(&runs).len(), COST.len());
    }

    #[test]
    fn a_cell_has_the_papers_number_as_a_share() {
        let results = [result("bottle", 1, 0.98)];
        let cell = TableCell::of(&measurements(&results)[0], Some(99.0));
        assert_eq!((cell.paper, cell.auroc), (Some(0.99), 0.98));
        let json = serde_json::to_value(&cell).expect("plain data");
        for key in [
            "category",
            "method",
            "seed",
            "auroc",
            "ci95",
            "train_seconds",
            "evaluate_seconds",
            "peak_mb",
            "paper",
        ] {
            assert!(!json[key].is_null(), "{key}");
        }
    }
}
