//! Buffer of the rows that the flow trains on: a number of recent transforms of every training image.

use differnet_flow::UpdateDraws;

/// Features of the latest transforms of each image, overwritten oldest first.
#[derive(Debug)]
pub(super) struct FeatureBuffer {
    images: usize,
    /// Transforms of each image that there is room for.
    capacity: usize,
    /// Transforms of each image so far, those that were overwritten included.
    added: usize,
    /// Numbers of a row.
    width: usize,
    /// `[capacity, images, width]`
    rows: Vec<f32>,
}

impl FeatureBuffer {
    pub(super) fn new(images: usize, capacity: usize, width: usize) -> Self {
        Self { images, capacity, added: 0, width, rows: Vec::new() }
    }

    /// Makes room for `count` new transforms of every image, given image by image to [`Self::set`].
    pub(super) fn advance(&mut self, count: usize) {
        self.added += count;
        let slots = self.added.min(self.capacity);
        self.rows.resize(slots * self.images * self.width, 0.0);
    }

    /// Stores the features `[count, width]` of the newest transforms of `image`.
    pub(super) fn set(&mut self, image: usize, features: &[f32]) {
        let count = features.len() / self.width;
        for (index, row) in features.chunks_exact(self.width).enumerate() {
            let slot = (self.added - count + index) % self.capacity;
            let start = (slot * self.images + image) * self.width;
            self.rows[start..start + self.width].copy_from_slice(row);
        }
    }

    /// Number of images.
    pub(super) fn images(&self) -> usize {
        self.images
    }

    /// Number of rows to train on.
    pub(super) fn len(&self) -> usize {
        self.rows.len() / self.width
    }

    /// Features of row `index`.
    pub(super) fn row(&self, index: usize) -> &[f32] {
        &self.rows[index * self.width..(index + 1) * self.width]
    }

    /// Transforms of each image to train on.
    pub(super) fn transforms(&self) -> usize {
        self.len() / self.images
    }

    /// Features of `transforms` transforms of the first `images` images, or of all if there are fewer,
    /// `[images, transforms, width]`.
    pub(super) fn first_images(&self, images: usize, transforms: usize) -> Vec<f32> {
        let images = 0..images.min(self.images);
        let rows = images.flat_map(|image| {
            (0..transforms).map(move |transform| transform * self.images + image)
        });
        rows.flat_map(|index| self.row(index)).copied().collect()
    }

    /// Appends the rows `order` to `batch`, each moved along the difference of two transforms of
    /// its image: y + σ·n·(a − b)/√2 with a standard normal n.
    ///
    /// What is added has the covariance of the image's own transforms times σ²: it goes where real
    /// transforms go, and nowhere that only defects do.
    pub(super) fn extend(
        &self,
        batch: &mut Vec<f32>,
        order: &[usize],
        sigma: f32,
        draws: UpdateDraws,
    ) {
        let mut draws = draws;
        let slots = self.transforms();
        for &index in order {
            let row = self.row(index);
            if sigma == 0.0 || slots < 2 {
                batch.extend_from_slice(row);
                continue;
            }
            let image = index % self.images;
            let (a, b) = draws.pair(slots);
            let (a, b) = (self.row(a * self.images + image), self.row(b * self.images + image));
            let far = sigma * draws.normal() * std::f32::consts::FRAC_1_SQRT_2;
            batch.extend(row.iter().zip(a).zip(b).map(|((y, a), b)| y + far * (a - b)));
        }
    }

    /// Mean and standard deviation of each feature over all rows.
    pub(super) fn statistics(&self) -> Statistics {
        let count = self.len().max(1) as f64;
        let mut sums = vec![(0.0, 0.0); self.width];
        for row in self.rows.chunks_exact(self.width) {
            for ((sum, squares), &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
                *squares += f64::from(value) * f64::from(value);
            }
        }
        let deviation = |&(sum, squares): &(f64, f64)| {
            let mean: f64 = sum / count;
            (squares / count - mean * mean).max(0.0).sqrt() as f32
        };
        Statistics {
            means: sums.iter().map(|&(sum, _)| (sum / count) as f32).collect(),
            deviations: sums.iter().map(deviation).collect(),
        }
    }
}

