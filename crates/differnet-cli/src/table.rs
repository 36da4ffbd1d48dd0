//! Tables of results: JSON lines, CSV or Parquet.
//!
//! A row is the object that `--json` prints; columns name its fields.

mod columns;
pub(crate) mod csv;
mod file;
mod row_groups;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::Value;

pub(crate) use columns::{Column, EVALUATED, FILE, Kind, SCORED, WATCHED};
pub(crate) use file::{TableArgs, TableFile};

use crate::exit::UsageError;
use row_groups::RowGroups;

/// Format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with one header (RFC 4180).
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl TableFormat {
    /// The format that the ending of `path` names.
    pub(crate) fn of_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The format `given`, else the one that the ending of `path` names.
    ///
    /// # Errors
    /// [`UsageError`] if neither says which.
    pub(crate) fn of(path: &Path, given: Option<Self>) -> anyhow::Result<Self> {
        given.or_else(|| Self::of_ending(path)).ok_or_else(|| {
            let path = path.display();
            let message = format!(
                "{path} ends in none of .jsonl, .csv and .parquet: name the format with --format"
            );
            UsageError(message).into()
        })
    }
}

/// Facts that a Parquet file carries beside its rows.
pub(crate) type Metadata = Vec<(&'static str, String)>;

/// Table that is being written.
pub(crate) struct Table<W: Write + Send> {
    columns: &'static [Column],
    out: Out<W>,
}

enum Out<W: Write + Send> {
    JsonLines(W),
    Csv(W),
    Parquet(Box<RowGroups<W>>),
}

impl<W: Write + Send> Table<W> {
    /// An empty table of these columns.
    pub(crate) fn new(
        mut out: W,
        format: TableFormat,
        columns: &'static [Column],
        metadata: &Metadata,
    ) -> anyhow::Result<Self> {
        let out = match format {
            TableFormat::Jsonl => Out::JsonLines(out),
            TableFormat::Csv => {
                out.write_all(csv::header(columns).as_bytes())?;
                Out::Csv(out)
            }
            TableFormat::Parquet => Out::Parquet(Box::new(RowGroups::new(out, columns, metadata)?)),
        };
        Ok(Self { columns, out })
    }

    /// Adds a row: one JSON object, without a line end.
    pub(crate) fn add(&mut self, row: &str) -> anyhow::Result<()> {
        match &mut self.out {
            Out::JsonLines(out) => {
                out.write_all(row.as_bytes())?;
                out.write_all(b"\n")?;
            }
            Out::Csv(out) => {
                out.write_all(csv::record(self.columns, &parse(row)?).as_bytes())?;
            }
            Out::Parquet(groups) => {
                let row = parse(row)?;
                groups.add(self.columns.iter().map(|column| column.cell(&row)))?;
            }
        }
        Ok(())
    }

    /// Writes what is left of the table; what it was written to.
    pub(crate) fn finish(self) -> anyhow::Result<W> {
        match self.out {
            Out::JsonLines(out) | Out::Csv(out) => Ok(out),
            Out::Parquet(groups) => groups.finish(),
        }
    }
}

/// The object on the line `row`.
pub(crate) fn parse(row: &str) -> anyhow::Result<Value> {
    let value: Value = serde_json::from_str(row).context("a row is no JSON")?;
    if !value["path"].is_string() {
        bail!("a row has no path");
    }
    Ok(value)
}
