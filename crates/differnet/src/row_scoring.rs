//! Images to the scores of their transforms, by rows of features: of all transforms, or of as many as a
//! verdict needs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use differnet_data::{ContentHash, ImageError, ImageInput, Regions, TransformConfig, spread_order};
use differnet_features::FEATURES;
use differnet_scoring::Settling;

use crate::detector::{ScoreConfig, TransformChoice};
use crate::error::DetectorError;
use crate::feature_source::{FeatureSource, ImageFeatures};

/// Scores rows `[rows, 768]`, one number each.
type ScoreRows<'a> = dyn Fn(&[f32]) -> Result<Vec<f64>, DetectorError> + 'a;

/// How images are scored by their rows.
pub(crate) struct RowScoring<'a> {
    pub(crate) source: &'a FeatureSource,
    pub(crate) regions: Option<&'a Regions>,
    pub(crate) config: &'a ScoreConfig,
    pub(crate) transforms: &'a TransformConfig,
    /// See [`Settling::spread`].
    pub(crate) spread: Option<f64>,
    pub(crate) score: &'a ScoreRows<'a>,
}

/// One image's rows and their scores.
pub(crate) struct ScoredRows {
    pub(crate) hash: ContentHash,
    /// Row-major `[transforms, 768]`.
    pub(crate) rows: Vec<f32>,
    /// `[transforms]`.
    pub(crate) scores: Vec<f64>,
}

impl RowScoring<'_> {
    /// Calls `visit` with the index and the scores of each image, in order, until it breaks.
    ///
    /// # Errors
    /// [`DetectorError`] if the cache cannot be used or rows cannot be scored.
    pub(crate) fn run(
        &self,
        images: &[ImageInput<'_>],
        visit: &mut dyn FnMut(usize, Result<ScoredRows, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        let settling = self.config.settle.map(|thresholds| Settling {
            transforms: self.config.transforms,
            average: self.config.average,
            thresholds,
            spread: self.spread,
        });
        let order = settling.and_then(|_| self.order());
        let choice = |hash: &ContentHash| {
            let transforms = self.config.transforms_of(hash, self.transforms);
            match &order {
                Some(order) => order.iter().map(|&index| transforms[index]).collect(),
                None => transforms,
            }
        };
        // Both closures below need them.
        let failure = RefCell::new(None);
        let begun: RefCell<HashMap<usize, Vec<f64>>> = RefCell::default();

        let mut want = |index: usize, rows: &[f32]| {
            let Some(settling) = settling else { return usize::MAX };
            let mut begun = begun.borrow_mut();
            let scores = begun.entry(index).or_default();
            match (self.score)(&rows[scores.len() * FEATURES..]) {
                Ok(new) => scores.extend(new),
                Err(error) => {
                    failure.borrow_mut().get_or_insert(error);
                    return 0;
                }
            }
            settling.wanted(scores)
        };
        let mut finish = |index, features: Result<ImageFeatures, ImageError>| {
            let begun = begun.borrow_mut().remove(&index);
            if failure.borrow().is_some() {
                return ControlFlow::Break(());
            }
            let Ok(ImageFeatures { hash, rows, .. }) = features else {
                return visit(index, features.map(|_| unreachable!("it is an error")));
            };
            let settled = begun.filter(|scores| scores.len() * FEATURES == rows.len());
            // The full count is scored as if it had been asked for.
            let rows = match (&settled, &order) {
                (None, Some(order)) => in_order(&rows, order),
                _ => rows,
            };
            let scores = settled.map_or_else(|| (self.score)(&rows), Ok);
            match scores {
                Ok(scores) => visit(index, Ok(ScoredRows { hash, rows, scores })),
                Err(error) => {
                    failure.borrow_mut().get_or_insert(error);
                    ControlFlow::Break(())
                }
            }
        };
        let flow = self.source.for_each_as_wanted(
            self.regions,
            images,
            &choice,
            &mut want,
            &mut finish,
        )?;
        failure.into_inner().map_or(Ok(flow), Err)
    }

    /// The order in which an image's transforms are taken until they are enough; `None` for that in which
    /// they come: random ones have no other.
    fn order(&self) -> Option<Vec<usize>> {
        let fixed = self.config.choice == TransformChoice::Fixed;
        fixed.then(|| spread_order(self.config.transforms))
    }
}

/// Rows `[rows, 768]` of which row i belongs at `order[i]`, where they belong.
fn in_order(rows: &[f32], order: &[usize]) -> Vec<f32> {
    let mut sorted = vec![0.0; rows.len()];
    for (row, &index) in rows.chunks_exact(FEATURES).zip(order) {
        sorted[index * FEATURES..][..FEATURES].copy_from_slice(row);
    }
    sorted
}
