//! Parquet files of a watched folder's results: each holds so many lines of the journal, and is made of them.
//!
//! What is missing after a kill is made anew from the journal, which is on the disk first. The last part is
//! replaced as it grows.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::atomic;
use crate::table::{Table, TableFormat, WATCHED};

/// Rows of a part: what is written again when one is added.
pub(super) const PART_ROWS: usize = 4096;

/// Folder of Parquet files.
#[derive(Debug)]
pub(crate) struct Parts {
    folder: PathBuf,
    most: usize,
    /// Number of the last part, from 0.
    number: usize,
    /// Its rows.
    rows: Vec<String>,
    /// Whether it has rows that its file does not.
    is_behind: bool,
}

impl Parts {
    /// The journal's name in the folder: readers of folders of Parquet files leave out what begins so.
    pub(super) const JOURNAL: &'static str = "_journal.jsonl";

    /// The parts in `folder` of a journal with the lines `rows`, `most` rows each: what is missing is written.
    ///
    /// # Errors
    /// If there are parts that no line of the journal belongs to.
    pub(super) fn open(folder: &Path, most: usize, rows: &[String]) -> anyhow::Result<Self> {
        let mut parts = Self {
            folder: folder.to_path_buf(),
            most,
            number: 0,
            rows: Vec::new(),
            is_behind: false,
        };
        let known = rows.len().div_ceil(most);
        if parts.path(known).exists() {
            bail!(
                "{} holds parts of which its {} knows nothing: name another folder with --out",
                folder.display(),
                Self::JOURNAL
            );
        }
        for chunk in rows.chunks(most) {
            if chunk.len() < most {
                parts.rows = chunk.to_vec();
                parts.is_behind = true;
            } else {
                let path = parts.path(parts.number);
                // The program may have been killed before the part was full.
                if rows_in(&path) != Some(most) {
                    write(&path, chunk)?;
                }
                parts.number += 1;
            }
        }
        parts.flush()?;
        Ok(parts)
    }

    /// Adds a row; writes the part if it is full.
    pub(super) fn add(&mut self, row: String) -> anyhow::Result<()> {
        self.rows.push(row);
        self.is_behind = true;
        if self.rows.len() == self.most {
            self.flush()?;
            self.rows.clear();
            self.number += 1;
        }
        Ok(())
    }

    /// Writes the last part, if it has grown.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        if self.is_behind {
            write(&self.path(self.number), &self.rows)?;
            self.is_behind = false;
        }
        Ok(())
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.join(format!("part-{number:06}.parquet"))
    }
}

/// Rows of the Parquet file `path`; `None` if there is no such file.
fn rows_in(path: &Path) -> Option<usize> {
    let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
    usize::try_from(reader.metadata().file_metadata().num_rows()).ok()
}

fn write(path: &Path, rows: &[String]) -> anyhow::Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    let mut table = Table::new(Vec::new(), TableFormat::Parquet, &WATCHED, &Vec::new())?;
    rows.iter().try_for_each(|row| table.add(row)).with_context(cannot_write)?;
    atomic::write(path, &table.finish().with_context(cannot_write)?)
}

#[cfg(test)]
mod tests {
    use parquet::record::RowAccessor;

    use super::*;

    fn row(number: usize) -> String {
        format!(r#"{{"path":"{number}","file":{{"name":"{number}","inode":7}}}}"#)
    }

    /// The paths in each part, in order.
    fn paths(folder: &Path) -> anyhow::Result<Vec<Vec<usize>>> {
        let mut parts = Vec::new();
        loop {
            let path = folder.join(format!("part-{:06}.parquet", parts.len()));
            let Ok(file) = File::open(path) else { return Ok(parts) };
            let mut rows = Vec::new();
            for row in SerializedFileReader::new(file)?.get_row_iter(None)? {
                let row = row?;
                assert_eq!(row.get_string(0)?, row.get_string(11)?);
                rows.push(row.get_string(0)?.parse()?);
            }
            parts.push(rows);
        }
    }

    #[test]
    fn parts_are_made_of_the_journal_whenever_it_stops() -> anyhow::Result<()> {
        for (lines, written) in (0..8).flat_map(|lines| (0..=lines).map(move |w| (lines, w))) {
            let folder = tempfile::tempdir()?;
            // Killed after so many rows were flushed and so many lines were in the journal.
            let mut parts = Parts::open(folder.path(), 3, &[])?;
            (0..written).try_for_each(|number| parts.add(row(number)))?;
            parts.flush()?;
            drop(parts);
            let journal: Vec<String> = (0..lines).map(row).collect();
            let mut parts = Parts::open(folder.path(), 3, &journal)?;
            assert_eq!(paths(folder.path())?.concat(), Vec::from_iter(0..lines));
            parts.add(row(lines))?;
            parts.flush()?;
            let found = paths(folder.path())?;
            assert_eq!(found.concat(), Vec::from_iter(0..=lines));
            assert!(found.iter().all(|part| part.len() <= 3), "{found:?}");
        }
        Ok(())
    }

    #[test]
    fn parts_without_their_journal_are_not_replaced() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut parts = Parts::open(folder.path(), 3, &[])?;
        (0..4).try_for_each(|number| parts.add(row(number)))?;
        parts.flush()?;
        assert!(Parts::open(folder.path(), 3, &[]).is_err());
        assert_eq!(paths(folder.path())?.concat(), [0, 1, 2, 3]);
        Ok(())
    }
}
