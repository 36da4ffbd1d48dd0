//! `differnet merge`: the parts of all shards as one table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;

use super::score::metadata;
use crate::archive::{Part, parts_in};
use crate::exit::{DoNotRetry, Exit};
use crate::output::{counted, print};
use crate::progress::Meter;
use crate::table::{SCORED, TableFile, TableFormat, parse};

/// Missing shards that are named before the others are counted.
const NAMED: usize = 20;

/// Join the parts that `differnet score --shard` wrote into one table.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet merge parts --out scores.parquet
  differnet merge parts --out scores.jsonl

The table is, byte for byte, what `differnet score --manifest FILES.txt --out` writes in one process,
with rows in the order of the manifest.

Exit codes: 0 done, 1 error, such as shards that are missing, 2 wrong arguments, 4 the parts do not belong
together: two of one shard, of several models, manifests or settings, or damaged.")]
pub(crate) struct MergeArgs {
    /// Folder of the parts.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// File to write: .jsonl, .csv or .parquet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Format of --out, whatever its ending.
    #[arg(long, value_enum)]
    format: Option<TableFormat>,
    /// Replace the file --out if it is there already.
    #[arg(long)]
    overwrite: bool,
}

pub(crate) fn run(args: &MergeArgs) -> anyhow::Result<Exit> {
    let format = TableFormat::of(&args.out, args.format)?;
    let parts = complete(args)?;
    let job = Part::open(&parts[0])?.header.job;
    let facts = metadata(&job.model, &job.settings);
    let mut table = TableFile::create(&args.out, format, args.overwrite.into(), &SCORED, &facts)?;
    let (meter, mut images, mut errors) = (Meter::new(), 0, 0);
    for path in &parts {
        Part::open(path)?.rows(|row| {
            let Ok(value) = parse(row) else {
                let path = path.display();
                bail!(DoNotRetry(format!(
                    "{path} is damaged: delete it and score its shard again"
                )));
            };
            images += 1;
            errors += usize::from(value.get("error").is_some());
            meter.show("Merging", images, job.manifest_images as usize, "");
            table.add(row)
        })?;
    }
    meter.clear();
    table.commit()?;
    let (shards, images) = (counted(parts.len(), "part"), counted(images, "image"));
    print(&format!("{}: {shards}, {images}, {errors} of them with an error", args.out.display()))?;
    Ok(Exit::Done)
}

/// The parts in order, one for each shard of one job.
fn complete(args: &MergeArgs) -> anyhow::Result<Vec<PathBuf>> {
    let mut found: BTreeMap<u32, PathBuf> = BTreeMap::new();
    let mut first = None;
    for path in parts_in(&args.folder)? {
        let header = Part::open(&path)?.header;
        let (example, job, shards) =
            first.get_or_insert_with(|| (path.clone(), header.job.clone(), header.shards));
        let mixed = |difference: String| {
            DoNotRetry(format!(
                "{} and {} are of different jobs: in the latter {difference}; keep the parts of one",
                example.display(),
                path.display()
            ))
        };
        if let Some(difference) = job.difference(&header.job) {
            bail!(mixed(difference));
        }
        if *shards != header.shards {
            bail!(mixed(format!("shards is {}, not {shards}", header.shards)));
        }
        if let Some(other) = found.insert(header.shard, path.clone()) {
            bail!(DoNotRetry(format!(
                "{} and {} are both shard {}/{shards}: delete the one that is a copy",
                other.display(),
                path.display(),
                header.shard
            )));
        }
    }
    let folder = args.folder.display();
    let Some((_, _, shards)) = first else {
        bail!("{folder} holds no parts: `differnet score --shard` writes them");
    };
    let missing: Vec<String> = (0..shards)
        .filter(|shard| !found.contains_key(shard))
        .map(|shard| shard.to_string())
        .collect();
    if !missing.is_empty() {
        let more = missing.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = missing[..missing.len().min(NAMED)].join(", ");
        bail!(
            "of the {shards} shards in {folder}, {} are missing: {named}{more}; score them first",
            missing.len()
        );
    }
    Ok(found.into_values().collect())
}
