//! A fitted model as one safetensors file.
//!
//! The metadata hold the method, its configuration as JSON, the seed and a checksum of all the rest,
//! besides what the caller adds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BaselineError;
use crate::parameters::{HostTensor, Parameters};

const METHOD_KEY: &str = "differnet_baselines.method";
const CONFIG_KEY: &str = "differnet_baselines.config";
const SEED_KEY: &str = "differnet_baselines.seed";
const CHECKSUM_KEY: &str = "differnet_baselines.checksum";

/// What a file holds.
#[derive(Debug)]
pub(crate) struct ModelFile<C> {
    pub(crate) config: C,
    pub(crate) seed: u64,
    pub(crate) parameters: Parameters,
}

/// The metadata of the model file at `path`.
///
/// # Errors
/// If the file cannot be read or its header is malformed.
pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, BaselineError> {
    metadata_of(&read(path)?, path)
}

impl<C: Serialize + DeserializeOwned> ModelFile<C> {
    /// Writes `path`; a complete file or none. Equal content gives equal bytes.
    ///
    /// # Errors
    /// [`BaselineError::Io`] if the file cannot be written.
    pub(crate) fn save(
        &self,
        method: &'static str,
        metadata: &BTreeMap<String, String>,
        path: &Path,
    ) -> Result<(), BaselineError> {
        let mut metadata = metadata.clone();
        let config = serde_json::to_string(&self.config).expect("numbers serialise");
        metadata.insert(METHOD_KEY.into(), method.into());
        metadata.insert(CONFIG_KEY.into(), config);
        metadata.insert(SEED_KEY.into(), self.seed.to_string());
        metadata.remove(CHECKSUM_KEY);
        let checksum = checksum(&metadata, &self.parameters);
        metadata.insert(CHECKSUM_KEY.into(), checksum.to_string());
        replace(path, |out| write(&metadata, &self.parameters, out))
            .map_err(|source| BaselineError::Io { path: path.to_path_buf(), source })
    }

    /// What [`save`](Self::save) wrote to `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds no model of this method.
    pub(crate) fn load(method: &'static str, path: &Path) -> Result<Self, BaselineError> {
        let bytes = read(path)?;
        let mut metadata = metadata_of(&bytes, path)?;
        let expected = required(&metadata, CHECKSUM_KEY, path)?.to_string();
        let parameters = parameters_of(&bytes, path)?;
        metadata.remove(CHECKSUM_KEY);
        if checksum(&metadata, &parameters).to_string() != expected {
            return Err(BaselineError::Checksum { path: path.to_path_buf() });
        }
        let found = required(&metadata, METHOD_KEY, path)?;
        if found != method {
            let (path, found) = (path.to_path_buf(), found.to_string());
            return Err(BaselineError::Method { path, expected: method, found });
        }
        let invalid = |key: &str, expected| {
            let (path, key) = (path.to_path_buf(), key.to_string());
            BaselineError::Metadata { path, key, expected }
        };
        let config = serde_json::from_str(required(&metadata, CONFIG_KEY, path)?)
            .map_err(|_| invalid(CONFIG_KEY, "a configuration of the method"))?;
        let seed = required(&metadata, SEED_KEY, path)?;
        let seed = seed.parse().map_err(|_| invalid(SEED_KEY, "a number"))?;
        Ok(Self { config, seed, parameters })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BaselineError> {
    fs::read(path).map_err(|source| BaselineError::Io { path: path.to_path_buf(), source })
}

fn metadata_of(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, String>, BaselineError> {
    let format = |source| BaselineError::Format { path: path.to_path_buf(), source };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    Ok(header.metadata().clone().unwrap_or_default().into_iter().collect())
}

fn parameters_of(bytes: &[u8], path: &Path) -> Result<Parameters, BaselineError> {
    let format = |source| BaselineError::Format { path: path.to_path_buf(), source };
    let mut parameters = Parameters::default();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(format)?.iter() {
        if view.dtype() != Dtype::F32 {
            let (expected, found) = (format!("{:?}", Dtype::F32), format!("{:?}", view.dtype()));
            return Err(BaselineError::Dtype { name: name.into(), expected, found });
        }
        let (words, _) = view.data().as_chunks::<4>();
        let values = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        let tensor = HostTensor { shape: view.shape().to_vec(), values };
        parameters.0.insert(name.to_string(), tensor);
    }
    Ok(parameters)
}

fn required<'a>(
    metadata: &'a BTreeMap<String, String>,
    key: &str,
    path: &Path,
) -> Result<&'a str, BaselineError> {
    let missing =
        || BaselineError::MissingMetadata { path: path.to_path_buf(), key: key.to_string() };
    metadata.get(key).map(String::as_str).ok_or_else(missing)
}

/// A CRC-32 of names, shapes and values.
fn checksum(metadata: &BTreeMap<String, String>, parameters: &Parameters) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    // Lengths keep neighbouring parts from being taken for one another.
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for (key, value) in metadata {
        part(key.as_bytes());
        part(value.as_bytes());
    }
    for (name, HostTensor { shape, values }) in &parameters.0 {
        part(name.as_bytes());
        shape.iter().for_each(|length| part(&(*length as u64).to_le_bytes()));
        part(&bytes_of(values));
    }
    hasher.finalize()
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Writes a safetensors file by hand: the library keeps metadata in a hash map, whose order varies.
fn write(
    metadata: &BTreeMap<String, String>,
    parameters: &Parameters,
    out: &mut impl Write,
) -> io::Result<()> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Entry<'a> {
        Metadata(&'a BTreeMap<String, String>),
        Tensor(TensorInfo),
    }
    let mut entries = BTreeMap::from([("__metadata__", Entry::Metadata(metadata))]);
    let mut offset = 0;
    for (name, HostTensor { shape, values }) in &parameters.0 {
        let end = offset + 4 * values.len();
        let info =
            TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (offset, end) };
        entries.insert(name, Entry::Tensor(info));
        offset = end;
    }
    let mut header = serde_json::to_vec(&entries).expect("strings and numbers serialise");
    // Spaces up to a multiple of 8 keep the data aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    parameters.0.values().try_for_each(|tensor| out.write_all(&bytes_of(&tensor.values)))
}

/// Writes `path` through `write` so that readers see the old file or the whole new one.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let attempt = || {
        let mut out = BufWriter::new(File::create(&partial)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&partial, path)
    };
    attempt().inspect_err(|_| {
        // The first error is the one to report; a leftover is harmless.
        let _ = fs::remove_file(&partial);
    })
}
