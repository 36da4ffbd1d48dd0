//! One state of a file, told by its length and its time.

use std::fs::Metadata;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// One state of a file below the watched folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Version {
    /// The file's path below the watched folder.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// When it was written to last, in UTC with nanoseconds.
    pub(crate) modified: String,
}

impl Version {
    /// The state of the file `name` with this metadata.
    pub(crate) fn new(name: String, metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        // A time before 1970 has no such text, and is as good as 1970 to tell two versions apart.
        let modified = modified.max(SystemTime::UNIX_EPOCH);
        let modified = humantime::format_rfc3339_nanos(modified).to_string();
        Self { name, bytes: metadata.len(), modified }
    }
}
