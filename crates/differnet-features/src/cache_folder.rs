//! Where the feature cache is unless someone says otherwise.

use std::path::PathBuf;

/// Names the cache folder where no argument does.
const VARIABLE: &str = "DIFFERNET_CACHE";

/// The folder that `$DIFFERNET_CACHE` names, else `differnet` in the user's cache folder; `None` if
/// this user has none.
pub fn default_cache_folder() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(folder) if !folder.is_empty() => Some(folder.into()),
        _ => dirs::cache_dir().map(|folder| folder.join("differnet")),
    }
}
