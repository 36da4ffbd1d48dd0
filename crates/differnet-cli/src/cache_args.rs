//! Where features are remembered between runs.

use std::path::PathBuf;

use anyhow::Context;
use differnet_features::FeatureCache;

/// Where features are remembered between runs.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheArgs {
    /// Folder of the feature cache, instead of $DIFFERNET_CACHE or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Extract all features anew and remember none.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

impl CacheArgs {
    /// The cache; `None` if it is not wanted.
    pub(crate) fn open(&self) -> anyhow::Result<Option<FeatureCache>> {
        if self.no_cache {
            return Ok(None);
        }
        folder(self.cache.as_ref()).map(|folder| Some(FeatureCache::new(folder)))
    }
}

/// Environment variable: names the cache folder where no argument does.
const VARIABLE: &str = "DIFFERNET_CACHE";

/// The cache folder: the one named, else the environment's, else the user's.
pub(crate) fn folder(named: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = named {
        return Ok(folder.clone());
    }
    let given = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
    given
        .map(PathBuf::from)
        .or_else(|| Some(dirs::cache_dir()?.join("differnet")))
        .context("this user has no cache folder: name one with --cache, or use --no-cache")
}
