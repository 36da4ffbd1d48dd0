//! Subject of a test: something that takes one input after the other.

use std::path::Path;

use tempfile::TempDir;

/// Folder for files that live in memory, where there is one.
const IN_MEMORY: &str = "/dev/shm";

/// Reception of an input. Either is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// It was taken as valid, and what came of it was right.
    Accepted,
    /// It was refused with an error that says what is wrong.
    Refused,
}

/// Something that takes inputs from outside.
pub trait Subject {
    /// Valid inputs, from which fuzzing starts.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Hands `input` over.
    ///
    /// # Errors
    /// What is wrong with the way it was received, in words.
    fn receive(&mut self, input: &[u8]) -> Result<Reception, String>;
}

/// A folder for files that are written and read very often: in memory, if there is a place for it.
pub(crate) fn scratch() -> std::io::Result<TempDir> {
    let in_memory = Path::new(IN_MEMORY);
    if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() }
}
