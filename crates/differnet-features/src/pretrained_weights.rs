//! Weights of networks that are not compiled in, in torchvision's names: read, checked, named by a digest.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use differnet_files::{FileError, NamedTensor, TensorFile, TensorSource, save_tensors};
use sha2::{Digest, Sha256};

use crate::backbone::Backbone;
use crate::error::{FeatureError, WeightsError};
use crate::torchvision::architecture::{self, Convolution, Layer};
use crate::weights::ConvolutionWeights;

/// ε of torchvision's batch norms.
const EPSILON: f64 = 1e-5;
/// Tensors of a whole network that its stages do not need: its classifier, and counts of training.
const CLASSIFIERS: [&str; 2] = ["fc.", "classifier."];
const COUNTS: &str = ".num_batches_tracked";
/// Bytes hashed at once.
const CHUNK: usize = 1 << 20;

/// Weights of a network's stages, from the first on; clones share them.
#[derive(Debug, Clone)]
pub struct PretrainedWeights {
    backbone: Backbone,
    /// Stages that they suffice for.
    stages: usize,
    /// Hexadecimal SHA-256 of the file.
    file_sha256: String,
    tensors: Arc<BTreeMap<String, Tensor>>,
    /// Digest of the tensors of all stages up to each.
    digests: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl PretrainedWeights {
    /// The weights of all stages of `backbone` in the safetensors file `path`, float32, in torchvision's
    /// names; its classifier is left out.
    ///
    /// # Errors
    /// [`FeatureError::Weights`] names the tensor that is missing, unknown, of another shape or type, or
    /// that holds a value which is none.
    ///
    /// # Panics
    /// If the network's weights are compiled in.
    pub fn read(backbone: Backbone, path: &Path) -> Result<Self, FeatureError> {
        assert!(!backbone.is_embedded(), "{backbone} needs no file");
        let wrong =
            |fits, source| FeatureError::Weights { path: path.into(), backbone, fits, source };
        let mut file = TensorFile::open(path).map_err(|error| wrong(None, error.into()))?;
        let other = || {
            let others = Backbone::ALL.into_iter().filter(|other| !other.is_embedded());
            others.into_iter().find(|other| *other != backbone && fits(*other, &file).is_ok())
        };
        fits(backbone, &file).map_err(|error| wrong(other(), error.into()))?;
        let file_sha256 = sha256(path).map_err(|source| {
            wrong(None, FileError::Io { path: path.to_path_buf(), source }.into())
        })?;
        Self::from_source(&mut file, "", backbone, backbone.stages(), file_sha256)
            .map_err(|error| wrong(None, error))
    }

    /// The weights of the first `stages` stages among the tensors of `source` whose names begin with `prefix`.
    ///
    /// - `file_sha256`: SHA-256 of the file that they once came from
    ///
    /// # Errors
    /// [`WeightsError`] names the tensor that is missing, of another shape or type, or that holds a value
    /// which is none.
    pub fn from_source(
        source: &mut impl TensorSource,
        prefix: &str,
        backbone: Backbone,
        stages: usize,
        file_sha256: String,
    ) -> Result<Self, WeightsError> {
        let read = |name: &str, shape: &[usize]| source.floats(&format!("{prefix}{name}"), shape);
        Self::collect(backbone, stages, file_sha256, read)
    }

    /// The weights that `values` gives for names and shapes.
    pub(crate) fn collect(
        backbone: Backbone,
        stages: usize,
        file_sha256: String,
        mut values: impl FnMut(&str, &[usize]) -> Result<Vec<f32>, FileError>,
    ) -> Result<Self, WeightsError> {
        let (mut tensors, mut digests) = (BTreeMap::new(), Vec::with_capacity(stages));
        let mut digest = Sha256::new();
        for stage in architecture::stages(backbone).into_iter().take(stages) {
            for (name, shape) in stage.iter().flat_map(tensors_of) {
                let values = values(&name, &shape)?;
                let negative = values.iter().position(|value| *value < 0.0);
                if let Some(position) = negative.filter(|_| name.ends_with(".running_var")) {
                    return Err(WeightsError::NegativeVariance { name, position });
                }
                digest.update(name.as_bytes());
                values.iter().for_each(|value| digest.update(value.to_le_bytes()));
                tensors.insert(name, Tensor { shape, values });
            }
            digests.push(hexadecimal(&digest.clone().finalize()[..4]));
        }
        let tensors = Arc::new(tensors);
        Ok(Self { backbone, stages: digests.len(), file_sha256, tensors, digests })
    }

    /// The network.
    pub fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// Stages that they suffice for, from the first on.
    pub fn stages(&self) -> usize {
        self.stages
    }

    /// SHA-256 of the file that they came from, hexadecimal.
    pub fn file_sha256(&self) -> &str {
        &self.file_sha256
    }

    /// Name of the network with the weights of its first `stages` stages: equal names mean equal maps up to
    /// rounding.
    ///
    /// # Panics
    /// If they suffice for fewer stages, or `stages` is 0.
    pub fn id(&self, stages: usize) -> String {
        format!("{}-stages-1-{stages}-{}", self.backbone, self.digests[stages - 1])
    }

    /// Those of the first `stages` stages alone.
    #[must_use]
    pub fn up_to(&self, stages: usize) -> Self {
        let stages = stages.min(self.stages);
        Self { stages, digests: self.digests[..stages].to_vec(), ..self.clone() }
    }

    /// Name, shape and values of each tensor.
    pub fn tensors(&self) -> impl Iterator<Item = (String, &[usize], &[f32])> {
        names(self.backbone, self.stages).into_iter().map(|(name, _)| {
            let Tensor { shape, values } = &self.tensors[&name];
            (name, &shape[..], &values[..])
        })
    }

    /// Writes them to the safetensors file `path`, which [`read`](Self::read) understands if all stages
    /// are there.
    ///
    /// # Errors
    /// [`FeatureError::Weights`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FeatureError> {
        let tensors: Vec<_> = self.tensors().collect();
        let named =
            || tensors.iter().map(|(name, shape, values)| NamedTensor::floats(name, shape, values));
        save_tensors(path, &BTreeMap::new(), named).map_err(|source| FeatureError::Weights {
            path: path.to_path_buf(),
            backbone: self.backbone,
            fits: None,
            source: source.into(),
        })
    }

