//! Headers of safetensors files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;

use crate::error::FileError;
use crate::tensor::TensorSpec;

/// Largest header accepted; the safetensors format's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Header of a file, checked against the file's length.
#[derive(Debug)]
pub(crate) struct Header {
    tensors: Metadata,
    metadata: BTreeMap<String, String>,
    data_start: u64,
}

impl Header {
    /// Reads the header that `file`, of `length` bytes, begins with; `path` is for messages.
    pub(crate) fn read(path: &Path, file: &mut impl Read, length: u64) -> Result<Self, FileError> {
        let io = |source| FileError::Io { path: path.to_path_buf(), source };
        let malformed =
            |reason: &str| FileError::Header { path: path.into(), reason: reason.into() };
        let found = length;
        if found < 8 {
            return Err(malformed("it is shorter than 8 bytes"));
        }
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(io)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES || length > found - 8 {
            return Err(malformed("its header does not fit"));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(io)?;
        let tensors: Metadata =
            serde_json::from_slice(&header).map_err(|error| malformed(&error.to_string()))?;
        let data_start = 8 + length;
        let expected = data_start.saturating_add(tensors.data_len() as u64);
        if expected != found {
            return Err(FileError::Length { path: path.into(), expected, found });
        }
        let metadata = tensors.metadata().iter().flatten();
        let metadata = metadata.map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Self { tensors, metadata, data_start })
    }

    /// Metadata stored with the tensors, the checksum included.
    pub(crate) fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Names of the tensors in the order of the file.
    pub(crate) fn names_in_order(&self) -> Vec<String> {
        self.tensors.offset_keys()
    }

    /// Names of the tensors, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = self.names_in_order();
        names.sort();
        names
    }

    /// Shape and element type of a tensor.
    pub(crate) fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        self.tensors.info(name).map(|info| (info.shape.clone(), info.dtype))
    }

    /// First byte of a tensor within the file, and the one behind its last.
    pub(crate) fn range(&self, name: &str) -> Result<(u64, u64), FileError> {
        let info = self.tensors.info(name);
        let info = info.ok_or_else(|| FileError::MissingTensor { name: name.into() })?;
        let (start, end) = info.data_offsets;
        Ok((self.data_start + start as u64, self.data_start + end as u64))
    }
}

/// Bytes of a header of `tensors` in this order, the length in front included.
pub(crate) fn header_bytes(tensors: &[TensorSpec], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Entry<'a> {
        Metadata(&'a BTreeMap<String, String>),
        Tensor(TensorInfo),
    }
    // Sorted keys: equal content gives equal bytes.
    let mut entries = BTreeMap::from([("__metadata__", Entry::Metadata(metadata))]);
    let mut offset = 0;
    for TensorSpec { name, shape, dtype } in tensors {
        let end = offset + shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let (dtype, shape, data_offsets) = (*dtype, shape.clone(), (offset, end));
        entries.insert(name, Entry::Tensor(TensorInfo { dtype, shape, data_offsets }));
        offset = end;
    }
    let mut header = serde_json::to_vec(&entries).expect("strings and numbers serialise");
    // Spaces up to a multiple of 8 keep the data aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes
}
