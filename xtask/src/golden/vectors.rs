//! Reference tensors in a safetensors file, by name and with their shapes checked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

/// A safetensors file in memory.
#[derive(Debug)]
pub(crate) struct Vectors {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Vectors {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let vectors = Self { path: path.to_path_buf(), bytes };
        vectors.tensors()?;
        Ok(vectors)
    }

    /// The file's tensors.
    pub(super) fn tensors(&self) -> anyhow::Result<SafeTensors<'_>> {
        let tensors = SafeTensors::deserialize(&self.bytes);
        tensors.with_context(|| format!("{} is not a safetensors file", self.path.display()))
    }

    /// What follows `prefix` in the names that begin with it, sorted.
    pub(super) fn names_under(&self, prefix: &str) -> Vec<String> {
        let tensors = self.tensors().expect("the file was parsed when it was read");
        let names = tensors.names().into_iter();
        let mut names: Vec<String> =
            names.filter_map(|name| name.strip_prefix(prefix)).map(String::from).collect();
        names.sort();
        names
    }

    /// The values of the tensor `name` and its shape.
    fn floats(&self, name: &str) -> anyhow::Result<(Vec<f32>, Vec<usize>)> {
        let path = self.path.display();
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).with_context(|| format!("no `{name}` in {path}"))?;
        let shape = tensor.shape().to_vec();
        let values = match tensor.dtype() {
            Dtype::F32 => {
                let (words, _) = tensor.data().as_chunks::<4>();
                words.iter().map(|word| f32::from_le_bytes(*word)).collect()
            }
            Dtype::F64 => {
                let (words, _) = tensor.data().as_chunks::<8>();
                words.iter().map(|word| f64::from_le_bytes(*word) as f32).collect()
            }
            other => bail!("`{name}` in {path} is {other:?}, expected floats"),
        };
        Ok((values, shape))
    }

    /// The values of the tensor `name`, row by row, of shape `shape`; 0 stands for any size.
    pub(crate) fn values<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
    ) -> anyhow::Result<Vec<f32>> {
        let (values, found) = self.floats(name)?;
        let fits = found.len() == D
            && found.iter().zip(shape).all(|(&found, wanted)| wanted == 0 || found == wanted);
        let path = self.path.display();
        ensure!(fits, "`{name}` in {path} has shape {found:?}, expected {shape:?} (0: any)");
        Ok(values)
    }

    /// The tensor `name`, of two dimensions, on `device`.
    pub(super) fn matrix(&self, name: &str, device: &Device) -> anyhow::Result<Tensor<2>> {
        let (values, shape) = self.floats(name)?;
        let path = self.path.display();
        let Ok(shape) = <[usize; 2]>::try_from(shape.as_slice()) else {
            bail!("`{name}` in {path} has shape {shape:?}, expected a matrix");
        };
        Ok(Tensor::from_data(TensorData::new(values, shape), device))
    }
}

/// The values of a tensor on the host, in double precision.
pub(super) fn to_host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// `values` in double precision, in which deviations are computed.
pub(super) fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
