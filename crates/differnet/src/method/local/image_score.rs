//! From a value for each place to the score of an image, and to its map.

use differnet_features::PLACE;
use differnet_scoring::AnomalyMap;

use super::input::Grid;
use super::place_scale::PlaceScale;
use super::plan::ImageScoreRule;

/// Share of the places that an image's score averages, the largest, percent.
const PERCENT: usize = 1;
/// σ of the blur that smooths the corners of the interpolated map, pixels as the network sees them.
pub(super) const SIGMA: f64 = 4.0;

/// The values of an image's places.
pub(super) struct PlaceValues {
    /// By each part, `[height, width]`, averaged over neighbours.
    pub(super) values: Vec<Vec<f32>>,
    pub(super) grid: Grid,
}

impl PlaceValues {
    /// The sum of the parts' values, standardised by their `scales`; as they are if there are none.
    pub(super) fn sum(&self, scales: &[PlaceScale]) -> Vec<f32> {
        let mut sum = vec![0.0; self.grid.counts.len()];
        for (part, values) in self.values.iter().enumerate() {
            let mut add = |values: &[f32]| {
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            };
            match scales.get(part) {
                Some(scale) => add(&scale.standardised(values, &self.grid)),
                None => add(values),
            }
        }
        sum
    }

    /// The map of the values of a part, of the size of the image that the network sees.
    pub(super) fn map(&self, part: usize) -> AnomalyMap {
        let Grid { width, height, .. } = self.grid;
        let places = AnomalyMap::new(width, self.values[part].clone());
        places.resized(width * PLACE, height * PLACE).blurred(SIGMA)
    }
}

impl ImageScoreRule {
    /// The score of an image from the values of its places; 0 if none counts.
    pub(super) fn of(self, values: &[f32], grid: &Grid) -> f64 {
        let counted = values.iter().zip(&grid.counts).filter(|(_, counts)| **counts);
        let mut counted: Vec<f64> = counted.map(|(value, _)| f64::from(*value)).collect();
        counted.sort_by(|a, b| b.total_cmp(a));
        let count = match self {
            Self::Top => (counted.len() * PERCENT / 100).max(1),
            Self::Largest => 1,
        };
        let top = &counted[..count.min(counted.len())];
        if top.is_empty() { 0.0 } else { top.iter().sum::<f64>() / top.len() as f64 }
    }
}

/// The values averaged over 3 × 3 neighbours that count, `[height, width]`; 0 at places that do not count.
pub(super) fn smoothed(values: &[f64], counts: &[bool], width: usize) -> Vec<f64> {
    let height = values.len() / width;
    let smooth = |place: usize| {
        if !counts[place] {
            return 0.0;
        }
        let (y, x) = (place / width, place % width);
        let rows = y.saturating_sub(1)..(y + 2).min(height);
        let (mut sum, mut count) = (0.0, 0_u32);
        for row in rows {
            for column in x.saturating_sub(1)..(x + 2).min(width) {
                if counts[row * width + column] {
                    sum += values[row * width + column];
                    count += 1;
                }
            }
        }
        sum / f64::from(count)
    };
    (0..values.len()).map(smooth).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_do_not_count_have_no_part() {
        let values = [1.0, 2.0, 90.0, 4.0];
        assert_eq!(smoothed(&values, &[true; 4], 4), [1.5, 31.0, 32.0, 47.0]);
        assert_eq!(smoothed(&values, &[true, true, false, true], 4), [1.5, 1.5, 0.0, 4.0]);
    }

    #[test]
    fn the_largest_values_make_the_score() {
        let grid = |counts: Vec<bool>| Grid { height: 1, width: counts.len(), counts };
        let values: Vec<f32> = (0..250).map(|value| value as f32).collect();
        let mut counts = vec![true; 250];
        assert_eq!(ImageScoreRule::Top.of(&values, &grid(counts.clone())), 248.5);
        assert_eq!(ImageScoreRule::Largest.of(&values, &grid(counts.clone())), 249.0);
        counts[249] = false;
        assert_eq!(ImageScoreRule::Top.of(&values, &grid(counts)), 247.5);
        assert_eq!(ImageScoreRule::Top.of(&[3.0, 1.0], &grid(vec![true; 2])), 3.0);
        assert_eq!(ImageScoreRule::Top.of(&[3.0], &grid(vec![false])), 0.0);
    }

    #[test]
    fn parts_are_summed() {
        let grid = Grid { height: 1, width: 2, counts: vec![true, true] };
        let values = PlaceValues { values: vec![vec![1.0, 2.0], vec![10.0, 20.0]], grid };
        assert_eq!(values.sum(&[]), [11.0, 22.0]);
        let map = values.map(1);
        assert_eq!((map.width(), map.height()), (32, 16));
    }
}
