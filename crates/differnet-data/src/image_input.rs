//! An image before it is decoded, wherever its bytes are.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::decode::{DecodeLimits, read_file};
use crate::image_error::ImageError;

/// The encoded bytes of an image: a file, or what a file would hold.
///
/// Equal bytes are the same image: nothing that is computed from them depends on where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageInput<'a> {
    /// A file, opened when its turn comes.
    File(&'a Path),
    /// Bytes that came by another way.
    Memory {
        /// Name of the image in messages; no file is looked for.
        name: &'a Path,
        /// As in a file.
        bytes: &'a [u8],
    },
}

impl<'a> ImageInput<'a> {
    /// Name of the image in messages.
    pub fn name(&self) -> &'a Path {
        match *self {
            Self::File(path) => path,
            Self::Memory { name, .. } => name,
        }
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`ImageError`]: the file cannot be read, or there are more bytes than `limits` allow.
    pub fn read(&self, limits: &DecodeLimits) -> Result<Cow<'a, [u8]>, ImageError> {
        match *self {
            Self::File(path) => Ok(Cow::Owned(read_file(path, limits)?)),
            Self::Memory { name, bytes } => {
                let (length, limit) = (bytes.len() as u64, limits.max_bytes);
                if length > limit {
                    let path = name.to_path_buf();
                    return Err(ImageError::FileTooLarge { path, bytes: length, limit });
                }
                Ok(Cow::Borrowed(bytes))
            }
        }
    }
}

impl<'a> From<&'a Path> for ImageInput<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a PathBuf> for ImageInput<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a str> for ImageInput<'a> {
    fn from(path: &'a str) -> Self {
        Self::File(Path::new(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_its_bytes_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"content").unwrap();
        let memory = ImageInput::Memory { name: Path::new("b.png"), bytes: b"content" };
        let limits = DecodeLimits::default();
        assert_eq!(memory.read(&limits).unwrap(), ImageInput::File(&path).read(&limits).unwrap());
        let limits = DecodeLimits { max_bytes: 6, ..limits };
        for input in [memory, ImageInput::File(&path)] {
            let error = input.read(&limits).unwrap_err();
            assert!(matches!(error, ImageError::FileTooLarge { bytes: 7, limit: 6, .. }));
            assert_eq!(error.path(), input.name());
        }
    }
}
