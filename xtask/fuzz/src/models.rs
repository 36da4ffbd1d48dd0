//! Model files: a damaged one is refused by name, or it is the very model; a forged one is refused or
//! works.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet::{Model, Runtime};
use differnet_features::FEATURES;
use differnet_files::read_metadata;
use differnet_flow::{Backend, HostFlow, Trainer, load_flows, save_flows};
use tempfile::TempDir;

use crate::model_bytes::{damaged, forged};
use crate::model_seeds::{Kind, Seed, seeds};
use crate::subject::{Outcome, Subject, scratch};
use xtask_inputs::Draws;

/// File name that errors have to mention.
const NAME: &str = "some-part.differnet";
/// Files longer than this come seldom: they take long.
const LONG: usize = 1 << 20;
/// Cases between two rare ones.
const SELDOM: usize = 16;
/// Metadata that the file of flows makes itself.
const OWN: &str = "differnet_flow.";

/// Readers of model files.
#[derive(Debug)]
pub(super) struct Models {
    folder: TempDir,
    seeds: Vec<Seed>,
    bytes: Vec<Vec<u8>>,
    backend: Backend,
}

impl Models {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = scratch()?;
        let seeds = seeds(folder.path())?;
        let bytes = seeds.iter().map(|seed| seed.bytes.clone());
        let bytes = bytes.filter(|bytes| bytes.len() < LONG).collect();
        Ok(Self { folder, seeds, bytes, backend: Backend::Host(Device::flex()) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The bytes that the file `path` has after being loaded and saved, or why it is refused.
    fn rewritten(&self, kind: Kind, path: &Path) -> Result<Result<Vec<u8>, String>, String> {
        let again = self.path("again");
        let saved = match kind {
            Kind::Flows => {
                match (load_flows(path, self.backend.device()), HostFlow::load_all(path).is_ok()) {
                    // A part of larger files: who reads those names the file.
                    (Err(error), false) => return Ok(Err(format!("{NAME}: {error}"))),
                    (Ok((flows, mut tables)), true) => {
                        // The checksum covers values, not how a caller's table arranges them.
                        tables.iter_mut().for_each(|table| table.shape = vec![table.values.len()]);
                        let mut metadata = read_metadata(path).map_err(told)?;
                        metadata.retain(|key, _| !key.starts_with(OWN));
                        save_flows(&flows, &again, &metadata, &tables).map_err(told)
                    }
                    _ => {
                        return Err(
                            "tensors and mapped weights disagree on whether it is whole".into()
                        );
                    }
                }
            }
            Kind::Checkpoint => match Trainer::load_checkpoint(path, &self.backend) {
                Err(error) => return Ok(Err(format!("{NAME}: {error}"))),
                Ok((trainer, metadata)) => trainer.save_checkpoint(&again, &metadata).map_err(told),
            },
            Kind::Model => match Model::load_on(path, &Runtime::new(self.backend.clone())) {
                Err(error) => return Ok(Err(error.to_string())),
                Ok(model) => {
                    exercise(&model)?;
                    model.save(&again).map_err(told)
                }
            },
        };
        saved?;
        std::fs::read(&again).map(Ok).map_err(told)
    }
}

impl Subject for Models {
    fn try_case(&mut self, draws: &mut Draws) -> Result<Outcome, String> {
        let mut seed = draws.pick(&self.seeds);
        if seed.bytes.len() >= LONG && !draws.once_in(SELDOM) {
            seed = &self.seeds[0];
        }
        let forgery = draws.once_in(2).then(|| forged(&seed.bytes, draws)).flatten();
        let bytes = forgery.clone().unwrap_or_else(|| damaged(&seed.bytes, &self.bytes, draws));
        let path = self.path(NAME);
        std::fs::write(&path, bytes).map_err(told)?;
        let found = match self.rewritten(seed.kind, &path)? {
            Err(refusal) if refusal.contains(NAME) => return Ok(Outcome::Refused),
            Err(refusal) => return Err(format!("the error does not name the file: {refusal}")),
            Ok(found) => found,
        };
        if forgery.is_none() && found != seed.bytes {
            return Err(format!("a damaged file of {:?} is another model", seed.kind));
        }
        // Whatever was loaded has to come back from its own file.
        std::fs::write(&path, &found).map_err(told)?;
        match self.rewritten(seed.kind, &path)? {
            Ok(again) if again == found => Ok(Outcome::Accepted),
            Ok(_) => Err(format!("stored, a model of {:?} is another", seed.kind)),
            Err(refusal) => Err(format!("stored, a model is none: {refusal}")),
        }
    }
}

/// Lets a model do what needs no image.
fn exercise(model: &Model) -> Result<(), String> {
    match model.row_scores(&[0.25; FEATURES]) {
        Some(scores) if scores.len() != 1 => Err(format!("{} scores of one row", scores.len())),
        _ => Ok(()),
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_a_model_that_comes_back_bit_for_bit() {
        let models = Models::new().unwrap();
        assert_eq!(models.seeds.len(), 10);
        for Seed { kind, bytes } in &models.seeds {
            let path = models.path(NAME);
            std::fs::write(&path, bytes).unwrap();
            let again = models.rewritten(*kind, &path).unwrap().unwrap();
            assert!(again == *bytes, "{kind:?}");
        }
    }
}
