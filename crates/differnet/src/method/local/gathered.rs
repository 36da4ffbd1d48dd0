//! Whitened places of good images, kept in memory in half precision.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::input::Grid;
use super::parts::place_coordinates;

/// Whitened places of one good image.
pub(super) struct GoodImage {
    pub(super) grid: Grid,
    /// Rows of each view, `[places, components]`.
    views: Vec<Vec<f16>>,
    /// The mean of the places that count as the first view sees them.
    pub(super) mean: Vec<f64>,
}

impl GoodImage {
    pub(super) fn new(grid: Grid, views: &[Vec<f32>]) -> Self {
        let components = views[0].len() / grid.counts.len();
        let mean = mean_of(&views[0], &grid.counts, components);
        let halves = |rows: &Vec<f32>| {
            let mut halves = vec![f16::ZERO; rows.len()];
            halves.convert_from_f32_slice(rows);
            halves
        };
        Self { grid, views: views.iter().map(halves).collect(), mean }
    }

    /// The rows of each view.
    pub(super) fn views(&self) -> Vec<Vec<f32>> {
        self.views.iter().map(|rows| rows.to_f32_vec()).collect()
    }

    /// Adds the row of a place, as a view sees it, to `rows`.
    pub(super) fn extend(&self, view: usize, place: usize, rows: &mut Vec<f32>) {
        let components = self.views[view].len() / self.grid.counts.len();
        let first = rows.len();
        rows.resize(first + components, 0.0);
        let row = &self.views[view][place * components..][..components];
        row.convert_to_f32_slice(&mut rows[first..]);
    }

    /// As [`Self::extend`], with the place's coordinates times `weight` behind it; without them if it is 0.
    pub(super) fn extend_placed(
        &self,
        view: usize,
        place: usize,
        weight: f64,
        rows: &mut Vec<f32>,
    ) {
        self.extend(view, place, rows);
        if weight != 0.0 {
            rows.extend(place_coordinates(place, self.grid.shape(), weight));
        }
    }
}

/// The mean of the rows `[rows, components]` that count.
pub(super) fn mean_of(rows: &[f32], counts: &[bool], components: usize) -> Vec<f64> {
    let mut sums = vec![0.0_f64; components];
    let mut count = 0_usize;
    for (row, _) in rows.chunks_exact(components).zip(counts).filter(|(_, counts)| **counts) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        count += 1;
    }
    sums.iter().map(|sum| sum / count.max(1) as f64).collect()
}

/// The images of group number `fold` of `folds`, and the others; the `each` images of a file, which follow one
/// another, are in one group.
pub(super) fn divided<'a>(
    images: &[&'a GoodImage],
    each: usize,
    fold: usize,
    folds: usize,
) -> (Vec<&'a GoodImage>, Vec<&'a GoodImage>) {
    let (inside, others): (Vec<_>, Vec<_>) =
        images.iter().enumerate().partition(|(at, _)| at / each % folds == fold);
    let images = |numbered: Vec<(usize, &&'a GoodImage)>| {
        numbered.into_iter().map(|(_, image)| *image).collect()
    };
    (images(inside), images(others))
}

/// Rows of `places` of `images`, as a bank compares them that sees a view and weighs the place so.
pub(super) fn placed_rows(
    images: &[&GoodImage],
    places: impl IntoIterator<Item = (u32, u32)>,
    (view, place_weight): (usize, f64),
) -> Vec<f32> {
    let mut rows = Vec::new();
    for (image, place) in places {
        images[image as usize].extend_placed(view, place as usize, place_weight, &mut rows);
    }
    rows
}

/// The places of some images that count: which image, and the place's number there.
pub(super) fn counted_places(images: &[&GoodImage]) -> Vec<(u32, u32)> {
    let numbered = (0..).zip(images);
    let places = numbered.flat_map(|(number, image)| {
        let counted = (0..).zip(&image.grid.counts).filter(|(_, counts)| **counts);
        counted.map(move |(place, _)| (number, place))
    });
    places.collect()
}
