//! The file of results, which is also the memory of what has been done.
//!
//! A line is appended in one write and forced to the disk before the next image is looked at. A
//! program that is killed leaves complete lines and perhaps the beginning of one, which is taken
//! away at the next start: its image is scored again. A file that is deleted or moved away while results are
//! written, as by a rotation, is made anew.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use differnet::prediction::{Prediction, ScorePrediction};
use differnet::scoring::Verdict;
use serde::{Deserialize, Serialize};

use super::version::{FileRecord, SeenFile, Version};

/// What every line begins with.
const LINE_START: &[u8] = b"{\"path\":";

/// What is to be done with one version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
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
    done: BTreeMap<Version, Disposition>,
    /// Versions whose files have not changed since they were read, by what was seen of them.
    read: BTreeMap<SeenFile, Version>,
}

/// A line as it is written.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    prediction: &'a Prediction<ScorePrediction>,
    file: FileRecord,
}

/// As much of a line as is needed to know what has been done.
#[derive(Deserialize)]
struct Done {
    verdict: Option<String>,
    file: FileRecord,
}

/// Lines that were read.
type Lines = Vec<(SeenFile, Version, Disposition)>;

impl Journal {
    /// The results in `path`, which nobody else writes to meanwhile.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let (file, lines) = open(path)?;
        let (done, read) = (BTreeMap::new(), BTreeMap::new());
        let mut journal = Self { path: path.to_path_buf(), file, done, read };
        journal.remember(lines);
        Ok(journal)
    }

    fn remember(&mut self, lines: Lines) {
        for (seen, version, disposition) in lines {
            self.done.insert(version.clone(), disposition);
            self.read.insert(seen, version);
        }
    }

    /// The version of a file that has not changed since its content was read; `None` if it has to be read.
    pub(crate) fn version(&self, seen: &SeenFile) -> Option<&Version> {
        self.read.get(seen)
    }

    /// Notes that the content of `seen` was read, and what it is.
    pub(crate) fn was_read(&mut self, seen: &SeenFile, version: &Version) {
        self.read.insert(seen.clone(), version.clone());
    }

    /// Forgets what was seen of files that are no longer as in `files`.
    pub(crate) fn keep_only(&mut self, files: &[SeenFile]) {
        let files: std::collections::BTreeSet<&SeenFile> = files.iter().collect();
        self.read.retain(|seen, _| files.contains(seen));
    }

    /// What is to be done with a version; `None` if it has not been scored.
    pub(crate) fn disposition(&self, version: &Version) -> Option<Disposition> {
        self.done.get(version).copied()
    }

    /// Writes down what was found of `version`. When this returns, it is on the disk.
    pub(crate) fn add(
        &mut self,
        seen: &SeenFile,
        version: &Version,
        prediction: &Prediction<ScorePrediction>,
    ) -> anyhow::Result<Disposition> {
        let line = Line { prediction, file: FileRecord::new(seen, version) };
        let mut line = serde_json::to_vec(&line).context("cannot write the results as JSON")?;
        line.push(b'\n');
        self.open_if_replaced()?;
        let cannot_write = || format!("cannot write {}", self.path.display());
        // Others may have emptied it, as a rotation that copies does.
        let length = self.file.metadata().with_context(cannot_write)?.len();
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // As on a full disk: half a line is worth nothing.
            let _ = self.file.set_len(length);
            return Err(error).with_context(cannot_write);
        }
        let is_defect = matches!(
            prediction,
            Prediction::Found(ScorePrediction { verdict: Verdict::Defect, .. })
        );
        let disposition = if is_defect { Disposition::Defect } else { Disposition::Stays };
        self.remember(vec![(seen.clone(), version.clone(), disposition)]);
        Ok(disposition)
    }

    /// Opens the file anew if its name is gone or another file's.
    fn open_if_replaced(&mut self) -> anyhow::Result<()> {
        if is_at(&self.file, &self.path) {
            return Ok(());
        }
        let (file, lines) = open(&self.path)?;
        self.file = file;
        self.remember(lines);
        Ok(())
    }
}

/// Whether `path` still is the name of `file`.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), path.metadata()) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (open.dev(), open.ino()) == (named.dev(), named.ino())
    }
    #[cfg(not(unix))]
    {
        // An open file keeps its name.
        open.len() == named.len()
    }
}

