//! Weights of a loaded network as a model carries them: tensors in its file.

use std::path::Path;

use differnet_features::{Backbone, PretrainedWeights};
use differnet_files::TensorFile;
use differnet_flow::AuxiliaryTensor;

use crate::error::Error;
use crate::header::Header;
use crate::runtime::Runtime;

/// Prefix of the names of the tensors, as auxiliary ones and in the file.
const PREFIX: &str = "network.";
const PREFIX_IN_FILE: &str = "auxiliary.network.";

/// The network whose weights a model of `header` carries; `None` if they are compiled in.
fn loaded(header: &Header) -> Option<Backbone> {
    header.config.backbone.filter(|backbone| !backbone.is_embedded())
}

/// Weights of the stages that a model of `header` needs; none if they are compiled in.
pub(crate) fn tensors(header: &Header, runtime: &Runtime) -> Result<Vec<AuxiliaryTensor>, Error> {
    let Some(backbone) = loaded(header) else { return Ok(Vec::new()) };
    let weights = runtime.require_weights(backbone, header.last_stage())?;
    let weights = weights.up_to(header.last_stage());
    let tensor = |(name, shape, values): (String, &[usize], &[f32])| AuxiliaryTensor {
        name: format!("{PREFIX}{name}"),
        shape: shape.to_vec(),
        values: values.to_vec(),
    };
    Ok(weights.tensors().map(tensor).collect())
}

/// `runtime` with the network that the model in the file `path` carries.
pub(crate) fn load(path: &Path, header: &Header, runtime: &Runtime) -> Result<Runtime, Error> {
    let Some(backbone) = loaded(header) else { return Ok(runtime.clone()) };
    let not_a_model = |reason: String| Error::NotAModel { path: path.to_path_buf(), reason };
    let Some(sha256) = header.weights_sha256.clone() else {
        return Err(not_a_model(format!("it does not say where {backbone}'s weights are from")));
    };
    let mut file = TensorFile::open(path).map_err(Error::model(path))?;
    let stages = header.last_stage();
    let weights =
        PretrainedWeights::from_source(&mut file, PREFIX_IN_FILE, backbone, stages, sha256)
            .map_err(|error| not_a_model(format!("{backbone}'s weights in it: {error}")))?;
    let runtime = runtime.clone().with_weights(weights);
    if let Some(extractor) = &header.extractor {
        runtime.require_extractor(extractor, header)?;
    }
    Ok(runtime)
}
