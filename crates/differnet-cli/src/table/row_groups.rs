//! Parquet files, written row group by row group.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::Metadata;
use super::columns::{Cell, Column, Kind};

/// Rows of a group: what is in memory at once.
const ROWS: usize = 1 << 16;

/// Parquet file that is being written.
pub(super) struct RowGroups<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    kinds: Vec<Kind>,
    /// The rows of the next group, by column.
    cells: Vec<Vec<Cell>>,
    rows: usize,
}

impl<W: Write + Send> RowGroups<W> {
    pub(super) fn new(out: W, columns: &[Column], metadata: &Metadata) -> anyhow::Result<Self> {
        let schema = parse_message_type(&message(columns))?;
        let facts =
            metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::GZIP(GzipLevel::default()))
            .set_key_value_metadata(Some(facts.collect()))
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let kinds = columns.iter().map(|column| column.kind).collect();
        Ok(Self { writer, kinds, cells: vec![Vec::new(); columns.len()], rows: 0 })
    }

    /// Adds a row of a cell for each column.
    pub(super) fn add(&mut self, row: impl Iterator<Item = Cell>) -> anyhow::Result<()> {
        self.cells.iter_mut().zip(row).for_each(|(cells, cell)| cells.push(cell));
        self.rows += 1;
        if self.rows == ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for (kind, cells) in self.kinds.iter().zip(&mut self.cells) {
            let mut column = group.next_column()?.expect("there is a leaf for each column");
            write(&mut column, *kind, std::mem::take(cells))?;
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Writes the last group and the footer; what was written to.
    pub(super) fn finish(mut self) -> anyhow::Result<W> {
        if self.rows > 0 {
            self.flush()?;
        }
        Ok(self.writer.into_inner()?)
    }
}

/// The schema, as Parquet writes one.
fn message(columns: &[Column]) -> String {
    let field = |column: &Column| {
        let name = column.name;
        match column.kind {
            Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
            Kind::Float | Kind::Score => format!("OPTIONAL DOUBLE {name};"),
            Kind::Integer => format!("OPTIONAL INT64 {name};"),
            Kind::Flag => format!("OPTIONAL BOOLEAN {name};"),
            Kind::Integers => format!(
                "OPTIONAL GROUP {name} (LIST) {{ REPEATED GROUP list {{ OPTIONAL INT64 element; }} }}"
            ),
        }
    };
    format!("message schema {{ {} }}", columns.iter().map(field).collect::<String>())
}

/// Writes the cells of a column.
fn write(column: &mut SerializedColumnWriter<'_>, kind: Kind, cells: Vec<Cell>) -> Result<()> {
    match kind {
        Kind::Text => write_flat::<ByteArrayType>(column, cells, |cell| match cell {
            Cell::Text(text) => Some(ByteArray::from(text.into_bytes())),
            _ => None,
        }),
        Kind::Float | Kind::Score => write_flat::<DoubleType>(column, cells, |cell| match cell {
            Cell::Float(number) => Some(number),
            _ => None,
        }),
        Kind::Integer => write_flat::<Int64Type>(column, cells, |cell| match cell {
            Cell::Integer(number) => Some(number),
            _ => None,
        }),
        Kind::Flag => write_flat::<BoolType>(column, cells, |cell| match cell {
            Cell::Flag(flag) => Some(flag),
            _ => None,
        }),
        Kind::Integers => write_lists(column, cells),
    }
}

/// Writes a column of single values: a definition level of 1 where there is one, else 0.
fn write_flat<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    cells: Vec<Cell>,
    value: impl Fn(Cell) -> Option<T::T>,
) -> Result<()> {
    let found: Vec<Option<T::T>> = cells.into_iter().map(value).collect();
    let levels: Vec<i16> = found.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = found.into_iter().flatten().collect();
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(())
}

/// Writes a column of lists: the definition level is 0 of no list, 1 of an empty one and 3 of an element; the
/// repetition level 0 where a row begins.
fn write_lists(column: &mut SerializedColumnWriter<'_>, cells: Vec<Cell>) -> Result<()> {
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        let Cell::Integers(list) = cell else {
            definition.push(0);
            repetition.push(0);
            continue;
        };
        if list.is_empty() {
            definition.push(1);
            repetition.push(0);
        }
        for (position, value) in list.into_iter().enumerate() {
            values.push(value);
            definition.push(3);
            repetition.push(i16::from(position > 0));
        }
    }
    column.typed::<Int64Type>().write_batch(&values, Some(&definition), Some(&repetition))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Row, RowAccessor};

    use super::super::{EVALUATED, Table, TableFormat};
    use super::*;

    /// The file of a table with these rows.
    fn written(rows: &[String]) -> anyhow::Result<SerializedFileReader<std::fs::File>> {
        let facts = vec![("differnet.model", "12ab".to_owned())];
        let mut table =
            Table::new(tempfile::tempfile()?, TableFormat::Parquet, &EVALUATED, &facts)?;
        rows.iter().try_for_each(|row| table.add(row))?;
        Ok(SerializedFileReader::new(table.finish()?)?)
    }

    #[test]
    fn rows_and_facts_read_back() -> anyhow::Result<()> {
        let rows = [
            r#"{"path":"a","method":"padim","score":0.30000000000000004,"peak":[3,4],"defect":true}"#,
            r#"{"path":"ü","score":null,"p_value":null,"peak":null,"transforms":1}"#,
            r#"{"path":"c","error":"it is empty","peak":[]}"#,
        ];
        let reader = written(&rows.map(str::to_owned))?;
        let facts = reader.metadata().file_metadata().key_value_metadata().cloned();
        let model = KeyValue::new("differnet.model".to_owned(), "12ab".to_owned());
        assert_eq!(facts, Some(vec![model]));
        let rows = reader.get_row_iter(None)?.collect::<Result<Vec<Row>>>()?;
        let [first, second, third] = rows.as_slice() else { panic!("{} rows", rows.len()) };
        assert_eq!((first.get_string(0)?.as_str(), first.get_double(2)?), ("a", 0.1 + 0.2));
        assert_eq!(first.get_list(8)?.len(), 2);
        assert!(first.get_bool(12)?);
        assert_eq!(second.get_double(2)?, f64::INFINITY);
        assert_eq!((second.get_string(0)?.as_str(), second.get_long(7)?), ("ü", 1));
        assert!(second.get_double(4).is_err() && second.get_list(8).is_err());
        assert_eq!(third.get_string(9)?, "it is empty");
        assert!(third.get_double(2).is_err());
        assert_eq!(third.get_list(8)?.len(), 0);
        Ok(())
    }

    #[test]
    fn groups_follow_each_other_and_there_may_be_none() -> anyhow::Result<()> {
        assert_eq!(written(&[])?.metadata().num_row_groups(), 0);
        let rows: Vec<String> = (0..ROWS + 1).map(|row| format!(r#"{{"path":"{row}"}}"#)).collect();
        let reader = written(&rows)?;
        assert_eq!(reader.metadata().num_row_groups(), 2);
        for (number, row) in reader.get_row_iter(None)?.enumerate() {
            assert_eq!(row?.get_string(0)?, &number.to_string());
        }
        Ok(())
    }
}
