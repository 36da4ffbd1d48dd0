//! A table in a file, whole at the end or absent.

use std::path::{Path, PathBuf};

use anyhow::Context;
use differnet_files::AtomicFile;

use super::{Column, Metadata, Table, TableFormat};
use crate::output_file::{OutputFile, Overwrite};

/// File of a table and its format.
#[derive(Debug, clap::Args)]
pub(crate) struct TableArgs {
    /// Write results to this file instead of printing them: a table in the format that its ending
    /// names, .jsonl, .csv or .parquet.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
    /// Format of --out, whatever its ending.
    #[arg(long, value_enum, requires = "out")]
    format: Option<TableFormat>,
}

impl TableArgs {
    /// The file, claimed and empty, if one was asked for.
    pub(crate) fn create(
        &self,
        overwrite: Overwrite,
        columns: &'static [Column],
        metadata: impl FnOnce() -> anyhow::Result<Metadata>,
    ) -> anyhow::Result<Option<TableFile>> {
        let Some(path) = &self.out else { return Ok(None) };
        let format = TableFormat::of(path, self.format)?;
        TableFile::create(path, format, overwrite, columns, &metadata()?).map(Some)
    }
}

/// Table in a file that takes its name when it is complete.
pub(crate) struct TableFile {
    path: PathBuf,
    claim: OutputFile,
    table: Table<AtomicFile>,
}

impl TableFile {
    /// Claims `path` and begins a table that will be there.
    ///
    /// # Errors
    /// As [`OutputFile::claim`].
    pub(crate) fn create(
        path: &Path,
        format: TableFormat,
        overwrite: Overwrite,
        columns: &'static [Column],
        metadata: &Metadata,
    ) -> anyhow::Result<Self> {
        let claim = OutputFile::claim(path, overwrite)?;
        let cannot_write = || format!("cannot write {}", path.display());
        let file = AtomicFile::create(path).with_context(cannot_write)?;
        let table = Table::new(file, format, columns, metadata).with_context(cannot_write)?;
        Ok(Self { path: path.to_path_buf(), claim, table })
    }

    /// Adds a row: one JSON object, without a line end.
    pub(crate) fn add(&mut self, row: &str) -> anyhow::Result<()> {
        self.table.add(row).with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Gives the file its name.
    pub(crate) fn commit(self) -> anyhow::Result<()> {
        let cannot_write = || format!("cannot write {}", self.path.display());
        let file = self.table.finish().with_context(cannot_write)?;
        self.claim.require_unchanged()?;
        file.commit().with_context(cannot_write)
    }
}
