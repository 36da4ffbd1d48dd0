//! One comparison with the reference: a deviation, what it is measured in, and its tolerance.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// The largest deviation of one quantity and whether it is acceptable.
#[derive(Debug, Clone)]
pub(super) struct Check {
    /// Subject of the comparison.
    pub(super) subject: String,
    /// Measure of the deviation.
    pub(super) measure: Measure,
    /// The largest deviation found.
    pub(super) deviation: f64,
    /// The largest deviation allowed.
    pub(super) tolerance: f64,
    /// Further numbers for the reader.
    pub(super) note: String,
}

/// Reference of a deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Measure {
    /// Norm of a vector's difference over the norm of the reference.
    RelativeNorm,
    /// Difference over the magnitude of the reference.
    Relative,
    /// Difference, over the magnitude of the reference where that exceeds 1.
    Mixed,
    /// Difference.
    Absolute,
    /// Share of the values that differ by more than a stated amount.
    ShareOff,
    /// 1 less the correlation of the values.
    Decorrelation,
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Self::RelativeNorm => "relative norm",
            Self::Relative => "relative",
            Self::Mixed => "absolute, relative above 1",
            Self::Absolute => "absolute",
            Self::ShareOff => "share off",
            Self::Decorrelation => "1 - correlation",
        }
    }

    /// The largest deviation of `found` from `golden`; NaN if a value is none or there are none.
    ///
    /// # Panics
    /// If the lengths differ: shapes are checked where vectors are read.
    pub(super) fn largest(self, found: &[f64], golden: &[f64]) -> f64 {
        assert_eq!(found.len(), golden.len(), "one value for each of the reference");
        // Nothing compared is nothing shown.
        if golden.is_empty() {
            return f64::NAN;
        }
        let pairs = || found.iter().zip(golden);
        match self {
            Self::RelativeNorm => {
                let difference = pairs().map(|(found, golden)| (found - golden).powi(2));
                let norm = golden.iter().map(|golden| golden.powi(2)).sum::<f64>().sqrt();
                difference.sum::<f64>().sqrt() / norm
            }
            Self::Relative => worst(pairs().map(|(f, g)| (f - g).abs() / g.abs())),
            Self::Mixed => worst(pairs().map(|(f, g)| (f - g).abs() / g.abs().max(1.0))),
            Self::Absolute | Self::ShareOff => worst(pairs().map(|(f, g)| (f - g).abs())),
            Self::Decorrelation => 1.0 - correlation(found, golden),
        }
    }
}

/// Pearson's correlation; NaN if one side is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    ab / (aa * bb).sqrt()
}

/// The largest value, or NaN if there is one: `f64::max` would hide it.
pub(super) fn worst(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |worst, value| if value > worst || value.is_nan() { value } else { worst })
}

impl Check {
    /// A check of `found` against `golden`, value by value or by norm as `measure` says.
    pub(super) fn of(
        subject: impl Into<String>,
        measure: Measure,
        found: &[f64],
        golden: &[f64],
        tolerance: f64,
    ) -> Self {
        let note = format!("{} values", golden.len());
        let deviation = measure.largest(found, golden);
        Self { subject: subject.into(), measure, deviation, tolerance, note }
    }

    /// Tells whether the deviation is within the tolerance; NaN is not.
    pub(super) fn is_ok(&self) -> bool {
        self.deviation <= self.tolerance
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut check = serializer.serialize_struct("Check", 6)?;
        check.serialize_field("subject", &self.subject)?;
        check.serialize_field("measure", &self.measure)?;
        check.serialize_field("deviation", &self.deviation)?;
        check.serialize_field("tolerance", &self.tolerance)?;
        check.serialize_field("ok", &self.is_ok())?;
        check.serialize_field("note", &self.note)?;
        check.end()
    }
}

/// The checks, one a line, in aligned columns under a heading.
pub(super) fn table(checks: &[Check]) -> String {
    let heading = ["", "check", "deviation", "tolerance", "measure", ""].map(String::from);
    let rows = checks.iter().map(|check| {
        [
            String::from(if check.is_ok() { "OK" } else { "FAIL" }),
            check.subject.clone(),
            format!("{:.2e}", check.deviation),
            format!("{:.0e}", check.tolerance),
            String::from(check.measure.name()),
            check.note.clone(),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(heading).chain(rows).collect();
    let widths: [usize; 6] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let mut table = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_by_hand() {
        let (found, golden) = ([3.0, 0.5], [4.0, 0.25]);
        assert_eq!(Measure::Absolute.largest(&found, &golden), 1.0);
        assert_eq!(Measure::Relative.largest(&found, &golden), 1.0);
        assert_eq!(Measure::Mixed.largest(&found, &golden), 0.25);
        assert_eq!(Measure::RelativeNorm.largest(&[3.0, 3.0], &[3.0, 4.0]), 0.2);
        // Deviations (-1, 0, 1) and (-1, 1, 0): 1 / √(2·2).
        assert_eq!(Measure::Decorrelation.largest(&[0.0, 1.0, 2.0], &[1.0, 3.0, 2.0]), 0.5);
        assert!(Measure::Decorrelation.largest(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
    }

    #[test]
    fn not_a_number_and_no_values_at_all_fail() {
        for measure in [Measure::Absolute, Measure::Relative, Measure::Mixed, Measure::RelativeNorm]
        {
            let check = Check::of("x", measure, &[f64::NAN, 1.0], &[1.0, 1.0], 1e9);
            assert!(!check.is_ok(), "{measure:?}");
            assert!(!Check::of("x", measure, &[], &[], 1e9).is_ok(), "{measure:?}");
        }
    }

    #[test]
    fn the_table_is_aligned() {
        let check = |subject: &str| Check::of(subject, Measure::Absolute, &[1.0], &[1.0], 0.1);
        let table = table(&[check("a"), check("longer")]);
        let columns: Vec<_> = table.lines().map(|line| line.find("absolute")).collect();
        assert_eq!(columns[1], columns[2]);
        assert!(table.lines().skip(1).all(|line| line.starts_with("OK")));
    }
}
