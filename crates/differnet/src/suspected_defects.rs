//! Good images that look like defects: far from all other good ones.

use std::path::PathBuf;

use differnet_baselines::{OneNearestNeighbourConfig, RowScorer, Rows};
use differnet_data::{Preprocessing, Transform};
use differnet_features::Backbone;
use differnet_progress::{Monitor, Progress, Stage};
use differnet_scoring::RobustSpread;

use crate::error::Error;
use crate::runtime::Runtime;

/// The network that images are compared by.
const BACKBONE: Backbone = Backbone::AlexNet;
/// Fewest images that say what is usual.
const FEWEST: usize = 8;
/// An image is suspected only from this many times the usual distance.
const LEAST_RATIO: f64 = 1.5;

/// A good image that may show a defect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Suspect {
    /// The image.
    pub(crate) path: PathBuf,
    /// Its distance to the nearest other image over the median of all such distances, in principal
    /// components of z-scored features.
    pub(crate) ratio: f64,
}

/// Good images among `files` that are unusually far from their nearest neighbour, the
/// farthest first; none if there are fewer than 8.
///
/// Each image is left out in turn and scored by the nearest of the others, upright alone. Its
/// distance is unusual if its logarithm exceeds the median by more than 3.5 robust standard
/// deviations. Copies of an image hide it: leave them out.
///
/// # Errors
/// [`Error`]: an image that cannot be used, a cache that cannot, or [`Error::Cancelled`].
pub(crate) fn suspected_defects(
    runtime: &Runtime,
    files: &[PathBuf],
    depth: Option<u8>,
    monitor: &Monitor<'_>,
) -> Result<Vec<Suspect>, Error> {
    if files.len() < FEWEST {
        return Ok(Vec::new());
    }
    let mut values = Vec::with_capacity(files.len() * BACKBONE.features());
    let preprocessing = Preprocessing { regions: None, depth };
    let upright = |_: &_| vec![Transform::IDENTITY];
    let features = runtime.features_of_usable(BACKBONE, preprocessing, files, upright);
    for (done, features) in (1..).zip(features) {
        values.extend(features?.rows);
        monitor.report(Progress::new(Stage::Features, done, files.len()))?;
    }
    let rows = Rows::new(&values, BACKBONE.features())?; // [images, 768]
    let fitted = OneNearestNeighbourConfig::default().fit(&rows, &Monitor::silent())?;
    let distances: Vec<f64> = (0..files.len())
        .flat_map(|image| fitted.training_scores(&rows, image..image + 1))
        .collect();
    Ok(far_from_all(files, &distances))
}

fn far_from_all(files: &[PathBuf], distances: &[f64]) -> Vec<Suspect> {
    let spread = RobustSpread::of(distances.iter().map(|distance| distance.ln()));
    let mut suspects: Vec<Suspect> = files
        .iter()
        .zip(distances)
        .filter(|(_, distance)| spread.is_exceeded_by(distance.ln(), LEAST_RATIO.ln()))
        .map(|(path, distance)| Suspect {
            path: path.clone(),
            ratio: distance / spread.median.exp(),
        })
        .collect();
    suspects.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    suspects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_far_ones_come_farthest_first_and_the_spread_decides_what_is_far() {
        let files: Vec<PathBuf> = (0..9).map(|n| PathBuf::from(format!("{n}.png"))).collect();
        let mut distances = [1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 3.0, 2.0];
        let suspects = far_from_all(&files, &distances);
        let golden = [(7, 3.0), (8, 2.0)]
            .map(|(at, ratio): (usize, f64)| Suspect { path: files[at].clone(), ratio });
        assert_eq!(suspects, golden);
        // Where distances differ by large factors anyway, threefold is nothing.
        distances = [1.0, 0.3, 3.0, 0.5, 2.0, 0.4, 2.5, 3.0, 0.33];
        assert_eq!(far_from_all(&files, &distances), []);
    }
}
