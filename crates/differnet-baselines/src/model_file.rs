//! Model files: a method's name, settings and tensors, with metadata of the caller's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use differnet_files::{FileError, MappedTensors, NamedTensor, TensorSource, save_tensors};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BaselineError;

/// Metadata key of the method's name.
const METHOD_KEY: &str = "differnet_baselines.method";
/// Metadata key of the method's settings, as JSON.
const CONFIG_KEY: &str = "differnet_baselines.config";

/// Writes a model of `method` to `path`, with its settings, `tensors` and `metadata`.
pub(crate) fn save(
    path: &Path,
    method: &str,
    config: &impl Serialize,
    tensors: &[NamedTensor<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<(), BaselineError> {
    let mut metadata = metadata.clone();
    metadata.insert(METHOD_KEY.into(), method.into());
    let config = serde_json::to_string(config).expect("settings are plain data");
    metadata.insert(CONFIG_KEY.into(), config);
    Ok(save_tensors(path, &metadata, || tensors.iter().cloned())?)
}

/// Model file whose content matches its checksum.
#[derive(Debug)]
pub(crate) struct ModelFile {
    file: MappedTensors,
    metadata: BTreeMap<String, String>,
    /// Names of the tensors that have not been taken.
    left: BTreeSet<String>,
}

impl ModelFile {
    /// The model of `method` in `path`.
    pub(crate) fn open(path: &Path, method: &'static str) -> Result<Self, BaselineError> {
        let file = MappedTensors::open(path)?;
        file.verify()?;
        let file =
            Self { metadata: file.metadata(), left: file.names().into_iter().collect(), file };
        match file.metadata_value(METHOD_KEY)? {
            found if found == method => Ok(file),
            _ => Err(file.not_understood(METHOD_KEY, "the method asked for")),
        }
    }

    /// The method's settings.
    pub(crate) fn config<T: DeserializeOwned>(&self) -> Result<T, BaselineError> {
        let text = self.metadata_value(CONFIG_KEY)?;
        serde_json::from_str(text)
            .map_err(|_| self.not_understood(CONFIG_KEY, "the method's settings"))
    }

    /// The number kept under the metadata key `key`.
    pub(crate) fn number(&self, key: &str) -> Result<u64, BaselineError> {
        let text = self.metadata_value(key)?;
        text.parse().map_err(|_| self.not_understood(key, "a number"))
    }

    /// The shape of the tensor `name`, which has to have `N` dimensions and at least one value.
    pub(crate) fn shape<const N: usize>(&self, name: &str) -> Result<[usize; N], BaselineError> {
        let Some((found, _)) = self.file.info(name) else {
            return Err(FileError::MissingTensor { name: name.to_owned() }.into());
        };
        // Rows without values, and models without rows, score nothing.
        let expected = match found.as_slice().try_into() {
            Ok(shape) if !found.contains(&0) => return Ok(shape),
            Ok(_) => found.iter().map(|&size| size.max(1)).collect(),
            Err(_) => vec![0; N],
        };
        Err(FileError::Shape { name: name.to_owned(), expected, found }.into())
    }

    /// Takes the finite single-precision values of the tensor `name`, which has to have this shape.
    pub(crate) fn singles(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Vec<f32>, BaselineError> {
        self.left.remove(name);
        Ok(self.file.floats(name, shape)?)
    }

    /// Takes the finite double-precision values of the tensor `name`, which has to have this shape.
    pub(crate) fn doubles(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Vec<f64>, BaselineError> {
        self.left.remove(name);
        Ok(self.file.doubles(name, shape)?)
    }

    /// Checks that all `values` of the tensor `name` are `valid`.
    pub(crate) fn require<T: Copy>(
        &self,
        name: &str,
        expected: &'static str,
        values: &[T],
        valid: impl Fn(T) -> bool,
    ) -> Result<(), BaselineError> {
        match values.iter().position(|value| !valid(*value)) {
            None => Ok(()),
            Some(position) => {
                Err(BaselineError::Value { name: name.to_owned(), expected, position })
            }
        }
    }

    /// Checks that every tensor has been taken.
    pub(crate) fn finish(self) -> Result<(), BaselineError> {
        match self.left.into_iter().next() {
            None => Ok(()),
            Some(name) => Err(FileError::UnexpectedTensor { name }.into()),
        }
    }

    fn metadata_value(&self, key: &str) -> Result<&str, BaselineError> {
        let value = self.metadata.get(key).map(String::as_str);
        Ok(value.ok_or_else(|| FileError::MissingMetadata { key: key.to_owned() })?)
    }

    fn not_understood(&self, key: &str, expected: &'static str) -> BaselineError {
        let value = self.metadata.get(key).cloned().unwrap_or_default();
        FileError::Metadata { key: key.to_owned(), value, expected }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_without_values_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let tensor = NamedTensor::floats("points", &[0, 3], &[]);
        save(&path, "test", &(), &[tensor], &BTreeMap::new()).unwrap();
        let file = ModelFile::open(&path, "test").unwrap();
        let error = file.shape::<2>("points").unwrap_err();
        assert!(error.to_string().contains("has shape [0, 3], expected [1, 3]"), "{error}");
        let error = file.shape::<1>("points").unwrap_err();
        assert!(error.to_string().contains("has shape [0, 3], expected [0]"), "{error}");
    }
}
