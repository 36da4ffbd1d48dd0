//! Tests while training: how the AUROC changes with updates and test transforms.
//!
//! Nothing is chosen by it; it shows what choosing on test images would have given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use differnet::methods::row_scores;
use differnet::scoring::Average;
use differnet::{Config, HistoryPoint, Model};
use differnet_data::{ContentHash, Preprocessing, Transform};
use differnet_eval::{auroc, recall_at_zero_false_positives};
use differnet_features::{Backbone, FEATURES};
use differnet_flow::{Backend, Flow};
use differnet_scoring::anomaly_score;

use super::cell::{StepTest, WatchSpec};
use super::method::{CellContext, Step, Stopped};
use super::{files, trained};

/// The file in a cell's folder.
const FILE: &str = "looks.json";

/// All averages, the paper's first.
pub(super) const AVERAGES: [Average; 3] =
    [Average::Mean, Average::GeometricMean, Average::InterquartileMean];

/// Tests of a training so far, kept across interruptions.
struct Looks {
    file: PathBuf,
    looks: Vec<StepTest>,
}

/// The rows of a test set under several numbers of transforms, each row once.
struct TestRows {
    /// Row-major `[images, transforms, 768]`.
    rows: Vec<f32>,
    /// For each number of transforms: where its transforms are among an image's rows.
    places: Vec<(usize, Vec<usize>)>,
    /// Flags of defective images.
    defects: Vec<bool>,
}

/// A model trained on `files`, and what tests of `test` found at every validation step.
///
/// # Errors
/// As a training without tests, if a test image cannot be used, and if what was found cannot be stored.
pub(super) fn train(
    config: &Config,
    files: &[PathBuf],
    test: &[(PathBuf, bool)],
    watch: &WatchSpec,
    context: &CellContext<'_>,
) -> anyhow::Result<(Model, Vec<StepTest>)> {
    let rows = TestRows::read(config, test, watch, context)?;
    let looks = Mutex::new(Ok(Looks::take_up(context.partial)));
    let observer = |point: &HistoryPoint, flow: &Flow| {
        let found = rows.looks(point, flow, &context.runtime.backend);
        let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(so_far) = &mut *looks
            && let Err(error) = found.and_then(|found| so_far.add(found))
        {
            *looks = Err(error);
        }
        Ok(())
    };
    let model = trained::train(config, files, context, Some(&observer))?;
    Ok((model, looks.into_inner().unwrap_or_else(PoisonError::into_inner)?.looks))
}

impl Looks {
    /// What an interrupted training in the folder `partial` has found; nothing if that cannot be read.
    fn take_up(partial: &Path) -> Self {
        let file = partial.join(FILE);
        let text = fs::read_to_string(&file).ok();
        let looks = text.and_then(|text| serde_json::from_str(&text).ok());
        Self { file, looks: looks.unwrap_or_default() }
    }

    /// Adds the tests of one update. Later ones are of steps that an interruption took back.
    fn add(&mut self, found: Vec<StepTest>) -> anyhow::Result<()> {
        if let Some(first) = found.first() {
            self.looks.retain(|look| look.update < first.update);
        }
        self.looks.extend(found);
        files::write(&self.file, serde_json::to_string(&self.looks)?.as_bytes())
    }
}

impl TestRows {
    fn read(
        config: &Config,
        test: &[(PathBuf, bool)],
        watch: &WatchSpec,
        context: &CellContext<'_>,
    ) -> anyhow::Result<Self> {
        let (transforms, places) = union(config, &watch.transforms);
        let files: Vec<PathBuf> = test.iter().map(|(file, _)| file.clone()).collect();
        let mut rows = Vec::with_capacity(files.len() * transforms.len() * FEATURES);
        let choice = |_: &ContentHash| transforms.clone();
        for (done, features) in (1..).zip(context.runtime.features(
            Backbone::AlexNet,
            Preprocessing::default(),
            &files,
            choice,
        )) {
            rows.extend(features.context("a test image cannot be used")?.rows);
            let name = "Features of test images".to_owned();
            (context.tell)(&Step { name, done, total: files.len() });
            context.cancel.check().map_err(|_| Stopped)?;
        }
        Ok(Self { rows, places, defects: test.iter().map(|(_, defect)| *defect).collect() })
    }

    /// The tests of one look: every number of transforms and average.
    fn looks(
        &self,
        point: &HistoryPoint,
        flow: &Flow,
        backend: &Backend,
    ) -> anyhow::Result<Vec<StepTest>> {
        let scores = row_scores(flow, &self.rows, FEATURES, backend);
        let per_image = scores.len() / self.defects.len();
        let mut looks = Vec::new();
        for (transforms, places) in &self.places {
            for average in AVERAGES {
                let mut of_images = Vec::with_capacity(self.defects.len());
                for image in scores.chunks_exact(per_image) {
                    let of_transforms: Vec<f64> = places.iter().map(|&at| image[at]).collect();
                    of_images.push(anomaly_score(&of_transforms, average)?);
                }
                looks.push(StepTest {
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
fn union(config: &Config, counts: &[usize]) -> (Vec<Transform>, Vec<(usize, Vec<usize>)>) {
    let mut all: Vec<Transform> = Vec::new();
    let mut known: BTreeMap<[u32; 3], usize> = BTreeMap::new();
    let mut places = Vec::with_capacity(counts.len());
    for &count in counts {
        let transforms = config.transform_config().fixed(count);
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
    use super::super::test_inputs::look;
    use super::*;

    #[test]
    fn looks_outlast_an_interruption_and_steps_taken_back_do_not() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut first = Looks::take_up(folder.path());
        for update in [10, 20, 30] {
            first.add(vec![look(update, 1.0, 0.7)])?;
        }
        let mut second = Looks::take_up(folder.path());
        assert_eq!(second.looks, first.looks);
        // The last checkpoint was that of update 15.
        second.add(vec![look(20, 1.0, 0.8)])?;
        assert_eq!(second.looks, [look(10, 1.0, 0.7), look(20, 1.0, 0.8)]);
        assert_eq!(Looks::take_up(folder.path()).looks, second.looks);
        Ok(())
    }

    #[test]
    fn transforms_that_counts_share_are_scored_once() {
        let config = Config::preset(differnet::Method::DifferNet, differnet::Preset::Quick);
        let (all, places) = union(&config, &[1, 2, 4]);
        let angles: Vec<f32> = all.iter().map(|transform| transform.degrees).collect();
        assert_eq!(angles, [0.0, 180.0, 90.0, 270.0]);
        assert_eq!(places, [(1, vec![0]), (2, vec![0, 1]), (4, vec![0, 2, 1, 3])]);
    }
}
