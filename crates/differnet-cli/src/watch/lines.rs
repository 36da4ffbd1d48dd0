//! Lines of results, as JSON or comma-separated values: how they are written and read back.

use differnet::prediction::{Prediction, ScorePrediction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::version::FileRecord;
use crate::table::{FILE, Kind, WATCHED, csv, parse};

/// Result as it is written.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    #[serde(flatten)]
    pub(super) prediction: &'a Prediction<ScorePrediction>,
    pub(super) file: FileRecord,
}

/// As much of a result as is needed to know what has been done.
#[derive(Debug, Deserialize)]
pub(super) struct Done {
    pub(super) verdict: Option<String>,
    pub(super) file: FileRecord,
}

/// Complete lines of a file.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) done: Vec<Done>,
    /// The lines themselves, where they are JSON.
    pub(super) text: Vec<String>,
    /// Length of the file up to the end of the last one.
    pub(super) whole: usize,
}

/// Text format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// An object a line.
    JsonLines,
    /// Comma-separated values, with a header.
    Csv,
}

impl Encoding {
    /// Returns the start of a file, before its first result.
    pub(super) fn start(self) -> String {
        match self {
            Self::JsonLines => String::new(),
            Self::Csv => csv::header(&WATCHED),
        }
    }

    /// The line of the object `row`, its end included.
    pub(super) fn line(self, row: &str) -> anyhow::Result<String> {
        Ok(match self {
            Self::JsonLines => row.to_owned() + "\n",
            Self::Csv => csv::record(&WATCHED, &parse(row)?),
        })
    }

    /// Tells whether a file whose first line is not complete may have been begun by this program.
    pub(super) fn may_begin(self, text: &[u8]) -> bool {
        let start = match self {
            Self::JsonLines => "{\"path\":".to_owned(),
            Self::Csv => self.start(),
        };
        start.as_bytes().iter().zip(text).all(|(ours, byte)| ours == byte)
    }

    /// Reads the complete lines of `text`.
    ///
    /// # Errors
    /// The number, from 1, of a line that is no result.
    pub(super) fn read(self, text: &[u8]) -> Result<Lines, usize> {
        match self {
            Self::JsonLines => read_json(text),
            Self::Csv => read_csv(text),
        }
    }
}

fn read_json(text: &[u8]) -> Result<Lines, usize> {
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let mut lines = Lines { whole, ..Lines::default() };
    for (number, line) in text[..whole].split_inclusive(|&byte| byte == b'\n').enumerate() {
        lines.done.push(serde_json::from_slice(line).map_err(|_| number + 1)?);
        lines.text.push(String::from_utf8_lossy(line).trim_end().to_owned());
    }
    Ok(lines)
}

fn read_csv(text: &[u8]) -> Result<Lines, usize> {
    let csv::Records { records, whole } = csv::read(text);
    let mut lines = Lines { whole, ..Lines::default() };
    for (number, record) in records.iter().enumerate() {
        if number > 0 {
            lines.done.push(done(record).ok_or(number + 1)?);
        } else if !record.iter().eq(WATCHED.iter().map(|column| column.name)) {
            return Err(1);
        }
    }
    Ok(lines)
}

/// The result of a record.
fn done(record: &[String]) -> Option<Done> {
    if record.len() != WATCHED.len() {
        return None;
    }
    let text = |name: &str| {
        let at = WATCHED.iter().position(|column| column.name == name)?;
        Some(record[at].as_str()).filter(|text| !text.is_empty())
    };
    let mut file = Map::new();
    for column in FILE {
        let value = match (text(column.name), column.kind) {
            (None, _) => Value::Null,
            (Some(text), Kind::Integer) => text.parse::<i64>().ok()?.into(),
            (Some(text), _) => text.into(),
        };
        file.insert(column.pointer.rsplit('/').next()?.to_owned(), value);
    }
    let file = serde_json::from_value(Value::Object(file)).ok()?;
    Some(Done { verdict: text("verdict").map(str::to_owned), file })
}
