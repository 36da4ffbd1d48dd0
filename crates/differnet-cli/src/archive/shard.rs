//! Shards of a manifest: which of them a process scores.

use std::ops::Range;

use anyhow::{Context, bail};

use crate::exit::UsageError;

/// Most shards: what a part's name has digits for.
const MOST: u32 = 99_999;
/// Variables in which schedulers say which of its copies a process is, and the largest number that they give, if
/// they say.
const SCHEDULERS: [(&str, Option<&str>); 2] =
    [("JOB_COMPLETION_INDEX", None), ("SLURM_ARRAY_TASK_ID", Some("SLURM_ARRAY_TASK_MAX"))];

/// Shard of a manifest to score, by number or by the scheduler.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shards")]
pub(crate) struct ShardArgs {
    /// Score shard I of N alone, counted from 0, and write it to the folder --out as a part for
    /// `differnet merge`.
    #[arg(
        long,
        value_name = "I/N",
        value_parser = Shard::parse,
        requires = "manifest",
        requires = "out",
        conflicts_with_all = ["images", "shards", "format", "fail_on_defect", "line", "overwrite"]
    )]
    shard: Option<Shard>,
    /// As --shard, with I from the environment: JOB_COMPLETION_INDEX (Kubernetes) or
    /// SLURM_ARRAY_TASK_ID (Slurm, --array=0-(N-1)).
    #[arg(
        long,
        value_name = "N",
        value_parser = shards,
        requires = "manifest",
        requires = "out",
        conflicts_with_all = ["images", "format", "fail_on_defect", "line", "overwrite"]
    )]
    shards: Option<u32>,
}

impl ShardArgs {
    /// The shard asked for; `None` for the whole manifest.
    pub(crate) fn resolve(&self) -> anyhow::Result<Option<Shard>> {
        match self.shards {
            Some(count) => Shard::of_scheduler(count, |name| std::env::var(name).ok()).map(Some),
            None => Ok(self.shard),
        }
    }
}

/// One of so many shards of a manifest: a run of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shard {
    /// From 0.
    pub(crate) index: u32,
    pub(crate) count: u32,
}

impl Shard {
    /// The shard of a text like `3/64`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "give I/N, such as 3/64: shard I of N, counted from 0".to_owned();
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let (index, count) = (whole(index).ok_or_else(wrong)?, shards(count)?);
        if index >= count {
            return Err(format!(
                "shards are counted from 0: the last of {count} is {}/{count}",
                count - 1
            ));
        }
        Ok(Self { index, count })
    }

    /// The shard of `count` that the environment names; `variable` has its values.
    fn of_scheduler(count: u32, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let mut found: Option<(&str, u32)> = None;
        for (name, largest) in SCHEDULERS {
            let Some(text) = variable(name) else { continue };
            let index = whole(&text).with_context(|| {
                UsageError(format!("{name} is {text:?}, which is no shard's number"))
            })?;
            let largest = largest.and_then(|largest| whole(&variable(largest)?));
            if index >= count || largest.is_some_and(|largest| largest >= count) {
                let (index, last) = (largest.unwrap_or(index).max(index), count - 1);
                bail!(UsageError(format!(
                    "{name} goes up to {index} or further, but {count} shards are counted from 0 to {last}: \
                     number the tasks of the job so"
                )));
            }
            match found {
                Some((other, before)) if before != index => bail!(UsageError(format!(
                    "{other} is {before} and {name} is {index}: say which with --shard I/{count}"
                ))),
                _ => found = Some((name, index)),
            }
        }
        match found {
            Some((_, index)) => Ok(Self { index, count }),
            None => bail!(UsageError(format!(
                "no scheduler says which of {count} shards this is (neither JOB_COMPLETION_INDEX nor \
                 SLURM_ARRAY_TASK_ID is set): give --shard I/{count}"
            ))),
        }
    }

    /// The lines of this shard among `images`: shards are as long as each other, or one longer.
    pub(crate) fn range(self, images: u64) -> Range<u64> {
        let bound =
            |index: u32| (u128::from(images) * u128::from(index) / u128::from(self.count)) as u64;
        bound(self.index)..bound(self.index + 1)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

/// A number of shards.
fn shards(text: &str) -> Result<u32, String> {
    whole(text)
        .filter(|count| (1..=MOST).contains(count))
        .ok_or_else(|| format!("give a number of shards from 1 to {MOST}"))
}

/// A number of digits alone.
fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_0() {
        assert_eq!(Shard::parse("3/64"), Ok(Shard { index: 3, count: 64 }));
        assert_eq!(Shard::parse("0/1"), Ok(Shard { index: 0, count: 1 }));
        let error = Shard::parse("64/64").expect_err("past the end");
        assert!(error.contains("63/64"), "{error}");
        for text in ["", "3", "/", "3/", "/64", "-1/4", "+1/4", "1/0", "1/100000", "1.5/3", "1/2/3"]
        {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shards_make_up_the_whole_and_differ_by_one_image_at_most() {
        for images in [0, 1, 7, 64, 1000, u64::MAX] {
            for count in [1, 2, 7, 64, MOST] {
                let ranges = (0..count).map(|index| Shard { index, count }.range(images));
                let (mut end, mut least, mut most) = (0, u64::MAX, 0);
                for range in ranges {
                    assert_eq!(range.start, end);
                    end = range.end;
                    let length = range.end - range.start;
                    (least, most) = (least.min(length), most.max(length));
                }
                assert_eq!(end, images);
                assert!(most - least <= 1, "{images} {count}: {least} to {most}");
            }
        }
    }

    #[test]
    fn schedulers_name_the_shard() {
        let of = |variables: &[(&str, &str)]| {
            let value = |name: &str| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Shard::of_scheduler(4, value).map(|shard| shard.index)
        };
        let (kubernetes, slurm) = ("JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID");
        assert_eq!(of(&[(kubernetes, "0")]).ok(), Some(0));
        assert_eq!(of(&[(slurm, "3"), ("SLURM_ARRAY_TASK_MAX", "3")]).ok(), Some(3));
        assert_eq!(of(&[(slurm, "2"), (kubernetes, "2")]).ok(), Some(2));
        for wrong in [
            &[][..],
            &[(kubernetes, "4")],
            &[(kubernetes, "")],
            &[(kubernetes, "one")],
            &[(slurm, "-1")],
            &[(slurm, "2"), (kubernetes, "1")],
            // Tasks 1 to 4: shard 0 would be missing.
            &[(slurm, "2"), ("SLURM_ARRAY_TASK_MAX", "4")],
        ] {
            let error = of(wrong).expect_err("no shard");
            assert!(error.is::<UsageError>(), "{wrong:?}: {error}");
        }
    }
}
