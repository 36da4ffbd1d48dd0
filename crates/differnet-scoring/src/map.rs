//! Anomaly maps: how much each pixel of an image has to do with its score (Section 3.3).

mod average;
mod blur;
mod regions;

pub use average::MapAverage;
pub use regions::Region;

/// A value for each pixel of an image, row-major `[height, width]`; larger is more anomalous.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyMap {
    width: usize,
    height: usize,
    values: Vec<f32>,
    /// Whether each pixel is ignored; `None` if all count.
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

    /// The sum of coarse maps of the same image, interpolated to `width` × `height` pixels.
    ///
    /// Between the centres of cells the interpolation is bilinear; beyond the outermost, constant.
    pub fn of_grids(grids: &[Grid<'_>], width: usize, height: usize) -> Self {
        let mut values = vec![0.0_f32; width * height];
        for grid in grids {
            let columns: Vec<_> = (0..width).map(|x| grid.neighbours(x)).collect();
            for (y, row) in values.chunks_exact_mut(width).enumerate() {
                let (top, bottom, down) = grid.neighbours(y);
                let line = |at: usize| &grid.values[at * grid.side..(at + 1) * grid.side];
                let (top, bottom) = (line(top), line(bottom));
                for (value, &(left, right, across)) in row.iter_mut().zip(&columns) {
                    let upper = top[left] + across * (top[right] - top[left]);
                    let lower = bottom[left] + across * (bottom[right] - bottom[left]);
                    *value += upper + down * (lower - upper);
                }
            }
        }
        Self::new(width, values)
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

    /// Whether each pixel is ignored, row by row; `None` if all count.
    pub fn ignored(&self) -> Option<&[bool]> {
        self.ignored.as_deref()
    }

    /// Whether each pixel counts.
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
        let neighbours = |at: usize, from: usize, to: usize| {
            let exact = (at as f32 + 0.5) * from as f32 / to as f32 - 0.5;
            between(exact, from)
        };
        let columns: Vec<_> = (0..width).map(|x| neighbours(x, self.width, width)).collect();
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let (top, bottom, down) = neighbours(y, self.height, height);
            let row = |y: usize| &self.values[y * self.width..(y + 1) * self.width];
            let (top, bottom) = (row(top), row(bottom));
            values.extend(columns.iter().map(|&(left, right, across)| {
                let upper = top[left] + across * (top[right] - top[left]);
                let lower = bottom[left] + across * (bottom[right] - bottom[left]);
                upper + down * (lower - upper)
            }));
        }
        Self::new(width, values)
    }
}

/// Where a map is largest.
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

impl Grid<'_> {
    /// The cells before and after pixel `at`, and how far it is from the one to the other.
    fn neighbours(&self, at: usize) -> (usize, usize, f32) {
        between((at as f32 - self.first) / self.stride, self.side)
    }
}

/// The whole numbers below `count` around `exact`, and its distance from the first.
fn between(exact: f32, count: usize) -> (usize, usize, f32) {
    let exact = exact.clamp(0.0, (count - 1) as f32);
    let low = exact as usize;
    (low, (low + 1).min(count - 1), exact - low as f32)
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
    fn grids_are_interpolated_between_their_cells_and_summed() {
        let fine = Grid { values: &[0.0, 4.0, 8.0, 12.0], side: 2, first: 1.0, stride: 4.0 };
        let coarse = Grid { values: &[100.0], side: 1, first: 3.0, stride: 8.0 };
        let map = AnomalyMap::of_grids(&[fine, coarse], 7, 2);
        // Columns: constant up to pixel 1, then 1 a pixel, constant from pixel 5. Rows: 8 in 4.
        assert_eq!(map.values()[..7], [100.0, 100.0, 101.0, 102.0, 103.0, 104.0, 104.0]);
        assert_eq!(map.values()[7..], map.values()[..7]);
        let map = AnomalyMap::of_grids(&[fine], 1, 6);
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
