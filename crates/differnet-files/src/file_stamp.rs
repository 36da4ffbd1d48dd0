//! Signs that a file has been written to or replaced, without reading it.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

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
        // A time before 1970 has no such text; the others still tell two files apart.
        let modified = modified.max(SystemTime::UNIX_EPOCH);
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
}
