//! The features of the largest scales alone (paper, Table 3: without multi-scale).
//!
//! An extractor's row has the columns of 448 pixels first, then those of 224, then those of 112: a
//! flow that sees fewer scales sees the first columns. Everything outside the flow keeps whole rows.

use std::borrow::Cow;

use differnet_features::{FEATURES, SCALES};

/// Columns of the largest `scales` scales.
pub(super) fn columns(scales: usize) -> usize {
    scales * (FEATURES / SCALES.len())
}

/// The first `columns` columns of `rows`, row-major `[n, 768]`.
///
/// # Panics
/// If `rows` is no multiple of 768 long.
pub(super) fn narrowed(rows: &[f32], columns: usize) -> Cow<'_, [f32]> {
    assert!(rows.len().is_multiple_of(FEATURES), "rows must be {FEATURES} values wide");
    if columns == FEATURES {
        return Cow::Borrowed(rows);
    }
    Cow::Owned(rows.chunks_exact(FEATURES).flat_map(|row| &row[..columns]).copied().collect())
}

/// `rows`, row-major `[n, columns]`, with zeros for the columns that [`narrowed`] left out.
pub(super) fn widened(rows: Vec<f32>, columns: usize) -> Vec<f32> {
    if columns == FEATURES {
        return rows;
    }
    let zeros = || std::iter::repeat_n(0.0, FEATURES - columns);
    rows.chunks_exact(columns).flat_map(|row| row.iter().copied().chain(zeros())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_scale_is_the_first_third_of_every_row() {
        let rows: Vec<f32> = (0..2 * FEATURES).map(|index| index as f32).collect();
        let narrow = narrowed(&rows, columns(1)).into_owned();
        let golden: Vec<f32> = (0..256).chain(768..768 + 256).map(|index| index as f32).collect();
        assert_eq!(narrow, golden);
        let wide = widened(narrow, columns(1));
        assert_eq!(wide.len(), rows.len());
        assert!(wide.iter().zip(&rows).all(|(wide, row)| *wide == 0.0 || wide == row));
    }

    #[test]
    fn all_scales_are_the_rows_themselves() {
        let rows = vec![1.5; FEATURES];
        assert_eq!(columns(SCALES.len()), FEATURES);
        assert!(matches!(narrowed(&rows, FEATURES), Cow::Borrowed(same) if same == rows));
        assert_eq!(widened(rows.clone(), FEATURES), rows);
    }
}
