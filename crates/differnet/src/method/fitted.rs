//! A method after its fit.

use crate::header::HistoryPoint;
use crate::scorer::Scorer;

/// A method after its fit, and what its model's [`Header`](crate::Header) tells of it.
pub(crate) struct Fitted {
    pub(crate) scorer: Box<dyn Scorer>,
    /// Name of the feature extractor; `None` for methods that look at pixels.
    pub(crate) extractor: Option<String>,
    /// Scores that the threshold is set by.
    pub(crate) good_scores: GoodScores,
    /// Usual standard deviation of one good image's transforms; `None` if unknown.
    pub(crate) transform_spread: Option<f64>,
    /// Mean and standard deviation of each feature over training rows; empty if not kept.
    pub(crate) feature_means: Vec<f32>,
    pub(crate) feature_deviations: Vec<f32>,
    /// Distances of good images' features from the means, see
    /// [`InputProperty::Features`](crate::input_guard::InputProperty); empty if not known.
    pub(crate) feature_distances: Vec<f64>,
    /// Updates behind the weights, and the course of the training; `None` without updates.
    pub(crate) updates: Option<u64>,
    pub(crate) history: Vec<HistoryPoint>,
    /// Whether the method has learnt from the images held back, too, after it judged them.
    pub(crate) refitted: bool,
    /// Whether the scores come from cross-validation.
    pub(crate) cross_validated: bool,
    /// Largest value of the map of each image behind the scores, if its map is known by then.
    pub(crate) good_peaks: Option<Vec<f64>>,
    /// Further facts of the method: names and values.
    pub(crate) facts: Vec<(String, String)>,
}

impl Fitted {
    /// A fitted method that tells nothing of itself.
    pub(super) fn new(scorer: Box<dyn Scorer>, good_scores: GoodScores) -> Self {
        Self {
            scorer,
            extractor: None,
            good_scores,
            transform_spread: None,
            feature_means: Vec::new(),
            feature_deviations: Vec::new(),
            feature_distances: Vec::new(),
            updates: None,
            history: Vec::new(),
            refitted: false,
            cross_validated: false,
            good_peaks: None,
            facts: Vec::new(),
        }
    }
}

/// Scores of good images that a threshold is set by.
pub(crate) enum GoodScores {
    /// They are known from the fit.
    Known(Vec<f64>),
    /// The model has to score the validation set.
    OfValidationSet,
}
