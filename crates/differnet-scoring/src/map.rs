//! Anomaly maps: how much each pixel of an image has to do with its score (Section 3.3).

mod average;
mod blur;
mod regions;

pub use average::MapAverage;
pub(crate) use average::turned_back;
pub use blur::half_kernel as gaussian_half_kernel;
pub use regions::Region;

use rayon::prelude::*;

/// A value for each pixel of an image, row-major `[height, width]`; larger is more anomalous.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyMap {
    width: usize,
    height: usize,
    values: Vec<f32>,
    /// Flags of ignored pixels; `None` if all count.
    ignored: Option<Vec<bool>>,
}

impl AnomalyMap {
    /// The map with these values, row by row.
    ///
    /// # Panics
    /// If `width` is 0 or `values` does not fill rows of it.
    pub fn new(width: usize, values: Vec<f32>) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "rows of {width} values");
        Self { width, height: values.len() / width, values, ignored: None }
    }

    /// The paper's gradient map g_x = Σ_c |G ∗ ∇x_c| of one image (Eq. 7).
    ///
    /// - `gradient`: ∇x, `[3, height, width]`: of the negative log-likelihood, to each pixel
    /// - `sigma`: standard deviation of the Gaussian kernel G, in pixels
    ///
    /// # Panics
    /// If `gradient` is not three planes of rows of `width`.
    pub fn of_gradient(gradient: &[f32], width: usize, sigma: f64) -> Self {
        assert!(gradient.len().is_multiple_of(3 * width), "three planes of rows of {width}");
        let plane = gradient.len() / 3;
        let mut values = vec![0.0; plane];
        for channel in gradient.chunks_exact(plane) {
            let blurred = blur::gaussian(channel, width, sigma);
            values.iter_mut().zip(blurred).for_each(|(sum, value)| *sum += value.abs());
        }
        Self::new(width, values)
    }

    /// A coarse map interpolated to `width` × `height` pixels.
    ///
    /// Between the centres of cells the interpolation is bilinear; beyond the outermost, constant.
    pub fn of_grid(grid: Grid<'_>, width: usize, height: usize) -> Self {
        let place = |pixel: usize| (pixel as f32 - grid.first) / grid.stride;
        let columns: Vec<_> = (0..width).map(|x| Between::new(place(x), grid.side)).collect();
        let rows: Vec<_> = (0..height).map(|y| Between::new(place(y), grid.side)).collect();
        Self::new(width, interpolated(grid.values, grid.side, &columns, &rows))
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The map with 0 at the `ignored` pixels, which have no part in peak and regions.
    ///
    /// # Panics
    /// If `ignored` has not one value for each pixel.
    pub fn without(mut self, ignored: Vec<bool>) -> Self {
        assert_eq!(ignored.len(), self.values.len(), "a value for each pixel");
        let hidden = self.values.iter_mut().zip(&ignored).filter(|(_, ignored)| **ignored);
        hidden.for_each(|(value, _)| *value = 0.0);
        self.ignored = Some(ignored);
        self
    }

    /// Flags of ignored pixels, row by row; `None` if all count.
    pub fn ignored(&self) -> Option<&[bool]> {
        self.ignored.as_deref()
    }

    /// Flags of pixels that count.
    fn counted(&self) -> impl Iterator<Item = bool> {
        (0..self.values.len()).map(|at| self.ignored().is_none_or(|ignored| !ignored[at]))
    }

    /// The map smoothed with a Gaussian of standard deviation `sigma` pixels.
    pub fn blurred(&self, sigma: f64) -> Self {
        Self::new(self.width, blur::gaussian(&self.values, self.width, sigma))
    }

    /// The map with `change` applied to each value.
    pub fn map(mut self, change: impl Fn(f32) -> f32) -> Self {
        self.values.iter_mut().for_each(|value| *value = change(*value));
        self
    }

    /// The largest value, and its first column and row; `None` if no pixel counts.
    pub fn peak(&self) -> Option<Peak> {
        let counted = self.counted().enumerate().filter_map(|(at, counts)| counts.then_some(at));
        let best = counted
            .reduce(|best, at| if self.values[at] > self.values[best] { at } else { best })?;
        Some(Peak { value: self.values[best], x: best % self.width, y: best / self.width })
    }

    /// The map of the same image at another size, interpolated bilinearly between pixel centres.
    ///
    /// # Panics
    /// If a side is 0.
    pub fn resized(&self, width: usize, height: usize) -> Self {
        assert!(width > 0 && height > 0, "a map has pixels");
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let between = |at: usize, from: usize, to: usize| {
            Between::new((at as f32 + 0.5) * from as f32 / to as f32 - 0.5, from)
        };
        let columns: Vec<_> = (0..width).map(|x| between(x, self.width, width)).collect();
        let rows: Vec<_> = (0..height).map(|y| between(y, self.height, height)).collect();
        Self::new(width, interpolated(&self.values, self.width, &columns, &rows))
    }
}

