//! Fitting the parts of a plan to the places of good images, and their scales to images left out.

use differnet_progress::{Progress, Stage};
use differnet_random::IndexStream;

use super::bank::{Bank, CANDIDATES};
use super::flow_fits::FlowFits;
use super::gathered::{GoodImage, counted_places, divided, placed_rows};
use super::gaussians::PlaceGaussians;
use super::image_score::PlaceValues;
use super::input::{SeenMaps, Shift, read, read_shifted};
use super::parts::{Density, Parts, placed_width};
use super::place_scale::{GoodMaps, PlaceScale, good_values};
use super::plan::{DensityPlan, Plan};
use super::scorer::LocalModel;
use super::view::View;
use crate::error::Error;
use crate::feature_distance::feature_distance;
use crate::method::flows::Flows;
use crate::method::{Fitted, GoodScores};
use crate::split::ValidationSplit;
use crate::training::Training;

/// Tiles whose places set means, deviations and principal components: 47,000 places of images seen as a whole.
const WHITENING_TILES: usize = 60;
/// Images that are looked at for that, at least.
const WHITENING_IMAGES: usize = 4;
/// Groups of images that are left out one after the other where none are held back.
const FOLDS: usize = 4;

/// Parts while they are fitted.
struct Fitting<'a> {
    training: &'a Training<'a>,
    widths: Vec<usize>,
    flow_fits: FlowFits<'a>,
    /// Images that parts are to learn from once they have judged them.
    held_back: usize,
}

/// A model by `plan` of the images of `split`.
///
/// The scale of each part, the threshold and that of maps come from images that it was not fitted to:
/// those held back, else by cross-validation; of a single image, from its shifted copies. Once
/// those held back have been judged, the parts learn from them, too.
pub(crate) fn fit(
    plan: Plan,
    training: &Training<'_>,
    split: &ValidationSplit,
) -> Result<Fitted, Error> {
    let stages = plan.stages();
    let first = (WHITENING_TILES / plan.tiles.count()).max(WHITENING_IMAGES);
    let (fitted, validation) =
        (training.images(&split.training), training.images(&split.validation));
    let first = &fitted[..fitted.len().min(first)];
    let mut flow_fits = FlowFits::new(training, split)?;
    let first = read(&plan, training, first).collect::<Result<Vec<_>, Error>>()?;
    let view = |view| View::fit(&plan, view, &first, &training.monitor);
    let views = plan.views.iter().map(view).collect::<Result<Vec<_>, Error>>()?;
    let known = first.len();
    let others = read(&plan, training, &fitted[known..]);
    let total = fitted.len() + validation.len();
    let validation = read(&plan, training, &validation);
    let gathered = |seen: SeenMaps| gathered(&views, &stages, seen);
    let mut images = Vec::with_capacity(total);
    for seen in first.into_iter().map(Ok).chain(others).chain(validation) {
        images.push(gathered(seen?));
        training.monitor.report(Progress::new(Stage::Features, images.len(), total))?;
    }
    let validation = images.split_off(fitted.len());
    let images: Vec<&GoodImage> = images.iter().collect();

    let (files, each) = (split.training.len(), training.images_per_file());
    let folds = if validation.is_empty() && files > 1 { files.min(FOLDS) } else { 0 };
    let again = (!validation.is_empty()).then(|| plan.continued());
    flow_fits.total = plan.updates() * (folds + 1) + again.as_ref().map_or(0, Plan::updates);
    let widths = views.iter().map(View::components).collect();
    let mut fitting = Fitting { training, widths, flow_fits, held_back: validation.len() };
    let mut good = Vec::with_capacity(total);
    for fold in 0..folds {
        let (left_out, others) = divided(&images, each, fold, folds);
        let parts = fitting.parts(&plan, &others, None)?;
        good.extend(left_out.into_iter().map(|image| judged(&parts, image)));
    }
    let mut parts = fitting.parts(&plan, &images, None)?;
    good.extend(validation.iter().map(|image| judged(&parts, image)));
    if let Some(again) = again {
        // Once they have been judged, images held back are worth learning from, too.
        let all: Vec<&GoodImage> = images.iter().copied().chain(&validation).collect();
        let before = Before { parts: &parts, new: &all[images.len()..] };
        parts = fitting.parts(&again, &all, Some(before))?;
    }
    if good.is_empty() {
        for shift in Shift::HALF_A_PLACE {
            for image in &fitted[..each] {
                let seen = read_shifted(&plan, training, *image, shift)?;
                good.push(judged(&parts, &gathered(seen)));
            }
        }
    }

    let maps = if plan.standardised { good_maps(&good, each) } else { Vec::new() };
    let scales = |without: Option<usize>| -> Vec<PlaceScale> {
        maps.iter().map(|maps| PlaceScale::fit(maps, without)).collect()
    };
    // Standardised by itself an image would look better than it is; a single one has no others.
    let without = |at| scales(Some(at / each).filter(|_| good.len() > each));
    let scores = training.largest_of_each_file(&scores(&plan, &good, without));
    let good_peaks = Some(training.largest_of_each_file(&peaks(&plan, &good)));
    let scales = scales(None);
    let (feature_means, feature_deviations) = statistics(&images);
    let feature_distances = images.iter().copied().chain(&validation).filter_map(|image| {
        feature_distance(&feature_means, &feature_deviations, image.mean.iter().copied())
    });
    let feature_distances = feature_distances.collect();
    let facts = facts(&plan, &parts, &images, &fitting.widths);
    let history = fitting.flow_fits.history;
    let extractor = training.runtime.place_extractor(plan.backbone)?.id(plan.last_stage());
    let updates = Some(plan.updates() as u64).filter(|updates| *updates > 0);
    let model = LocalModel { plan, views: views.into(), parts, scales };
    Ok(Fitted {
        extractor: Some(extractor),
        feature_means,
        feature_deviations,
        feature_distances,
        updates,
        history,
        cross_validated: folds > 0,
        good_peaks,
        refitted: true,
        facts,
        ..Fitted::new(Box::new(model), GoodScores::Known(scores))
    })
}

