//! Interfaces of fitted methods: of all, of those on rows, of those on pixels.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;

use differnet_onnx::{Graph, Value};

use crate::error::BaselineError;
use crate::images::Images;
use crate::rows::Rows;

/// A method fitted to good images.
pub trait FittedModel: Debug + Send + Sync {
    /// Numbers worth telling of the model: names and values.
    fn facts(&self) -> Vec<(&'static str, String)>;

    /// Writes the model with `metadata` as a safetensors file; a complete file or none.
    ///
    /// # Errors
    /// [`BaselineError::File`] if the file cannot be written.
    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BaselineError>;
}

/// A fitted method that looks at rows of features.
pub trait RowScorer: FittedModel {
    /// Width of the rows that it was fitted to.
    fn features(&self) -> usize;

    /// The score of each row; larger is less like the rows that it was fitted to.
    ///
    /// # Panics
    /// If the rows have another width than [`Self::features`].
    fn scores(&self, rows: &Rows<'_>) -> Vec<f64>;

    /// The scores of the training rows numbered `range`, all those of one image, as if that image
    /// had not been fitted to, as far as the method can leave it out; `rows` are all training rows.
    ///
    /// # Panics
    /// As [`Self::scores`].
    fn training_scores(&self, rows: &Rows<'_>, range: Range<usize>) -> Vec<f64> {
        self.scores(&rows.subrows(range))
    }

    /// The scores `[n]` of `rows`, `[n, features]`, as part of a graph of ONNX: those of [`Self::scores`] up to
    /// rounding to single precision.
    fn graph(&self, graph: &mut Graph, rows: Value) -> Value;
}

/// A fitted method that looks at pixels.
pub trait PixelScorer: FittedModel {
    /// Width and height of the images that it was fitted to, in pixels.
    fn side(&self) -> usize;

    /// The score of each image; larger is less like the images that it was fitted to.
    ///
    /// # Errors
    /// A [`BaselineError`] if there are no images or not of this size, or if a score is not finite.
    fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError>;
}

/// The scores, if all are finite.
pub(crate) fn finite_scores(scores: Vec<f64>) -> Result<Vec<f64>, BaselineError> {
    match scores.iter().position(|score| !score.is_finite()) {
        Some(index) => Err(BaselineError::NonFiniteScore { index }),
        None => Ok(scores),
    }
}

/// A fitted method of either kind.
#[derive(Debug)]
pub enum Scorer {
    /// It looks at features.
    Rows(Box<dyn RowScorer>),
    /// It looks at pixels.
    Pixels(Box<dyn PixelScorer>),
}

impl Scorer {
    /// The method, whatever it looks at.
    pub fn model(&self) -> &dyn FittedModel {
        match self {
            Self::Rows(scorer) => scorer.as_ref(),
            Self::Pixels(scorer) => scorer.as_ref(),
        }
    }
}
