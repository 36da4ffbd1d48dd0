//! Time and memory of a training so far, kept across interruptions.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::files;
use xtask_support::memory;

/// Time between two savings; what a killed process loses of the count.
const INTERVAL: Duration = Duration::from_secs(5);
/// The file in a cell's folder.
const FILE: &str = "spent.json";

/// Time and memory of a training so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Spent {
    /// Wall-clock time in all processes.
    pub(super) seconds: f64,
    /// Rows of features that no cache had.
    pub(super) rows_extracted: u64,
    /// Interruptions.
    pub(super) resumed: u32,
    /// What the processes were built from and ran on, each once.
    #[serde(default)]
    pub(super) builds: Vec<String>,
    /// Largest memory of any of the processes, 10⁶ bytes.
    peak_mb: Option<f64>,
    #[serde(skip)]
    this: Option<This>,
}

/// This process's part.
#[derive(Debug, Clone)]
struct This {
    file: PathBuf,
    started: Instant,
    saved: Instant,
    /// Of the processes before.
    seconds: f64,
    rows_extracted: u64,
}

impl Spent {
    /// Takes up what processes before spent on the cell with the folder `partial`; this one is of `build`.
    ///
    /// # Errors
    /// If the count cannot be stored.
    pub(super) fn take_up(partial: &Path, build: String) -> anyhow::Result<Self> {
        let file = partial.join(FILE);
        let before = fs::read_to_string(&file).ok();
        let before: Option<Self> = before.and_then(|text| serde_json::from_str(&text).ok());
        let mut spent = match before {
            Some(before) => Self { resumed: before.resumed + 1, ..before },
            None => Self::default(),
        };
        if !spent.builds.contains(&build) {
            spent.builds.push(build);
        }
        let now = Instant::now();
        let (seconds, rows_extracted) = (spent.seconds, spent.rows_extracted);
        spent.this = Some(This { file, started: now, saved: now, seconds, rows_extracted });
        spent.save(0)?;
        Ok(spent)
    }

    /// Counts up to now; `extracted` rows are this process's.
    ///
    /// # Errors
    /// If the count cannot be stored.
    pub(super) fn save(&mut self, extracted: u64) -> anyhow::Result<()> {
        let Some(this) = &mut self.this else { return Ok(()) };
        this.saved = Instant::now();
        self.seconds = this.seconds + this.started.elapsed().as_secs_f64();
        self.rows_extracted = this.rows_extracted + extracted;
        self.peak_mb = largest(self.peak_mb, memory::peak_mb());
        let file = this.file.clone();
        files::write(&file, serde_json::to_string(self)?.as_bytes())
    }

    /// [`Self::save`], if the last time is a while ago.
    ///
    /// # Errors
    /// If the count cannot be stored.
    pub(super) fn save_now_and_then(&mut self, extracted: u64) -> anyhow::Result<()> {
        match &self.this {
            Some(this) if this.saved.elapsed() >= INTERVAL => self.save(extracted),
            _ => Ok(()),
        }
    }

    /// The largest memory, that of the tests included.
    pub(super) fn peak_mb_with(&self, now: Option<f64>) -> Option<f64> {
        largest(self.peak_mb, now)
    }
}

fn largest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_processes() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let take_up = |build: &str| Spent::take_up(folder.path(), build.to_owned());
        let mut first = take_up("one")?;
        first.save(7)?;
        take_up("one")?;
        let mut second = take_up("other")?;
        assert_eq!((first.resumed, second.resumed), (0, 2));
        assert_eq!(second.builds, ["one", "other"]);
        second.save(5)?;
        assert_eq!(second.rows_extracted, 12);
        assert!(second.seconds >= first.seconds);
        Ok(())
    }

    #[test]
    fn the_larger_memory_counts_and_unknown_is_no_number() {
        assert_eq!(largest(Some(3.0), Some(2.0)), Some(3.0));
        assert_eq!(largest(None, Some(2.0)), Some(2.0));
        assert_eq!(largest(None, None), None);
    }
}
