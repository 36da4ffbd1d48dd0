//! Differences between runtimes and the program, over images.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use differnet::scoring::Verdict;
use differnet::{Header, ImageScore};

use super::runtimes::Answer;

/// Largest difference of a score as a share of it or of the threshold, and of a map as a share of its largest value.
const CLOSE: f64 = 1e-3;
/// Largest difference of a level that the network sees.
const LEVELS: f64 = 1.0;
/// Largest difference of a p-value: single precision.
const P_VALUE: f64 = 1e-6;

/// Differences of one runtime.
#[derive(Debug, Default)]
struct Column {
    score: f64,
    map: Option<f64>,
    levels: Option<f64>,
    /// Images whose verdict or p-value is another one.
    verdicts: Vec<String>,
    seconds: Vec<f64>,
}

/// Differences of all runtimes.
#[derive(Debug)]
pub(super) struct Table {
    columns: BTreeMap<String, Column>,
    images: usize,
    /// Images that are invalid.
    invalid: usize,
    seconds: Vec<f64>,
}

impl Table {
    pub(super) fn new(names: &[String]) -> Self {
        let columns = names.iter().map(|name| (name.clone(), Column::default())).collect();
        Self { columns, images: 0, invalid: 0, seconds: Vec::new() }
    }

    /// Adds an image, which the program scored in so many `seconds`.
    pub(super) fn add(
        &mut self,
        file: &Path,
        header: &Header,
        ours: &ImageScore,
        seconds: f64,
        answers: &BTreeMap<String, Answer>,
    ) {
        self.images += 1;
        self.invalid += usize::from(ours.verdict == Verdict::Invalid);
        self.seconds.push(seconds);
        let threshold = header.thresholds();
        let p_value =
            if ours.verdict == Verdict::Invalid { None } else { header.p_value(ours.score) };
        for (name, answer) in answers {
            let Some(column) = self.columns.get_mut(name) else { continue };
            let scale = ours.score.abs().max(threshold.defect.abs()).max(f64::MIN_POSITIVE);
            column.score = larger(column.score, (answer.score - ours.score).abs() / scale);
            column.map =
                answer.map.map(|map| larger(column.map.unwrap_or(0.0), map)).or(column.map);
            column.levels = answer
                .levels
                .map(|levels| larger(column.levels.unwrap_or(0.0), levels))
                .or(column.levels);
            column.seconds.push(answer.seconds);
            let same_p_value = match (answer.p_value, p_value) {
                (Some(found), Some(expected)) => (found - expected).abs() <= P_VALUE,
                (found, expected) => found.is_none() && expected.is_none(),
            };
            if answer.verdict != number(ours.verdict) || !same_p_value {
                column.verdicts.push(format!(
                    "{}: verdict {} instead of {}, p-value {:?} instead of {p_value:?}",
                    file.display(),
                    answer.verdict,
                    number(ours.verdict),
                    answer.p_value
                ));
            }
        }
    }

    /// The table of all images.
    pub(super) fn finish(mut self) -> Self {
        self.seconds.sort_by(f64::total_cmp);
        for column in self.columns.values_mut() {
            column.seconds.sort_by(f64::total_cmp);
        }
        self
    }

    /// Tells whether every runtime agrees with the program.
    pub(super) fn passes(&self) -> bool {
        let close = |value: Option<f64>, most: f64| value.is_none_or(|value| value <= most);
        self.columns.values().all(|column| {
            column.score <= CLOSE
                && close(column.map, CLOSE)
                && close(column.levels, LEVELS)
                && column.verdicts.is_empty()
        })
    }

    /// The table as text, a line each.
    pub(super) fn text(&self) -> String {
        let shown =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1e}"));
        let mut text = format!(
            "{} images, {} of them invalid\n\
             | runtime | levels | score | map | other verdicts | median ms an image |\n\
             | --- | --- | --- | --- | --- | --- |\n\
             | differnet | | | | | {:.0} |\n",
            self.images,
            self.invalid,
            1e3 * median(&self.seconds)
        );
        for (name, column) in &self.columns {
            let Column { score, map, levels, verdicts, seconds } = column;
            let (map, levels) = (shown(*map), shown(*levels));
            let (count, ms) = (verdicts.len(), 1e3 * median(seconds));
            writeln!(text, "| {name} | {levels} | {score:.1e} | {map} | {count} | {ms:.0} |")
                .expect("text takes every line");
        }
        for line in self.columns.values().flat_map(|column| &column.verdicts) {
            writeln!(text, "{line}").expect("text takes every line");
        }
        text
    }
}

/// A verdict as a graph has it.
fn number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Unsure => 1,
        Verdict::Defect => 2,
        Verdict::Invalid => 3,
    }
}

/// The larger of two; NaN is.
fn larger(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// The middle of sorted values; NaN of none.
fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(score: f64, map: f64, levels: f64) -> Table {
        let mut table = Table::new(&["a".to_owned()]);
        let column = table.columns.get_mut("a").unwrap();
        (column.score, column.map, column.levels) = (score, Some(map), Some(levels));
        table
    }

    #[test]
    fn every_difference_fails_and_nan_does() {
        assert!(column(1e-3, 1e-3, 1.0).passes());
        assert!(!column(1.1e-3, 0.0, 0.0).passes());
        assert!(!column(0.0, 1.1e-3, 0.0).passes());
        assert!(!column(0.0, 0.0, 2.0).passes());
        assert!(!column(larger(0.0, f64::NAN), 0.0, 0.0).passes());
        let mut table = column(0.0, 0.0, 0.0);
        table.columns.get_mut("a").unwrap().verdicts.push("a.png: other".to_owned());
        assert!(!table.passes());
        assert!(table.text().contains("a.png: other"));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[1.0, 2.0, 9.0]), 2.0);
        assert!(median(&[]).is_nan());
    }
}
