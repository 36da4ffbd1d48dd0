//! Local statistics of good images, and the deviation of an image from them (our own map).

use crate::map::turned_back;

/// The usual features of each place of the upright image, with their spread.
///
/// Images are described by cells `[side, side, channels]` under any rotation; a cell of a turned
/// image belongs to the place of the upright image that it shows. So one table serves every angle,
/// and each place is compared with what training images showed there: where parts always lie alike
/// it is told apart from its neighbours, elsewhere all places have nearly the same statistics.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalStatistics {
    side: usize,
    /// `[side, side, channels]`
    means: Vec<f32>,
    /// `[side, side, channels]`
    deviations: Vec<f32>,
}

impl LocalStatistics {
    /// The statistics with these means and standard deviations, both `[side, side, channels]`.
    ///
    /// # Panics
    /// If the tables differ in size, are empty or are not whole cells.
    pub fn new(side: usize, means: Vec<f32>, deviations: Vec<f32>) -> Self {
        assert_eq!(means.len(), deviations.len(), "a deviation for each mean");
        assert!(side > 0 && !means.is_empty(), "statistics of at least one cell");
        assert!(means.len().is_multiple_of(side * side), "cells of the same size");
        Self { side, means, deviations }
    }

    /// Cells along each side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Mean of each feature of each upright place, `[side, side, channels]`.
    pub fn means(&self) -> &[f32] {
        &self.means
    }

    /// Standard deviation of the same.
    pub fn deviations(&self) -> &[f32] {
        &self.deviations
    }

    /// Deviation of each cell: the mean over channels of ((m − μ) / (σ + σ̄))².
    ///
    /// μ and σ are those of the cell's upright place and σ̄ is the mean of all σ, so that channels
    /// which never moved in training count by what is usual for others instead of infinitely.
    /// Cells that show nothing of the upright image are 0.
    /// - `local`: features of the image turned counter-clockwise by `degrees`,
    ///   `[side, side, channels]`
    /// - result: `[side, side]` of the turned image, without unit; about 1 or below where nothing
    ///   is wrong
    ///
    /// # Panics
    /// If `local` has another size.
    pub fn deviation(&self, local: &[f32], degrees: f32) -> Vec<f32> {
        assert_eq!(local.len(), self.means.len(), "local features of the statistics' size");
        let channels = self.channels();
        let sum: f64 = self.deviations.iter().map(|&deviation| f64::from(deviation)).sum();
        let usual = ((sum / self.deviations.len() as f64) as f32).max(f32::MIN_POSITIVE);
        let cells = local.chunks_exact(channels).zip(turned_back(self.side, degrees));
        let deviation = |(cell, place): (&[f32], Option<usize>)| {
            let Some(place) = place else { return 0.0 };
            let at = place * channels..(place + 1) * channels;
            let statistics = self.means[at.clone()].iter().zip(&self.deviations[at]);
            let squares = cell
                .iter()
                .zip(statistics)
                .map(|(value, (mean, deviation))| ((value - mean) / (deviation + usual)).powi(2));
            squares.sum::<f32>() / channels as f32
        };
        cells.map(deviation).collect()
    }

    fn channels(&self) -> usize {
        self.means.len() / (self.side * self.side)
    }
}

/// Gathers [`LocalStatistics`] from one image at a time.
#[derive(Debug, Clone)]
pub struct LocalStatisticsBuilder {
    side: usize,
    channels: usize,
    /// Images that showed each place.
    counts: Vec<u32>,
    /// Sums of values and of their squares, `[side, side, channels]`.
    sums: Vec<(f64, f64)>,
}

impl LocalStatisticsBuilder {
    /// No images yet, of `side` × `side` cells of `channels` features.
    ///
    /// # Panics
    /// If a size is 0.
    pub fn new(side: usize, channels: usize) -> Self {
        assert!(side > 0 && channels > 0, "statistics of at least one cell");
        let cells = side * side;
        Self { side, channels, counts: vec![0; cells], sums: vec![(0.0, 0.0); cells * channels] }
    }

    /// Adds the local features `[side, side, channels]` of an image turned counter-clockwise by
    /// `degrees`.
    ///
    /// # Panics
    /// If `local` has another size.
    pub fn add(&mut self, local: &[f32], degrees: f32) {
        assert_eq!(local.len(), self.sums.len(), "local features of the statistics' size");
        let cells = local.chunks_exact(self.channels).zip(turned_back(self.side, degrees));
        for (cell, place) in cells {
            let Some(place) = place else { continue };
            self.counts[place] += 1;
            let sums = &mut self.sums[place * self.channels..(place + 1) * self.channels];
            for ((sum, squares), &value) in sums.iter_mut().zip(cell) {
                let value = f64::from(value);
                *sum += value;
                *squares += value * value;
            }
        }
    }

    /// The statistics of the images so far; places that none of them showed have means of 0.
    pub fn finish(self) -> LocalStatistics {
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        for (sums, &count) in self.sums.chunks_exact(self.channels).zip(&self.counts) {
            let count = f64::from(count.max(1));
            for (sum, squares) in sums {
                let mean = sum / count;
                means.push(mean as f32);
                deviations.push((squares / count - mean * mean).max(0.0).sqrt() as f32);
            }
        }
        LocalStatistics::new(self.side, means, deviations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_by_hand() {
        let mut builder = LocalStatisticsBuilder::new(1, 2);
        builder.add(&[1.0, 5.0], 0.0);
        builder.add(&[3.0, 5.0], 33.0);
        let statistics = builder.finish();
        assert_eq!(statistics.means(), [2.0, 5.0]);
        assert_eq!(statistics.deviations(), [1.0, 0.0]);
        // σ̄ = 1/2: ((5 − 2) / 1.5)² = 4 and ((6 − 5) / 0.5)² = 4.
        assert_eq!(statistics.deviation(&[5.0, 6.0], 0.0), [4.0]);
        assert_eq!(statistics.deviation(&[2.0, 5.0], 77.0), [0.0]);
    }

    #[test]
    fn a_turned_image_is_compared_with_the_places_that_it_shows() {
        let upright: Vec<f32> = (0..9).map(|value| value as f32).collect();
        // Counter-clockwise by 90°, the right column becomes the top row.
        let turned = [2.0, 5.0, 8.0, 1.0, 4.0, 7.0, 0.0, 3.0, 6.0];
        let mut builder = LocalStatisticsBuilder::new(3, 1);
        builder.add(&upright, 0.0);
        builder.add(&turned, 90.0);
        let statistics = builder.finish();
        assert_eq!(statistics.means(), upright);
        assert_eq!(statistics.deviations(), [0.0; 9]);
        let mut odd = turned;
        odd[0] += 1.0;
        let deviation = statistics.deviation(&odd, 90.0);
        assert!(deviation[0] > 1e6 && deviation[1..].iter().all(|&value| value == 0.0));
    }

    #[test]
    fn cells_that_show_no_place_count_for_nothing() {
        let mut builder = LocalStatisticsBuilder::new(9, 1);
        builder.add(&[1.0; 81], 45.0);
        let statistics = builder.finish();
        // The turned image's corners are outside of the upright one, whose corners it lacks.
        assert_eq!(statistics.deviation(&[7.0; 81], 45.0)[0], 0.0);
        assert_eq!((statistics.means()[0], statistics.means()[40]), (0.0, 1.0));
    }
}
