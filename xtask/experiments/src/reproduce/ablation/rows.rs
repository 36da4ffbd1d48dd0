//! The rows of the ablation: each differs in one choice from another.

use std::iter;

use differnet::Config;

use super::super::cell::CellResult;
use super::super::contributions::{difference_on, told};
use super::super::document::Table;
use super::super::looks::choices;
use super::super::summary::{Measurement, difference, percent_range, spread, summarize};
use super::Training;

/// What a row shows of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The test with this number.
    Test(usize),
    /// The best of the tests while training.
    BestOnTest,
}

/// A row of the table.
struct Row {
    choice: &'static str,
    training: Training,
    shown: Shown,
    /// Number of the row that it differs from in one choice, from 0.
    against: Option<usize>,
}

/// The rows; a test's number is that of [`Training::tests`].
const ROWS: [Row; 10] = [
    row("the preset", Training::Preset, Shown::Test(0), None),
    row("hidden layers of the paper's width", Training::Width, Shown::Test(0), Some(0)),
    row("one flow, 192 epochs of new transforms", Training::Epochs, Shown::Test(0), Some(1)),
    row("the mean over test transforms", Training::Epochs, Shown::Test(1), Some(2)),
    row("the paper's step size: `paper`", Training::StepSize, Shown::Test(0), Some(3)),
    row("random test transforms", Training::StepSize, Shown::Test(1), Some(4)),
    row("best on test", Training::StepSize, Shown::BestOnTest, Some(4)),
    row("all good images trained on", Training::AllImages, Shown::Test(0), Some(4)),
    row("random test transforms", Training::AllImages, Shown::Test(1), Some(7)),
    row("best on test", Training::AllImages, Shown::BestOnTest, Some(7)),
];

const fn row(
    choice: &'static str,
    training: Training,
    shown: Shown,
    against: Option<usize>,
) -> Row {
    Row { choice, training, shown, against }
}

/// One row for each choice of the `trainings`, with what it differs by from the row that it is set against: the
/// nearest that is there, and then in all choices between.
pub(super) fn by_row(results: &[CellResult], trainings: &[Training]) -> Table {
    let headers = [
        "row",
        "choice",
        "training",
        "AUROC",
        "95 % interval",
        "against row",
        "difference",
        "95 % interval",
        "recall at zero FP",
    ];
    let title = "AUROC in percent, mean ± standard deviation over seeds; differences in points";
    let mut table = Table::new(title, &headers);
    let is_there = |row: &Row| trainings.contains(&row.training);
    for (number, row) in ROWS.iter().enumerate().filter(|(_, row)| is_there(row)) {
        let mut before = iter::successors(row.against, |&against| ROWS[against].against);
        let against = before.find(|&against| is_there(&ROWS[against]));
        let [auroc, interval, recall] = row.quality(results);
        let [difference, ends] = match against {
            Some(against) => row.difference(&ROWS[against], results),
            None => ["–", "–"].map(str::to_owned),
        };
        table.rows.push(vec![
            (number + 1).to_string(),
            row.choice.to_owned(),
            row.training.name(),
            auroc,
            interval,
            against.map_or("–".to_owned(), |against| (against + 1).to_string()),
            difference,
            ends,
            recall,
        ]);
    }
    table
}

impl Row {
    /// The tests that it shows; none if it shows tests while training.
    fn tests<'a>(&self, results: &'a [CellResult]) -> Vec<Measurement<'a>> {
        match self.shown {
            Shown::Test(number) => self.training.runs(results, number),
            Shown::BestOnTest => Vec::new(),
        }
    }

    /// AUROC of each training.
    fn aurocs(&self, results: &[CellResult]) -> Vec<f64> {
        if self.shown != Shown::BestOnTest {
            return self.tests(results).iter().map(|run| run.test.metrics.auroc).collect();
        }
        let best = |cell: &CellResult| {
            let Config { score_transforms, average, .. } = cell.config;
            Some(choices(&cell.looks, score_transforms, average)?.best_on_test.auroc)
        };
        self.training.cells(results).filter_map(best).collect()
    }

    /// AUROC, its interval, recall at zero false positives.
    fn quality(&self, results: &[CellResult]) -> [String; 3] {
        let none = || "–".to_owned();
        let Some(auroc) = spread(&self.aurocs(results)) else {
            return ["missing".to_owned(), none(), none()];
        };
        let Some(found) = summarize(&self.tests(results)) else {
            return [auroc.percent(), none(), none()];
        };
        [auroc.percent(), percent_range(found.interval), found.recall_at_zero_fp.percent()]
    }

    /// The difference from `other` in points, and its interval where both have the scores of each image.
    fn difference(&self, other: &Self, results: &[CellResult]) -> [String; 2] {
        let (first, second) = (other.tests(results), self.tests(results));
        if let Some(run) = first.first().filter(|_| self.shown != Shown::BestOnTest) {
            return told(difference_on(&run.test.category, &first, &second));
        }
        let mean = |row: &Self| spread(&row.aurocs(results)).map(|auroc| auroc.mean);
        let points = mean(self).zip(mean(other)).map(|(this, other)| this - other);
        let points = points.map_or("missing".to_owned(), |share| difference(share, 0.0));
        [points, "–".to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use differnet::scoring::Average;
    use differnet::{Method, Preset};

    use super::super::super::test_inputs::{look, result};
    use super::*;

    #[test]
    fn rows_differ_from_the_one_before_in_a_single_choice() {
        let of = |training: Training, auroc: f64, tests: usize| {
            let mut cell = CellResult { variant: Some(training.name()), ..result("mtd", 1, auroc) };
            cell.config.average = Average::Mean;
            cell.config.score_transforms = 64;
            cell.tests = vec![cell.tests[0].clone(); tests];
            cell
        };
        let mut paper = of(Training::StepSize, 0.9, 2);
        // The defect falls below one of two good images.
        paper.tests[1].images[2].score = 1.5;
        paper.looks = vec![look(16, 1.0, 0.95), look(32, 1.0, 0.9)];
        let results = [of(Training::Epochs, 0.8, 2), paper];
        let table = by_row(&results, Training::value_variants());
        let row = |number: usize| &table.rows[number - 1];
        assert_eq!(row(1)[3], "missing");
        assert_eq!(row(3)[3..7], ["80.0", "75.0–85.0", "2", "missing"]);
        assert_eq!(row(4)[5..7], ["3", "0.0"]);
        assert_eq!(row(6)[5..7], ["5", "−50.0"]);
        assert_eq!(row(7)[3..8], ["95.0", "–", "5", "+5.0", "–"]);
        assert_eq!(row(8)[3..8], ["missing", "–", "5", "missing", "–"]);
        // Of some trainings each row is set against the nearest that is there.
        let table = by_row(&results, &[Training::Preset, Training::StepSize]);
        let numbers =
            |column: usize| table.rows.iter().map(|row| row[column].as_str()).collect::<Vec<_>>();
        assert_eq!((numbers(0), numbers(5)), (vec!["1", "5", "6", "7"], vec!["–", "1", "5", "5"]));
    }

    #[test]
    fn every_row_shows_a_test_that_its_training_has() {
        let config = Config::preset(Method::DifferNet, Preset::Standard);
        for row in &ROWS {
            if let Shown::Test(number) = row.shown {
                assert!(number < row.training.tests(&config).len(), "{}", row.choice);
            }
        }
    }
}
