//! Fitting a flow to the places of good images.

use std::path::PathBuf;

use differnet_baselines::{Rows, Whitening};
use differnet_data::{ImageInput, SeenImage};
use differnet_features::{efficientnet_lite_id, place_channels};
use differnet_flow::{BatchOrder, FlowInput, Trainer, add_noise};
use differnet_progress::{Progress, Stage};
use rayon::prelude::*;

use super::LocalFlowConfig;
use super::config::POSITION;
use super::input::{SeenPlaces, positions, seen_places};
use super::scorer::{LocalFlow, Whitener, mean_of};
use crate::error::Error;
use crate::method::{Fitted, GoodScores};
use crate::split::Split;
use crate::training::Training;

/// Images read at once.
const BATCH: usize = 8;
/// Images whose places set means, deviations and principal components: 47,000 places.
const WHITENING_IMAGES: usize = 60;
/// Updates between two points of the history.
const HISTORY: usize = 100;
/// Training images whose scores stand in where none were held back.
const SCORED_TRAINING_IMAGES: usize = 200;

/// Whitened places of all training images, and where each lies.
#[derive(Default)]
struct TrainingPlaces {
    /// `[places, components]`
    rows: Vec<f32>,
    /// Of each place: which of `grids`, and its number there.
    at: Vec<(u32, u32)>,
    /// Positions of the places of each shape of grid, `[places, 32]`.
    grids: Vec<((usize, usize), Vec<f32>)>,
    /// Mean of each image's whitened places.
    means: Vec<Vec<f64>>,
}

/// A flow of the places of the images of `split`.
pub(crate) fn fit(
    own: &LocalFlowConfig,
    training: &Training<'_>,
    split: &Split,
) -> Result<Fitted, Error> {
    let (whitener, first) = whitener(own, training, split)?;
    let places = training_places(own, training, split, &whitener, first)?;
    let components = whitener.components();
    let config = own.flow_config(components);
    let (seed, device) = (training.config.seed, &training.runtime.device);
    let mut trainer = Trainer::new(config.init(seed, device), own.adam.clone());
    let mut order = BatchOrder::new(seed, places.at.len(), own.batch_size);
    let deviations = vec![own.noise as f32; components];
    let (mut rows, mut condition) = (Vec::new(), Vec::new());
    let (mut history, mut sum) = (Vec::new(), 0.0);
    for update in 0..own.updates {
        rows.clear();
        condition.clear();
        for &place in order.batch(update as u64) {
            rows.extend_from_slice(&places.rows[place * components..][..components]);
            let (grid, at) = places.at[place];
            let positions = &places.grids[grid as usize].1;
            condition.extend_from_slice(&positions[at as usize * POSITION..][..POSITION]);
        }
        add_noise(&mut rows, &deviations, seed, update as u64);
        trainer.set_learning_rate(own.learning_rate_at(update));
        let report = trainer.step(FlowInput { rows: &rows, condition: &condition })?;
        sum += report.loss;
        if (update + 1).is_multiple_of(HISTORY) {
            let train = sum / HISTORY as f64;
            let update = update as u64 + 1;
            history.push(crate::HistoryPoint { update, train, validation: None });
            sum = 0.0;
        }
        let progress = Progress::new(Stage::Training, update + 1, own.updates);
        training.monitor.report(Progress { loss: Some(report.loss), ..progress })?;
    }
    let (feature_means, feature_deviations) = statistics(&places.means);
    let scorer = LocalFlow::new(own, whitener, trainer.flow(), training.runtime);
    let good_scores = if split.validation.is_empty() {
        let files = &split.training[..split.training.len().min(SCORED_TRAINING_IMAGES)];
        let score = |seen: Result<SeenPlaces, Error>| Ok(scorer.judge(&seen?).score);
        GoodScores::Known(read(own, training, files).map(score).collect::<Result<_, Error>>()?)
    } else {
        GoodScores::OfValidationSet
    };
    let facts = [
        ("places trained on", places.at.len().to_string()),
        ("components of a place", components.to_string()),
        ("parameters of the flow", config.parameters().to_string()),
    ];
    Ok(Fitted {
        extractor: Some(efficientnet_lite_id()),
        feature_means,
        feature_deviations,
        updates: Some(own.updates as u64),
        history,
        facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Fitted::new(Box::new(scorer), good_scores)
    })
}

