//! The file of results, which is also the memory of what has been done.
//!
//! A line is appended in one write and forced to the disk before the next image is looked at. A
//! program that is killed leaves complete lines and perhaps the beginning of one, which is taken
//! away at the next start: its image is scored again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use differnet::prediction::{Prediction, ScorePrediction};
use serde::{Deserialize, Serialize};

use super::version::Version;

/// What every line begins with.
const LINE_START: &[u8] = b"{\"path\":";

/// What became of one version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays where it is.
    Stays,
    /// It was found to be a defect.
    Defect,
}

/// The file of results.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    done: BTreeMap<Version, Fate>,
}

/// A line as it is written.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    answer: &'a Prediction<ScorePrediction>,
    file: &'a Version,
}

/// As much of a line as is needed to know what has been done.
#[derive(Deserialize)]
struct Done {
    verdict: Option<String>,
    file: Version,
}

impl Journal {
    /// The results in `path`, which nobody else writes to meanwhile.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let cannot_open = || format!("cannot open {}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(cannot_open)?;
        }
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).append(true).create(true).open(path).with_context(cannot_open)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another differnet watch", path.display())
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(cannot_open)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let mut done = BTreeMap::new();
        for (number, line) in text[..whole].split_inclusive(|&byte| byte == b'\n').enumerate() {
            let Ok(Done { verdict, file }) = serde_json::from_slice(line) else {
                bail!(
                    "line {} of {} is no result of differnet watch: name another file with --out",
                    number + 1,
                    path.display()
                );
            };
            let defect = verdict.as_deref() == Some("defect");
            done.insert(file, if defect { Fate::Defect } else { Fate::Stays });
        }
        let ours = LINE_START.iter().zip(&text).all(|(ours, byte)| ours == byte);
        if done.is_empty() && whole < text.len() && !ours {
            bail!("{} holds no results: name another file with --out", path.display());
        }
        let length = whole as u64;
        file.set_len(length).with_context(cannot_open)?;
        Ok(Self { path: path.to_path_buf(), file, length, done })
    }

    /// What became of a version; `None` if it has not been scored.
    pub(crate) fn fate(&self, version: &Version) -> Option<Fate> {
        self.done.get(version).copied()
    }

    /// Writes down what was found of `version`. When this returns, it is on the disk.
    pub(crate) fn add(
        &mut self,
        version: &Version,
        answer: &Prediction<ScorePrediction>,
    ) -> anyhow::Result<Fate> {
        let line = Line { answer, file: version };
        let mut line = serde_json::to_vec(&line).context("cannot write the results as JSON")?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // As on a full disk: half a line is worth nothing.
            let _ = self.file.set_len(self.length);
            return Err(error).with_context(|| format!("cannot write {}", self.path.display()));
        }
        self.length += line.len() as u64;
        let fate = match answer {
            Prediction::Found(ScorePrediction {
                verdict: differnet::scoring::Verdict::Defect,
                ..
            }) => Fate::Defect,
            _ => Fate::Stays,
        };
        self.done.insert(version.clone(), fate);
        Ok(fate)
    }
}

#[cfg(test)]
mod tests {
    use differnet::Method;
    use differnet::scoring::Verdict;

    use super::*;

    fn version(name: &str) -> Version {
        Version { name: name.into(), bytes: 3, modified: "2026-01-01T00:00:00.5Z".into() }
    }

    fn answer(verdict: Verdict) -> Prediction<ScorePrediction> {
        Prediction::Found(ScorePrediction {
            path: "a.png".into(),
            method: Method::DifferNet,
            score: f64::INFINITY,
            threshold: 1.5,
            p_value: None,
            verdict,
            reason: None,
            transforms: 4,
            peak: None,
        })
    }

    #[test]
    fn complete_lines_are_remembered_and_a_broken_one_is_taken_away() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("new/results.jsonl");
        let mut journal = Journal::open(&path)?;
        assert_eq!(journal.add(&version("a"), &answer(Verdict::Defect))?, Fate::Defect);
        assert_eq!(journal.add(&version("b"), &answer(Verdict::Unsure))?, Fate::Stays);
        let failed = Prediction::failed(Path::new("c"), "it is empty".into());
        journal.add(&version("c"), &failed)?;
        assert!(Journal::open(&path).is_err(), "one writer at a time");
        drop(journal);
        let whole = std::fs::read(&path)?;
        assert!(whole.starts_with(b"{\"path\":\"a.png\",\"method\":\"differnet\",\"score\":null,"));
        let ends: Vec<usize> =
            (0..whole.len()).filter(|&at| whole[at] == b'\n').map(|at| at + 1).collect();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length])?;
            let complete = ends.iter().filter(|&&end| end <= length).count();
            let journal = Journal::open(&path)?;
            let fates = ["a", "b", "c"].map(|name| journal.fate(&version(name)));
            let golden = [Fate::Defect, Fate::Stays, Fate::Stays];
            for (index, (fate, golden)) in fates.into_iter().zip(golden).enumerate() {
                assert_eq!(fate, (index < complete).then_some(golden), "{length}");
            }
            drop(journal);
            let kept = complete.checked_sub(1).map_or(0, |last| ends[last]);
            assert_eq!(std::fs::read(&path)?, whole[..kept]);
        }
        Ok(())
    }

    #[test]
    fn files_of_others_are_left_alone() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("notes.txt");
        for text in ["my notes", "my notes\n", "{\"path\": \"a\"}\n", "[1]\n"] {
            std::fs::write(&path, text)?;
            assert!(Journal::open(&path).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path)?, text);
        }
        Ok(())
    }
}
