//! Comma-separated values (RFC 4180), with bare line feeds as most command line tools want them.

use differnet_report::csv_field;
use serde_json::Value;

use super::columns::{Cell, Column};

/// The first line: the columns' names.
pub(crate) fn header(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    names.join(",") + "\n"
}

/// The line of `row`, its end included.
///
/// Numbers are the shortest decimals that read back as the same; infinity is `inf`. A list is JSON's, a missing
/// value nothing.
pub(crate) fn record(columns: &[Column], row: &Value) -> String {
    let field = |column: &Column| match column.cell(row) {
        Cell::Missing => String::new(),
        Cell::Text(text) => csv_field(&text).into_owned(),
        Cell::Float(number) => format!("{number:?}"),
        Cell::Integer(number) => number.to_string(),
        Cell::Integers(numbers) => csv_field(&format!("{numbers:?}")).into_owned(),
        Cell::Flag(flag) => flag.to_string(),
    };
    columns.iter().map(field).collect::<Vec<_>>().join(",") + "\n"
}

/// Records of a text and its length up to the end of the last complete one.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Records {
    pub(crate) records: Vec<Vec<String>>,
    pub(crate) whole: usize,
}

/// Reads the complete records of `text`, the header among them.
pub(crate) fn read(text: &[u8]) -> Records {
    let mut found = Records::default();
    let (mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), false);
    let text_of =
        |field: &mut Vec<u8>| String::from_utf8_lossy(&std::mem::take(field)).into_owned();
    let mut bytes = text.iter().enumerate().peekable();
    while let Some((at, &byte)) = bytes.next() {
        match (byte, quoted) {
            (b'"', true) if bytes.next_if(|&(_, &next)| next == b'"').is_some() => field.push(b'"'),
            (b'"', _) => quoted = !quoted,
            (b',', false) => record.push(text_of(&mut field)),
            (b'\n', false) => {
                record.push(text_of(&mut field));
                found.records.push(std::mem::take(&mut record));
                found.whole = at + 1;
            }
            _ => field.push(byte),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{EVALUATED, SCORED};
    use super::*;

    #[test]
    fn special_characters_are_quoted_and_numbers_read_back() {
        let row = serde_json::json!({
            "path": "a,\"b\"\nc.png", "score": 0.1 + 0.2, "threshold": 1e300, "peak": [3, 4],
            "verdict": "ok", "transforms": 2, "defect": true, "kind": "dent, deep",
        });
        let golden = "\"a,\"\"b\"\"\nc.png\",,0.30000000000000004,1e300,,ok,,2,\"[3, 4]\",,,\
                      \"dent, deep\",true\n";
        assert_eq!(record(&EVALUATED, &row), golden);
        assert!(header(&SCORED).starts_with("path,method,score,threshold,p_value,verdict,reason,"));
    }

    #[test]
    fn records_are_read_as_they_were_written_and_half_a_one_is_left() {
        let rows = ["plain", "a,b", "\"", "two\nlines\n", "", "ü\r"].map(|path| {
            serde_json::json!({ "path": path, "score": null, "error": null, "reason": path })
        });
        let text: String = rows.iter().map(|row| record(&SCORED, row)).collect();
        let Records { records, whole } = read(text.as_bytes());
        assert_eq!((records.len(), whole), (rows.len(), text.len()));
        for (fields, row) in records.iter().zip(&rows) {
            assert_eq!((fields[0].as_str(), fields[6].as_str()), {
                let path = row["path"].as_str().expect("a text");
                (path, path)
            });
            assert_eq!(fields[2], "inf");
        }
        for length in 0..text.len() {
            let part = read(&text.as_bytes()[..length]);
            assert!(part.whole <= length);
            assert_eq!(part.records, records[..part.records.len()], "{length}");
            assert_eq!(read(&text.as_bytes()[..part.whole]), part, "{length}");
        }
    }
}
