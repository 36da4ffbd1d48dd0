//! Safetensors files whose tensors stay where they are.

use std::collections::BTreeMap;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use differnet_mapped::MappedFile;
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::error::FlowError;
use crate::tensor_file::{
    Checksum, TensorSource, TensorSpec, header_of, info_of, metadata_of, names_of,
};

/// A mapped safetensors file whose header has been checked.
#[derive(Debug)]
pub(crate) struct MappedTensors {
    file: Arc<MappedFile>,
    data_start: usize,
    header: Metadata,
}

/// The values of an `f32` tensor: of memory, or of a mapped file.
#[derive(Debug, Clone)]
pub(crate) enum Floats {
    Owned(Vec<f32>),
    Mapped { file: Arc<MappedFile>, bytes: Range<usize> },
}

impl Deref for Floats {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        match self {
            Self::Owned(values) => values,
            Self::Mapped { file, bytes } => {
                bytemuck::try_cast_slice(&file[bytes.clone()]).expect("checked when it was made")
            }
        }
    }
}

impl MappedTensors {
    /// Maps `path` and checks its header against its length.
    pub(crate) fn open(path: &Path) -> Result<Self, FlowError> {
        let io = |source| FlowError::Io { path: path.to_path_buf(), source };
        let file = MappedFile::open(path).map_err(io)?;
        let (header, data_start) = header_of(path, &mut &file[..], file.len() as u64)?;
        Ok(Self { file: Arc::new(file), data_start: data_start as usize, header })
    }

    /// The metadata stored with the tensors.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        metadata_of(&self.header)
    }

    /// The values of an `f32` tensor that must be there and of this shape; not looked at.
    pub(crate) fn mapped(&self, spec: &TensorSpec) -> Result<Floats, FlowError> {
        self.check(spec)?;
        let bytes = self.range(&spec.name).ok_or_else(|| missing(&spec.name))?;
        // Files are little-endian, and ours aligned; others are copied.
        let fits = bytemuck::try_cast_slice::<u8, f32>(&self.file[bytes.clone()]).is_ok();
        if cfg!(target_endian = "little") && fits {
            return Ok(Floats::Mapped { file: Arc::clone(&self.file), bytes });
        }
        let (words, _) = self.file[bytes].as_chunks::<4>();
        Ok(Floats::Owned(words.iter().map(|word| f32::from_le_bytes(*word)).collect()))
    }

    /// The checksum of all tensors and of `metadata`, as [`TensorFile`](crate::tensor_file::TensorFile)
    /// has it after reading them.
    ///
    /// # Errors
    /// [`FlowError::NonFinite`] names the first value that is none, of the first tensor of floats
    /// that has one, in the order of the file.
    pub(crate) fn verify(
        &self,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Checksum, FlowError> {
        // Collected in order first: the error must not depend on which thread was faster.
        let parts: Vec<Result<Checksum, FlowError>> = self
            .header
            .offset_keys()
            .into_par_iter()
            .map(|name| {
                let bytes = &self.file[self.range(&name).ok_or_else(|| missing(&name))?];
                let floats = self.header.info(&name).is_some_and(|info| info.dtype == Dtype::F32);
                if floats && let Some(position) = first_not_finite(bytes) {
                    return Err(FlowError::NonFinite { name, position });
                }
                let mut part = Checksum::default();
                part.add(&name, bytes);
                Ok(part)
            })
            .collect();
        parts.into_iter().try_fold(Checksum::of(metadata), |sum, part| Ok(sum.plus(part?)))
    }

    /// Where the bytes of a tensor are within the file.
    fn range(&self, name: &str) -> Option<Range<usize>> {
        let (start, end) = self.header.info(name)?.data_offsets;
        Some(self.data_start + start..self.data_start + end)
    }
}

impl TensorSource for MappedTensors {
    fn names(&self) -> Vec<String> {
        names_of(&self.header)
    }

    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        info_of(&self.header, name)
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FlowError> {
        Ok(self.file[self.range(name).ok_or_else(|| missing(name))?].to_vec())
    }
}

fn missing(name: &str) -> FlowError {
    FlowError::MissingTensor { name: name.into() }
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
