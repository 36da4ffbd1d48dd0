//! A model that computes nothing: what is tested is what surrounds it.

use std::ops::ControlFlow;
use std::path::Path;

use differnet::{
    AnomalyDetector, Average, Calibration, DetectorError, FeatureSource, ImageScore, Method,
    ModelSummary, ScoreConfig, TransformChoice, Verdict, VisitScores,
};
use differnet_data::{ContentHash, ImageInput, decode_bytes};

/// Scores from here on are defects.
const THRESHOLD: f64 = 100.0;

/// Scores an image by the number of its pixels.
#[derive(Debug)]
pub(super) struct PixelCount;

impl AnomalyDetector for PixelCount {
    fn summary(&self) -> ModelSummary<'_> {
        ModelSummary {
            method: Method::OneNearestNeighbour,
            format: 1,
            version: "0",
            extractor: None,
            seed: 0,
            regions: None,
            data_fingerprint: "",
            training_images: 9,
            training_digests: &[],
            held_back_images: 3,
            threshold: THRESHOLD,
            calibration: None,
            self_test: None,
            good_scores: &[1.0, 2.0, 4.0],
            feature_means: &[],
            feature_deviations: &[],
            history: &[],
            facts: Vec::new(),
            settings: String::new(),
        }
    }

    fn score_config(&self) -> ScoreConfig {
        ScoreConfig {
            transforms: 1,
            choice: TransformChoice::Fixed,
            average: Average::Mean,
            settle: None,
        }
    }

    fn score_images(
        &self,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        _: &ScoreConfig,
        visit: &mut VisitScores<'_>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        for (index, input) in images.iter().enumerate() {
            let score = input.read(&source.limits).and_then(|bytes| {
                let image = decode_bytes(&bytes, input.name(), &source.limits)?;
                let score = f64::from(image.width() * image.height());
                let verdict = Verdict::of(score, THRESHOLD);
                let hash = ContentHash::of(&bytes);
                Ok(ImageScore {
                    hash,
                    score,
                    verdict,
                    transform_scores: vec![score],
                    mean_features: Vec::new(),
                })
            });
            if visit(index, score).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn calibrate(&mut self, _: Option<Calibration>) {}

    fn save(&self, _: &Path) -> Result<(), DetectorError> {
        Ok(())
    }
}
