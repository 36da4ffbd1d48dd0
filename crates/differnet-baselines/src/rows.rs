//! A table of numbers, as the methods on features take them.

use std::ops::Range;

use crate::error::BaselineError;

/// A table `[count, features]` of finite numbers, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    features: usize,
}

impl<'a> Rows<'a> {
    /// The rows in `values`, each `features` wide.
    ///
    /// # Errors
    /// [`BaselineError::RowWidth`] if `values` are no whole number of rows,
    /// [`BaselineError::NonFiniteRow`] if one of them is NaN or infinite.
    pub fn new(values: &'a [f32], features: usize) -> Result<Self, BaselineError> {
        if features == 0 || !values.len().is_multiple_of(features) {
            return Err(BaselineError::RowWidth { values: values.len(), features });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                Err(BaselineError::NonFiniteRow { row: at / features, feature: at % features })
            }
            None => Ok(Self { values, features }),
        }
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.values.len() / self.features
    }

    /// Width of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// All values, row by row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The rows numbered `range`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn subrows(&self, range: Range<usize>) -> Self {
        let values = &self.values[range.start * self.features..range.end * self.features];
        Self { values, features: self.features }
    }

    /// Checks that there are enough rows to fit to.
    pub(crate) fn require_any(&self) -> Result<(), BaselineError> {
        if self.values.is_empty() { Err(BaselineError::NoRows) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole_and_finite() {
        let rows = Rows::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2).unwrap();
        assert_eq!((rows.count(), rows.features()), (3, 2));
        assert_eq!(rows.subrows(1..3).values(), [3.0, 4.0, 5.0, 6.0]);
        for (values, features) in [(&[1.0_f32, 2.0, 3.0][..], 2), (&[1.0], 0)] {
            assert!(matches!(Rows::new(values, features), Err(BaselineError::RowWidth { .. })));
        }
        let error = Rows::new(&[1.0, 2.0, 3.0, f32::NAN], 2).unwrap_err();
        assert_eq!(error.to_string(), "row 1 holds a value that is not finite, at feature 1");
        assert!(matches!(Rows::new(&[], 2).unwrap().require_any(), Err(BaselineError::NoRows)));
    }
}
