//! Models as safetensors files: named tables of numbers, metadata as text, and a checksum of both.
//!
//! The conventions are those of the flow's file: keys in order, so that equal content gives equal
//! bytes; a checksum that sums the CRC-32 of each named part; a complete file or none.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use differnet_flow::replace_file;
use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BaselineError;

/// Metadata key of the method's name.
const METHOD_KEY: &str = "differnet_baselines.method";
/// Metadata key of the method's settings, as JSON.
const CONFIG_KEY: &str = "differnet_baselines.config";
/// Metadata key of the checksum of all the rest.
const CHECKSUM_KEY: &str = "differnet_baselines.checksum";

/// A table of numbers to be written.
pub(crate) struct Table<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values<'a>,
}

/// The values of a [`Table`], row by row.
pub(crate) enum Values<'a> {
    /// Single precision.
    Singles(&'a [f32]),
    /// Double precision.
    Doubles(&'a [f64]),
}

impl Table<'_> {
    fn dtype(&self) -> Dtype {
        match self.values {
            Values::Singles(_) => Dtype::F32,
            Values::Doubles(_) => Dtype::F64,
        }
    }

    /// The values in little-endian order.
    fn bytes(&self) -> Vec<u8> {
        match self.values {
            Values::Singles(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::Doubles(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }
}

/// Writes a model of `method` to `path`, with its settings, `tables` and `metadata`.
pub(crate) fn save(
    path: &Path,
    method: &str,
    config: &impl Serialize,
    tables: &[Table<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<(), BaselineError> {
    let mut metadata = metadata.clone();
    metadata.remove(CHECKSUM_KEY);
    metadata.insert(METHOD_KEY.into(), method.into());
    let config = serde_json::to_string(config).expect("settings are plain data");
    metadata.insert(CONFIG_KEY.into(), config);
    let parts: Vec<Vec<u8>> = tables.iter().map(Table::bytes).collect();
    let named = tables.iter().zip(&parts).map(|(table, bytes)| (table.name, bytes.as_slice()));
    metadata.insert(CHECKSUM_KEY.into(), checksum(&metadata, named));

    let header = header(tables, &metadata);
    let write = |out: &mut BufWriter<File>| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        parts.iter().try_for_each(|bytes| out.write_all(bytes))
    };
    replace_file(path, write, |source| source)
        .map_err(|source| BaselineError::Io { path: path.to_path_buf(), source })
}

/// The header of a file that holds `tables` in this order, padded so that the data are aligned.
fn header(tables: &[Table<'_>], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Entry<'a> {
        Metadata(&'a BTreeMap<String, String>),
        Table(TensorInfo),
    }
    let mut entries = BTreeMap::from([("__metadata__", Entry::Metadata(metadata))]);
    let mut offset = 0;
    for table in tables {
        let dtype = table.dtype();
        let end = offset + table.shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let (shape, data_offsets) = (table.shape.clone(), (offset, end));
        entries.insert(table.name, Entry::Table(TensorInfo { dtype, shape, data_offsets }));
        offset = end;
    }
    let mut header = serde_json::to_vec(&entries).expect("strings and numbers serialise");
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

/// The sum of the CRC-32 of each named part.
fn checksum<'a>(
    metadata: &'a BTreeMap<String, String>,
    tables: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let texts = metadata.iter().map(|(key, value)| (key.as_str(), value.as_bytes()));
    let sum = texts.chain(tables).fold(0_u32, |sum, (name, bytes)| {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(bytes);
        sum.wrapping_add(hasher.finalize())
    });
    format!("{sum:08x}")
}

/// A model file whose content matches its checksum.
#[derive(Debug)]
pub(crate) struct ModelFile {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    tables: BTreeMap<String, StoredTable>,
}

#[derive(Debug)]
struct StoredTable {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl ModelFile {
    /// The model of `method` in `path`.
    pub(crate) fn open(path: &Path, method: &'static str) -> Result<Self, BaselineError> {
        let bytes =
            fs::read(path).map_err(|source| BaselineError::Io { path: path.into(), source })?;
        let format = |source| BaselineError::Format { path: path.into(), source };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(format)?;
        let metadata = header.metadata().iter().flatten();
        let metadata = metadata.map(|(key, value)| (key.clone(), value.clone())).collect();
        let tables = tensors.tensors().into_iter().map(|(name, view)| {
            let (dtype, shape, bytes) = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
            (name, StoredTable { dtype, shape, bytes })
        });
        let mut file = Self { path: path.to_path_buf(), metadata, tables: tables.collect() };
        let expected = file.metadata_value(CHECKSUM_KEY)?.to_owned();
        file.metadata.remove(CHECKSUM_KEY);
        let tables = file.tables.iter().map(|(name, table)| (name.as_str(), &table.bytes[..]));
        if checksum(&file.metadata, tables) != expected {
            return Err(BaselineError::Checksum { path: file.path });
        }
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

    /// The shape of the table `name`, which has to have `N` dimensions and at least one value.
    pub(crate) fn shape<const N: usize>(&self, name: &str) -> Result<[usize; N], BaselineError> {
        let found = &self.table(name)?.shape;
        if found.contains(&0) {
            // Rows without values, and models without rows, score nothing.
            let expected = found.iter().map(|&size| size.max(1)).collect();
            return Err(self.wrong_shape(name, expected, found));
        }
        let expected = vec![0; N];
        found.as_slice().try_into().map_err(|_| self.wrong_shape(name, expected, found))
    }

    /// Takes the finite single-precision values of the table `name`, which has to have this shape.
    pub(crate) fn singles(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Vec<f32>, BaselineError> {
        let bytes = self.take(name, shape, Dtype::F32)?;
        let (words, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        self.require(name, "finite", &values, |value| value.is_finite())?;
        Ok(values)
    }

    /// Takes the finite double-precision values of the table `name`, which has to have this shape.
    pub(crate) fn doubles(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Vec<f64>, BaselineError> {
        let bytes = self.take(name, shape, Dtype::F64)?;
        let (words, _) = bytes.as_chunks::<8>();
        let values: Vec<f64> = words.iter().map(|word| f64::from_le_bytes(*word)).collect();
        self.require(name, "finite", &values, |value| value.is_finite())?;
        Ok(values)
    }

    /// Nothing, if all `values` of the table `name` are `valid`.
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
                let (path, name) = (self.path.clone(), name.to_owned());
                Err(BaselineError::Value { path, name, expected, position })
            }
        }
    }

    /// Nothing, if every table has been taken.
    pub(crate) fn finish(self) -> Result<(), BaselineError> {
        match self.tables.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(BaselineError::UnexpectedTensor { path: self.path, name }),
        }
    }

    fn table(&self, name: &str) -> Result<&StoredTable, BaselineError> {
        self.tables.get(name).ok_or_else(|| {
            let (path, name) = (self.path.clone(), name.to_owned());
            BaselineError::MissingTensor { path, name }
        })
    }

    fn take(
        &mut self,
        name: &str,
        shape: &[usize],
        dtype: Dtype,
    ) -> Result<Vec<u8>, BaselineError> {
        let table = self.table(name)?;
        if table.shape != shape {
            return Err(self.wrong_shape(name, shape.to_vec(), &table.shape));
        }
        if table.dtype != dtype {
            let (path, name) = (self.path.clone(), name.to_owned());
            let (expected, found) = (format!("{dtype:?}"), format!("{:?}", table.dtype));
            return Err(BaselineError::Dtype { path, name, expected, found });
        }
        Ok(self.tables.remove(name).map(|table| table.bytes).unwrap_or_default())
    }

    fn metadata_value(&self, key: &str) -> Result<&str, BaselineError> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| {
            let (path, key) = (self.path.clone(), key.to_owned());
            BaselineError::MissingMetadata { path, key }
        })
    }

    fn not_understood(&self, key: &str, expected: &'static str) -> BaselineError {
        let value = self.metadata.get(key).cloned().unwrap_or_default();
        BaselineError::Metadata { path: self.path.clone(), key: key.to_owned(), value, expected }
    }

    fn wrong_shape(&self, name: &str, expected: Vec<usize>, found: &[usize]) -> BaselineError {
        let (path, name, found) = (self.path.clone(), name.to_owned(), found.to_vec());
        BaselineError::Shape { path, name, expected, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_without_values_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let shape = vec![0, 3];
        let table = Table { name: "points", shape, values: Values::Singles(&[]) };
        save(&path, "test", &(), &[table], &BTreeMap::new()).unwrap();
        let error = ModelFile::open(&path, "test").unwrap().shape::<2>("points").unwrap_err();
        assert!(error.to_string().contains("has shape [0, 3], expected [1, 3]"), "{error}");
    }
}
