//! `differnet cache`: shows, trims and clears the feature cache.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use differnet_features::{CacheUsage, FeatureCache};
use differnet_report::text_table;
use serde_json::json;

use crate::cache_args::{self, CacheLimitArgs};
use crate::exit::Exit;
use crate::output::{print, print_json};

/// Show, trim or clear the features remembered from earlier runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet cache info
  differnet cache trim --cache-limit 2GB
  differnet cache clear --cache /data/features
  du -sh \"$(differnet cache path)\"

--json prints one object: {\"path\"}, of info with {\"bytes\", \"limit\", \"extractors\"}, of trim with {\"freed_bytes\", \"limit\"}, of
clear with {\"freed_bytes\"}.")]
pub(crate) struct CacheCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show where the cache is and what it holds.
    Info(LimitedCacheArgs),
    /// Delete the features used longest ago, until the others fit into the limit.
    Trim(LimitedCacheArgs),
    /// Delete all features; they are extracted anew when needed.
    Clear(CacheFolderArgs),
    /// Print the cache's folder.
    Path(CacheFolderArgs),
}

#[derive(Debug, clap::Args)]
struct CacheFolderArgs {
    /// Folder of the feature cache, instead of $DIFFERNET_CACHE or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct LimitedCacheArgs {
    #[command(flatten)]
    folder: CacheFolderArgs,
    #[command(flatten)]
    limit: CacheLimitArgs,
}

pub(crate) fn run(command: &CacheCommand) -> anyhow::Result<Exit> {
    let args = match &command.action {
        Action::Info(args) | Action::Trim(args) => &args.folder,
        Action::Clear(args) | Action::Path(args) => args,
    };
    let folder = cache_args::folder(args.cache.as_ref())?;
    let cache = FeatureCache::new(&folder);
    match &command.action {
        Action::Path(_) if args.json => print_json(&json!({ "path": folder.to_string_lossy() })),
        Action::Path(_) => print(&folder.display().to_string()),
        Action::Info(LimitedCacheArgs { limit, .. }) => {
            info(&folder, &cache.usage()?, limit.bytes()?, args.json)
        }
        Action::Trim(LimitedCacheArgs { limit, .. }) => {
            let limit = limit.bytes()?;
            trimmed(&folder, cache.trim(limit)?, limit, args.json)
        }
        Action::Clear(_) => {
            let usage = cache.usage()?;
            cache.clear()?;
            cleared(&folder, &usage, args.json)
        }
    }?;
    Ok(Exit::Done)
}

fn info(folder: &Path, usage: &[CacheUsage], limit: u64, json: bool) -> anyhow::Result<()> {
    let bytes = total_bytes(usage);
    if json {
        let info = json!({ "path": folder.to_string_lossy(), "bytes": bytes, "limit": limit, "extractors": usage });
        return print_json(&info);
    }
    let (held, limit) = (megabytes(bytes), megabytes(limit));
    print(&format!("Cache {}: {held} of at most {limit}", folder.display()))?;
    if usage.is_empty() {
        return print("It is empty.");
    }
    let rows: Vec<Vec<String>> = usage
        .iter()
        .map(|usage| {
            let numbers = [usage.images, usage.rows, usage.damaged].map(|n| n.to_string());
            let cells = [usage.extractor.clone()].into_iter().chain(numbers);
            cells.chain([megabytes(usage.bytes)]).collect()
        })
        .collect();
    let headers = ["extractor", "images", "transforms", "damaged", "size"];
    print(text_table(&headers, &rows).trim_end())
}

fn trimmed(folder: &Path, freed: u64, limit: u64, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(
            &json!({ "path": folder.to_string_lossy(), "freed_bytes": freed, "limit": limit }),
        );
    }
    let (freed, limit) = (megabytes(freed), megabytes(limit));
    print(&format!("Trimmed the cache {} to at most {limit}: {freed} freed", folder.display()))
}

fn cleared(folder: &Path, usage: &[CacheUsage], json: bool) -> anyhow::Result<()> {
    let bytes = total_bytes(usage);
    if json {
        return print_json(&json!({ "path": folder.to_string_lossy(), "freed_bytes": bytes }));
    }
    print(&format!("Cleared the cache {}: {} freed", folder.display(), megabytes(bytes)))
}

fn total_bytes(usage: &[CacheUsage]) -> u64 {
    usage.iter().map(|usage| usage.bytes).sum()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