/// Features of an image that the views keep.
pub(super) fn gathered(views: &[View], stages: &[usize], seen: SeenMaps) -> GoodImage {
    let rows: Vec<Vec<f32>> = views.iter().map(|view| view.rows(stages, &seen)).collect();
    GoodImage::new(seen.grid, &rows)
}

/// The values of a good image by parts that were not fitted to it.
pub(super) fn judged(parts: &Parts, image: &GoodImage) -> PlaceValues {
    PlaceValues { values: parts.values(&image.views(), &image.grid), grid: image.grid.clone() }
}

/// The maps of good images, `each` of a file, by each part, as scales are made of them.
pub(super) fn good_maps(good: &[PlaceValues], each: usize) -> Vec<GoodMaps> {
    let of_part = |part: usize| {
        let maps = good.iter().map(|image| good_values(&image.values[part], &image.grid));
        GoodMaps::new(maps.collect(), each)
    };
    (0..good[0].values.len()).map(of_part).collect()
}

/// The score of each good image, standardised by the scales that `without` makes without it.
pub(super) fn scores(
    plan: &Plan,
    good: &[PlaceValues],
    without: impl Fn(usize) -> Vec<PlaceScale>,
) -> Vec<f64> {
    let score = |(at, image): (usize, &PlaceValues)| {
        plan.image_score.of(&image.sum(&without(at)), &image.grid)
    };
    good.iter().enumerate().map(score).collect()
}

/// The largest value of the map of each good image.
pub(super) fn peaks(plan: &Plan, good: &[PlaceValues]) -> Vec<f64> {
    let peaks = good.iter().filter_map(|image| image.map(plan.map_part).peak());
    peaks.map(|peak| f64::from(peak.value)).collect()
}

/// Parts to go on with, and the images that they have not learnt from.
#[derive(Clone, Copy)]
struct Before<'a> {
    parts: &'a Parts,
    new: &'a [&'a GoodImage],
}

