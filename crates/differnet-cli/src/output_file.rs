//! Output files that take long to make: claimed at the start, looked at again before they are replaced.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use differnet_files::FileLock;

use crate::exit::Exit;
use crate::output::tell;
use differnet_files::FileStamp;

/// Permission to replace a file that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    /// The file may be replaced.
    Allow,
    /// The file stays.
    Refuse,
}

impl From<bool> for Overwrite {
    /// The flag `--overwrite`.
    fn from(given: bool) -> Self {
        if given { Self::Allow } else { Self::Refuse }
    }
}

/// Output file that no other `differnet` writes meanwhile.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    /// Stamp of the file when it was claimed; `None` if there was no file.
    before: Option<FileStamp>,
    _lock: FileLock,
}

/// Destination of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file that was claimed.
    Claimed(PathBuf),
    /// Another beside it: the claimed one is somebody else's since.
    Beside(PathBuf),
}

impl OutputFile {
    /// Claims `path`; makes the folders above it.
    ///
    /// # Errors
    /// If it is a folder, exists and may not be replaced, or is claimed by another process.
    pub(crate) fn claim(path: &Path, overwrite: Overwrite) -> anyhow::Result<Self> {
        if path.is_dir() {
            bail!("{} is a folder: name a file", path.display());
        }
        let taken = || bail!("{} exists: name another file, or add --overwrite", path.display());
        if path.exists() && overwrite == Overwrite::Refuse {
            return taken();
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        }
        let lock = FileLock::try_acquire(path)
            .with_context(|| format!("cannot write to the folder of {}", path.display()))?;
        let Some(lock) = lock else {
            bail!(
                "{} is being written by another differnet: wait for it, or name another file",
                path.display()
            );
        };
        // Written by whoever had the lock until just before.
        if path.exists() && overwrite == Overwrite::Refuse {
            return taken();
        }
        Ok(Self { path: path.to_path_buf(), before: FileStamp::of(path).ok(), _lock: lock })
    }

    /// Claims a file that is there, to be read and replaced.
    ///
    /// # Errors
    /// If it is not there, or claimed by another process.
    pub(crate) fn claim_existing(path: &Path) -> anyhow::Result<Self> {
        path.metadata().with_context(|| format!("cannot access {}", path.display()))?;
        Self::claim(path, Overwrite::Allow)
    }

    /// Returns the claimed file, or one beside it if somebody wrote the claimed one meanwhile.
    pub(crate) fn place(&self) -> Place {
        if self.is_unchanged() {
            return Place::Claimed(self.path.clone());
        }
        let free = numbered(&self.path).find(|path| !path.exists());
        Place::Beside(free.expect("there are more numbers than files"))
    }

    /// Nothing, if nobody wrote the file since it was claimed.
    pub(crate) fn require_unchanged(&self) -> anyhow::Result<()> {
        if !self.is_unchanged() {
            bail!(
                "{} was changed by another program meanwhile and stays as that left it: run this again",
                self.path.display()
            );
        }
        Ok(())
    }

    fn is_unchanged(&self) -> bool {
        FileStamp::of(&self.path).ok() == self.before
    }
}

/// Names beside `path`: `NAME-2.png`, `NAME-3.png`, …
pub(crate) fn numbered(path: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    (2_u32..).map(|number| {
        let mut name = path.file_stem().unwrap_or_default().to_os_string();
        name.push(format!("-{number}"));
        if let Some(ending) = path.extension() {
            name.push(".");
            name.push(ending);
        }
        path.with_file_name(name)
    })
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        let (Self::Claimed(path) | Self::Beside(path)) = self;
        path
    }

    /// Returns `exit`, or says that the output is not where it was asked for and returns [`Exit::Failed`].
    pub(crate) fn end(&self, claimed: &Path, exit: Exit) -> Exit {
        let Self::Beside(path) = self else { return exit };
        tell(&format!(
            "error: {} was written by another program meanwhile and stays: the result is in {}",
            claimed.display(),
            path.display()
        ));
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_claimed_once_and_free_again_afterwards() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("new/part.differnet");
        let claim = OutputFile::claim(&path, Overwrite::Refuse)?;
        for overwrite in [Overwrite::Allow, Overwrite::Refuse] {
            let error = OutputFile::claim(&path, overwrite).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains("another differnet")));
        }
        assert_eq!(claim.place(), Place::Claimed(path.clone()));
        std::fs::write(&path, "first")?;
        drop(claim);
        assert!(OutputFile::claim(&path, Overwrite::Refuse).is_err());
        assert!(OutputFile::claim(&path, Overwrite::Allow).is_ok());
        assert!(OutputFile::claim(folder.path(), Overwrite::Allow).is_err());
        Ok(())
    }

    #[test]
    fn what_others_wrote_meanwhile_stays() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("part.differnet");
        let claim = OutputFile::claim(&path, Overwrite::Refuse)?;
        claim.require_unchanged()?;
        std::fs::write(&path, "theirs")?;
        assert!(claim.require_unchanged().is_err());
        let beside = folder.path().join("part-2.differnet");
        assert_eq!(claim.place(), Place::Beside(beside.clone()));
        std::fs::write(&beside, "an older one")?;
        assert_eq!(claim.place().path(), folder.path().join("part-3.differnet"));
        Ok(())
    }
}
