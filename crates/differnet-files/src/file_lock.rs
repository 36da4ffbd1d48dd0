//! Locks on output files: one process at a time makes what a file will hold.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic_file::resolved;

/// End of a lock file's name.
const LOCK: &str = ".lock";

/// Lock on a file that need not exist, held until dropped.
///
/// It is the operating system's lock on `NAME.lock` beside the file: it ends with the process, however that
/// ends, so that a lock file which a killed process left blocks nobody. A file system without locks excludes
/// nobody either.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    /// Open for as long as the lock is held.
    _file: File,
}

impl FileLock {
    /// The lock on `target`; `None` if another holder has it, in this process or another.
    ///
    /// # Errors
    /// If the lock file cannot be created.
    pub fn try_acquire(target: &Path) -> io::Result<Option<Self>> {
        let target = &resolved(target);
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(LOCK);
        let path = target.with_file_name(name);
        loop {
            let file = File::options().write(true).create(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // Between opening and locking the last holder may have deleted it.
            if is_at(&file, &path) {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Deleted while it is locked: whoever opened it before sees that it is gone. A leftover is harmless.
        let _ = fs::remove_file(&self.path);
    }
}

/// Tells whether `path` still is the name of `file`.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (open.dev(), open.ino()) == (named.dev(), named.ino())
    }
    #[cfg(not(unix))]
    {
        // A file that is open cannot be replaced there.
        open.len() == named.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_holder_at_a_time_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let [model, other] = ["model", "other"].map(|name| folder.path().join(name));
        let lock = FileLock::try_acquire(&model).unwrap().unwrap();
        assert!(FileLock::try_acquire(&model).unwrap().is_none());
        assert!(FileLock::try_acquire(&other).unwrap().is_some());
        drop(lock);
        assert!(FileLock::try_acquire(&model).unwrap().is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        FileLock::try_acquire(&folder.path().join("missing/model")).unwrap_err();
    }

    #[test]
    fn a_lock_file_that_a_killed_process_left_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        fs::write(folder.path().join("model.lock"), "").unwrap();
        assert!(FileLock::try_acquire(&model).unwrap().is_some());
    }

    #[test]
    fn holders_that_delete_the_file_never_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        let holders = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Some(lock) = FileLock::try_acquire(&model).unwrap() else { continue };
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                        holders.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
