//! Parts: the results of one shard, in a file that is named after it and says what it was made of.
//!
//! The first line is a [`PartHeader`], each other line the object that `differnet score --json` prints.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use differnet::scoring::Thresholds;
use differnet::{ScoreConfig, TransformChoice};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shard::Shard;
use crate::exit::DoNotRetry;
use crate::score_args::average_name;

/// Settings that scores depend on, beside model and images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    device: String,
    threshold: f64,
    unsure: Option<f64>,
    transforms: usize,
    /// Seed of random transforms; `None` for those that are spread evenly.
    transform_seed: Option<u64>,
    average: String,
    adaptive: bool,
}

impl Settings {
    pub(crate) fn new(device: &str, config: &ScoreConfig, thresholds: &Thresholds) -> Self {
        Self {
            device: device.to_owned(),
            threshold: thresholds.defect,
            unsure: thresholds.unsure,
            transforms: config.transforms,
            transform_seed: match config.choice {
                TransformChoice::Fixed => None,
                TransformChoice::Random { seed } => Some(seed),
            },
            average: average_name(config.average).to_owned(),
            adaptive: config.early_stopping.is_some(),
        }
    }
}

/// Properties that all parts of a job have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Name and version of the program.
    pub(crate) program: String,
    /// SHA-256 of the model file.
    pub(crate) model: String,
    /// SHA-256 of the manifest.
    pub(crate) manifest: String,
    /// Paths in the manifest.
    pub(crate) manifest_images: u64,
    pub(crate) settings: Settings,
}

impl Job {
    /// Describes in words how `other` differs; `None` if it does not.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let object = |job: &Self| serde_json::to_value(job).expect("plain data");
        let mut differences = Vec::new();
        add_differences(&object(self), &object(other), "", &mut differences);
        (!differences.is_empty()).then(|| differences.join(", "))
    }
}

fn add_differences(ours: &Value, theirs: &Value, name: &str, differences: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in ours {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let other = theirs.get(key).unwrap_or(&Value::Null);
                add_differences(value, other, &name, differences);
            }
        }
        _ if ours != theirs => differences.push(format!("{name} is {theirs}, not {ours}")),
        _ => {}
    }
}

/// First line of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartHeader {
    /// Number of the shard, from 0.
    pub(crate) shard: u32,
    pub(crate) shards: u32,
    /// Number of its first image in the manifest, from 0.
    pub(crate) first: u64,
    /// Images of the shard.
    pub(crate) images: u64,
    #[serde(flatten)]
    pub(crate) job: Job,
}

impl PartHeader {
    pub(crate) fn new(shard: Shard, job: &Job) -> Self {
        let range = shard.range(job.manifest_images);
        let images = range.end - range.start;
        let Shard { index, count } = shard;
        Self { shard: index, shards: count, first: range.start, images, job: job.clone() }
    }

    /// The name of the part's file.
    pub(crate) fn file_name(&self) -> String {
        format!("part-{:05}-of-{:05}.jsonl", self.shard, self.shards)
    }

    /// The shard, if there can be such a one.
    pub(crate) fn is_consistent(&self) -> bool {
        let Self { shard: index, shards: count, ref job, .. } = *self;
        index < count && *self == Self::new(Shard { index, count }, job)
    }
}

/// Part that is read.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) header: PartHeader,
    lines: io::Lines<BufReader<File>>,
}

