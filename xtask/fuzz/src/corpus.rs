//! The stored corpus: inputs that reach code which the seeds do not, a folder a target.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::target::Target;

/// The folder of the stored inputs of `target`.
pub fn corpus_folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name())
}

/// The file with words of the language that `target` reads.
pub fn dictionary(target: Target) -> PathBuf {
    let name = format!("{target}.dict");
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries").join(name)
}

/// The stored inputs of `target`, sorted by name.
///
/// # Errors
/// If the folder cannot be read.
pub fn corpus_files(target: Target) -> anyhow::Result<Vec<PathBuf>> {
    let folder = corpus_folder(target);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}
