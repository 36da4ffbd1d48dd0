//! Fitting DifferNet: features of the validation set, flows, local statistics (paper, Section 3.1.2).

use differnet_data::{ContentHash, MaskedInput, RgbImage};
use differnet_features::{IMAGE_SIZE, LocalGrid};
use differnet_progress::{Progress, Stage};
use differnet_scoring::{
    LocalStatistics, LocalStatisticsBuilder, anomaly_score, quantile, transform_spread,
};
use rayon::prelude::*;

use super::DifferNetConfig;
use super::rounds::{FlowTraining, TrainedFlows};
use super::scorer::DifferNet;
use crate::adaptive::mean_of_rows;
use crate::error::Error;
use crate::feature_distance::feature_distance;
use crate::method::{Fitted, GoodScores};
use crate::split::ValidationSplit;
use crate::training::Training;

/// Training images that local statistics are taken from.
const PLACED_IMAGES: usize = 100;
/// Transforms of each of them.
const PLACED_TRANSFORMS: usize = 8;
/// The quantiles of training scores that are told.
const QUANTILES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];

/// Flows trained on the images of `split`.
pub(crate) fn fit(
    own: &DifferNetConfig,
    training: &Training<'_>,
    split: &ValidationSplit,
) -> Result<Fitted, Error> {
    let config = training.config;
    let backbone = config.require_backbone()?;
    let flows = FlowTraining::new(own, training)?;
    let validation = validation_rows(training, split)?;
    let TrainedFlows { flows, updates, training_rows, training_transforms, statistics, history } =
        flows.run(split, &validation)?;

    let of_files = |scores: &[f64], transforms: usize| -> Result<Vec<f64>, Error> {
        let images = scores.chunks(transforms);
        let scores = images.map(|image| anomaly_score(image, config.average));
        Ok(training.largest_of_each_file(&scores.collect::<Result<Vec<_>, _>>()?))
    };
    let scores = flows.row_scores(&training_rows, backbone.features(), config.average);
    let mut training_scores = of_files(&scores, training_transforms)?;
    training_scores.iter_mut().for_each(|score| *score = score.min(f64::MAX));
    let scores = flows.row_scores(&validation, backbone.features(), config.average);
    let mut good = of_files(&scores, config.score_transforms)?;
    if good.is_empty() {
        good.clone_from(&training_scores);
    }
    let width = backbone.features();
    let images = validation.chunks(config.score_transforms * width);
    let feature_distances = images.filter_map(|rows| {
        let mean = mean_of_rows(rows, width).into_iter().map(f64::from);
        feature_distance(&statistics.means, &statistics.deviations, mean)
    });
    let feature_distances = feature_distances.collect();
    let images = scores.chunks(config.score_transforms);
    let spread = transform_spread(images, config.average).filter(|spread| spread.is_finite());
    let mut quantiles = Vec::new();
    for q in QUANTILES {
        quantiles.push(format!("{:.2}", quantile(&training_scores, q)?));
    }
    let facts = [
        ("updates", updates.to_string()),
        ("flows", own.flows.to_string()),
        ("parameters of a flow", own.flow_config(backbone).parameters().to_string()),
        ("quantiles of training scores", quantiles.join(", ")),
    ];
    let local_statistics = local_statistics(training, split)?;
    let scorer = DifferNet { flows, backbone, local_statistics, average: config.average };
    Ok(Fitted {
        extractor: Some(training.runtime.extractor(backbone)?.id().to_owned()),
        transform_spread: spread,
        feature_distances,
        feature_means: statistics.means,
        feature_deviations: statistics.deviations,
        updates: Some(updates),
        history,
        facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Fitted::new(Box::new(scorer), GoodScores::Known(good))
    })
}

/// Rows of the validation images under the transforms that they will be scored with.
fn validation_rows(training: &Training<'_>, split: &ValidationSplit) -> Result<Vec<f32>, Error> {
    let images = training.images(&split.validation);
    let (config, total) = (training.config, images.len());
    let transforms = config.transform_config().fixed(config.score_transforms);
    let choice = |_: &ContentHash| transforms.clone();
    let mut rows = Vec::new();
    let backbone = config.require_backbone()?;
    let preprocessing = training.preprocessing();
    let features = training.runtime.features_of_usable(backbone, preprocessing, images, choice);
    for (done, features) in (1..).zip(features) {
        rows.extend(features?.rows);
        training.monitor.report(Progress::new(Stage::Validation, done, total))?;
    }
    Ok(rows)
}

/// Statistics of the training images' features at each place.
fn local_statistics(
    training: &Training<'_>,
    split: &ValidationSplit,
) -> Result<LocalStatistics, Error> {
    let (runtime, side) = (training.runtime, IMAGE_SIZE as u32);
    let extractor = runtime.extractor(training.config.require_backbone()?)?;
    let LocalGrid { side: cells, channels, .. } = extractor.backbone().local_grid();
    // Spread over all of them: neighbours in the order of contents are as unlike as any.
    let images = training.images(&split.training);
    let images = &images[..images.len().min(PLACED_IMAGES)];
    let transforms = training.config.transform_config().fixed(PLACED_TRANSFORMS);
    let mut statistics = LocalStatisticsBuilder::new(cells, channels);
    for (done, image) in (1..).zip(images) {
        let seen = MaskedInput::read(*image, training.preprocessing(), &runtime.limits)
            .map_err(|source| Error::ImageChanged { source })?;
        let square = seen.resized(side, side);
        let turned: Vec<RgbImage> =
            transforms.par_iter().map(|transform| transform.apply(&square)).collect();
        let pixels: Vec<&[u8]> = turned.iter().map(|image| image.as_raw().as_slice()).collect();
        let local = extractor.extract_with_local_features(&pixels)?.local;
        let views = local.chunks_exact(cells * cells * channels);
        for (local, transform) in views.zip(&transforms) {
            statistics.add(local, transform.degrees);
        }
        training.monitor.report(Progress::new(Stage::Places, done, images.len()))?;
    }
    Ok(statistics.finish())
}
