//! `differnet cache`: shows and clears the feature cache.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use differnet_features::{CacheUsage, FeatureCache};
use differnet_report::text_table;
use serde_json::json;

use crate::cache_args;
use crate::exit::Exit;
use crate::output::{print, print_json};

/// Show or clear the features remembered from earlier runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet cache info
  differnet cache clear --cache /data/features
  du -sh \"$(differnet cache path)\"")]
pub(crate) struct CacheCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show where the cache is and what it holds.
    Info(CacheFolderArgs),
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

pub(crate) fn run(command: &CacheCommand) -> anyhow::Result<Exit> {
    let (Action::Info(args) | Action::Clear(args) | Action::Path(args)) = &command.action;
    let folder = cache_args::folder(args.cache.as_ref())?;
    let cache = FeatureCache::new(&folder);
    match command.action {
        Action::Path(_) if args.json => print_json(&json!({ "path": folder })),
        Action::Path(_) => print(&folder.display().to_string()),
        Action::Info(_) => info(&folder, &cache.usage()?, args.json),
        Action::Clear(_) => {
            let usage = cache.usage()?;
            cache.clear()?;
            cleared(&folder, &usage, args.json)
        }
    }?;
    Ok(Exit::Done)
}

fn info(folder: &Path, usage: &[CacheUsage], json: bool) -> anyhow::Result<()> {
    let bytes = total_bytes(usage);
    if json {
        return print_json(&json!({ "path": folder, "bytes": bytes, "extractors": usage }));
    }
    print(&format!("Cache {}: {}", folder.display(), megabytes(bytes)))?;
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

fn cleared(folder: &Path, usage: &[CacheUsage], json: bool) -> anyhow::Result<()> {
    let bytes = total_bytes(usage);
    if json {
        return print_json(&json!({ "path": folder, "freed_bytes": bytes }));
    }
    print(&format!("Cleared the cache {}: {} freed", folder.display(), megabytes(bytes)))
}

fn total_bytes(usage: &[CacheUsage]) -> u64 {
    usage.iter().map(|usage| usage.bytes).sum()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
