//! Arguments of the feature cache: its folder and its size limit.

use std::path::PathBuf;

use anyhow::Context;
use differnet_data::with_causes;
use differnet_features::{FeatureCache, FeatureError};

use crate::exit::UsageError;
use crate::numbers::size;
use crate::output::tell;

/// Size of the cache unless another is asked for, bytes.
const LIMIT: u64 = 10_000_000_000;
/// Environment variable: names the cache folder where no argument does.
const VARIABLE: &str = "DIFFERNET_CACHE";
/// Environment variable: limits the cache's size where no argument does.
const LIMIT_VARIABLE: &str = "DIFFERNET_CACHE_LIMIT";

/// Folder of the feature cache.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheArgs {
    /// Folder of the feature cache, instead of $DIFFERNET_CACHE or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    limit: CacheLimitArgs,
    /// Extract all features anew and remember none.
    #[arg(long, conflicts_with_all = ["cache", "cache_limit"])]
    no_cache: bool,
}

/// Limit of the size of the cache.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheLimitArgs {
    /// Size of the feature cache, such as 500MB; those used longest ago are deleted
    /// [default: $DIFFERNET_CACHE_LIMIT or 10GB].
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_limit: Option<u64>,
}

impl CacheLimitArgs {
    /// Bytes: of the argument, else the environment's, else 10 GB.
    pub(crate) fn bytes(&self) -> anyhow::Result<u64> {
        if let Some(bytes) = self.cache_limit {
            return Ok(bytes);
        }
        let Some(text) = std::env::var_os(LIMIT_VARIABLE).filter(|text| !text.is_empty()) else {
            return Ok(LIMIT);
        };
        size(&text.to_string_lossy()).map_err(|reason| {
            UsageError(format!("setting {LIMIT_VARIABLE} is {}: {reason}", text.display())).into()
        })
    }
}

impl CacheArgs {
    /// The cache; `None` if it is not wanted or there is no place for it.
    pub(crate) fn open(&self) -> anyhow::Result<Option<FeatureCache>> {
        if self.no_cache {
            return Ok(None);
        }
        let limit = self.limit.bytes()?;
        let Some(folder) = place(self.cache.as_ref()) else {
            tell(
                "warning: this user has no cache folder, features are not kept: name one with --cache, \
                 or use --no-cache",
            );
            return Ok(None);
        };
        Ok(Some(FeatureCache::new(folder).with_limit(limit).on_failure(warn)))
    }
}

/// Says that features are not kept. What they are wanted for goes on without.
fn warn(error: &FeatureError) {
    // Progress may stand in the line.
    tell(&format!("\nwarning: {}. Features are not kept.", with_causes(error)));
}

/// The cache folder: the one named, else the environment's, else the user's; `None` if there is none.
fn place(named: Option<&PathBuf>) -> Option<PathBuf> {
    let given = || std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
    let users = || Some(dirs::cache_dir()?.join("differnet"));
    named.cloned().or_else(|| given().map(PathBuf::from)).or_else(users)
}

/// The cache folder: the one named, else the environment's, else the user's.
pub(crate) fn folder(named: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    place(named).context("this user has no cache folder: name one with --cache")
}
