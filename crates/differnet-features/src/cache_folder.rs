//! Where the feature cache is unless someone says otherwise.

use std::path::PathBuf;

/// The folder `differnet` in the user's cache folder; `None` if this user has none.
pub fn default_cache_folder() -> Option<PathBuf> {
    dirs::cache_dir().map(|folder| folder.join("differnet"))
}