/// Means, deviations and principal components of the places of the first training images, and these
/// places.
fn whitener(
    own: &LocalFlowConfig,
    training: &Training<'_>,
    split: &Split,
) -> Result<(Whitener, Vec<SeenPlaces>), Error> {
    // Spread over all of them: neighbours in the order of contents are as unlike as any.
    let files = &split.training[..split.training.len().min(WHITENING_IMAGES)];
    let channels = place_channels(&own.stages);
    let seen = read(own, training, files).collect::<Result<Vec<_>, Error>>()?;
    let mut values = Vec::new();
    for SeenPlaces { places, counts } in &seen {
        for (row, counts) in places.values.chunks_exact(channels).zip(counts) {
            if *counts {
                values.extend_from_slice(row);
            }
        }
    }
    let rows = Rows::new(&values, channels)?;
    let whitening = Whitening::fit(&rows, own.components, &training.monitor)?;
    Ok((Whitener::new(&whitening, channels), seen))
}

/// The places of all training images, of which the `first` have been looked at.
fn training_places(
    own: &LocalFlowConfig,
    training: &Training<'_>,
    split: &Split,
    whitener: &Whitener,
    first: Vec<SeenPlaces>,
) -> Result<TrainingPlaces, Error> {
    let total = split.training.len();
    let mut all = TrainingPlaces::default();
    let components = whitener.components();
    let others = read(own, training, &split.training[first.len()..]);
    for (done, seen) in (1..).zip(first.into_iter().map(Ok).chain(others)) {
        let SeenPlaces { places, counts } = seen?;
        let shape = (places.height, places.width);
        let known = all.grids.iter().position(|(grid, _)| *grid == shape);
        let grid = known.unwrap_or_else(|| {
            all.grids.push((shape, positions(shape.0, shape.1)));
            all.grids.len() - 1
        });
        let whitened = whitener.apply(&places.values);
        for (at, (row, counts)) in whitened.chunks_exact(components).zip(&counts).enumerate() {
            if *counts {
                all.rows.extend_from_slice(row);
                all.at.push((grid as u32, at as u32));
            }
        }
        all.means.push(mean_of(&whitened, &counts, components));
        training.monitor.report(Progress::new(Stage::Features, done, total))?;
    }
    Ok(all)
}

/// The places of files that were usable before; a few images are in memory at a time.
fn read<'a>(
    own: &'a LocalFlowConfig,
    training: &'a Training<'_>,
    files: &'a [PathBuf],
) -> impl Iterator<Item = Result<SeenPlaces, Error>> {
    let runtime = training.runtime;
    let decoded = files.chunks(BATCH).flat_map(move |files| {
        let read = |file: &PathBuf| {
            SeenImage::read(ImageInput::File(file), training.regions, &runtime.limits)
        };
        files.par_iter().map(read).collect::<Vec<_>>()
    });
    decoded.map(move |seen| {
        let seen = seen.map_err(|source| Error::ImageChanged { source })?;
        Ok(seen_places(runtime.place_extractor(), &seen, own.pixels, &own.stages))
    })
}

/// Mean and standard deviation over images of the images' means.
fn statistics(means: &[Vec<f64>]) -> (Vec<f32>, Vec<f32>) {
    let components = means.first().map_or(0, Vec::len);
    let count = means.len().max(1) as f64;
    let of = |component: usize| {
        let values = || means.iter().map(move |image| image[component]);
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (mean as f32, variance.sqrt() as f32)
    };
    (0..components).map(of).unzip()
}
