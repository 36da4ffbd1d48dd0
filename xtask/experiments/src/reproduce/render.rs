//! A document as text, Markdown, CSV, JSON and HTML.

mod csv;
mod html;
mod json;
mod markdown;

use std::path::Path;

use differnet_report::text_table;

pub(super) use markdown::block;

use super::document::{Document, Table};
use super::files;

/// Heading of what is measured on the sample data set.
pub(super) const SAMPLE: &str = "Measured on the generated sample data set, not on photographs: no number here can be compared \
     with the paper's.";

/// Writes `table.md`, `table.csv`, `table.json`, `table.html` and the figures to `out`.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write(document: &Document, out: &Path) -> anyhow::Result<()> {
    files::write(&out.join("table.md"), markdown::whole(document).as_bytes())?;
    files::write(&out.join("table.csv"), csv::whole(document).as_bytes())?;
    files::write(&out.join("table.json"), json::whole(document)?.as_bytes())?;
    files::write(&out.join("table.html"), html::whole(document).as_bytes())?;
    for figure in &document.figures {
        files::write(&out.join(figure.file), figure.svg.as_bytes())?;
    }
    Ok(())
}

/// The document for a terminal.
pub(super) fn text(document: &Document) -> String {
    let mut text = format!("{}\n", document.title);
    for note in notes(document) {
        text += &format!("- {note}\n");
    }
    for table in &document.tables {
        text += &format!("\n{}\n{}", table.title, text_table(&headers(table), &table.rows));
    }
    text
}

/// Sentences before the tables.
fn notes(document: &Document) -> Vec<String> {
    let sample = document.sample.then(|| SAMPLE.to_owned());
    sample.into_iter().chain(document.notes.iter().cloned()).collect()
}

fn headers(table: &Table) -> Vec<&str> {
    table.headers.iter().map(String::as_str).collect()
}

/// A document that tests of every format share.
#[cfg(test)]
fn example() -> Document {
    use super::document::{Figure, QUALITY, TableCell, quality};
    use super::summary::measurements;
    use super::test_inputs::{environment, result};

    let results = [result("bottle", 1, 0.98), result("a|b, <c>", 2, 0.5)];
    let runs = measurements(&results);
    let headers: Vec<&str> = ["category"].into_iter().chain(QUALITY).collect();
    let mut table = Table::new("AUROC in percent", &headers);
    for run in &runs {
        let mut row = vec![run.test.category.clone()];
        row.extend(quality(&[*run], Some(99.0)));
        table.rows.push(row);
    }
    Document {
        name: "table1",
        title: "Table 1".into(),
        command: "cargo xtask reproduce-table1 --root MVTEC_DIR".into(),
        sample: false,
        notes: vec!["A note.".into()],
        tables: vec![table],
        figures: vec![Figure {
            file: "roc.svg",
            title: "ROC".into(),
            svg: "<svg xmlns=\"x\"></svg>".into(),
        }],
        cells: runs.iter().map(|run| TableCell::of(run, Some(99.0))).collect(),
        missing: Vec::new(),
        settings: "hidden = 256\n".into(),
        environment: environment(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_written_and_the_sample_is_called_one() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let document = Document { sample: true, ..example() };
        write(&document, folder.path())?;
        for name in ["table.md", "table.csv", "table.json", "table.html"] {
            let text = std::fs::read_to_string(folder.path().join(name))?;
            assert!(text.contains("sample"), "{name}");
        }
        assert!(folder.path().join("roc.svg").exists());
        assert!(super::text(&document).contains(SAMPLE));
        Ok(())
    }
}
