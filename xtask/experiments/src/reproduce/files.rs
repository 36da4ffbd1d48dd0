//! Output files that are complete or absent: written under a temporary name, then renamed.

use std::fs;
use std::path::Path;

use anyhow::Context;
use differnet_files::write_atomically;

/// Writes `bytes` to `path`, folders above it included.
///
/// # Errors
/// If the file cannot be written; what was there before is unchanged then.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::create_dir_all(folder.unwrap_or(Path::new("."))).with_context(cannot_write)?;
    write_atomically(path, bytes).with_context(cannot_write)
}
