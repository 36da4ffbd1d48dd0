//! Signs that a file has been written to or replaced, without reading it.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// The last second of the year 9999, from 1970 on.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// Metadata of a file that differ once it has been written to or replaced.
///
/// Length and `modified` can be set back by whoever writes, as `cp -p` does. On Unix `inode` and `changed`
/// cannot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileStamp {
    /// Length of the content, bytes.
    pub bytes: u64,
    /// Time of the last write, in UTC with nanoseconds.
    pub modified: String,
    /// Time of the last change to content or metadata, in seconds since 1970; `None` where there is none.
    pub changed: Option<String>,
    /// Number of the file in its file system; `None` where there is none.
    pub inode: Option<u64>,
}

impl FileStamp {
    /// The stamp of the file `path`.
    ///
    /// # Errors
    /// That of the operating system, if it tells nothing of the file.
    pub fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|metadata| Self::new(&metadata))
    }

    fn new(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        // Times before 1970 and after 9999 have no such text; the others still tell two files apart.
        let last = SystemTime::UNIX_EPOCH + LAST_SECOND;
        let modified = modified.clamp(SystemTime::UNIX_EPOCH, last);
        let modified = humantime::format_rfc3339_nanos(modified).to_string();
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt;
            let changed = format!("{}.{:09}", metadata.ctime(), metadata.ctime_nsec());
            (Some(changed), Some(metadata.ino()))
        };
        #[cfg(not(unix))]
        let (changed, inode) = (None, None);
        Self { bytes: metadata.len(), modified, changed, inode }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_of_equal_length_and_time_has_another_stamp() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.png");
        std::fs::write(&path, "one")?;
        let time = path.metadata()?.modified()?;
        let before = FileStamp::of(&path)?;
        let other = folder.path().join("b.png");
        std::fs::write(&other, "two")?;
        std::fs::File::options().write(true).open(&other)?.set_modified(time)?;
        std::fs::rename(&other, &path)?;
        let after = FileStamp::of(&path)?;
        assert_eq!((before.bytes, &before.modified), (after.bytes, &after.modified));
        assert_ne!(before, after);
        Ok(())
    }

    #[test]
    fn times_that_no_text_has_are_told_apart_by_the_rest() -> io::Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        let year = Duration::from_secs(365 * 86_400);
        for time in [SystemTime::UNIX_EPOCH - year, SystemTime::UNIX_EPOCH + 10_000 * year] {
            // Some file systems have no such times.
            if file.as_file().set_modified(time).is_ok() {
                assert!(FileStamp::of(file.path())?.modified.ends_with('Z'));
            }
        }
        Ok(())
    }
}
