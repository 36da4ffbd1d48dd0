//! Identity of a file's content: what was seen of the file, and the hash of what was read.

use std::path::PathBuf;

use differnet::PathText;
use differnet_data::ContentHash;
use serde::{Deserialize, Serialize};

use differnet_files::FileStamp;

/// File below the watched folder as a scan of the folder sees it, without reading it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeenFile {
    /// The path below the watched folder.
    pub(crate) name: PathBuf,
    pub(crate) stamp: FileStamp,
}

/// Version of a file that a result is about: its name, when it was written, and the content read.
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
    /// The bytes of that path, in Base64, if it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_bytes: Option<String>,
    #[serde(flatten)]
    stamp: FileStamp,
    sha256: String,
}

impl FileRecord {
    pub(crate) fn new(seen: &SeenFile, version: &Version) -> Self {
        Self {
            name: seen.name.to_string_lossy().into_owned(),
            name_bytes: PathText::bytes_of(&seen.name),
            stamp: seen.stamp.clone(),
            sha256: version.sha256.clone(),
        }
    }

    /// Splits the record into the file that was seen and its version.
    pub(crate) fn into_parts(self) -> (SeenFile, Version) {
        let name = PathText::to_path(&self.name, self.name_bytes.as_deref());
        let modified = self.stamp.modified.clone();
        let version = Version { name: name.clone(), modified, sha256: self.sha256 };
        (SeenFile { name, stamp: self.stamp }, version)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file of 3 bytes.
    pub(crate) fn seen(name: &str, inode: u64) -> SeenFile {
        let stamp = FileStamp {
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
        use std::os::unix::ffi::OsStringExt;
        let name = PathBuf::from(std::ffi::OsString::from_vec(b"part \xff.png".to_vec()));
        let seen = SeenFile { name: name.clone(), ..seen("", 1) };
        let version = Version::new(&seen, ContentHash([7; 32]));
        let text = serde_json::to_string(&FileRecord::new(&seen, &version))?;
        assert!(
            text.starts_with("{\"name\":\"part \u{fffd}.png\",\"name_bytes\":\"cGFydCD/LnBuZw==\""),
            "{text}"
        );
        let back = serde_json::from_str::<FileRecord>(&text)?.into_parts();
        assert_eq!(back, (seen, version));
        Ok(())
    }
}