impl Fitting<'_> {
    /// The parts fitted to `images` by `plan`; flows and banks go on from those of `before`.
    fn parts(
        &mut self,
        plan: &Plan,
        images: &[&GoodImage],
        before: Option<Before<'_>>,
    ) -> Result<Parts, Error> {
        let monitor = &self.training.monitor;
        let (mut flows, mut parts) = (Vec::new(), Vec::new());
        let starts = before.and_then(|before| before.parts.flows.as_ref()).map(Flows::tensors);
        for (number, part) in plan.parts.iter().enumerate() {
            let density = match &part.density {
                DensityPlan::Flow(own) => {
                    let view = (part.view, self.widths[part.view]);
                    let start = starts.map(|starts| starts[flows.len()].clone());
                    flows.push(self.flow_fits.fit(view, own, images, start)?);
                    Density::Flow(flows.len() - 1)
                }
                DensityPlan::Bank { size, place_weight } => {
                    let seen = (part.view, *place_weight);
                    let bank = match before.map(|before| (before.new, &before.parts.parts[number]))
                    {
                        Some((new, (_, Density::Bank { bank, .. }))) => {
                            let most = CANDIDATES * new.len() / (images.len() - new.len());
                            let rows = self.candidates(seen, new, most);
                            bank.grown(&rows, size.saturating_sub(bank.count()), monitor)?
                        }
                        _ => self.bank(seen, *size, images)?,
                    };
                    Density::Bank { bank, place_weight: *place_weight }
                }
                DensityPlan::Gaussians => {
                    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(images.len());
                    rows.extend(images.iter().map(|image| image.views().swap_remove(part.view)));
                    Density::Gaussians(PlaceGaussians::fit(&rows, self.widths[part.view]))
                }
            };
            parts.push((part.view, density));
        }
        let backend = &self.training.runtime.backend;
        let flows = (!flows.is_empty()).then(|| Flows::of(flows, backend));
        Ok(Parts { flows, parts })
    }

    /// A bank of places of `images`, with room left for those held back.
    fn bank(&self, seen: (usize, f64), size: usize, images: &[&GoodImage]) -> Result<Bank, Error> {
        let Training { config, monitor, .. } = self.training;
        let candidates = self.candidates(seen, images, CANDIDATES);
        let width = placed_width(self.widths[seen.0], seen.1);
        let share = (size * images.len() / (images.len() + self.held_back)).max(1);
        Bank::fit(&candidates, width, share, config.seed, monitor)
    }

    /// Up to `most` places of `images`, drawn at random, as a bank compares them.
    fn candidates(&self, seen: (usize, f64), images: &[&GoodImage], most: usize) -> Vec<f32> {
        let places = counted_places(images);
        let seed = self.training.config.seed;
        let mut stream = IndexStream::indexed(seed, b"bank candidates ", 0);
        let drawn = stream.subsample(places.len(), most).into_iter().map(|at| places[at]);
        placed_rows(images, drawn, seen)
    }
}

/// Facts of the model.
fn facts(
    plan: &Plan,
    parts: &Parts,
    images: &[&GoodImage],
    widths: &[usize],
) -> Vec<(String, String)> {
    let joined = |values: Vec<String>| values.join(", ");
    let mut facts = vec![
        ("places trained on", counted_places(images).len().to_string()),
        ("components of a place", joined(widths.iter().map(usize::to_string).collect())),
    ];
    let flow = |part: &super::plan::PartPlan| match &part.density {
        DensityPlan::Flow(own) => Some(own.config(widths[part.view]).parameters().to_string()),
        DensityPlan::Bank { .. } | DensityPlan::Gaussians => None,
    };
    let flows: Vec<String> = plan.parts.iter().filter_map(flow).collect();
    if !flows.is_empty() {
        facts.push(("parameters of the flows", joined(flows)));
    }
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value));
    facts.chain(remembered(parts)).collect()
}

/// Facts about the banks among `parts`.
pub(super) fn remembered(parts: &Parts) -> impl Iterator<Item = (String, String)> {
    parts.parts.iter().filter_map(|(_, density)| match density {
        Density::Bank { bank, .. } => {
            Some(("places remembered".to_owned(), bank.count().to_string()))
        }
        _ => None,
    })
}

/// Mean and standard deviation over images of the images' means.
fn statistics(images: &[&GoodImage]) -> (Vec<f32>, Vec<f32>) {
    let count = images.len() as f64;
    let of = |component: usize| {
        let values = || images.iter().map(move |image| image.mean[component]);
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (mean as f32, variance.sqrt() as f32)
    };
    (0..images[0].mean.len()).map(of).unzip()
}
