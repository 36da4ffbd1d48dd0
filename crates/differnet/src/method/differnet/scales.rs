//! The features of the largest scales alone (paper, Table 3: without multi-scale).
//!
//! An extractor's row has the columns of 448 pixels first, then those of 224, then those of 112, as many each: a
//! flow that sees fewer scales sees the first columns. Everything outside the flow keeps whole rows.

use std::borrow::Cow;

use differnet_features::Backbone;

/// Columns of the largest `scales` scales.
pub(super) fn columns(scales: usize, backbone: Backbone) -> usize {
    scales * backbone.scale_features()
}

/// The first `columns` columns of `rows`, row-major `[n, width]`.
///
/// # Panics
/// If `rows` is no multiple of `width` long.
pub(super) fn narrowed(rows: &[f32], columns: usize, width: usize) -> Cow<'_, [f32]> {
    assert!(rows.len().is_multiple_of(width), "rows must be {width} values wide");
    if columns == width {
        return Cow::Borrowed(rows);
    }
    Cow::Owned(rows.chunks_exact(width).flat_map(|row| &row[..columns]).copied().collect())
}

/// `rows`, row-major `[n, columns]`, with zeros for the columns that [`narrowed`] left out.
pub(super) fn widened(rows: Vec<f32>, columns: usize, width: usize) -> Vec<f32> {
    if columns == width {
        return rows;
    }
    let zeros = || std::iter::repeat_n(0.0, width - columns);
    rows.chunks_exact(columns).flat_map(|row| row.iter().copied().chain(zeros())).collect()
}

#[cfg(test)]
mod tests {
    use differnet_features::{FEATURES, SCALES};

    use super::*;

    #[test]
    fn one_scale_is_the_first_third_of_every_row() {
        let rows: Vec<f32> = (0..2 * FEATURES).map(|index| index as f32).collect();
        let narrow = narrowed(&rows, columns(1, Backbone::AlexNet), FEATURES).into_owned();
        let golden: Vec<f32> = (0..256).chain(768..768 + 256).map(|index| index as f32).collect();
        assert_eq!(narrow, golden);
        let wide = widened(narrow, columns(1, Backbone::AlexNet), FEATURES);
        assert_eq!(wide.len(), rows.len());
        assert!(wide.iter().zip(&rows).all(|(wide, row)| *wide == 0.0 || wide == row));
    }

    #[test]
    fn all_scales_are_the_rows_themselves() {
        for backbone in Backbone::ALL {
            let width = backbone.features();
            let rows = vec![1.5; width];
            assert_eq!(columns(SCALES.len(), backbone), width);
            assert!(matches!(narrowed(&rows, width, width), Cow::Borrowed(same) if same == rows));
            assert_eq!(widened(rows.clone(), width, width), rows);
        }
    }
}