/// Opens or makes the file `path` for this process alone, without half a line at its end; also what it
/// holds.
fn open(path: &Path) -> anyhow::Result<(File, Lines)> {
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
    let mut lines = Vec::new();
    for (number, line) in text[..whole].split_inclusive(|&byte| byte == b'\n').enumerate() {
        let Ok(Done { verdict, file }) = serde_json::from_slice(line) else {
            bail!(
                "line {} of {} is no result of differnet watch: name another file with --out",
                number + 1,
                path.display()
            );
        };
        let (seen, version) = file.into_parts();
        let defect = verdict.as_deref() == Some("defect");
        let disposition = if defect { Disposition::Defect } else { Disposition::Stays };
        lines.push((seen, version, disposition));
    }
    let ours = LINE_START.iter().zip(&text).all(|(ours, byte)| ours == byte);
    if lines.is_empty() && whole < text.len() && !ours {
        bail!("{} holds no results: name another file with --out", path.display());
    }
    file.set_len(whole as u64).with_context(cannot_open)?;
    Ok((file, lines))
}

#[cfg(test)]
mod tests {
    use differnet::Method;
    use differnet_data::ContentHash;

    use super::super::version::tests::seen;
    use super::*;

    /// A file and its version.
    fn file(name: &str) -> (SeenFile, Version) {
        let seen = seen(name, 1);
        let version = Version::new(&seen, ContentHash([7; 32]));
        (seen, version)
    }

    fn add(
        journal: &mut Journal,
        name: &str,
        prediction: &Prediction<ScorePrediction>,
    ) -> anyhow::Result<Disposition> {
        let (seen, version) = file(name);
        journal.add(&seen, &version, prediction)
    }

    fn prediction(verdict: Verdict) -> Prediction<ScorePrediction> {
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
        let defect = add(&mut journal, "a", &prediction(Verdict::Defect))?;
        assert_eq!(defect, Disposition::Defect);
        assert_eq!(add(&mut journal, "b", &prediction(Verdict::Unsure))?, Disposition::Stays);
        add(&mut journal, "c", &Prediction::failed(Path::new("c"), "it is empty".into()))?;
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
            let golden = [Disposition::Defect, Disposition::Stays, Disposition::Stays];
            for (index, (name, golden)) in ["a", "b", "c"].into_iter().zip(golden).enumerate() {
                let (seen, version) = file(name);
                let known = index < complete;
                assert_eq!(journal.disposition(&version), known.then_some(golden), "{length}");
                assert_eq!(journal.version(&seen), known.then_some(&version), "{length}");
            }
            drop(journal);
            let kept = complete.checked_sub(1).map_or(0, |last| ends[last]);
            assert_eq!(std::fs::read(&path)?, whole[..kept]);
        }
        Ok(())
    }

    #[test]
    fn other_content_of_equal_name_length_and_time_is_another_version() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut journal = Journal::open(&folder.path().join("results.jsonl"))?;
        add(&mut journal, "a", &prediction(Verdict::Defect))?;
        let other = seen("a", 2);
        assert_eq!(journal.version(&other), None, "it has to be read");
        let version = Version::new(&other, ContentHash([8; 32]));
        assert_eq!(journal.disposition(&version), None);
        let copied = Version::new(&other, ContentHash([7; 32]));
        assert_eq!(journal.disposition(&copied), Some(Disposition::Defect));
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_rotated_or_deleted_is_opened_anew() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("new/results.jsonl");
        let lines = || std::fs::read_to_string(&path).map_or(0, |text| text.lines().count());
        let mut journal = Journal::open(&path)?;
        let ok = prediction(Verdict::Ok);
        add(&mut journal, "a", &ok)?;
        std::fs::rename(&path, path.with_extension("1"))?;
        add(&mut journal, "b", &ok)?;
        assert_eq!(lines(), 1);
        std::fs::remove_dir_all(folder.path().join("new"))?;
        add(&mut journal, "c", &ok)?;
        add(&mut journal, "d", &ok)?;
        assert_eq!(lines(), 2);
        // Copied and emptied.
        File::options().write(true).open(&path)?.set_len(0)?;
        add(&mut journal, "e", &ok)?;
        assert_eq!(lines(), 1);
        assert_eq!(journal.disposition(&file("a").1), Some(Disposition::Stays));
        // Another's file in its place is not written to.
        std::fs::remove_file(&path)?;
        std::fs::write(&path, "my notes\n")?;
        assert!(add(&mut journal, "f", &ok).is_err());
        assert_eq!(std::fs::read_to_string(&path)?, "my notes\n");
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
