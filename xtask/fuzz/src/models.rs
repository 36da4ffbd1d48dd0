//! Model files: a damaged one is refused by name, or it is the very model; a forged one is refused or
//! works.

use std::path::{Path, PathBuf};

use arbitrary::{Arbitrary, Unstructured};
use burn::tensor::Device;
use differnet::{Model, Runtime};
use differnet_features::FEATURES;
use differnet_files::read_metadata;
use differnet_flow::{Backend, HostFlow, Trainer, load_flows, save_flows};
use tempfile::TempDir;

use crate::model_bytes::{edit, forged, is_sealed, parts, with_header};
use crate::model_seeds::{Kind, Seed, seeds};
use crate::subject::{Reception, Subject, scratch};

/// File name that errors have to mention.
const NAME: &str = "some-part.differnet";
/// Metadata that the file of flows makes itself.
const OWN: &str = "differnet_flow.";

/// Case that an input encodes: a valid file by its number, and the changes to it. Tensors, which are large, are
/// not part of an input.
#[derive(Debug, Arbitrary)]
struct Case<'a> {
    seed: u8,
    /// Whether the checksum is made right after the changes.
    is_forged: bool,
    /// The text that takes the header's place, a zero, and changes of bytes: in what is forged of the tensors,
    /// else of the whole file.
    changes: &'a [u8],
}

impl Case<'_> {
    /// The file, and whether its checksum was made right.
    fn file(&self, seed: &Seed) -> (Vec<u8>, bool) {
        let end = self.changes.iter().position(|&byte| byte == 0).unwrap_or(self.changes.len());
        let (header, edits) =
            (&self.changes[..end], self.changes.get(end + 1..).unwrap_or_default());
        let mut data = parts(&seed.bytes).1.to_vec();
        if self.is_forged {
            edit(&mut data, edits);
            if let Some(file) = forged(header, &data) {
                return (file, true);
            }
        }
        let mut file = with_header(header, &data);
        if !self.is_forged {
            edit(&mut file, edits);
        }
        (file, false)
    }
}

/// Readers of model files.
#[derive(Debug)]
pub(super) struct Models {
    folder: TempDir,
    seeds: Vec<Seed>,
    backend: Backend,
}

impl Models {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = scratch()?;
        let seeds = seeds(folder.path())?;
        Ok(Self { folder, seeds, backend: Backend::Host(Device::flex()) })
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

impl Models {
    /// Hands over `file`, made of the valid file `seed`.
    fn receive_file(&self, seed: &Seed, file: &[u8], is_forged: bool) -> Result<Reception, String> {
        let path = self.path(NAME);
        std::fs::write(&path, file).map_err(told)?;
        let found = match self.rewritten(seed.kind, &path)? {
            Err(refusal) if refusal.contains(NAME) => return Ok(Reception::Refused),
            Err(refusal) => return Err(format!("the error does not name the file: {refusal}")),
            Ok(found) => found,
        };
        if !is_forged && found != seed.bytes && !is_sealed(file) {
            return Err(format!("a damaged file of {:?} is another model", seed.kind));
        }
        // Whatever was loaded has to come back from its own file.
        std::fs::write(&path, &found).map_err(told)?;
        match self.rewritten(seed.kind, &path)? {
            Ok(again) if again == found => Ok(Reception::Accepted),
            Ok(_) => Err(format!("stored, a model of {:?} is another", seed.kind)),
            Err(refusal) => Err(format!("stored, a model is none: {refusal}")),
        }
    }
}

impl Subject for Models {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let cases = self.seeds.iter().enumerate().flat_map(|(number, seed)| {
            let header = parts(&seed.bytes).0;
            [0, 1].map(|is_forged| [&[number as u8, is_forged], header, &[0]].concat())
        });
        cases.collect()
    }

    fn receive(&mut self, input: &[u8]) -> Result<Reception, String> {
        let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(input)) else {
            return Ok(Reception::Refused);
        };
        let seed = &self.seeds[usize::from(case.seed) % self.seeds.len()];
        let (file, is_forged) = case.file(seed);
        self.receive_file(seed, &file, is_forged)
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

    #[test]
    fn a_file_with_any_byte_damaged_is_refused_or_the_same_model() {
        let models = Models::new().unwrap();
        let mut refused = 0;
        for seed in &models.seeds {
            let header = 8 + parts(&seed.bytes).0.len();
            // Every 29th byte of the header, and some of the tensors.
            let tensors = seed.bytes.len() - header;
            let places = (0..header).step_by(29);
            for at in places.chain((0..8).map(|part| header + part * (tensors - 1) / 8)) {
                let mut file = seed.bytes.clone();
                file[at] ^= 1 << (at % 8);
                let reception = models.receive_file(seed, &file, false).unwrap();
                refused += usize::from(reception == Reception::Refused);
            }
            for end in [0, 7, 8, header / 2, header, seed.bytes.len() - 1] {
                let reception = models.receive_file(seed, &seed.bytes[..end], false);
                assert_eq!(reception, Ok(Reception::Refused), "{:?} cut at {end}", seed.kind);
            }
        }
        assert!(refused > 100, "{refused}");
    }
}
