//! Safetensors files, written and read one tensor at a time so that no second copy is ever held.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;

use crate::error::FlowError;
use crate::whole_file::replace_file;

/// Largest header accepted; the safetensors format's own limit.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Values converted to bytes at a time while writing.
const CHUNK: usize = 16 * 1024;

/// Name, shape and element type of a tensor in a file.
#[derive(Debug, Clone)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: Dtype,
}

/// Where tensors come from: a file or bytes in memory.
pub(crate) trait TensorSource {
    /// Every tensor's name, sorted.
    fn names(&self) -> Vec<String>;
    /// Shape and element type of a tensor; `None` if there is none of that name.
    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)>;
    /// The raw little-endian bytes of a tensor that [`info`](Self::info) knows.
    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FlowError>;

    /// The values of an `f32` tensor that must be there, finite and of this shape.
    fn floats(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, FlowError> {
        self.check(spec)?;
        let bytes = self.bytes(&spec.name)?;
        let (words, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(position) => Err(FlowError::NonFinite { name: spec.name.clone(), position }),
            None => Ok(values),
        }
    }

    /// The values of an `i64` tensor that must be there and of this shape.
    fn integers(&mut self, spec: &TensorSpec) -> Result<Vec<i64>, FlowError> {
        self.check(spec)?;
        let bytes = self.bytes(&spec.name)?;
        let (words, _) = bytes.as_chunks::<8>();
        Ok(words.iter().map(|word| i64::from_le_bytes(*word)).collect())
    }

    /// Whether the tensor is there, of the right type and shape.
    fn check(&self, spec: &TensorSpec) -> Result<(), FlowError> {
        let name = spec.name.clone();
        let Some((found, dtype)) = self.info(&spec.name) else {
            return Err(FlowError::MissingTensor { name });
        };
        if dtype != spec.dtype {
            let (expected, found) = (format!("{:?}", spec.dtype), format!("{dtype:?}"));
            return Err(FlowError::Dtype { name, expected, found });
        }
        if found != spec.shape {
            return Err(FlowError::Shape { name, expected: spec.shape.clone(), found });
        }
        Ok(())
    }
}

impl TensorSource for &SafeTensors<'_> {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            SafeTensors::names(self).iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        self.tensor(name).ok().map(|view| (view.shape().to_vec(), view.dtype()))
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FlowError> {
        let view = self.tensor(name);
        Ok(view.map_err(|_| FlowError::MissingTensor { name: name.into() })?.data().to_vec())
    }
}

/// What a file holds, in one number: sums the CRC-32 of each named part, in whatever order.
#[derive(Debug, Default)]
pub(crate) struct Checksum(u32);

impl Checksum {
    /// The checksum of `metadata` alone.
    pub(crate) fn of(metadata: &BTreeMap<String, String>) -> Self {
        let mut checksum = Self::default();
        metadata.iter().for_each(|(key, value)| checksum.add(key, value.as_bytes()));
        checksum
    }

    /// Adds the part `name`.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(bytes);
        self.0 = self.0.wrapping_add(hasher.finalize());
    }

    /// The checksum of the parts of both.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// An open safetensors file whose header has been checked.
#[derive(Debug)]
pub(crate) struct TensorFile {
    path: PathBuf,
    file: File,
    data_start: u64,
    header: Metadata,
    read: Checksum,
}

impl TensorFile {
    /// Opens `path` and checks its header against its length.
    pub(crate) fn open(path: &Path) -> Result<Self, FlowError> {
        let io = |source| FlowError::Io { path: path.to_path_buf(), source };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let (header, data_start) = header_of(path, &mut file, length)?;
        Ok(Self { path: path.to_path_buf(), file, data_start, header, read: Checksum::default() })
    }

    /// The metadata stored with the tensors.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        metadata_of(&self.header)
    }

    /// The checksum of the tensors read so far and of `metadata`.
    pub(crate) fn checksum(&self, metadata: &BTreeMap<String, String>) -> Checksum {
        Checksum(Checksum::of(metadata).0.wrapping_add(self.read.0))
    }
}

