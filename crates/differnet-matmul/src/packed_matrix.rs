//! Packed matrices: the right factor of products, in the order in which they read it.

use std::ops::{Deref, DerefMut};

use rayon::prelude::*;

use crate::tiles::COLUMNS;

/// Values in a line of the processor's cache.
const LINE: usize = 16;

/// Matrix `[depth, columns]` packed in panels of [`COLUMNS`] columns, each row by row.
#[derive(Debug)]
pub struct PackedMatrix<V = Vec<f32>> {
    /// From `first` on `[columns / COLUMNS][depth][COLUMNS]`, missing columns without meaning.
    values: V,
    /// Beginning of a cache line: vectors across two lines take twice as long to read.
    first: usize,
    depth: usize,
    columns: usize,
}

impl PackedMatrix {
    /// Packs a matrix `[depth, columns]`, row by row.
    ///
    /// # Panics
    /// If `columns` is 0.
    pub fn new(matrix: &[f32], columns: usize) -> Self {
        Self::pack(matrix, columns, |count| vec![0.0; count])
    }
}

impl<V: DerefMut<Target = [f32]>> PackedMatrix<V> {
    /// Packs a matrix `[depth, columns]`, row by row, into memory that `take` gives for a number of
    /// values.
    ///
    /// # Panics
    /// If `columns` is 0, or `take` gives another number of values.
    pub fn pack(matrix: &[f32], columns: usize, take: impl FnOnce(usize) -> V) -> Self {
        let depth = matrix.len() / columns;
        Self::fill(depth, columns, take, |first, panel| {
            let count = COLUMNS.min(columns - first);
            for (row, to) in matrix.chunks_exact(columns).zip(panel) {
                to[..count].copy_from_slice(&row[first..][..count]);
            }
        })
    }

    /// Packs the transpose of a matrix `[columns, depth]`, row by row, into memory that `take` gives.
    ///
    /// # Panics
    /// If `depth` is 0, or `take` gives another number of values.
    pub fn pack_transposed(matrix: &[f32], depth: usize, take: impl FnOnce(usize) -> V) -> Self {
        Self::fill(depth, matrix.len() / depth, take, |first, panel| {
            let rows = matrix[first * depth..].chunks_exact(depth).take(COLUMNS);
            for (column, row) in rows.enumerate() {
                panel.iter_mut().zip(row).for_each(|(to, value)| to[column] = *value);
            }
        })
    }

    /// Packed matrix whose panels `fill` writes, given each one's first column.
    fn fill(
        depth: usize,
        columns: usize,
        take: impl FnOnce(usize) -> V,
        fill: impl Fn(usize, &mut [[f32; COLUMNS]]) + Sync,
    ) -> Self {
        let count = columns.div_ceil(COLUMNS) * depth * COLUMNS;
        let mut values = take(count + LINE);
        assert_eq!(values.len(), count + LINE, "the memory does not fit the panels");
        let first = values.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        let (rows, _) = values[first..][..count].as_chunks_mut();
        let panels = rows.par_chunks_mut(depth.max(1)).enumerate();
        panels.for_each(|(index, panel)| fill(index * COLUMNS, panel));
        Self { values, first, depth, columns }
    }
}

impl<V: Deref<Target = [f32]>> PackedMatrix<V> {
    /// Rows of the matrix.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Each panel with its first column and its number of columns that mean something.
    #[inline(always)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, usize, &[[f32; COLUMNS]])> {
        let (rows, _) = self.values[self.first..].as_chunks();
        (0..self.columns)
            .step_by(COLUMNS)
            .zip(rows.chunks_exact(self.depth))
            .map(|(first, panel)| (first, COLUMNS.min(self.columns - first), panel))
    }
}
