//! Columns of tables: fields of the objects that `--json` prints.

use serde_json::Value;

/// Type of a column. Every value may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// Number in double precision.
    Float,
    /// As [`Float`](Self::Float), where JSON's null is infinity.
    Score,
    /// Whole number.
    Integer,
    /// List of whole numbers.
    Integers,
    /// True or false.
    Flag,
}

/// Value of a column in a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Missing,
    Text(String),
    Float(f64),
    Integer(i64),
    Integers(Vec<i64>),
    Flag(bool),
}

/// Column: a field of an object, and its type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// JSON pointer (RFC 6901) to the field.
    pub(crate) pointer: &'static str,
    pub(crate) kind: Kind,
}

const fn column(name: &'static str, pointer: &'static str, kind: Kind) -> Column {
    Column { name, pointer, kind }
}

/// Fields of a scored image. Those before `path_bytes` are the columns of the Python package's tables.
pub(crate) const SCORED: [Column; 11] = [
    column("path", "/path", Kind::Text),
    column("method", "/method", Kind::Text),
    column("score", "/score", Kind::Score),
    column("threshold", "/threshold", Kind::Float),
    column("p_value", "/p_value", Kind::Float),
    column("verdict", "/verdict", Kind::Text),
    column("reason", "/reason", Kind::Text),
    column("transforms", "/transforms", Kind::Integer),
    column("peak", "/peak", Kind::Integers),
    column("error", "/error", Kind::Text),
    column("path_bytes", "/path_bytes", Kind::Text),
];

/// Label of a test image.
const LABEL: [Column; 2] =
    [column("kind", "/kind", Kind::Text), column("defect", "/defect", Kind::Flag)];

/// The file of a watched image.
pub(crate) const FILE: [Column; 7] = [
    column("file_name", "/file/name", Kind::Text),
    column("file_name_bytes", "/file/name_bytes", Kind::Text),
    column("file_bytes", "/file/bytes", Kind::Integer),
    column("file_modified", "/file/modified", Kind::Text),
    column("file_changed", "/file/changed", Kind::Text),
    column("file_inode", "/file/inode", Kind::Integer),
    column("file_sha256", "/file/sha256", Kind::Text),
];

/// Columns of `differnet evaluate`.
pub(crate) const EVALUATED: [Column; 13] = joined(SCORED, LABEL);

/// Columns of `differnet watch`.
pub(crate) const WATCHED: [Column; 18] = joined(SCORED, FILE);

const fn joined<const A: usize, const B: usize, const C: usize>(
    first: [Column; A],
    second: [Column; B],
) -> [Column; C] {
    assert!(A + B == C);
    let mut all = [first[0]; C];
    let mut at = 0;
    while at < C {
        all[at] = if at < A { first[at] } else { second[at - A] };
        at += 1;
    }
    all
}

impl Column {
    /// The column's value in `row`.
    pub(crate) fn cell(&self, row: &Value) -> Cell {
        let found = match (row.pointer(self.pointer), self.kind) {
            (Some(Value::String(text)), Kind::Text) => Some(Cell::Text(text.clone())),
            (Some(Value::Null), Kind::Score) => Some(Cell::Float(f64::INFINITY)),
            (Some(number), Kind::Float | Kind::Score) => number.as_f64().map(Cell::Float),
            (Some(number), Kind::Integer) => number.as_i64().map(Cell::Integer),
            (Some(list), Kind::Integers) => list
                .as_array()
                .map(|list| Cell::Integers(list.iter().filter_map(Value::as_i64).collect())),
            (Some(flag), Kind::Flag) => flag.as_bool().map(Cell::Flag),
            _ => None,
        };
        found.unwrap_or(Cell::Missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinite_score_is_not_a_missing_one() {
        let cells = |row: &str| {
            let row = serde_json::from_str(row).expect("JSON");
            SCORED.map(|column| column.cell(&row))
        };
        let found =
            cells(r#"{"path":"a","score":null,"p_value":null,"peak":[3,4],"transforms":2}"#);
        assert_eq!(found[2], Cell::Float(f64::INFINITY));
        assert_eq!(found[4], Cell::Missing);
        assert_eq!((&found[7], &found[8]), (&Cell::Integer(2), &Cell::Integers(vec![3, 4])));
        let failed = cells(r#"{"path":"a","error":"it is empty"}"#);
        assert_eq!(failed[2], Cell::Missing);
        assert_eq!(failed[9], Cell::Text("it is empty".to_owned()));
    }

    #[test]
    fn names_are_unique() {
        for columns in [&EVALUATED[..], &WATCHED[..]] {
            let names: std::collections::BTreeSet<&str> =
                columns.iter().map(|column| column.name).collect();
            assert_eq!(names.len(), columns.len());
        }
    }
}
