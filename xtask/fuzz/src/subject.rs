//! Subject of a test: something that takes one changed input after the other.

use std::path::Path;

use tempfile::TempDir;

use xtask_inputs::Draws;

/// Folder for files that live in memory, where there is one.
const IN_MEMORY: &str = "/dev/shm";

/// Reception of an input. Either is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken as valid, and what came of it was right.
    Accepted,
    /// It was refused with an error that says what is wrong.
    Refused,
}

/// Something that takes inputs from outside.
pub(super) trait Subject {
    /// Makes an input from `draws` and hands it over.
    ///
    /// # Errors
    /// What is wrong with the way it was received, in words.
    fn try_case(&mut self, draws: &mut Draws) -> Result<Outcome, String>;
}

/// A folder for files that are written and read very often: in memory, if there is a place for it.
pub(super) fn scratch() -> std::io::Result<TempDir> {
    let in_memory = Path::new(IN_MEMORY);
    if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() }
}
