//! Files that are complete or absent: written under a temporary name, then renamed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

/// Writes `bytes` to `path`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace(path, |out| Ok(out.write_all(bytes)?))
}

/// Writes `path` with `fill`, folders above it included; if `fill` fails, nothing changes.
pub(crate) fn replace(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    let folder = folder_of(path);
    fs::create_dir_all(folder).with_context(cannot_write)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".differnet-");
    // The usual rights of a new file, not the private ones of a temporary file.
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder).with_context(cannot_write)?;
    let mut out = BufWriter::new(file.as_file());
    fill(&mut out)?;
    out.flush().with_context(cannot_write)?;
    drop(out);
    file.as_file().sync_all().with_context(cannot_write)?;
    file.persist(path).map_err(|error| error.error).with_context(cannot_write)?;
    Ok(())
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
