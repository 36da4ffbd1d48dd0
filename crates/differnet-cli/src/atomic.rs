//! Atomic writes of output files, folders above them included.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use differnet_files::AtomicFile;

/// Writes `bytes` to `path`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace(path, |out| Ok(out.write_all(bytes)?))
}

/// Writes `path` with `fill`, folders above it included; if `fill` fails, nothing changes.
pub(crate) fn replace(
    path: &Path,
    fill: impl FnOnce(&mut AtomicFile) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    fs::create_dir_all(folder_of(path)).with_context(cannot_write)?;
    let mut file = AtomicFile::create(path).with_context(cannot_write)?;
    fill(&mut file).with_context(cannot_write)?;
    file.commit().with_context(cannot_write)
}

/// The folder that `path` lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_what_was_there() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("new/result.txt");
        write(&path, b"first")?;
        let failed = replace(&path, |out| {
            out.write_all(b"half of the sec")?;
            anyhow::bail!("the disk caught fire")
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path)?, b"first");
        assert_eq!(fs::read_dir(folder.path().join("new"))?.count(), 1);
        Ok(())
    }
}
