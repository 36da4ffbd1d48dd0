//! Safetensors files read one tensor at a time, so that no second copy is ever held.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;

use crate::checksum::{CHECKSUM_KEY, Checksum};
use crate::error::FileError;
use crate::header::Header;
use crate::tensor_source::TensorSource;

/// Open safetensors file whose header has been checked.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    file: File,
    header: Header,
    read: Checksum,
}

impl TensorFile {
    /// Opens `path` and checks its header against its length.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be read, or is no safetensors file.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let io = |source| FileError::Io { path: path.to_path_buf(), source };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let header = Header::read(path, &mut file, length)?;
        Ok(Self { path: path.to_path_buf(), file, header, read: Checksum::default() })
    }

    /// Metadata stored with the tensors, without the checksum.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        without_checksum(&self.header)
    }

    /// Checks that the metadata and the tensors, each read once by now, match the checksum.
    ///
    /// # Errors
    /// [`FileError::Checksum`] if not, [`FileError::MissingMetadata`] if the file has no checksum.
    pub fn verify(&self) -> Result<(), FileError> {
        let metadata = self.header.metadata();
        Checksum::of(metadata).plus(self.read).check(&self.path, metadata)
    }
}

impl TensorSource for TensorFile {
    fn names(&self) -> Vec<String> {
        self.header.names()
    }

    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        self.header.info(name)
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        let (start, end) = self.header.range(name)?;
        let io = |source| FileError::Io { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(start)).map_err(io)?;
        let mut bytes = vec![0; (end - start) as usize];
        self.file.read_exact(&mut bytes).map_err(io)?;
        self.read.add(name, &bytes);
        Ok(bytes)
    }
}

/// The metadata in a header, without the checksum.
pub(crate) fn without_checksum(header: &Header) -> BTreeMap<String, String> {
    let mut metadata = header.metadata().clone();
    metadata.remove(CHECKSUM_KEY);
    metadata
}

/// Metadata of the safetensors file at `path`, without the checksum.
///
/// # Errors
/// If the file cannot be read or its header is malformed.
pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, FileError> {
    Ok(TensorFile::open(path)?.metadata())
}
