//! Prediction of one image: the object that commands print with `--json` and the server answers with.

use std::path::Path;

use differnet_data::ImageError;
use differnet_scoring::{Region, Thresholds, Verdict, to_single_precision};
use serde::Serialize;

use crate::header::Header;
use crate::localization::{Localization, MapKind};
use crate::method::Method;
use crate::path_text::PathText;
use crate::score::ImageScore;

/// Prediction of one image, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Prediction<T> {
    /// Prediction of an image that could be used.
    Found(T),
    /// The image could not be used.
    Failed(FailedPrediction),
}

/// Failed prediction of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FailedImage))]
pub struct FailedPrediction {
    /// The image's file or name.
    #[serde(flatten)]
    pub path: PathText,
    /// Error and remedy.
    pub error: String,
    /// [`Verdict::Invalid`] of an image that is none of a part as training showed them: its samples have another
    /// depth. `None` of a file that is no usable image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Reason for an invalid verdict; `None` if the image is not invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The score of one image and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Score))]
pub struct ScorePrediction {
    /// The image's file or name.
    #[serde(flatten)]
    pub path: PathText,
    /// The model's method.
    pub method: Method,
    /// In the method's unit, larger is less like the good parts; infinity is `null` in JSON.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>, required = true))]
    pub score: f64,
    /// Scores from here on are defects.
    pub threshold: f64,
    /// The share of good parts that score as high; none (`null` in JSON) if the model has no good scores
    /// to tell from, and of an image that cannot be judged.
    pub p_value: Option<f64>,
    /// Verdict on the part.
    pub verdict: Verdict,
    /// Reason for an invalid verdict; `None` for a valid image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Transforms that the score averages.
    pub transforms: usize,
    /// Column and row of the upright image's pixel where it is most anomalous; none (`null` in JSON) if the
    /// method does not know before it makes a map.
    pub peak: Option<[u32; 2]>,
}

/// Anomaly map of one image as a prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MapPrediction {
    /// The image's file or name.
    #[serde(flatten)]
    pub path: PathText,
    /// In the method's unit; of the map's transforms, so it may differ from the score alone; infinity is
    /// `null` in JSON.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>, required = true))]
    pub score: f64,
    /// Scores from here on are defects.
    pub threshold: f64,
    /// Verdict on the part.
    pub verdict: Verdict,
    /// Reason for an invalid verdict; `None` for a valid image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Threshold of the map: pixels at or above it form regions.
    pub map_threshold: f64,
    /// The map's value at which its colours end.
    pub top: f32,
    /// Anomalous regions, in pixels of the upright image.
    pub regions: Vec<Region>,
}

/// Returns the verdict on an image that cannot be scored: invalid if it is of another depth than the model's, none
/// if it is no usable image.
pub fn unusable_verdict(error: &ImageError) -> Option<Verdict> {
    matches!(error, ImageError::Depth { .. }).then_some(Verdict::Invalid)
}

impl<T> Prediction<T> {
    /// The answer about the unusable image `path`.
    pub fn failed(path: &Path, error: String) -> Self {
        Self::Failed(FailedPrediction { path: path.into(), error, verdict: None, reason: None })
    }

    /// Prediction of the image `path`, from what was found or from its error.
    pub fn new(path: &Path, found: Result<T, ImageError>) -> Self {
        match found {
            Ok(found) => Self::Found(found),
            Err(error) => Self::unusable(path, &error),
        }
    }

    /// Prediction of the image `path`, which cannot be scored.
    pub fn unusable(path: &Path, error: &ImageError) -> Self {
        let (verdict, error) = (unusable_verdict(error), error.with_causes());
        let reason = verdict.map(|_| error.clone());
        Self::Failed(FailedPrediction { path: path.into(), error, verdict, reason })
    }
}

impl ScorePrediction {
    /// Prediction of the image `path` from `image`, scored by the model of `header` and judged by `thresholds`.
    pub fn new(path: &Path, header: &Header, thresholds: &Thresholds, image: &ImageScore) -> Self {
        let (path, score) = (PathText::from(path), image.score);
        let (threshold, judged) = (thresholds.defect, thresholds.verdict(score));
        let verdict = if image.invalid.is_some() { Verdict::Invalid } else { judged };
        Self {
            path,
            method: header.config.method.method(),
            score,
            threshold,
            p_value: image.invalid.map_or_else(|| header.p_value(score), |_| None),
            verdict,
            reason: image.invalid.map(|invalid| invalid.to_string()),
            transforms: image.transform_scores.len(),
            peak: image.peak,
        }
    }
}

impl MapPrediction {
    /// Prediction of the image `path` from `found`, with the regions that reach `map_threshold`.
    pub fn new(
        path: &Path,
        header: &Header,
        found: &Localization,
        kind: MapKind,
        map_threshold: f64,
    ) -> Self {
        Self {
            path: path.into(),
            score: found.score.score,
            threshold: header.thresholds().defect,
            verdict: found.score.verdict,
            reason: found.score.invalid.map(|invalid| invalid.to_string()),
            map_threshold,
            top: found.color_top(header, kind),
            regions: found.map.regions(to_single_precision(map_threshold)),
        }
    }
}
