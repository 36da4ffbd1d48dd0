//! Signs that a file has changed, without reading it.

use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Metadata that differ once a file has been written to or replaced.
///
/// Length and time of the content can be set back by whoever writes; on Unix the inode and the time of the
/// last change to the inode cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Inode, and seconds and nanoseconds of its last change.
    inode: (u64, i64, i64),
}

impl Stamp {
    /// The stamp of the file `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        #[cfg(unix)]
        let inode = {
            use std::os::unix::fs::MetadataExt;
            (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
        };
        #[cfg(not(unix))]
        let inode = (0, 0, 0);
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok(), inode })
    }
}

/// Debounced changes of what `S` is the stamp of.
#[derive(Debug)]
pub(crate) struct Changes<S> {
    /// At the last attempt to load, successful or not.
    tried: S,
    /// At the last look.
    seen: S,
}

impl<S: PartialEq + Clone> Changes<S> {
    /// No changes since `stamp`, at which it was loaded.
    pub(crate) fn since(stamp: S) -> Self {
        Self { tried: stamp.clone(), seen: stamp }
    }

    /// Whether it is to be loaded: it changed since the last attempt, and not since the last look.
    pub(crate) fn look(&mut self, now: S) -> bool {
        let stable = self.seen == now;
        self.seen = now.clone();
        if !stable || self.tried == now {
            return false;
        }
        self.tried = now;
        true
    }

    /// Notes at which stamp it was loaded, if it changed again meanwhile.
    pub(crate) fn loaded(&mut self, stamp: S) {
        self.tried = stamp;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_loaded_once_when_it_stayed_for_a_look() {
        let mut changes = Changes::since(1);
        assert!(!changes.look(1));
        assert!(!changes.look(2) && !changes.look(3), "it still changes");
        assert!(changes.look(3));
        assert!(!changes.look(3), "loaded already");
        assert!(!changes.look(4) && !changes.look(3) && !changes.look(3), "it went back");
    }

    #[cfg(unix)]
    #[test]
    fn content_of_equal_length_and_time_has_another_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let [path, other] = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&path, "first").expect("written");
        let before = Stamp::of(&path).expect("there");
        std::fs::write(&other, "other").expect("written");
        let file = std::fs::File::options().write(true).open(&other).expect("there");
        file.set_modified(before.modified.expect("a time")).expect("set");
        std::fs::rename(&other, &path).expect("renamed");
        let after = Stamp::of(&path).expect("there");
        assert_eq!((after.bytes, after.modified), (before.bytes, before.modified));
        assert_ne!(after, before);
    }
}
