//! Input of a flow in host memory: rows of features, and what each is conditioned on.

use crate::error::TrainError;

/// Rows of features and the condition of each, both row by row.
///
/// Flows without a condition take rows alone: a reference to a slice, vector or array becomes an
/// input whose condition is empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowInput<'a> {
    /// `[rows, features]`
    pub rows: &'a [f32],
    /// `[rows, condition]`; empty where the flow has no condition.
    pub condition: &'a [f32],
}

impl<'a, T: AsRef<[f32]> + ?Sized> From<&'a T> for FlowInput<'a> {
    fn from(rows: &'a T) -> Self {
        Self { rows: rows.as_ref(), condition: &[] }
    }
}

/// Widths of a flow's features and of its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Widths {
    pub(crate) features: usize,
    pub(crate) condition: usize,
}

impl Widths {
    /// Number of rows in `input`.
    ///
    /// # Panics
    /// If `input` does not have these widths.
    pub(crate) fn rows_of(self, input: FlowInput<'_>) -> usize {
        let Self { features, condition } = self;
        assert!(input.rows.len().is_multiple_of(features), "rows must be {features} values wide");
        let rows = input.rows.len() / features;
        let fits = input.condition.len() == rows * condition;
        assert!(fits, "each row must have a condition of {condition} values");
        rows
    }

    /// Checks that `input` has these widths.
    pub(crate) fn check(self, input: FlowInput<'_>) -> Result<(), TrainError> {
        let Self { features, condition } = self;
        let (rows, values) = (input.rows.len() / features, input.rows.len());
        if !values.is_multiple_of(features) {
            return Err(TrainError::RowWidth { values, features });
        }
        let values = input.condition.len();
        if values != rows * condition {
            return Err(TrainError::ConditionWidth { values, rows, condition });
        }
        Ok(())
    }

    /// Checks that `input` has these widths, at least one row and finite values alone.
    pub(crate) fn check_values(self, input: FlowInput<'_>) -> Result<(), TrainError> {
        if input.rows.is_empty() {
            return Err(TrainError::NoRows);
        }
        self.check(input)?;
        let not_finite = |values: &[f32]| values.iter().position(|value| !value.is_finite());
        if let Some(at) = not_finite(input.rows) {
            let (row, feature) = (at / self.features, at % self.features);
            return Err(TrainError::NonFiniteRow { row, feature });
        }
        if let Some(at) = not_finite(input.condition) {
            let (row, column) = (at / self.condition, at % self.condition);
            return Err(TrainError::NonFiniteCondition { row, column });
        }
        Ok(())
    }

    /// `input` in pieces of at most `rows` rows.
    pub(crate) fn chunks(
        self,
        input: FlowInput<'_>,
        rows: usize,
    ) -> impl Iterator<Item = FlowInput<'_>> + Clone {
        let Self { features, condition } = self;
        input.rows.chunks(rows * features).enumerate().map(move |(chunk, values)| {
            let start = chunk * rows * condition;
            let length = values.len() / features * condition;
            FlowInput { rows: values, condition: &input.condition[start..][..length] }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTHS: Widths = Widths { features: 2, condition: 1 };

    #[test]
    fn chunks_keep_each_row_with_its_condition() {
        let input =
            FlowInput { rows: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], condition: &[7.0, 8.0, 9.0] };
        let chunks: Vec<FlowInput<'_>> = WIDTHS.chunks(input, 2).collect();
        let first = FlowInput { rows: &[1.0, 2.0, 3.0, 4.0], condition: &[7.0, 8.0] };
        let second = FlowInput { rows: &[5.0, 6.0], condition: &[9.0] };
        assert_eq!(chunks, [first, second]);
        assert_eq!(WIDTHS.rows_of(input), 3);
    }

    #[test]
    fn what_is_wrong_with_an_input_is_named() {
        for (rows, condition, message) in [
            (&[][..], &[][..], "no rows to train on"),
            (&[1.0], &[1.0], "1 values do not fill rows of 2 features"),
            (&[1.0; 4], &[], "0 values are no condition of 1 for each of 2 rows"),
            (&[1.0; 2], &[1.0; 2], "2 values are no condition of 1 for each of 1 rows"),
            (&[1.0, f32::NAN], &[1.0], "row 0 holds a value that is not finite, at feature 1"),
            (
                &[1.0; 4],
                &[1.0, f32::INFINITY],
                "the condition of row 1 holds a value that is not finite, at column 0",
            ),
        ] {
            let error = WIDTHS.check_values(FlowInput { rows, condition }).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
