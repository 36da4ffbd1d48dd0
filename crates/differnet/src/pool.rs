//! The rows that the flow trains on: a number of recent transforms of every training image.

use differnet_features::FEATURES;

/// Features of the latest transforms of each image, overwritten oldest first.
#[derive(Debug)]
pub(crate) struct Pool {
    images: usize,
    /// Transforms of each image that there is room for.
    capacity: usize,
    /// Transforms of each image so far, those that were overwritten included.
    added: usize,
    /// `[capacity, images, 768]`
    rows: Vec<f32>,
}

impl Pool {
    pub(crate) fn new(images: usize, capacity: usize) -> Self {
        Self { images, capacity, added: 0, rows: Vec::new() }
    }

    /// Makes room for `count` new transforms of every image, given image by image to [`Self::set`].
    pub(crate) fn advance(&mut self, count: usize) {
        self.added += count;
        let slots = self.added.min(self.capacity);
        self.rows.resize(slots * self.images * FEATURES, 0.0);
    }

    /// Stores the features `[count, 768]` of the newest transforms of `image`.
    pub(crate) fn set(&mut self, image: usize, features: &[f32]) {
        let count = features.len() / FEATURES;
        for (index, row) in features.chunks_exact(FEATURES).enumerate() {
            let slot = (self.added - count + index) % self.capacity;
            let start = (slot * self.images + image) * FEATURES;
            self.rows[start..start + FEATURES].copy_from_slice(row);
        }
    }

    /// Number of rows to train on.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() / FEATURES
    }

    /// Features of row `index`.
    pub(crate) fn row(&self, index: usize) -> &[f32] {
        &self.rows[index * FEATURES..(index + 1) * FEATURES]
    }

    /// Standard deviation of each feature over all rows.
    pub(crate) fn deviations(&self) -> Vec<f32> {
        let count = self.len().max(1) as f64;
        let mut sums = vec![(0.0, 0.0); FEATURES];
        for row in self.rows.chunks_exact(FEATURES) {
            for ((sum, squares), &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
                *squares += f64::from(value) * f64::from(value);
            }
        }
        let deviation = |(sum, squares): (f64, f64)| {
            let mean: f64 = sum / count;
            (squares / count - mean * mean).max(0.0).sqrt() as f32
        };
        sums.into_iter().map(deviation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32]) -> Vec<f32> {
        values.iter().flat_map(|&value| vec![value; FEATURES]).collect()
    }

    fn firsts(pool: &Pool) -> Vec<f32> {
        (0..pool.len()).map(|index| pool.row(index)[0]).collect()
    }

    #[test]
    fn new_transforms_replace_the_oldest_once_the_pool_is_full() {
        let mut pool = Pool::new(2, 3);
        pool.advance(2);
        pool.set(0, &rows(&[1.0, 2.0]));
        pool.set(1, &rows(&[-1.0, -2.0]));
        assert_eq!(firsts(&pool), [1.0, -1.0, 2.0, -2.0]);
        pool.advance(2);
        pool.set(0, &rows(&[3.0, 4.0]));
        pool.set(1, &rows(&[-3.0, -4.0]));
        assert_eq!(firsts(&pool), [4.0, -4.0, 2.0, -2.0, 3.0, -3.0]);
    }

    #[test]
    fn deviations_by_hand() {
        let mut pool = Pool::new(1, 2);
        pool.advance(2);
        pool.set(0, &rows(&[1.0, 3.0]));
        assert_eq!(pool.deviations(), vec![1.0; FEATURES]);
    }
}
