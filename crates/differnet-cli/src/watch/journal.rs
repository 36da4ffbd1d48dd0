//! The file of results, which is also the memory of what has been done.
//!
//! A line is appended in one write and forced to the disk before the next image is looked at. A
//! program that is killed leaves complete lines and perhaps the beginning of one, which is taken
//! away at the next start: its image is scored again. A file that is deleted or moved away while results are
//! written, as by a rotation, is made anew. Parquet cannot be appended to: there the file lies in a folder, beside
//! the parts that are made of it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use differnet::prediction::{Prediction, ScorePrediction};
use differnet::scoring::Verdict;

use super::lines::{Done, Encoding, Line, Lines};
use super::parts::{PART_ROWS, Parts};
use super::version::{FileRecord, SeenFile, Version};
use crate::table::TableFormat;

/// Disposition of one version of a file, once it has been scored.
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
    encoding: Encoding,
    /// Parquet files of the lines.
    parts: Option<Parts>,
    done: BTreeMap<Version, Disposition>,
    /// Versions whose files have not changed since they were read, by what was seen of them.
    read: BTreeMap<SeenFile, Version>,
}

impl Journal {
    /// The results in `path`, which nobody else writes to meanwhile.
    pub(crate) fn open(path: &Path, format: TableFormat) -> anyhow::Result<Self> {
        let (path, encoding, folder) = match format {
            TableFormat::Jsonl => (path.to_path_buf(), Encoding::JsonLines, None),
            TableFormat::Csv => (path.to_path_buf(), Encoding::Csv, None),
            TableFormat::Parquet if path.is_file() => {
                bail!("{} is a file: Parquet goes to a folder of parts", path.display())
            }
            TableFormat::Parquet => (path.join(Parts::JOURNAL), Encoding::JsonLines, Some(path)),
        };
        let (file, Lines { done: lines, text, .. }) = open(&path, encoding)?;
        let parts = folder.map(|folder| Parts::open(folder, PART_ROWS, &text)).transpose()?;
        let (done, read) = (BTreeMap::new(), BTreeMap::new());
        let mut journal = Self { path, file, encoding, parts, done, read };
        journal.remember(lines);
        Ok(journal)
    }

    fn remember(&mut self, lines: Vec<Done>) {
        for Done { verdict, file } in lines {
            let (seen, version) = file.into_parts();
            let is_defect = verdict.as_deref() == Some("defect");
            let disposition = if is_defect { Disposition::Defect } else { Disposition::Stays };
            self.keep(seen, version, disposition);
        }
    }

    fn keep(&mut self, seen: SeenFile, version: Version, disposition: Disposition) {
        self.done.insert(version.clone(), disposition);
        self.read.insert(seen, version);
    }

    /// Writes what parts do not hold yet.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.parts.as_mut().map_or(Ok(()), Parts::flush)
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

    /// Returns the disposition of a version; `None` if it has not been scored.
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
        let row = Line { prediction, file: FileRecord::new(seen, version) };
        let row = serde_json::to_string(&row).context("cannot write the results as JSON")?;
        self.open_if_replaced()?;
        let cannot_write = || format!("cannot write {}", self.path.display());
        // Others may have emptied it, as a rotation that copies does.
        let length = self.file.metadata().with_context(cannot_write)?.len();
        let start = if length == 0 { self.encoding.start() } else { String::new() };
        let line = start + &self.encoding.line(&row)?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
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
        self.keep(seen.clone(), version.clone(), disposition);
        if let Some(parts) = &mut self.parts {
            parts.add(row)?;
        }
        Ok(disposition)
    }

    /// Opens the file anew if its name is gone or another file's.
    fn open_if_replaced(&mut self) -> anyhow::Result<()> {
        if is_at(&self.file, &self.path) {
            return Ok(());
        }
        if self.parts.is_some() {
            bail!("{} was moved away while parts are made of it: start again", self.path.display());
        }
        let (file, lines) = open(&self.path, self.encoding)?;
        self.file = file;
        self.remember(lines.done);
        Ok(())
    }
}

/// Tells whether `path` still is the name of `file`.
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
fn open(path: &Path, encoding: Encoding) -> anyhow::Result<(File, Lines)> {
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
    let lines = encoding.read(&text).map_err(|number| {
        anyhow!(
            "line {number} of {} is no result of differnet watch: name another file with --out",
            path.display()
        )
    })?;
    if lines.whole == 0 && !encoding.may_begin(&text) {
        bail!("{} holds no results: name another file with --out", path.display());
    }
    file.set_len(lines.whole as u64).with_context(cannot_open)?;
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
        let mut journal = Journal::open(&path, TableFormat::Jsonl)?;
        let defect = add(&mut journal, "a", &prediction(Verdict::Defect))?;
        assert_eq!(defect, Disposition::Defect);
        assert_eq!(add(&mut journal, "b", &prediction(Verdict::Unsure))?, Disposition::Stays);
        add(&mut journal, "c", &Prediction::failed(Path::new("c"), "it is empty".into()))?;
        assert!(Journal::open(&path, TableFormat::Jsonl).is_err(), "one writer at a time");
        drop(journal);
        let whole = std::fs::read(&path)?;
        assert!(whole.starts_with(b"{\"path\":\"a.png\",\"method\":\"differnet\",\"score\":null,"));
        let ends: Vec<usize> =
            (0..whole.len()).filter(|&at| whole[at] == b'\n').map(|at| at + 1).collect();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length])?;
            let complete = ends.iter().filter(|&&end| end <= length).count();
            let journal = Journal::open(&path, TableFormat::Jsonl)?;
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
        let mut journal = Journal::open(&folder.path().join("results.jsonl"), TableFormat::Jsonl)?;
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
        let mut journal = Journal::open(&path, TableFormat::Jsonl)?;
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
            assert!(Journal::open(&path, TableFormat::Jsonl).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path)?, text);
        }
        Ok(())
    }
}
