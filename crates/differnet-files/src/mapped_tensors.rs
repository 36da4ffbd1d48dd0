//! Safetensors files whose tensors stay where they are.

use std::collections::BTreeMap;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use safetensors::Dtype;

use crate::checksum::Checksum;
use crate::error::FileError;
use crate::header::Header;
use crate::mapped_file::MappedFile;
use crate::tensor::TensorSpec;
use crate::tensor_file::without_checksum;
use crate::tensor_source::TensorSource;

/// Mapped safetensors file whose header has been checked.
#[derive(Debug)]
pub struct MappedTensors {
    path: PathBuf,
    file: Arc<MappedFile>,
    header: Header,
}

/// Values of an `f32` tensor: of memory, or of a mapped file.
#[derive(Debug, Clone)]
pub struct Floats(Place);

#[derive(Debug, Clone)]
enum Place {
    Owned(Vec<f32>),
    Mapped { file: Arc<MappedFile>, bytes: Range<usize> },
}

impl Floats {
    /// Tells whether the values lie in a mapped file.
    pub fn are_mapped(&self) -> bool {
        matches!(self.0, Place::Mapped { .. })
    }
}

impl From<Vec<f32>> for Floats {
    fn from(values: Vec<f32>) -> Self {
        Self(Place::Owned(values))
    }
}

impl Deref for Floats {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        match &self.0 {
            Place::Owned(values) => values,
            Place::Mapped { file, bytes } => {
                bytemuck::try_cast_slice(&file[bytes.clone()]).expect("checked when it was made")
            }
        }
    }
}

impl MappedTensors {
    /// Maps `path` and checks its header against its length.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be read, or is no safetensors file.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let io = |source| FileError::Io { path: path.to_path_buf(), source };
        let file = MappedFile::open(path).map_err(io)?;
        let header = Header::read(path, &mut &file[..], file.len() as u64)?;
        Ok(Self { path: path.to_path_buf(), file: Arc::new(file), header })
    }

    /// Metadata stored with the tensors, without the checksum.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        without_checksum(&self.header)
    }

    /// Values of the `f32` tensor that `spec` describes; not looked at.
    ///
    /// # Errors
    /// [`FileError`] if the tensor is missing, or has another shape or type.
    pub fn mapped(&self, spec: &TensorSpec) -> Result<Floats, FileError> {
        self.check_spec(spec)?;
        let bytes = self.range(&spec.name)?;
        // Files are little-endian, and ours aligned; others are copied.
        let fits = bytemuck::try_cast_slice::<u8, f32>(&self.file[bytes.clone()]).is_ok();
        if cfg!(target_endian = "little") && fits {
            return Ok(Floats(Place::Mapped { file: Arc::clone(&self.file), bytes }));
        }
        let (words, _) = self.file[bytes].as_chunks::<4>();
        let values = words.iter().map(|word| f32::from_le_bytes(*word));
        Ok(values.collect::<Vec<f32>>().into())
    }

    /// Checks that all tensors and the metadata match the checksum, and every `f32` is finite.
    ///
    /// # Errors
    /// [`FileError::NonFinite`] names the first value that is none, of the first tensor of floats
    /// that has one, in the order of the file; [`FileError::Checksum`] and
    /// [`FileError::MissingMetadata`] as [`TensorFile::verify`](crate::TensorFile::verify).
    pub fn verify(&self) -> Result<(), FileError> {
        // Collected in order first: the error must not depend on which thread was faster.
        let parts: Vec<Result<Checksum, FileError>> = self
            .header
            .names_in_order()
            .into_par_iter()
            .map(|name| {
                let bytes = &self.file[self.range(&name)?];
                let floats = self.header.info(&name).is_some_and(|(_, dtype)| dtype == Dtype::F32);
                if floats && let Some(position) = first_not_finite(bytes) {
                    return Err(FileError::NonFinite { name, position });
                }
                let mut part = Checksum::default();
                part.add(&name, bytes);
                Ok(part)
            })
            .collect();
        let metadata = self.header.metadata();
        let checksum =
            parts.into_iter().try_fold(Checksum::of(metadata), |sum, part| Ok(sum.plus(part?)))?;
        checksum.check(&self.path, metadata)
    }

    /// Range of a tensor's bytes within the file.
    fn range(&self, name: &str) -> Result<Range<usize>, FileError> {
        let (start, end) = self.header.range(name)?;
        Ok(start as usize..end as usize)
    }
}

impl TensorSource for MappedTensors {
    fn names(&self) -> Vec<String> {
        self.header.names()
    }

    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        self.header.info(name)
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        Ok(self.file[self.range(name)?].to_vec())
    }
}

/// The first of the little-endian floats in `bytes` that is not finite.
fn first_not_finite(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 1024;
    // The exponent's bits are all set in what is not finite. Whole chunks are looked at by vectors.
    let infinite = |word: &[u8; 4]| u32::from_le_bytes(*word) & 0x7f80_0000 == 0x7f80_0000;
    let (words, _) = bytes.as_chunks::<4>();
    let arch = pulp::Arch::new();
    let chunk = words.chunks(CHUNK).position(|chunk| {
        arch.dispatch(|| chunk.iter().fold(false, |found, word| found | infinite(word)))
    })?;
    let position = words[chunk * CHUNK..].iter().position(infinite)?;
    Some(chunk * CHUNK + position)
}
