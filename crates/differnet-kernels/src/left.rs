//! The left factor of products: rows as they lie, or arranged.

use std::array::from_fn;

use crate::tiles::{ROWS, STEPS};

/// The left factor.
pub trait Left {
    /// `count` rows, at most [`ROWS`], from `first` on, a multiple of [`ROWS`].
    fn rows(&self, first: usize, count: usize) -> impl Rows;
}

/// Up to [`ROWS`] rows of the left factor; missing rows may be anything.
pub trait Rows {
    /// Each whole block of 8 values up to `depth`: its values by row and place.
    fn blocks(&self, depth: usize) -> impl Iterator<Item = impl Fn(usize, usize) -> f32>;

    /// The values after the last whole block up to `depth`, by row and place.
    fn rest(&self, depth: usize) -> impl Fn(usize, usize) -> f32;
}

/// Rows whose beginnings are `stride` values apart.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a> {
    /// From the first row's first value to the last row's last.
    pub values: &'a [f32],
    /// May be less than a row's length: then rows overlap.
    pub stride: usize,
}

impl Left for Strided<'_> {
    #[inline(always)]
    fn rows(&self, first: usize, count: usize) -> impl Rows {
        let Self { values, stride } = *self;
        SomeRows { values: &values[first * stride..], stride, count }
    }
}

struct SomeRows<'a> {
    values: &'a [f32],
    stride: usize,
    count: usize,
}

impl SomeRows<'_> {
    #[inline(always)]
    fn row(&self, row: usize, depth: usize) -> (&[[f32; STEPS]], &[f32]) {
        let row = if row < self.count { row } else { 0 };
        self.values[row * self.stride..][..depth].as_chunks()
    }
}

impl Rows for SomeRows<'_> {
    #[inline(always)]
    fn blocks(&self, depth: usize) -> impl Iterator<Item = impl Fn(usize, usize) -> f32> {
        let rows: [&[[f32; STEPS]]; ROWS] = from_fn(|row| self.row(row, depth).0);
        (0..depth / STEPS).map(move |block| {
            let rows: [&[f32; STEPS]; ROWS] = from_fn(|row| &rows[row][block]);
            move |row: usize, at: usize| rows[row][at]
        })
    }

    #[inline(always)]
    fn rest(&self, depth: usize) -> impl Fn(usize, usize) -> f32 {
        let rows: [&[f32]; ROWS] = from_fn(|row| self.row(row, depth).1);
        move |row, at| rows[row][at]
    }
}

/// Rows side by side, [`ROWS`] at a time.
#[derive(Debug, Clone, Copy)]
pub struct Interleaved<'a> {
    /// `[rows / ROWS][depth][ROWS]`, missing rows without meaning.
    pub values: &'a [[f32; ROWS]],
    /// Values of a row.
    pub depth: usize,
}

impl Left for Interleaved<'_> {
    #[inline(always)]
    fn rows(&self, first: usize, _count: usize) -> impl Rows {
        let Self { values, depth } = *self;
        SideBySide(&values[first / ROWS * depth..][..depth])
    }
}

struct SideBySide<'a>(&'a [[f32; ROWS]]);

impl Rows for SideBySide<'_> {
    #[inline(always)]
    fn blocks(&self, depth: usize) -> impl Iterator<Item = impl Fn(usize, usize) -> f32> {
        let (blocks, _) = self.0[..depth].as_chunks::<STEPS>();
        blocks.iter().map(|block| move |row: usize, at: usize| block[at][row])
    }

    #[inline(always)]
    fn rest(&self, depth: usize) -> impl Fn(usize, usize) -> f32 {
        let (_, rest) = self.0[..depth].as_chunks::<STEPS>();
        move |row, at| rest[at][row]
    }
}
