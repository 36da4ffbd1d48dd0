//! Identity of a file's content: what was seen of the file, and the hash of what was read.

use std::ffi::OsStr;
use std::path::PathBuf;

use differnet_data::ContentHash;
use serde::{Deserialize, Serialize};

use crate::stamp::Stamp;

/// File below the watched folder as a look at the folder sees it, without reading it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeenFile {
    /// The path below the watched folder.
    pub(crate) name: PathBuf,
    pub(crate) stamp: Stamp,
}

/// What a result is about: a name, when it was written, and what was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) name: PathBuf,
    pub(crate) modified: String,
    /// SHA-256 of the content, in hexadecimal.
    pub(crate) sha256: String,
}

impl Version {
    /// The version of `seen` whose content has this hash.
    pub(crate) fn new(seen: &SeenFile, hash: ContentHash) -> Self {
        let modified = seen.stamp.modified.clone();
        Self { name: seen.name.clone(), modified, sha256: hash.to_string() }
    }
}

/// The object `file` of a line of results.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// The path below the watched folder, as text.
    name: String,
    /// The bytes of a name that is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_bytes: Option<Vec<u8>>,
    #[serde(flatten)]
    stamp: Stamp,
    sha256: String,
}

impl FileRecord {
    pub(crate) fn new(seen: &SeenFile, version: &Version) -> Self {
        let name = seen.name.as_os_str();
        Self {
            name: name.to_string_lossy().into_owned(),
            name_bytes: name.to_str().is_none().then(|| name.as_encoded_bytes().to_vec()),
            stamp: seen.stamp.clone(),
            sha256: version.sha256.clone(),
        }
    }

    /// What was seen, and its version.
    pub(crate) fn into_parts(self) -> (SeenFile, Version) {
        let name = match self.name_bytes {
            Some(bytes) => path_from(&bytes),
            None => PathBuf::from(self.name),
        };
        let modified = self.stamp.modified.clone();
        let version = Version { name: name.clone(), modified, sha256: self.sha256 };
        (SeenFile { name, stamp: self.stamp }, version)
    }
}

/// The path with these bytes, which only Unix can have without being UTF-8.
fn path_from(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    let name = <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).to_os_string();
    #[cfg(not(unix))]
    let name = OsStr::new(String::from_utf8_lossy(bytes).as_ref()).to_os_string();
    name.into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of 3 bytes.
    pub(crate) fn seen(name: &str, inode: u64) -> SeenFile {
        let stamp = Stamp {
            bytes: 3,
            modified: "2026-01-01T00:00:00.5Z".into(),
            changed: Some("1767225600.000000005".into()),
            inode: Some(inode),
        };
        SeenFile { name: name.into(), stamp }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_come_back_from_their_bytes() -> anyhow::Result<()> {
        let name = path_from(b"part \xff.png");
        let seen = SeenFile { name: name.clone(), ..seen("", 1) };
        let version = Version::new(&seen, ContentHash([7; 32]));
        let text = serde_json::to_string(&FileRecord::new(&seen, &version))?;
        assert!(text.starts_with("{\"name\":\"part \u{fffd}.png\",\"name_bytes\":[112,"), "{text}");
        let back = serde_json::from_str::<FileRecord>(&text)?.into_parts();
        assert_eq!(back, (seen, version));
        Ok(())
    }
}
