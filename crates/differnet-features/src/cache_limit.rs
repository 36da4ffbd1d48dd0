//! Size limit of the feature cache: the segments used longest ago go first.
//!
//! The time of a segment's last use is that of its file, which reading it renews: file systems seldom keep
//! the time of access.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::cache::remove_file;
use crate::error::FeatureError;

/// Part of the limit that is written before files are counted again, and that is freed beyond what is needed:
/// counting takes a look at every file.
const COUNT_EVERY: u64 = 16;
/// Age of the noted use from which another is noted.
const NOTE_AFTER: Duration = Duration::from_secs(3600);
/// Age from which a partial file is no writer's any more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Limit of the bytes in a cache, and what this process knows of them.
#[derive(Debug)]
pub(crate) struct CacheLimit {
    bytes: u64,
    /// Bytes at the last count and written since; `None` before the first count.
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    counted: u64,
    written: u64,
}

impl CacheLimit {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes, known: Mutex::new(None) }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.bytes == 0
    }

    /// Notes that `bytes` were written, and deletes old ones of `files` if there are too many.
    pub(crate) fn wrote(
        &self,
        bytes: u64,
        files: impl FnOnce() -> Result<Vec<PathBuf>, FeatureError>,
    ) -> Result<(), FeatureError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut() {
            known.written += bytes;
            let total = known.counted + known.written;
            if total <= self.bytes && known.written <= self.bytes / COUNT_EVERY {
                return Ok(());
            }
        }
        let files = files()?;
        Self::new(self.bytes - self.bytes / COUNT_EVERY).enforce(files.clone())?;
        let counted = files.iter().filter_map(|path| fs::metadata(path).ok());
        let counted = counted.map(|metadata| metadata.len()).sum();
        *known = Some(Known { counted, written: 0 });
        Ok(())
    }

    /// Deletes those of `files` that were used longest ago until the others fit; returns the bytes freed.
    pub(crate) fn enforce(&self, files: Vec<PathBuf>) -> Result<u64, FeatureError> {
        let now = SystemTime::now();
        let mut found = Vec::with_capacity(files.len());
        for path in files {
            // Another process may have deleted it.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            // A clock that was ahead must not keep it for ever.
            let used = if used > now { SystemTime::UNIX_EPOCH } else { used };
            found.push((used, metadata.len(), path));
        }
        let mut total: u64 = found.iter().map(|(_, bytes, _)| bytes).sum();
        found.sort();
        let mut freed = 0;
        for (used, bytes, path) in found {
            if total <= self.bytes {
                break;
            }
            let age = now.duration_since(used).unwrap_or_default();
            if is_partial(&path) && age < ABANDONED {
                continue;
            }
            remove_file(&path)?;
            total -= bytes;
            freed += bytes;
            // A folder with anything else in it stays.
            if let Some(folder) = path.parent()
                && fs::remove_dir(folder).is_ok()
                && let Some(prefix) = folder.parent()
            {
                let _ = fs::remove_dir(prefix);
            }
        }
        Ok(freed)
    }
}

fn is_partial(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "partial")
}

/// Notes that the segment in `path` was used, unless that was noted a short while ago.
pub(crate) fn note_use(path: &Path) {
    let now = SystemTime::now();
    let noted = fs::metadata(path).and_then(|metadata| metadata.modified());
    let fresh =
        noted.is_ok_and(|noted| now.duration_since(noted).is_ok_and(|age| age < NOTE_AFTER));
    // What cannot be noted, as on a read-only disk, is deleted a little too early.
    if !fresh && let Ok(file) = File::options().write(true).open(path) {
        let _ = file.set_modified(now);
    }
}
