//! Localization by anomaly maps (paper, Section 3.3).

use std::fmt::Debug;

use differnet_data::{
    DecodeLimits, ImageError, ImageInput, MaskedInput, Preprocessing, Regions, RgbImage,
};
use differnet_scoring::AnomalyMap;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::header::Header;
use crate::score::{ImageScore, ScoreConfig};
use crate::scorer::Scoring;

/// Least end of a map's colours, as a multiple of the values of most good images.
const HEADROOM: f64 = 2.0;

/// Kind of anomaly map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapKind {
    /// The paper's: the likelihood's gradient with respect to each pixel, blurred (Eq. 7).
    Gradient,
    /// Deviation of each place's features from those of training images there
    /// ([`LocalStatistics`](differnet_scoring::LocalStatistics)), as in PaDiM (Defard et al. 2021).
    Deviation,
}

/// Settings of a localization.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalizeConfig {
    /// Transforms and averaging, as for scoring.
    pub scoring: ScoreConfig,
    /// Kind of the maps.
    pub kind: MapKind,
}

/// Anomaly map and score of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Localization {
    /// The image as the map lies on it: upright, of its own size, with all its pixels.
    pub image: RgbImage,
    /// The score of the same passes, by the thresholds of the model's header.
    pub score: ImageScore,
    /// A value for each of the image's pixels; larger is more anomalous, 0 where the model's
    /// regions have the pixel ignored.
    pub map: AnomalyMap,
}

/// A method that says where a defect is.
pub trait Localizer: Debug {
    /// The localization that the model's [`map_threshold`](Header::map_threshold) holds for, given the
    /// scoring that the model was fitted for.
    fn config(&self, scoring: ScoreConfig) -> LocalizeConfig;

    /// Score and map of one image.
    ///
    /// # Errors
    /// [`Error`] if no image can be localized so.
    fn localize(
        &self,
        image: DecodedImage,
        scoring: &Scoring<'_>,
        kind: MapKind,
    ) -> Result<Localization, Error>;
}

/// A decoded image, and what a model looks at of it.
#[derive(Debug)]
pub struct DecodedImage {
    /// Upright, of its own size, with all its pixels.
    pub image: RgbImage,
    /// Without what the model's regions ignore.
    pub masked: MaskedInput,
}

impl DecodedImage {
    /// The image in `input`.
    ///
    /// # Errors
    /// [`ImageError`]: it is no usable image, exceeds `limits`, does not fit the regions or
    /// has another depth.
    pub(crate) fn read(
        input: ImageInput<'_>,
        preprocessing: Preprocessing<'_>,
        limits: &DecodeLimits,
    ) -> Result<Self, ImageError> {
        let (read, name) = (input.read(limits)?, input.name());
        let picture = read.decode(name, limits)?.at_depth(preprocessing.depth, name)?;
        let image = picture.image().clone();
        let full = Preprocessing { depth: None, ..preprocessing };
        Ok(Self { image, masked: MaskedInput::new(&read, picture, name, full)? })
    }
}

impl Header {
    /// Threshold of maps of this kind; `None` where the model does not know how high those of good images reach: of
    /// gradient maps, and without a [`map_threshold`](Self::map_threshold).
    pub fn map_threshold_of(&self, kind: MapKind) -> Option<f64> {
        self.map_threshold.filter(|_| kind == MapKind::Deviation)
    }
}

impl Localization {
    /// The image as the model saw it: ignored pixels are grey.
    pub fn seen_image(&self) -> RgbImage {
        let mut image = self.image.clone();
        if let Some(ignored) = self.map.ignored() {
            Regions::paint(&mut image, ignored);
        }
        image
    }

    /// The value at which the colours of the map should end.
    ///
    /// It is the map's largest value, so that nothing is cut off. Where the model knows how high
    /// the maps of good images reach, it is at least twice that, so that those stay dark; of
    /// gradient maps it does not know.
    pub fn color_top(&self, header: &Header, kind: MapKind) -> f32 {
        let peak = self.map.peak().map_or(0.0, |peak| peak.value);
        let threshold = header.map_threshold_of(kind);
        let least = threshold.map_or(0.0, |threshold| (HEADROOM * threshold) as f32);
        peak.max(least).max(f32::MIN_POSITIVE)
    }
}
