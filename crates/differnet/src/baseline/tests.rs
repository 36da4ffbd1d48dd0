//! A method on pixels, as far as this crate has to do with it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use differnet_baselines::{BaselineError, FittedModel, Images, PixelScorer, Scorer};
use differnet_scoring::Verdict;

use super::{Baseline, BaselineConfig, BaselineInfo, BaselineMethod, FORMAT};
use crate::anomaly_detector::AnomalyDetector;
use crate::config::Preset;
use crate::feature_source::FeatureSource;
use crate::method::Method;
use crate::shared_config::SharedConfig;

/// Scores an image by the mean of its red bytes.
#[derive(Debug)]
struct Redness;

impl FittedModel for Redness {
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn save(&self, _: &Path, _: &BTreeMap<String, String>) -> Result<(), BaselineError> {
        Ok(())
    }
}

impl PixelScorer for Redness {
    fn side(&self) -> usize {
        8
    }

    fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError> {
        let red = |image: usize| {
            let bytes = images.image(image).iter().step_by(3);
            bytes.map(|&byte| f64::from(byte)).sum::<f64>() / 64.0
        };
        Ok((0..images.count()).map(red).collect())
    }
}

fn baseline() -> Baseline {
    let shared =
        SharedConfig { rotate: false, score_transforms: 3, ..SharedConfig::preset(Preset::Quick) };
    let method =
        BaselineMethod::preset(Method::OneNearestNeighbour, Preset::Quick).expect("a competitor");
    let info = BaselineInfo {
        format: FORMAT,
        version: String::new(),
        config: BaselineConfig { method, shared },
        extractor: None,
        regions: None,
        data_fingerprint: String::new(),
        training_images: 0,
        training_digests: Vec::new(),
        held_back_images: 0,
        threshold: 100.0,
        calibration: None,
        self_test: None,
        good_scores: Vec::new(),
        facts: BTreeMap::new(),
    };
    Baseline { scorer: Scorer::Pixels(Box::new(Redness)), info }
}

#[test]
fn a_method_on_pixels_sees_each_transform_and_bad_files_are_passed_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for (name, red) in [("dark.png", 40), ("bright.png", 200)] {
        let image = differnet_data::RgbImage::from_pixel(20, 30, [red, 0, 90].into());
        image.save(path(name)).expect("writable");
    }
    std::fs::write(path("text.png"), "no image").expect("writable");
    let files = [path("dark.png"), path("text.png"), path("bright.png")];
    let (baseline, source) = (baseline(), FeatureSource::on_host(None));
    let mut found = Vec::new();
    let config = baseline.score_config();
    let flow = baseline.score_files(&source, &files, &config, &mut |index, score| {
        found.push((index, score.map(|score| (score.transform_scores, score.verdict)).ok()));
        ControlFlow::Continue(())
    });
    assert!(flow.expect("a valid scoring").is_continue());
    assert_eq!(
        found,
        [
            (0, Some((vec![40.0; 3], Verdict::Ok))),
            (1, None),
            (2, Some((vec![200.0; 3], Verdict::Defect))),
        ]
    );
}
