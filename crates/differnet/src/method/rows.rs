//! Competitors on rows of features: 1-NN and the one-class SVM (paper, Section 4.3).

use std::collections::BTreeMap;
use std::path::Path;

use differnet_baselines::{BaselineError, RowScorer, Rows};
use differnet_data::{ImageError, ImageInput};
use differnet_features::Backbone;
use differnet_flow::AuxiliaryTensor;
use differnet_onnx::Graph;
use differnet_progress::{Monitor, Progress, Stage};
use differnet_scoring::anomaly_score;

use super::{Fitted, GoodScores};
use crate::adaptive::score_by_rows;
use crate::config::Config;
use crate::error::Error;
use crate::export::rows::rows_graph;
use crate::export::{GraphEntry, GraphResult};
use crate::header::Header;
use crate::score::ImageScore;
use crate::scorer::{Scorer, Scoring};
use crate::split::ValidationSplit;
use crate::training::Training;

/// Training images whose scores stand in where there is no validation set.
pub(super) const SCORED_TRAINING_IMAGES: usize = 200;

/// A fitted method on rows.
#[derive(Debug)]
struct OnRows<M>(M);

/// A method fitted by `fit` to the training images' features.
pub(super) fn fit<M: RowScorer + 'static>(
    training: &Training<'_>,
    split: &ValidationSplit,
    fit: impl FnOnce(&Rows<'_>, &Monitor<'_>) -> Result<M, BaselineError>,
) -> Result<Fitted, Error> {
    let (config, runtime) = (training.config, training.runtime);
    let backbone = config.require_backbone()?;
    let width = backbone.features();
    let images = training.images(&split.training);
    let total = images.len();
    let mut rows = Vec::with_capacity(total * config.transforms * width);
    let choice = |hash: &_| training.training_transforms(hash, 0..config.transforms);
    let preprocessing = training.preprocessing();
    let features = runtime.features_of_usable(backbone, preprocessing, images, choice);
    for (done, features) in (1..).zip(features) {
        rows.extend(features?.rows);
        training.monitor.report(Progress::new(Stage::Features, done, total))?;
    }
    let rows = Rows::new(&rows, width)?;
    let model = fit(&rows, &training.monitor)?;
    let good_scores = good_scores(training, split, |image| {
        let transforms = config.transforms * training.images_per_file();
        Ok(model.training_scores(&rows, image * transforms..(image + 1) * transforms))
    })?;
    let facts = facts(model.facts());
    let extractor = Some(runtime.extractor(backbone)?.id().to_owned());
    Ok(Fitted { extractor, facts, ..Fitted::new(Box::new(OnRows(model)), good_scores) })
}

/// Scores of training images, where there is no validation set; the transforms of a file's images score
/// `scores`.
pub(super) fn good_scores(
    training: &Training<'_>,
    split: &ValidationSplit,
    scores: impl Fn(usize) -> Result<Vec<f64>, BaselineError>,
) -> Result<GoodScores, Error> {
    if !split.validation.is_empty() {
        return Ok(GoodScores::OfValidationSet);
    }
    let images = 0..split.training.len().min(SCORED_TRAINING_IMAGES);
    let Config { transforms, average, .. } = *training.config;
    let mut good = Vec::new();
    for image in images {
        for transforms in scores(image)?.chunks(transforms) {
            good.push(anomaly_score(transforms, average)?);
        }
    }
    Ok(GoodScores::Known(training.largest_of_each_file(&good)))
}

pub(super) fn facts(facts: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    let mut facts: Vec<_> =
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    facts.sort();
    facts
}

/// A method read from the file `path` as a scorer, if it is one of a network's whole rows.
pub(super) fn scorer<M: RowScorer + 'static>(
    path: &Path,
    backbone: Backbone,
    model: M,
) -> Result<Box<dyn Scorer>, Error> {
    let width = backbone.features();
    if model.features() != width {
        let reason = format!("it does not describe {width} features of {backbone}");
        return Err(Error::NotAModel { path: path.to_path_buf(), reason });
    }
    Ok(Box::new(OnRows(model)))
}

impl<M: RowScorer> Scorer for OnRows<M> {
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        score_by_rows(images, scoring, |rows| {
            Ok(self.0.scores(&Rows::new(rows, self.0.features())?))
        })
    }

    fn export(
        &self,
        graph: &mut Graph,
        entry: &GraphEntry<'_>,
        header: &Header,
    ) -> Result<GraphResult, String> {
        let backbone = header.config.backbone.ok_or("it has no network")?;
        rows_graph(graph, entry, header, backbone, |graph, rows| self.0.graph(graph, rows))
    }

    fn row_scores(&self, rows: &[f32]) -> Option<Vec<f64>> {
        Rows::new(rows, self.0.features()).ok().map(|rows| self.0.scores(&rows))
    }

    fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        _: &[AuxiliaryTensor],
    ) -> Result<(), Error> {
        self.0.save(path, metadata).map_err(Error::baseline_model(path))
    }
}
