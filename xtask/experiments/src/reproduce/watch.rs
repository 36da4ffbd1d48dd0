//! Tests while training: how the AUROC changes with updates and test transforms.
//!
//! Nothing is chosen by it; it shows what choosing on test images would have given.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use burn::tensor::Device;
use differnet::{Average, Detector, DetectorConfig, HistoryPoint, row_scores};
use differnet_data::{ContentHash, Transform, fixed_transforms};
use differnet_eval::{auroc, recall_at_zero_false_positives};
use differnet_features::FEATURES;
use differnet_flow::Flow;
use differnet_scoring::anomaly_score;

use super::cell::{Look, WatchSpec};
use super::differnet_method;
use super::method::{Bench, Stage, Stopped};

/// All averages, the paper's first.
pub(super) const AVERAGES: [Average; 3] =
    [Average::Mean, Average::GeometricMean, Average::InterquartileMean];

/// The rows of a test set under several numbers of transforms, each row once.
struct TestRows {
    /// Row-major `[images, transforms, 768]`.
    rows: Vec<f32>,
    /// For each number of transforms: where its transforms are among an image's rows.
    places: Vec<(usize, Vec<usize>)>,
    /// Whether each image is a defect.
    defects: Vec<bool>,
}

/// A detector trained on `files`, and what tests of `test` found at every look.
///
/// # Errors
/// As a training without tests, and if a test image cannot be used.
pub(super) fn train(
    config: &DetectorConfig,
    files: &[PathBuf],
    test: &[(PathBuf, bool)],
    watch: &WatchSpec,
    bench: &mut Bench<'_>,
) -> anyhow::Result<(Detector, Vec<Look>)> {
    let rows = TestRows::read(config, test, watch, bench)?;
    let device = bench.device.clone();
    let (mut looks, mut failure) = (Vec::new(), None);
    let trained = differnet_method::train(config, files, bench, &mut |point, flow| match rows
        .looks(point, flow, &device)
    {
        Ok(found) => {
            looks.extend(found);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok((trained?, looks)),
    }
}

impl TestRows {
    fn read(
        config: &DetectorConfig,
        test: &[(PathBuf, bool)],
        watch: &WatchSpec,
        bench: &mut Bench<'_>,
    ) -> anyhow::Result<Self> {
        let (transforms, places) = union(config, &watch.transforms);
        let files: Vec<PathBuf> = test.iter().map(|(file, _)| file.clone()).collect();
        let mut rows = Vec::with_capacity(files.len() * transforms.len() * FEATURES);
        let mut failure = None;
        let choice = |_: &ContentHash| transforms.clone();
        let flow = bench.source.for_each(&files, &choice, &mut |index, features| {
            match features {
                Ok(features) => rows.extend(features.rows),
                Err(error) => failure = Some(error),
            }
            let name = "Features of test images".to_owned();
            let told = (bench.tell)(Stage { name, done: index + 1, total: files.len() });
            if failure.is_some() { ControlFlow::Break(()) } else { told }
        })?;
        if let Some(error) = failure {
            anyhow::bail!("a test image cannot be used: {}", error.with_causes());
        }
        if flow.is_break() {
            return Err(Stopped.into());
        }
        Ok(Self { rows, places, defects: test.iter().map(|(_, defect)| *defect).collect() })
    }

    /// The tests of one look: every number of transforms and average.
    fn looks(
        &self,
        point: &HistoryPoint,
        flow: &Flow,
        device: &Device,
    ) -> anyhow::Result<Vec<Look>> {
        let scores = row_scores(flow, &self.rows, device);
        let per_image = scores.len() / self.defects.len();
        let mut looks = Vec::new();
        for (transforms, places) in &self.places {
            for average in AVERAGES {
                let mut of_images = Vec::with_capacity(self.defects.len());
                for image in scores.chunks_exact(per_image) {
                    let of_transforms: Vec<f64> = places.iter().map(|&at| image[at]).collect();
                    of_images.push(anomaly_score(&of_transforms, average)?);
                }
                looks.push(Look {
                    update: point.update,
                    validation: point.validation,
                    transforms: *transforms,
                    average,
                    auroc: auroc(&of_images, &self.defects)?,
                    recall_at_zero_fp: recall_at_zero_false_positives(&of_images, &self.defects)?,
                });
            }
        }
        Ok(looks)
    }
}

/// The transforms that any of `counts` scores with, each once, and where each count's are.
fn union(config: &DetectorConfig, counts: &[usize]) -> (Vec<Transform>, Vec<(usize, Vec<usize>)>) {
    let mut all: Vec<Transform> = Vec::new();
    let mut known: BTreeMap<[u32; 3], usize> = BTreeMap::new();
    let mut places = Vec::with_capacity(counts.len());
    for &count in counts {
        let transforms = fixed_transforms(&config.transform_config(), count);
        let of_count = transforms.into_iter().map(|transform| {
            let Transform { degrees, brightness, contrast } = transform;
            *known.entry([degrees, brightness, contrast].map(f32::to_bits)).or_insert_with(|| {
                all.push(transform);
                all.len() - 1
            })
        });
        places.push((count, of_count.collect()));
    }
    (all, places)
}

#[cfg(test)]
mod tests {
    use differnet::Preset;

    use super::*;

    #[test]
    fn transforms_that_counts_share_are_scored_once() {
        let config = DetectorConfig::preset(Preset::Quick);
        let (all, places) = union(&config, &[1, 2, 4]);
        let angles: Vec<f32> = all.iter().map(|transform| transform.degrees).collect();
        assert_eq!(angles, [0.0, 180.0, 90.0, 270.0]);
        assert_eq!(places, [(1, vec![0]), (2, vec![0, 1]), (4, vec![0, 2, 1, 3])]);
    }
}