/// The header that `file`, of `length` bytes, begins with, and where it ends.
///
/// `path` is for messages.
pub(crate) fn header_of(
    path: &Path,
    file: &mut impl Read,
    length: u64,
) -> Result<(Metadata, u64), FlowError> {
    let io = |source| FlowError::Io { path: path.to_path_buf(), source };
    let malformed = |reason: &str| FlowError::Header { path: path.into(), reason: reason.into() };
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
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|error| malformed(&error.to_string()))?;
    let data_start = 8 + length;
    let expected = data_start.saturating_add(header.data_len() as u64);
    if expected != found {
        return Err(FlowError::Length { path: path.into(), expected, found });
    }
    Ok((header, data_start))
}

/// The metadata in a header.
pub(crate) fn metadata_of(header: &Metadata) -> BTreeMap<String, String> {
    let metadata = header.metadata().as_ref();
    metadata.map(|map| map.clone().into_iter().collect()).unwrap_or_default()
}

/// Every tensor's name in a header, sorted.
pub(crate) fn names_of(header: &Metadata) -> Vec<String> {
    let mut names = header.offset_keys();
    names.sort();
    names
}

/// Shape and element type of a tensor in a header.
pub(crate) fn info_of(header: &Metadata, name: &str) -> Option<(Vec<usize>, Dtype)> {
    header.info(name).map(|info| (info.shape.clone(), info.dtype))
}

impl TensorSource for TensorFile {
    fn names(&self) -> Vec<String> {
        names_of(&self.header)
    }

    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        info_of(&self.header, name)
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FlowError> {
        let info = self.header.info(name);
        let info = info.ok_or_else(|| FlowError::MissingTensor { name: name.into() })?;
        let (start, end) = info.data_offsets;
        let io = |source| FlowError::Io { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(self.data_start + start as u64)).map_err(io)?;
        let mut bytes = vec![0; end - start];
        self.file.read_exact(&mut bytes).map_err(io)?;
        self.read.add(name, &bytes);
        Ok(bytes)
    }
}

/// Writes `path` through `write` so that readers see the old file or the whole new one.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), FlowError>,
) -> Result<(), FlowError> {
    let io = |source| FlowError::Io { path: path.to_path_buf(), source };
    let write = |out: &mut BufWriter<File>| {
        write(out).map_err(|error| match error {
            FlowError::Write { source } => io(source),
            other => other,
        })
    };
    replace_file(path, write, io)
}

/// Writes the header of a file that will hold `tensors` in this order.
pub(crate) fn write_header(
    tensors: &[TensorSpec],
    metadata: &BTreeMap<String, String>,
    out: &mut impl Write,
) -> Result<(), FlowError> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Entry<'a> {
        Metadata(&'a BTreeMap<String, String>),
        Tensor(TensorInfo),
    }
    // Sorted keys: equal content gives equal bytes.
    let mut entries = BTreeMap::new();
    if !metadata.is_empty() {
        entries.insert("__metadata__", Entry::Metadata(metadata));
    }
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
    let write = |source| FlowError::Write { source };
    out.write_all(&(header.len() as u64).to_le_bytes()).map_err(write)?;
    out.write_all(&header).map_err(write)
}

/// Writes `values` in little-endian order.
pub(crate) fn write_floats(values: &[f32], out: &mut impl Write) -> Result<(), FlowError> {
    let mut bytes = Vec::with_capacity(4 * CHUNK.min(values.len()));
    for chunk in values.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&bytes).map_err(|source| FlowError::Write { source })?;
    }
    Ok(())
}

/// Writes `values` in little-endian order.
pub(crate) fn write_integers(values: &[i64], out: &mut impl Write) -> Result<(), FlowError> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    out.write_all(&bytes).map_err(|source| FlowError::Write { source })
}
