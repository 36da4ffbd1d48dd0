//! Finished cells on disk: `OUT/cells/NAME.json`, one file each, complete or absent.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::cell::{CellResult, CellSpec};
use super::files;

/// Digits of a digest in a file's name: enough that no two cells share one.
const DIGITS: usize = 12;

/// Time to wait for a lock. A killed run can outlive itself for a moment: a process that it was just
/// starting has its open files until the program is loaded.
const PATIENCE: Duration = Duration::from_secs(2);

/// The folder of finished cells; locked against other runs while this exists.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// The cells below `out`.
    ///
    /// # Errors
    /// If the folder cannot be written, or if another run works in it.
    pub(crate) fn open(out: &Path) -> anyhow::Result<Self> {
        let folder = out.join("cells");
        let cannot_use = || format!("cannot use the folder {}", folder.display());
        fs::create_dir_all(&folder).with_context(cannot_use)?;
        let lock = File::create(folder.join("lock")).with_context(cannot_use)?;
        let started = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { folder, _lock: lock }),
                Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => bail!(
                    "another run is writing to {}: wait for it, or name another folder with --out",
                    out.display()
                ),
                Err(TryLockError::Error(error)) => return Err(error).with_context(cannot_use),
            }
        }
    }

    /// The file of a cell.
    pub(crate) fn file(&self, spec: &CellSpec, digest: &str) -> PathBuf {
        self.folder.join(format!("{}.json", name(spec, digest)))
    }

    /// The folder of what takes an interrupted cell up again.
    pub(crate) fn partial(&self, spec: &CellSpec, digest: &str) -> PathBuf {
        self.folder.join(format!("{}.partial", name(spec, digest)))
    }

    /// The result of a cell with this digest, if it is finished.
    ///
    /// A file that cannot be understood counts as absent: the cell is computed anew.
    pub(crate) fn load(&self, spec: &CellSpec, digest: &str) -> Option<CellResult> {
        read(&self.file(spec, digest)).filter(|result| result.digest == digest)
    }
}

/// Stores the result of a cell.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn save(file: &Path, result: &CellResult) -> anyhow::Result<()> {
    files::write(file, serde_json::to_string(result)?.as_bytes())
}

/// Tells whether `file` holds the result of the cell with this digest.
pub(crate) fn is_finished(file: &Path, digest: &str) -> bool {
    read(file).is_some_and(|result| result.digest == digest)
}

fn read(file: &Path) -> Option<CellResult> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// A name that people can tell and that no other settings or data share.
fn name(spec: &CellSpec, digest: &str) -> String {
    let variant = spec.variant.as_ref().map_or(String::new(), |variant| format!("-{variant}"));
    let (category, method, seed) = (&spec.category, spec.method_name(), spec.seed);
    let label: String = format!("{category}-{method}{variant}-seed{seed}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    format!("{label}-{}", &digest[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::super::test_inputs::{result, spec};
    use super::*;

    #[test]
    fn a_cell_is_found_by_its_digest_alone() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path())?;
        let (spec, digest) = (spec(1), spec(1).digest("data"));
        assert_eq!(store.load(&spec, &digest), None);
        let result = CellResult { digest: digest.clone(), ..result("bottle", 1, 0.9) };
        save(&store.file(&spec, &digest), &result)?;
        assert_eq!(store.load(&spec, &digest), Some(result));
        assert_eq!(store.load(&spec, &spec.digest("other data")), None);
        Ok(())
    }

    #[test]
    fn a_damaged_cell_counts_as_absent() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path())?;
        let (spec, digest) = (spec(1), spec(1).digest("data"));
        let file = store.file(&spec, &digest);
        let result = CellResult { digest: digest.clone(), ..result("bottle", 1, 0.9) };
        save(&file, &result)?;
        let text = fs::read_to_string(&file)?;
        fs::write(&file, &text[..text.len() / 2])?;
        assert_eq!(store.load(&spec, &digest), None);
        let other = CellResult { digest: spec.digest("other data"), ..result };
        save(&file, &other)?;
        assert_eq!(store.load(&spec, &digest), None);
        Ok(())
    }

    #[test]
    fn two_runs_do_not_share_a_folder() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path())?;
        let message = Store::open(folder.path()).map_err(|error| error.to_string());
        assert!(message.is_err_and(|message| message.contains("another run")));
        drop(store);
        Store::open(folder.path())?;
        Ok(())
    }

    #[test]
    fn names_hold_no_character_that_a_file_system_minds() {
        let spec = CellSpec { category: "métal / nut".into(), ..spec(2) };
        let golden = "m_tal___nut-differnet-seed2-0123456789ab";
        assert_eq!(name(&spec, "0123456789abcdef"), golden);
    }
}