/// Mean and standard deviation of each feature over many rows.
#[derive(Debug)]
pub(super) struct Statistics {
    /// `[width]`
    pub(super) means: Vec<f32>,
    /// `[width]`
    pub(super) deviations: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use differnet_features::FEATURES;

    use super::*;

    fn rows(values: &[f32]) -> Vec<f32> {
        values.iter().flat_map(|&value| vec![value; FEATURES]).collect()
    }

    fn firsts(buffer: &FeatureBuffer) -> Vec<f32> {
        (0..buffer.len()).map(|index| buffer.row(index)[0]).collect()
    }

    #[test]
    fn new_transforms_replace_the_oldest_once_the_buffer_is_full() {
        let mut buffer = FeatureBuffer::new(2, 3, FEATURES);
        buffer.advance(2);
        buffer.set(0, &rows(&[1.0, 2.0]));
        buffer.set(1, &rows(&[-1.0, -2.0]));
        assert_eq!(firsts(&buffer), [1.0, -1.0, 2.0, -2.0]);
        buffer.advance(2);
        buffer.set(0, &rows(&[3.0, 4.0]));
        buffer.set(1, &rows(&[-3.0, -4.0]));
        assert_eq!(firsts(&buffer), [4.0, -4.0, 2.0, -2.0, 3.0, -3.0]);
        assert_eq!(buffer.first_images(9, 2), rows(&[4.0, 2.0, -4.0, -2.0]));
        assert_eq!(buffer.first_images(1, 3), rows(&[4.0, 2.0, 3.0]));
    }

    #[test]
    fn deviations_by_hand() {
        let mut buffer = FeatureBuffer::new(1, 2, FEATURES);
        buffer.advance(2);
        buffer.set(0, &rows(&[1.0, 3.0]));
        assert_eq!(buffer.statistics().deviations, vec![1.0; FEATURES]);
    }

    #[test]
    fn difference_noise_moves_rows_along_their_own_images_differences() {
        let mut buffer = FeatureBuffer::new(2, 3, FEATURES);
        buffer.advance(3);
        // Image 0 varies in feature 0 only, image 1 in feature 1 only.
        for (image, values) in [[1.0, 2.0, 4.0], [10.0, 30.0, 60.0]].into_iter().enumerate() {
            let mut features = vec![0.0; 3 * FEATURES];
            for (transform, value) in values.into_iter().enumerate() {
                features[transform * FEATURES + image] = value;
            }
            buffer.set(image, &features);
        }
        let order: Vec<usize> = (0..6).cycle().take(6000).collect();
        let mut plain = Vec::new();
        buffer.extend(&mut plain, &order, 0.0, UpdateDraws::new(1, 2));
        assert!(plain.chunks_exact(FEATURES).zip(&order).all(|(row, &at)| row == buffer.row(at)));
        let mut moved = Vec::new();
        buffer.extend(&mut moved, &order, 0.5, UpdateDraws::new(1, 2));
        let mut squares = [0.0; 2];
        for (row, (plain, &at)) in
            moved.chunks_exact(FEATURES).zip(plain.chunks_exact(FEATURES).zip(&order))
        {
            let change: Vec<f32> = row.iter().zip(plain).map(|(row, plain)| row - plain).collect();
            let image = at % 2;
            assert!(change.iter().enumerate().all(|(at, &c)| at == image || c == 0.0));
            squares[image] += f64::from(change[image]).powi(2);
        }
        // σ² times the sample variance of the image's values, (a − b)²/2 averaged over pairs:
        // (1 + 9 + 4)/6 = 7/3 and (400 + 2500 + 900)/6 = 1900/3.
        for (square, variance) in squares.into_iter().zip([7.0 / 3.0, 1900.0 / 3.0]) {
            let ratio = square / 3000.0 / (0.25 * variance);
            assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
        }
    }
}
