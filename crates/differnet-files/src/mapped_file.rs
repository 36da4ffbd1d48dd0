//! Memory-mapped files: read when they are looked at and never copied.
//!
//! A model of the paper's size has 690 megabytes, of which a second program that scores with it needs
//! no copy of its own, and the first no time to make one.
//!
//! Mapping is unsafe: whoever writes to the file, or cuts it short, while it is mapped changes memory
//! that the compiler takes for constant, and a program that reads past the new end is stopped by the
//! system. Files of this project are never written in place: a new one takes the name of the old one
//! ([`AtomicFile`](crate::AtomicFile)), which stays as it is for those who have mapped it.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// The content of a file; it must not be changed in place as long as this exists.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps the file `path`, which need not fit into memory.
    ///
    /// # Errors
    /// If the file cannot be opened, or not be mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the mapping is read only. That nobody changes the file in place cannot be checked; it
        // is required of callers, and kept by everything here that writes files (see above).
        unsafe { Mmap::map(&file) }.map(Self)
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_the_files_and_stays_when_another_takes_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"before").unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        crate::write_atomically(&path, b"afterwards").unwrap();
        assert_eq!(&*mapped, b"before");
        assert_eq!(&*MappedFile::open(&path).unwrap(), b"afterwards");
    }

    #[test]
    fn empty_files_are_empty_and_missing_ones_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        assert_eq!(MappedFile::open(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, b"").unwrap();
        assert!(MappedFile::open(&path).unwrap().is_empty());
    }
}