/// Peak of a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// The value there.
    pub value: f32,
    /// Column, in pixels from the left.
    pub x: usize,
    /// Row, in pixels from the top.
    pub y: usize,
}

/// A square map whose cells each stand for several pixels of the image.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    /// `[side, side]`, row by row.
    pub values: &'a [f32],
    /// Cells along each side.
    pub side: usize,
    /// Pixel on which the first cell is centred.
    pub first: f32,
    /// Pixels from one cell's centre to the next.
    pub stride: f32,
}

/// A place between two neighbours along one axis.
#[derive(Debug, Clone, Copy)]
struct Between {
    low: usize,
    high: usize,
    /// Distance from `low`, 0 to 1.
    share: f32,
}

impl Between {
    /// The place `exact` among `count` neighbours, moved to the nearest if it is beyond them.
    fn new(exact: f32, count: usize) -> Self {
        let exact = exact.clamp(0.0, (count - 1) as f32);
        let low = exact as usize;
        Self { low, high: (low + 1).min(count - 1), share: exact - low as f32 }
    }

    fn of(&self, low: f32, high: f32) -> f32 {
        low + self.share * (high - low)
    }
}

/// `values`, rows of `width`, interpolated bilinearly at every crossing of `rows` and `columns`.
fn interpolated(values: &[f32], width: usize, columns: &[Between], rows: &[Between]) -> Vec<f32> {
    let row = |at: usize| &values[at * width..(at + 1) * width];
    let mut crossings = vec![0.0; rows.len() * columns.len()];
    crossings.par_chunks_exact_mut(columns.len()).zip(rows).for_each(|(line, down)| {
        let (top, bottom) = (row(down.low), row(down.high));
        for (value, across) in line.iter_mut().zip(columns) {
            let upper = across.of(top[across.low], top[across.high]);
            *value = down.of(upper, across.of(bottom[across.low], bottom[across.high]));
        }
    });
    crossings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_map_sums_the_channels_absolute_values() {
        // One pixel wide blur: σ = 0 changes nothing.
        let gradient = [1.0, -2.0, 0.0, 0.5, -1.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, -4.0];
        let map = AnomalyMap::of_gradient(&gradient, 2, 0.0);
        assert_eq!(map.values(), [2.0, 2.0, 0.0, 7.5]);
        assert_eq!(map.peak(), Some(Peak { value: 7.5, x: 1, y: 1 }));
    }

    #[test]
    fn grids_are_interpolated_between_their_cells() {
        let grid = Grid { values: &[0.0, 4.0, 8.0, 12.0], side: 2, first: 1.0, stride: 4.0 };
        let map = AnomalyMap::of_grid(grid, 7, 2);
        // Columns: constant up to pixel 1, then 1 a pixel, constant from pixel 5. Rows: 8 in 4.
        assert_eq!(map.values()[..7], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!(map.values()[7..], map.values()[..7]);
        let map = AnomalyMap::of_grid(grid, 1, 6);
        assert_eq!(map.values(), [0.0, 0.0, 2.0, 4.0, 6.0, 8.0]);
    }

    #[test]
    fn ignored_pixels_are_zero_and_never_the_peak() {
        let map = AnomalyMap::new(2, vec![9.0, -3.0, -5.0, 7.0]);
        assert_eq!(map.ignored(), None);
        let ignored = vec![true, false, false, true];
        let without = map.without(ignored.clone());
        assert_eq!(without.values(), [0.0, -3.0, -5.0, 0.0]);
        assert_eq!(without.ignored(), Some(ignored.as_slice()));
        assert_eq!(without.peak(), Some(Peak { value: -3.0, x: 1, y: 0 }));
        assert_eq!(without.without(vec![true; 4]).peak(), None);
    }

    #[test]
    fn resizing_keeps_ramps_and_constants() {
        let ramp = AnomalyMap::new(2, vec![0.0, 4.0, 0.0, 4.0]);
        assert_eq!(ramp.resized(4, 1).values(), [0.0, 1.0, 3.0, 4.0]);
        let constant = AnomalyMap::new(3, vec![7.0; 6]);
        assert!(constant.resized(5, 9).values().iter().all(|&value| value == 7.0));
        assert_eq!(ramp.resized(2, 2), ramp);
    }
}
