//! Images that a model carries with it, and the scores that it gave them where it was trained: a
//! copy of the model is right where it gives them again.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use differnet_data::{ImageError, ImageInput, Regions};
use differnet_samples::self_test_images;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model::Model;
use crate::score::{ImageScore, ScoreConfig};

/// Seed of the images.
const SEED: u64 = 1;
/// Longer sides of the images, pixels: the first that leaves something of the model's regions.
const SIDES: [u32; 3] = [96, 384, 1536];
/// Transforms of an image.
const TRANSFORMS: usize = 2;

/// Generated images and the scores that a model gave them where it was trained.
///
/// Decoding, regions, resizing, transforms, features, flow and average all have a part in a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfTest {
    cases: Vec<Case>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Case {
    /// A PNG file, in base64.
    png: String,
    score: f64,
}

/// Result of a self-test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTestResult {
    /// The scores where the model was trained.
    pub expected: Vec<f64>,
    /// The scores here.
    pub found: Vec<f64>,
    /// The largest |found − expected| as a share of |expected| or of the threshold, whichever is
    /// larger.
    pub deviation: f64,
}

impl SelfTest {
    /// Largest [`SelfTestResult::deviation`] of a model that works as it did: processors and devices
    /// round differently, and what is far from the training images makes much of it.
    pub const TOLERANCE: f64 = 1e-2;

    /// The self-test of a model that works; `None` if the model's regions leave nothing of a small
    /// image.
    pub(crate) fn record(model: &Model) -> Result<Option<Self>, Error> {
        let Some((width, height)) = size(model.header().regions.as_ref()) else { return Ok(None) };
        let files = self_test_images(SEED, width, height);
        let scores = scores(model, &files)?;
        let case = |(png, score): (&Vec<u8>, f64)| Case { png: STANDARD.encode(png), score };
        Ok(Some(Self { cases: files.iter().zip(scores).map(case).collect() }))
    }

    /// Scores the images again with `model`, apart from its cache: what is remembered proves nothing.
    ///
    /// # Errors
    /// [`Error`] if the model cannot score, or an image cannot be decoded.
    pub fn run(&self, model: &Model) -> Result<SelfTestResult, Error> {
        // Damaged text is no image: it will be refused as one.
        let file = |case: &Case| STANDARD.decode(&case.png).unwrap_or_default();
        let files: Vec<Vec<u8>> = self.cases.iter().map(file).collect();
        let found = scores(model, &files)?;
        let expected: Vec<f64> = self.cases.iter().map(|case| case.score).collect();
        let threshold = model.header().thresholds().defect.abs();
        let deviation = |(found, expected): (&f64, &f64)| {
            (found - expected).abs() / expected.abs().max(threshold).max(f64::MIN_POSITIVE)
        };
        // A NaN must not be lost among numbers.
        let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
        let deviation = found.iter().zip(&expected).map(deviation).fold(0.0, larger);
        Ok(SelfTestResult { expected, found, deviation })
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.cases.iter().all(|case| case.score.is_finite())
    }
}

/// Width and height of small images of which the regions leave something.
fn size(regions: Option<&Regions>) -> Option<(u32, u32)> {
    let Some(regions) = regions else { return Some((SIDES[0], SIDES[0])) };
    let sizes = SIDES.iter().map(|&side| regions.example_size(side));
    sizes.into_iter().find(|&(width, height)| regions.ignored(width, height).is_ok())
}

/// The scores of image files in memory under a few fixed transforms.
fn scores(model: &Model, files: &[Vec<u8>]) -> Result<Vec<f64>, Error> {
    let name = Path::new("self-test");
    let images: Vec<ImageInput<'_>> =
        files.iter().map(|bytes| ImageInput::Memory { name, bytes }).collect();
    let config = model.score_config();
    let config = ScoreConfig { transforms: TRANSFORMS.min(config.transforms), ..config };
    let scores = model.score_batch_uncached(&images, &config)?;
    // Infinity would not survive the model file's JSON.
    let bounded = |score: f64| score.clamp(-f64::MAX, f64::MAX);
    let score = |image: Result<ImageScore, ImageError>| match image {
        Ok(image) => Ok(bounded(image.score)),
        Err(source) => Err(Error::ImageChanged { source }),
    };
    scores.into_iter().map(score).collect()
}
