//! The model file of a method with networks: settings, seed and tensors.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BaselineError;
use crate::model_file::{self, ModelFile};
use crate::parameters::Parameters;

/// Metadata key of the seed that the model was fitted with.
const SEED_KEY: &str = "differnet_baselines.seed";

/// Writes a model of `method` to `path`, with `metadata` besides; a complete file or none.
pub(crate) fn save(
    path: &Path,
    method: &str,
    config: &impl Serialize,
    seed: u64,
    parameters: &Parameters,
    metadata: &BTreeMap<String, String>,
) -> Result<(), BaselineError> {
    let mut metadata = metadata.clone();
    metadata.insert(SEED_KEY.into(), seed.to_string());
    model_file::save(path, method, config, &parameters.tensors(), &metadata)
}

/// The file that [`save`] wrote to `path`, from which tensors are to be taken, and what else it
/// holds.
pub(crate) struct Opened<C> {
    pub(crate) file: ModelFile,
    pub(crate) config: C,
    pub(crate) seed: u64,
}

/// Opens the model of `method` in `path`.
pub(crate) fn open<C: DeserializeOwned>(
    path: &Path,
    method: &'static str,
) -> Result<Opened<C>, BaselineError> {
    let file = ModelFile::open(path, method)?;
    Ok(Opened { config: file.config()?, seed: file.number(SEED_KEY)?, file })
}