impl Part {
    /// Opens the part `path` and reads its header.
    ///
    /// # Errors
    /// If it cannot be read; [`DoNotRetry`] if it is no part.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot_read = || format!("cannot read {}", path.display());
        let mut lines = BufReader::new(File::open(path).with_context(cannot_read)?).lines();
        let first = match lines.next() {
            Some(Err(error)) if error.kind() != io::ErrorKind::InvalidData => {
                return Err(error).with_context(cannot_read);
            }
            first => first.and_then(Result::ok),
        };
        let header = first.and_then(|line| serde_json::from_str(&line).ok());
        let Some(header) = header.filter(PartHeader::is_consistent) else {
            let path = path.display();
            bail!(DoNotRetry(format!(
                "{path} is no part of `differnet score --shard`: move it away"
            )));
        };
        Ok(Self { path: path.to_path_buf(), header, lines })
    }

    /// Gives each of its rows to `take`.
    ///
    /// # Errors
    /// Those of `take`; if the part cannot be read; [`DoNotRetry`] if it has more or fewer rows than its header
    /// says.
    pub(crate) fn rows(
        self,
        mut take: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let path = self.path.display();
        let mut found = 0;
        for line in self.lines {
            take(&line.with_context(|| format!("cannot read {path}"))?)?;
            found += 1;
        }
        let expected = self.header.images;
        if found != expected {
            bail!(DoNotRetry(format!(
                "{path} has {found} rows, not {expected}: delete it and score shard {}/{} again",
                self.header.shard, self.header.shards
            )));
        }
        Ok(())
    }
}

/// The parts in `folder`, sorted; none if there is no such folder.
pub(crate) fn parts_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot_read = || format!("cannot read the folder {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(cannot_read)?,
    };
    let mut parts = Vec::new();
    for entry in entries {
        let path = entry.with_context(cannot_read)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("part-") && name.ends_with(".jsonl") {
            parts.push(path);
        }
    }
    parts.sort();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let settings = Settings {
            device: "flex".into(),
            threshold: 0.1 + 0.2,
            unsure: None,
            transforms: 4,
            transform_seed: Some(u64::MAX),
            average: "mean".into(),
            adaptive: false,
        };
        let (program, model, manifest) = ("differnet 1".into(), "12".into(), "34".into());
        Job { program, model, manifest, manifest_images: 10, settings }
    }

    #[test]
    fn headers_read_back_and_differences_are_named() {
        let header = PartHeader::new(Shard { index: 1, count: 3 }, &job());
        assert_eq!((header.first, header.images), (3, 3));
        assert_eq!(header.file_name(), "part-00001-of-00003.jsonl");
        let text = serde_json::to_string(&header).expect("plain data");
        assert_eq!(serde_json::from_str::<PartHeader>(&text).ok(), Some(header.clone()));
        assert_eq!(job().difference(&header.job), None);
        let mut other = job();
        other.model = "56".into();
        other.settings.threshold = 0.5;
        let golden =
            "model is \"56\", not \"12\", settings.threshold is 0.5, not 0.30000000000000004";
        assert_eq!(job().difference(&other).as_deref(), Some(golden));
        for broken in [
            PartHeader { shard: 3, ..header.clone() },
            PartHeader { first: 2, ..header.clone() },
            PartHeader { images: 4, ..header },
        ] {
            assert!(!broken.is_consistent(), "{broken:?}");
        }
    }

    #[test]
    fn a_part_that_is_cut_short_is_refused() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let header = PartHeader::new(Shard { index: 0, count: 5 }, &job());
        let path = folder.path().join(header.file_name());
        let text = format!("{}\n{{}}\n{{}}\n", serde_json::to_string(&header)?);
        let count = |text: &str| {
            fs::write(&path, text)?;
            let mut rows = 0;
            Part::open(&path)?.rows(|_| {
                rows += 1;
                Ok(())
            })?;
            anyhow::Ok(rows)
        };
        assert_eq!(count(&text)?, 2);
        for length in 0..text.len() - 3 {
            let error = count(&text[..length]).expect_err("cut short");
            assert!(error.is::<DoNotRetry>(), "{length}: {error}");
        }
        assert!(count(&format!("{text}{{}}\n")).is_err());
        assert_eq!(parts_in(folder.path())?, [path]);
        assert!(parts_in(&folder.path().join("none"))?.is_empty());
        Ok(())
    }
}
