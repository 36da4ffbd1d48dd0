//! Moving defects out of the way, and nothing else.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use differnet_data::ContentHash;

use crate::atomic;
use crate::output_file::numbered;
use differnet_files::FileStamp;

/// Outcome of moving a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// To this path.
    To(PathBuf),
    /// It stays: it is no longer the file that was scored.
    Changed,
}

/// Moves the file `from`, whose content has this SHA-256, to `to`, or beside it if there is one already.
///
/// Its content is read again before, and whether it is still the same file is looked at afterwards: a picture
/// that took its place meanwhile goes back.
pub(crate) fn move_file(from: &Path, sha256: &str, to: &Path) -> anyhow::Result<Moved> {
    let cannot_move = || format!("cannot move {} to {}", from.display(), to.display());
    let before = match FileStamp::of(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Moved::Changed),
        stamp => stamp.with_context(cannot_move)?,
    };
    if ContentHash::of_file(from).with_context(cannot_move)?.to_string() != sha256 {
        return Ok(Moved::Changed);
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(cannot_move)?;
    }
    let claim = Claim::of(to).with_context(cannot_move)?;
    let to = claim.path.clone();
    match fs::rename(from, &to) {
        Ok(()) => {
            claim.keep();
            if is_same(&before, &to) {
                return Ok(Moved::To(to));
            }
            if from.exists() {
                bail!(
                    "{} was replaced twice while it was moved: {} has not been scored",
                    from.display(),
                    to.display()
                );
            }
            fs::rename(&to, from).with_context(|| {
                format!("{} has not been scored, and cannot be moved back", to.display())
            })?;
            Ok(Moved::Changed)
        }
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let moved = copy(from, sha256, &to).with_context(cannot_move)?;
            if matches!(moved, Moved::To(_)) {
                claim.keep();
            }
            Ok(moved)
        }
        Err(error) => Err(error).with_context(cannot_move),
    }
}

/// Copies `from` to another file system and deletes it, if it holds what was scored. If it does not, the file `to` is
/// worth nothing.
fn copy(from: &Path, sha256: &str, to: &Path) -> anyhow::Result<Moved> {
    let before = FileStamp::of(from)?;
    let bytes = fs::read(from)?;
    if ContentHash::of(&bytes).to_string() != sha256 {
        return Ok(Moved::Changed);
    }
    atomic::write(to, &bytes)?;
    if FileStamp::of(from)? != before {
        return Ok(Moved::Changed);
    }
    fs::remove_file(from)?;
    Ok(Moved::To(to.to_path_buf()))
}

/// Tells whether `path` is the file with this stamp, renamed: renaming changes the time of its inode.
fn is_same(before: &FileStamp, path: &Path) -> bool {
    FileStamp::of(path)
        .is_ok_and(|after| FileStamp { changed: before.changed.clone(), ..after } == *before)
}

/// An empty file whose name nobody else has, to be replaced by what is moved; deleted unless it is kept.
struct Claim {
    path: PathBuf,
    kept: bool,
}

impl Claim {
    /// One called `path`, or the first of `NAME-2.png`, `NAME-3.png`, … that does not exist.
    fn of(path: &Path) -> io::Result<Self> {
        for candidate in iter::once(path.to_path_buf()).chain(numbered(path)) {
            match File::create_new(&candidate) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|_| Self { path: candidate, kept: false }),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.kept {
            // A leftover is empty, and harmless.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(text: &str) -> String {
        ContentHash::of(text.as_bytes()).to_string()
    }

    #[test]
    fn nothing_is_replaced() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("a.png"), folder.path().join("out/b/a.png"));
        let names = ["a.png", "a-2.png", "a-3.png"].map(|name| to.with_file_name(name));
        for (text, name) in ["1", "2", "3"].into_iter().zip(&names) {
            fs::write(&from, text)?;
            assert_eq!(move_file(&from, &sha256(text), &to)?, Moved::To(name.clone()));
            assert!(!from.exists());
        }
        for (name, text) in names.iter().zip(["1", "2", "3"]) {
            assert_eq!(fs::read_to_string(name)?, text);
        }
        Ok(())
    }

    #[test]
    fn a_name_is_claimed_once_and_free_again_if_nothing_came() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.png");
        let (first, second) = (Claim::of(&path)?, Claim::of(&path)?);
        assert_eq!((&first.path, second.path.clone()), (&path, path.with_file_name("a-2.png")));
        drop(first);
        second.keep();
        assert_eq!((path.exists(), path.with_file_name("a-2.png").exists()), (false, true));
        Ok(())
    }

    #[test]
    fn what_was_not_scored_stays() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("a.png"), folder.path().join("out/a.png"));
        assert_eq!(move_file(&from, &sha256("scored"), &to)?, Moved::Changed);
        fs::write(&from, "unseen")?;
        assert_eq!(move_file(&from, &sha256("scored"), &to)?, Moved::Changed);
        assert_eq!(copy(&from, &sha256("scored"), &to)?, Moved::Changed);
        assert_eq!(fs::read_to_string(&from)?, "unseen");
        assert!(!to.exists());
        fs::create_dir(folder.path().join("out"))?;
        assert_eq!(copy(&from, &sha256("unseen"), &to)?, Moved::To(to.clone()));
        assert_eq!((fs::read_to_string(&to)?.as_str(), from.exists()), ("unseen", false));
        Ok(())
    }

    #[test]
    fn a_failed_move_names_both_files() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let from = folder.path().join("a.png");
        fs::write(&from, "1")?;
        fs::write(folder.path().join("taken"), "no folder")?;
        let to = folder.path().join("taken/a.png");
        let error = move_file(&from, &sha256("1"), &to).err().map(|error| format!("{error:#}"));
        let error = error.unwrap_or_default();
        for path in [&from, &to] {
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
        assert!(from.exists());
        Ok(())
    }
}
