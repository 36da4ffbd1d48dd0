//! Incremental update: new good images in a fitted model, without those it was fitted to.

use std::path::PathBuf;

use differnet_flow::{BatchOrder, Flow, Trainer};
use differnet_progress::{Progress, Stage};
use differnet_random::IndexStream;

use super::fit::{gathered, good_maps, judged, peaks, remembered, scores};
use super::gathered::{GoodImage, counted_places, divided, placed_rows};
use super::image_score::PlaceValues;
use super::input::{positions, read};
use super::learning::{PlaceBatches, learn};
use super::parts::{Density, Parts};
use super::place_scale::PlaceScale;
use super::plan::{DensityPlan, FlowTraining, POSITION};
use super::scorer::LocalModel;
use crate::error::Error;
use crate::method::flows::Flows;
use crate::scorer::Updated;
use crate::training::Training;

/// Updates by which a flow learns new images.
const UPDATES: usize = 300;
/// Adam's step size at the start, as a share of that of the training.
const STEP: f64 = 0.1;
/// Rows that a flow remembers of the images that it was fitted to: drawn from itself.
const REMEMBERED: usize = 8192;
/// Share of a bank by which new images may make it grow, percent.
const GROWTH: usize = 10;
/// Groups of new images that are left out one after the other, to judge them by what the others say.
const FOLDS: usize = 2;

impl LocalModel {
    /// The model with the good images of `training` and `files` taken in; `known` images are behind its scales.
    ///
    /// Flows go on learning, half from the new places and half from places that they draw themselves; banks
    /// remember the new places that are farthest from theirs. New images are judged by parts that have not
    /// seen them.
    pub(super) fn update(
        &self,
        training: &Training<'_>,
        files: &[PathBuf],
        known: usize,
    ) -> Result<Updated, Error> {
        let stages = self.plan.stages();
        let (new, each) = (training.images(files), training.images_per_file());
        let mut images = Vec::with_capacity(new.len());
        for seen in read(&self.plan, training, &new) {
            images.push(gathered(&self.views, &stages, seen?));
            training.monitor.report(Progress::new(Stage::Features, images.len(), new.len()))?;
        }
        let mut good: Vec<PlaceValues> = Vec::with_capacity(images.len());
        let images: Vec<&GoodImage> = images.iter().collect();
        let folds = files.len().min(FOLDS);
        for fold in 0..folds {
            // A single file is judged by the model as it was.
            let (left_out, others) = divided(&images, each, fold, folds);
            let updated = (!others.is_empty()).then(|| self.parts_with(training, &others));
            let updated = updated.transpose()?;
            let parts = updated.as_ref().unwrap_or(&self.parts);
            good.extend(left_out.into_iter().map(|image| judged(parts, image)));
        }
        let parts = self.parts_with(training, &images)?;
        let facts = remembered(&parts).collect();
        let maps = good_maps(&good, each);
        let scales = |without: Option<usize>| -> Vec<PlaceScale> {
            let parts = self.scales.iter().zip(&maps);
            parts.map(|(scale, maps)| scale.merged(known, maps, without)).collect()
        };
        let without = |at| scales(Some(at / each));
        let scores = training.largest_of_each_file(&scores(&self.plan, &good, without));
        let peaks = training.largest_of_each_file(&peaks(&self.plan, &good));
        let (plan, views) = (self.plan.clone(), self.views.clone());
        let scorer = Box::new(Self { plan, views, parts, scales: scales(None) });
        let mean_features = images.iter().map(|image| image.mean.clone()).collect();
        Ok(Updated { scorer, scores, peaks, mean_features, facts })
    }

    /// The parts after they have seen `images`.
    fn parts_with(&self, training: &Training<'_>, images: &[&GoodImage]) -> Result<Parts, Error> {
        let backend = &training.runtime.backend;
        let mut flows = Vec::new();
        let mut parts = Vec::with_capacity(self.parts.parts.len());
        for ((view, density), plan) in self.parts.parts.iter().zip(&self.plan.parts) {
            let density = match (density, &plan.density) {
                (Density::Flow(number), DensityPlan::Flow(own)) => {
                    let before = self.parts.flows.as_ref().expect("a part is a flow");
                    flows.push(continued(training, *view, own, (before, *number), images)?);
                    Density::Flow(*number)
                }
                (Density::Bank { bank, place_weight }, _) => {
                    let places = counted_places(images);
                    let rows = placed_rows(images, places, (*view, *place_weight));
                    let more = bank.count().div_ceil(100 / GROWTH);
                    let bank = bank.grown(&rows, more, &training.monitor)?;
                    Density::Bank { bank, place_weight: *place_weight }
                }
                _ => return Err(Error::NoUpdate { method: training.config.method.method() }),
            };
            parts.push((*view, density));
        }
        let flows = (!flows.is_empty()).then(|| Flows::of(flows, backend));
        Ok(Parts { flows, parts })
    }
}

/// A flow that goes on learning from the places of `images`, and from as many that it draws itself.
fn continued(
    training: &Training<'_>,
    view: usize,
    own: &FlowTraining,
    (flows, number): (&Flows, usize),
    images: &[&GoodImage],
) -> Result<Flow, Error> {
    let Training { config, runtime, monitor, .. } = training;
    let own = own.continued(UPDATES, STEP);
    let flow = flows.tensors()[number].clone();
    let components = flow.features();
    let shape = images[0].grid.shape();
    let everywhere = positions(shape);
    let mut stream = IndexStream::indexed(config.seed, b"remembered rows ", 0);
    let condition: Vec<f32> = (0..REMEMBERED)
        .flat_map(|_| {
            let place = stream.below(shape.0 * shape.1);
            everywhere[place * POSITION..][..POSITION].to_vec()
        })
        .collect();
    let remembered = flows.sample(number, &condition, config.seed); // [REMEMBERED, components]

    let half = (own.batch_size / 2).max(1);
    let mut new = PlaceBatches::new(images, (view, components), half, own.noise, config.seed);
    let mut old = BatchOrder::new(config.seed.wrapping_add(1), REMEMBERED, half);
    let batch = |update: usize| {
        let mut batch = new.batch(update);
        // What a flow draws has the noise that it was trained with.
        for &at in old.batch(update as u64) {
            batch.rows.extend_from_slice(&remembered[at * components..][..components]);
            batch.condition.extend_from_slice(&condition[at * POSITION..][..POSITION]);
        }
        batch
    };
    let mut trainer = Trainer::new(flow, own.adam.clone(), &runtime.backend);
    learn(&mut trainer, &own, batch, |trainer, loss| {
        let progress = Progress::new(Stage::Training, trainer.steps() as usize, UPDATES);
        Ok(monitor.report(Progress { loss: Some(loss), ..progress })?)
    })?;
    Ok(trainer.flow())
}
