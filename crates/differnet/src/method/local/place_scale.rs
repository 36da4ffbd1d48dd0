//! Values of places in units of what good images showed there.

use differnet_flow::AuxiliaryTensor;
use differnet_scoring::AnomalyMap;

use super::input::Grid;
use super::tables::{Tables, table};

/// Sides of the tables.
const SIDE: usize = 28;
/// Images of the mean over all places that are added to the good images, so that few of them do not say
/// too much about single places.
const PSEUDO_IMAGES: f64 = 10.0;
/// σ of the blur of the tables, cells.
const BLUR: f64 = 1.5;
/// Least deviation, in units of the mean.
const LEAST_DEVIATION: f32 = 1e-4;

/// Mean and standard deviation of a part's values at each place of good images.
#[derive(Debug, Clone)]
pub(super) struct PlaceScale {
    /// `[28, 28]`, whatever the grid of an image.
    means: AnomalyMap,
    /// `[28, 28]`
    deviations: AnomalyMap,
}

/// Values of good images, `[28, 28]` each: one image a file, or several that follow one another and count as
/// one.
pub(super) struct GoodMaps {
    maps: Vec<AnomalyMap>,
    /// Images of each file.
    each: usize,
}

impl GoodMaps {
    pub(super) fn new(maps: Vec<AnomalyMap>, each: usize) -> Self {
        Self { maps, each }
    }

    /// The maps but for those of the file numbered `without`.
    fn without(&self, without: Option<usize>) -> impl Iterator<Item = &AnomalyMap> {
        let files = self.maps.chunks(self.each).enumerate();
        files.filter(move |(at, _)| Some(*at) != without).flat_map(|(_, maps)| maps)
    }

    /// Number of files but for the one numbered `without`.
    fn files(&self, without: Option<usize>) -> f64 {
        self.without(without).count() as f64 / self.each as f64
    }
}

/// The values of a good image, `[28, 28]`.
pub(super) fn good_values(values: &[f32], grid: &Grid) -> AnomalyMap {
    // Places that do not count have the mean of the others, to spoil as little as they can at their edge.
    let counted = || values.iter().zip(&grid.counts).filter(|(_, counts)| **counts);
    let sum: f64 = counted().map(|(value, _)| f64::from(*value)).sum();
    let mean = (sum / counted().count().max(1) as f64) as f32;
    let filled = values.iter().zip(&grid.counts);
    let filled = filled.map(|(value, counts)| if *counts { *value } else { mean }).collect();
    AnomalyMap::new(grid.width, filled).resized(SIDE, SIDE)
}

impl PlaceScale {
    /// The scale by the values of good images, but for the file numbered `without`; at least one.
    pub(super) fn fit(good: &GoodMaps, without: Option<usize>) -> Self {
        let (files, each) = (good.files(without).max(1.0), good.each as f64);
        let average = |of: &dyn Fn(f64, usize) -> f64| {
            let mut sums = vec![0.0_f64; SIDE * SIDE];
            for image in good.without(without) {
                let values = sums.iter_mut().zip(image.values()).enumerate();
                values.for_each(|(at, (sum, value))| *sum += of(f64::from(*value), at) / each);
            }
            let overall = sums.iter().sum::<f64>() / (files * sums.len() as f64);
            let shrunk = |sum: &f64| (sum + PSEUDO_IMAGES * overall) / (files + PSEUDO_IMAGES);
            sums.iter().map(shrunk).collect::<Vec<f64>>()
        };
        let means = average(&|value, _| value);
        let variances = average(&|value, at| (value - means[at]).powi(2));
        let map = |values: Vec<f64>| {
            let values = values.into_iter().map(|value| value as f32).collect();
            AnomalyMap::new(SIDE, values).blurred(BLUR)
        };
        Self { means: map(means), deviations: map(variances).map(f32::sqrt) }
    }

