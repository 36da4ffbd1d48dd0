//! Settings of scoring, and the score of an image.

use differnet_data::{ContentHash, InputStatistics, Purpose, Transform, TransformConfig};
use differnet_scoring::{Average, ScoreError, Thresholds, Verdict, anomaly_score};

use crate::input_guard::{InputGuard, InvalidInput};

/// Choice of the transforms that an image is scored under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransformChoice {
    /// Angles i · 360° / N: every image alike, and cached rows serve every model.
    Fixed,
    /// Drawn at random for each image, from the seed and from what counts in the image.
    Random {
        /// Seed of the draws.
        seed: u64,
    },
}

/// Settings of scoring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreConfig {
    /// Transforms of each image; the most, if not all of them are needed.
    pub transforms: usize,
    /// Choice of the transforms.
    pub choice: TransformChoice,
    /// Average over transforms.
    pub average: Average,
    /// Adaptive scoring: an image gets no more transforms than its verdict by these thresholds needs;
    /// `None` for all of them. See [`StoppingRule`](differnet_scoring::StoppingRule) for how sure that is.
    pub early_stopping: Option<Thresholds>,
}

/// The score of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageScore {
    /// Names the image by what counts in it.
    pub hash: ContentHash,
    /// The mean over transforms: τ(x) of Eq. 5, nats, for DifferNet.
    pub score: f64,
    /// Verdict by the thresholds of defects and of doubt; [`Verdict::Invalid`] if the image cannot be judged.
    pub verdict: Verdict,
    /// Reason for an invalid verdict; `None` for a valid image.
    pub invalid: Option<InvalidInput>,
    /// Of the pixels that count.
    pub statistics: InputStatistics,
    /// The score of each transform that was needed: for DifferNet −log p_Z, nats, up to a constant.
    pub transform_scores: Vec<f64>,
    /// Column and row of the upright image's pixel where it is most anomalous; `None` if the method does not
    /// know before it makes a map.
    pub peak: Option<[u32; 2]>,
    /// Mean over transforms of each feature, `[768]`; empty if the model keeps no statistics of them.
    pub mean_features: Vec<f32>,
}

impl ScoreConfig {
    /// The transforms under which the image with content hash `image` is scored.
    pub fn transforms_of(&self, image: &ContentHash, config: &TransformConfig) -> Vec<Transform> {
        match self.choice {
            TransformChoice::Fixed => config.fixed(self.transforms),
            TransformChoice::Random { seed } => {
                config.random(seed, Purpose::Score, image, 0..self.transforms)
            }
        }
    }

    /// The score and the verdict of an image from the scores of its transforms.
    ///
    /// # Errors
    /// [`ScoreError::NoTransforms`] if there are none.
    pub fn judge(
        &self,
        hash: ContentHash,
        statistics: InputStatistics,
        transform_scores: Vec<f64>,
        thresholds: &Thresholds,
    ) -> Result<ImageScore, ScoreError> {
        let score = anomaly_score(&transform_scores, self.average)?;
        let verdict = thresholds.verdict(score);
        let mean_features = Vec::new();
        Ok(ImageScore {
            hash,
            score,
            verdict,
            invalid: None,
            statistics,
            transform_scores,
            peak: None,
            mean_features,
        })
    }
}

impl ImageScore {
    /// The score of an image that `guard` has seen: without a verdict on the part if it is no picture of one.
    pub(crate) fn guarded(self, guard: &InputGuard, distance: Option<f64>) -> Self {
        match guard.check(&self.statistics, distance) {
            Ok(()) => self,
            Err(invalid) => Self { verdict: Verdict::Invalid, invalid: Some(invalid), ..self },
        }
    }
}
