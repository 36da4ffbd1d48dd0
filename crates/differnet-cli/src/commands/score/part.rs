//! `differnet score --shard`: one shard of a manifest, as a part for `differnet merge`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use differnet::prediction::{Prediction, ScorePrediction};
use differnet::{Error, Model};
use differnet_data::{ContentHash, ImageError};
use differnet_files::AtomicFile;

use super::ScoreArgs;
use crate::archive::{Job, Manifest, Part, PartHeader, Settings, Shard, parts_in};
use crate::exit::{DoNotRetry, Exit};
use crate::interrupt::Interrupt;
use crate::output::{print, tell};
use crate::progress::Meter;
use crate::tally::Tally;
use differnet_files::FileStamp;

/// Images of a shard from which on it is the storage that is missing, if none can be read at all.
const MANY: usize = 8;

pub(super) fn run(args: &ScoreArgs, shard: Shard) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let (Some(manifest), Some(folder)) = (&args.manifest, &args.table.out) else {
        unreachable!("--shard needs --manifest and --out");
    };
    let manifest = Manifest::open(manifest)?;
    let (model, hash) = load(args)?;
    let thresholds = args.thresholds(&model);
    let config = args.scoring.resolve(&model, thresholds)?;
    let job = Job {
        program: concat!("differnet ", env!("CARGO_PKG_VERSION")).to_owned(),
        model: hash.to_string(),
        manifest: manifest.hash.to_string(),
        manifest_images: manifest.images,
        settings: Settings::new(args.source.device_name(), &config, &thresholds),
    };
    let header = PartHeader::new(shard, &job);
    let path = folder.join(header.file_name());
    if is_finished(folder, &path, &header)? {
        tell(&format!("{} is complete and is kept.", path.display()));
        return Ok(Exit::Done);
    }
    let cannot_write = || format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).with_context(cannot_write)?;
    let mut file = AtomicFile::create(&path).with_context(cannot_write)?;
    writeln!(file, "{}", serde_json::to_string(&header)?).with_context(cannot_write)?;

    let (meter, title) = (Meter::new(), format!("Scoring shard {shard}"));
    let (mut tally, mut unread) = (Tally::default(), 0);
    for files in manifest.chunks(shard.range(manifest.images))? {
        let files = files?;
        for (path, score) in files.iter().zip(model.scores_with(&files, config)) {
            let score = Error::per_image(score)?;
            unread += usize::from(matches!(score, Err(ImageError::Io { .. })));
            let found =
                score.map(|score| ScorePrediction::new(path, model.header(), &thresholds, &score));
            let prediction = Prediction::new(path, found);
            tally.add(&prediction);
            let row = serde_json::to_string(&prediction)?;
            writeln!(file, "{row}").with_context(cannot_write)?;
            meter.show(&title, tally.count(), header.images as usize, "");
            interrupt.check(|| format!("Stopped; shard {shard} begins anew."))?;
        }
    }
    meter.clear();
    manifest.require_unchanged()?;
    if unread == tally.count() && unread >= MANY {
        bail!(
            "none of the {unread} images of shard {shard} can be read: see that this machine has the \
             folders that {} names",
            args.manifest.as_deref().unwrap_or(Path::new("")).display()
        );
    }
    file.commit().with_context(cannot_write)?;
    print(&format!("{}: {tally}", path.display()))?;
    Ok(Exit::Done)
}

/// The model, and its file's hash.
fn load(args: &ScoreArgs) -> anyhow::Result<(Model, ContentHash)> {
    let path = args.model.display();
    let cannot_read = || format!("cannot read {path}");
    let before = FileStamp::of(&args.model).with_context(cannot_read)?;
    let runtime = args.source.open()?;
    let model = Model::load_on(&args.model, &runtime).map_err(final_unless_io)?;
    let hash = ContentHash::of_file(&args.model).with_context(cannot_read)?;
    if FileStamp::of(&args.model).with_context(cannot_read)? != before {
        bail!("{path} was replaced meanwhile: run this again");
    }
    Ok((model, hash))
}

/// An error that is not to be retried, unless the system is to blame.
fn final_unless_io(error: Error) -> anyhow::Error {
    let error = anyhow::Error::new(error);
    if error.chain().any(|cause| cause.is::<std::io::Error>()) {
        return error;
    }
    error.context(DoNotRetry("no shard can be scored with this model".to_owned()))
}

/// Tells whether the part `path` of the same job is there.
///
/// # Errors
/// [`DoNotRetry`] if there are parts of another job in the folder.
fn is_finished(folder: &Path, path: &Path, header: &PartHeader) -> anyhow::Result<bool> {
    let parts = parts_in(folder)?;
    let is_there = parts.iter().any(|part| part == path);
    // One of the others stands for all: `merge` looks at each.
    let others = parts.iter().find(|part| *part != path);
    for part in others.into_iter().chain(is_there.then_some(&path.to_path_buf())) {
        let found = Part::open(part)?.header;
        let difference = if found.shards == header.shards {
            header.job.difference(&found.job)
        } else {
            Some(format!("it is one of {} parts, not {}", found.shards, header.shards))
        };
        if let Some(difference) = difference {
            bail!(DoNotRetry(format!(
                "{} is of another job ({difference}): name another folder with --out, or delete its parts",
                part.display()
            )));
        }
    }
    Ok(is_there)
}