    /// This scale of `known` files with those of more good images, but for the file numbered `without`.
    pub(super) fn merged(&self, known: usize, good: &GoodMaps, without: Option<usize>) -> Self {
        let (known, each) = (known.max(1) as f64, good.each as f64);
        let count = known + good.files(without);
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        for at in 0..SIDE * SIDE {
            let value = |map: &AnomalyMap| f64::from(map.values()[at]);
            let (mean, deviation) = (value(&self.means), value(&self.deviations));
            let sum: f64 = good.without(without).map(value).sum();
            let merged = (known * mean + sum / each) / count;
            let square = |image| (value(image) - merged).powi(2) / each;
            let squares: f64 = good.without(without).map(square).sum();
            let own = known * (deviation.powi(2) + (mean - merged).powi(2));
            means.push(merged as f32);
            deviations.push(((own + squares) / count).sqrt() as f32);
        }
        let map = |values| AnomalyMap::new(SIDE, values);
        Self { means: map(means), deviations: map(deviations) }
    }

    /// The values of an image's places in standard deviations from their means; 0 at places that do not
    /// count.
    pub(super) fn standardised(&self, values: &[f32], grid: &Grid) -> Vec<f32> {
        let means = self.means.resized(grid.width, grid.height);
        let deviations = self.deviations.resized(grid.width, grid.height);
        let scales = means.values().iter().zip(deviations.values());
        let places = values.iter().zip(&grid.counts).zip(scales);
        let standardised = places.map(|((value, counts), (mean, deviation))| {
            let least = (LEAST_DEVIATION * mean.abs()).max(f32::MIN_POSITIVE);
            if *counts { (value - mean) / deviation.max(least) } else { 0.0 }
        });
        standardised.collect()
    }

    /// The tables as a graph takes them.
    pub(super) fn description(&self) -> differnet_onnx::score::PlaceScale<'_> {
        differnet_onnx::score::PlaceScale {
            side: SIDE,
            means: self.means.values(),
            deviations: self.deviations.values(),
            least_deviation: LEAST_DEVIATION,
        }
    }

    /// The tables of the scale of the part numbered `number`.
    pub(super) fn tables(&self, number: usize) -> [AuxiliaryTensor; 2] {
        let [means, deviations] = names(number);
        [
            table(means, &[SIDE, SIDE], self.means.values()),
            table(deviations, &[SIDE, SIDE], self.deviations.values()),
        ]
    }

    /// The scale of the part numbered `number` from the tables of a file; the reason if there is none.
    pub(super) fn load(number: usize, tables: &Tables) -> Result<Self, String> {
        let map = |name: &String| {
            let values = tables.shaped(name, &[SIDE, SIDE])?;
            Ok::<_, String>(AnomalyMap::new(SIDE, values.to_vec()))
        };
        let [means, deviations] = names(number);
        Ok(Self { means: map(&means)?, deviations: map(&deviations)? })
    }
}

