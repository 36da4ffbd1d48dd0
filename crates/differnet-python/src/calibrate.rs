//! Thresholds set after training.

use differnet::new_images::NewGoodImages;
use differnet::progress::Monitor;
use differnet::scoring::{Costs, FalseAlarmGuarantee, ScoreError, lowest_rate};
use differnet::{Calibration, Error, GoodImages, ImageScore, Model, ThresholdRule};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::error::{of_differnet, value_error};
use crate::images::Image;
use crate::train::Files;

/// Rule by which the threshold is to be set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    /// As in training.
    Reset,
    /// As before, with more images.
    Before,
    /// At most a share of the good parts is rejected; with doubt about a larger share.
    FalseAlarms { rate: f64, confidence: f64, doubt: Option<f64> },
    /// The expected cost is least.
    Cost(Costs),
}

impl Rule {
    /// The rule that keywords ask for.
    ///
    /// # Errors
    /// `ValueError` if they ask for none, or for several.
    pub(crate) fn new(
        (rate, confidence, doubt): (Option<f64>, Option<f64>, Option<f64>),
        costs: (Option<f64>, Option<f64>, Option<f64>),
        append: bool,
        reset: bool,
    ) -> PyResult<Self> {
        if rate.is_none() && (confidence.is_some() || doubt.is_some()) {
            return Err(value_error(
                "confidence and unsure_rate belong to a false_alarm_rate: give one",
            ));
        }
        let confidence = confidence.unwrap_or(FalseAlarmGuarantee::CONFIDENCE);
        match (rate, costs, reset) {
            (None, (None, None, None), true) => Ok(Self::Reset),
            (Some(rate), (None, None, None), false) => {
                Ok(Self::FalseAlarms { rate, confidence, doubt })
            }
            (None, (Some(escape), Some(false_alarm), Some(defect_share)), false) => {
                Ok(Self::Cost(Costs { escape, false_alarm, defect_share }))
            }
            (None, (None, None, None), false) if append => Ok(Self::Before),
            _ => Err(value_error(
                "say how to set the threshold: false_alarm_rate=0.01; or cost_escape, cost_false_alarm and \
                 defect_share with defects; or reset=True",
            )),
        }
    }
}

/// Sets the threshold of `model`, and says what it is.
pub(crate) fn calibrate(
    model: &mut Model,
    rule: Rule,
    good: Option<&Files>,
    defects: Option<&[Image]>,
    append: bool,
    monitor: &Monitor<'_>,
) -> PyResult<Value> {
    if append && good.is_none() {
        return Err(value_error("append=True adds good images: give them as the first argument"));
    }
    if defects.is_some() != matches!(rule, Rule::Cost(_)) {
        return Err(value_error("defects are needed for a threshold by cost, and for no other"));
    }
    let header = model.header();
    let before = header.thresholds().defect;
    let rule = match (rule, header.calibration.as_ref().map(|calibration| calibration.rule)) {
        (Rule::Before, Some(ThresholdRule::FalseAlarmRate { rate, confidence, unsure_rate })) => {
            Rule::FalseAlarms { rate, confidence, doubt: unsure_rate }
        }
        (Rule::Before, _) => {
            return Err(value_error("no false_alarm_rate was set before: give one"));
        }
        (rule, _) => rule,
    };
    let mut left_out = NewGoodImages::default();
    let (added, scores) = match (good, header.held_back_scores()) {
        _ if matches!(rule, Rule::Reset) => (GoodImages::default(), Vec::new()),
        (Some(files), _) => {
            let old = header.calibration.as_ref().filter(|_| append);
            let good = old.map(|old| old.added.clone()).unwrap_or_default();
            let found = model.new_good_images(files.paths(), good, monitor);
            left_out = found.map_err(of_differnet)?;
            if !left_out.unusable.is_empty() {
                return Err(of_differnet(Error::Image(left_out.unusable.swap_remove(0).error)));
            }
            let good = std::mem::take(&mut left_out.good);
            if good.count() == 0 {
                return Err(value_error(
                    "the model was trained on all of these images, or judges none of them: take other photographs of \
                     good parts",
                ));
            }
            let scores = good.scores();
            (good, scores)
        }
        (None, None) => {
            return Err(value_error(
                "the model was trained without images held back: give good images as the first argument",
            ));
        }
        (None, Some(scores)) => (GoodImages::default(), scores.to_vec()),
    };
    let (count, mut invalid) = (scores.len(), left_out.invalid.len());
    let calibration = match rule {
        Rule::FalseAlarms { rate, confidence, doubt } => {
            let guarantee = FalseAlarmGuarantee::new(rate, confidence).map_err(refused)?;
            Some(Calibration::by_false_alarms(scores, guarantee, doubt).map_err(refused)?)
        }
        Rule::Cost(costs) => {
            let scored = scored(model, defects.unwrap_or_default(), monitor)?;
            let judged = scored.iter().filter(|image| image.invalid.is_none());
            let defects: Vec<f64> = judged.map(|image| image.score).collect();
            invalid += scored.len() - defects.len();
            Some(Calibration::by_cost(scores, &defects, costs).map_err(refused)?)
        }
        Rule::Reset | Rule::Before => None,
    };
    model.calibrate(calibration.map(|calibration| Calibration { added, ..calibration }));
    let thresholds = model.header().thresholds();
    let confidence = match rule {
        Rule::FalseAlarms { confidence, .. } => Some(lowest_rate(count, confidence)),
        _ => None,
    };
    Ok(json!({
        "threshold": thresholds.defect,
        "threshold_before": before,
        "unsure": thresholds.unsure,
        "images": count,
        "seen_in_training": left_out.trained.len(),
        "twice": left_out.copies.len(),
        "invalid": invalid,
        "lowest_rate": confidence,
    }))
}

/// The scores of images, under the model's own scoring.
fn scored(model: &Model, images: &[Image], monitor: &Monitor<'_>) -> PyResult<Vec<ImageScore>> {
    let mut scores = Vec::with_capacity(images.len());
    for score in model.scores(images.iter().map(Image::input)) {
        let score = score.map_err(of_differnet)?;
        // Features of many images would fill the memory, and nobody asks for them.
        scores.push(ImageScore { mean_features: Vec::new(), ..score });
        monitor.cancel_token().check().map_err(|error| of_differnet(error.into()))?;
    }
    Ok(scores)
}

/// The exception for a threshold that cannot be set; the model keeps its own.
fn refused(error: ScoreError) -> PyErr {
    of_differnet(Error::Score(error))
}