    /// A convolution of theirs, with its batch norm folded in: w γ / √(σ² + ε), and β − μ γ / √(σ² + ε) as
    /// bias.
    pub(crate) fn folded(&self, convolution: &Convolution) -> ConvolutionWeights {
        let values = |name: &str, part: &str| &self.tensors[&format!("{name}.{part}")].values;
        let mut weight = values(&convolution.name, "weight").clone();
        let shape = convolution.shape();
        let Some(norm) = &convolution.norm else {
            return ConvolutionWeights {
                weight,
                shape,
                bias: values(&convolution.name, "bias").clone(),
            };
        };
        let [scale, shift, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|part| values(norm, part));
        let mut bias = Vec::with_capacity(convolution.outputs);
        let per_output = weight.len() / convolution.outputs;
        for (output, weights) in weight.chunks_exact_mut(per_output).enumerate() {
            // In f64: rounded once.
            let factor = f64::from(scale[output]) / (f64::from(variance[output]) + EPSILON).sqrt();
            weights.iter_mut().for_each(|w| *w = (f64::from(*w) * factor) as f32);
            bias.push((f64::from(shift[output]) - f64::from(mean[output]) * factor) as f32);
        }
        ConvolutionWeights { weight, shape, bias }
    }
}

/// Names and shapes of the tensors of a layer.
fn tensors_of(layer: &Layer) -> Vec<(String, Vec<usize>)> {
    layer.convolutions().into_iter().flat_map(Convolution::tensors).collect()
}

/// Names and shapes of the tensors of the first `stages` stages.
fn names(backbone: Backbone, stages: usize) -> Vec<(String, Vec<usize>)> {
    let layers = architecture::stages(backbone).into_iter().take(stages).flatten();
    layers.flat_map(|layer| tensors_of(&layer)).collect()
}

/// Checks that a file has the tensors of `backbone` and no other, but for what its stages do not need.
fn fits(backbone: Backbone, file: &impl TensorSource) -> Result<(), FileError> {
    let needed: BTreeMap<_, _> = names(backbone, backbone.stages()).into_iter().collect();
    for (name, shape) in &needed {
        file.check(name, shape, differnet_files::Dtype::F32)?;
    }
    let beyond = |name: &str| {
        CLASSIFIERS.iter().any(|prefix| name.starts_with(prefix)) || name.ends_with(COUNTS)
    };
    match file.names().into_iter().find(|name| !needed.contains_key(name) && !beyond(name)) {
        Some(name) => Err(FileError::UnexpectedTensor { name }),
        None => Ok(()),
    }
}

/// Hexadecimal SHA-256 of a file.
fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            count => digest.update(&chunk[..count]),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