/// Names of a scale's tables in a model file.
fn names(number: usize) -> [String; 2] {
    ["means", "deviations"].map(|name| format!("parts.{number}.{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(counts: Vec<bool>) -> Grid {
        Grid { height: SIDE, width: SIDE, counts }
    }

    fn one_each(maps: &[AnomalyMap]) -> GoodMaps {
        GoodMaps::new(maps.to_vec(), 1)
    }

    #[test]
    fn the_images_of_a_file_count_as_one_and_are_left_out_together() {
        let noise = |seed: usize| {
            let values = (0..SIDE * SIDE).map(|at| ((at * 7 + seed * 13) % 31) as f32);
            AnomalyMap::new(SIDE, values.collect())
        };
        let [a, b, c] = [1, 2, 3].map(noise);
        // A file whose images are equal says what a file with one image does.
        let twice = [&a, &a, &b, &b, &c, &c].map(Clone::clone);
        let (twice, once) = (GoodMaps::new(twice.to_vec(), 2), one_each(&[a.clone(), b, c]));
        for without in [None, Some(1)] {
            let scales = [&twice, &once].map(|good| PlaceScale::fit(good, without));
            let merged = [&twice, &once].map(|good| scales[0].merged(4, good, without));
            for [left, right] in [scales, merged] {
                let maps = [(&left.means, &right.means), (&left.deviations, &right.deviations)];
                for (left, right) in maps {
                    let far = left.values().iter().zip(right.values()).map(|(a, b)| (a - b).abs());
                    assert!(far.fold(0.0, f32::max) < 1e-4, "{without:?}");
                }
            }
        }
        let alone = PlaceScale::fit(&GoodMaps::new(vec![a.clone(), a], 2), Some(0));
        assert!(alone.means.values().iter().all(|mean| *mean == 0.0));
    }

    #[test]
    fn few_images_are_shrunk_to_the_mean_over_places() {
        // Two images of 2 and 4 everywhere: mean 3, variance 1; shrinking changes nothing.
        let images = [2.0, 4.0].map(|value| AnomalyMap::new(SIDE, vec![value; SIDE * SIDE]));
        let scale = PlaceScale::fit(&one_each(&images), None);
        let all = grid(vec![true; SIDE * SIDE]);
        let found = scale.standardised(&vec![5.0; SIDE * SIDE], &all);
        assert!(found.iter().all(|value| (value - 2.0).abs() < 1e-5));
        // Left is 0, right 12: means 6 ± 6 · 2 / 12 far from the border between them.
        let values = (0..SIDE * SIDE).map(|at| if at % SIDE < SIDE / 2 { 0.0 } else { 12.0 });
        let image = AnomalyMap::new(SIDE, values.collect());
        let scale = PlaceScale::fit(&one_each(&[image.clone(), image]), None);
        assert!((scale.means.values()[0] - 5.0).abs() < 1e-5);
        assert!((scale.means.values()[SIDE - 1] - 7.0).abs() < 1e-5);
        // And both are 5 away from their means.
        assert!((scale.deviations.values()[0] - 5.0).abs() < 1e-4);
    }

    #[test]
    fn an_image_can_be_left_out_and_places_that_do_not_count_have_no_part() {
        let mut counts = vec![true; SIDE * SIDE];
        counts[0] = false;
        let grid = grid(counts);
        let mut values = vec![1.0; SIDE * SIDE];
        values[0] = 1000.0;
        values[5] = 3.0;
        let one = good_values(&values, &grid);
        assert!(one.values()[0] < 1.01);
        let other = AnomalyMap::new(SIDE, vec![9.0; SIDE * SIDE]);
        let both = one_each(&[one.clone(), other]);
        let left = PlaceScale::fit(&both, Some(1));
        let alone = PlaceScale::fit(&one_each(&[one]), None);
        assert_eq!(left.means, alone.means);
        assert_eq!(left.standardised(&values, &grid)[0], 0.0);
    }

    #[test]
    fn more_images_move_means_and_deviations() {
        // Two images of 2 and 4 everywhere, and one of 9: mean 5, variance (9 + 1 + 16) / 3.
        let image = |value: f32| AnomalyMap::new(SIDE, vec![value; SIDE * SIDE]);
        let scale = PlaceScale::fit(&one_each(&[image(2.0), image(4.0)]), None);
        let merged = scale.merged(2, &one_each(&[image(9.0), image(77.0)]), Some(1));
        assert!((merged.means.values()[40] - 5.0).abs() < 1e-5);
        assert!((merged.deviations.values()[40] - (26.0_f32 / 3.0).sqrt()).abs() < 1e-4);
    }

    #[test]
    fn equal_images_leave_a_deviation() {
        let image = AnomalyMap::new(SIDE, vec![0.0; SIDE * SIDE]);
        let scale = PlaceScale::fit(&one_each(&[image.clone(), image]), None);
        let all = grid(vec![true; SIDE * SIDE]);
        let found = scale.standardised(&vec![0.0; SIDE * SIDE], &all);
        assert!(found.iter().all(|value| *value == 0.0));
    }
}
