//! Result tables for terminals and for Markdown documents.

/// Plain-text table with aligned columns, a rule under the headers and a final line feed.
///
/// Columns of numbers align right, others left. Short rows are padded with empty cells, long
/// ones add columns without a header. Widths count characters, so wide scripts may look ragged.
pub fn text_table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let table = Table::new(headers, rows, plain_cell);
    let rule: Vec<String> = table.columns.iter().map(|column| "─".repeat(column.width)).collect();
    let mut lines = vec![table.padded(&table.headers).join("  "), rule.join("  ")];
    lines.extend(table.rows.iter().map(|row| table.padded(row).join("  ")));
    // Trailing blanks show up in copied text and in diffs.
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Markdown table (GitHub's dialect) with padded columns and a final line feed.
///
/// Cells are Markdown, so `**bold**` works; pipes are escaped and line breaks become blanks.
/// Alignment and ragged rows are as in [`text_table`].
pub fn markdown_table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new(headers, rows, markdown_cell);
    for column in &mut table.columns {
        // The shortest delimiter that every renderer accepts is three characters long.
        column.width = column.width.max(3);
    }
    let rule: Vec<String> = table
        .columns
        .iter()
        .map(|column| match column.align {
            Align::Left => "-".repeat(column.width),
            Align::Right => format!("{}:", "-".repeat(column.width - 1)),
        })
        .collect();
    let mut lines = vec![table.padded(&table.headers), rule];
    lines.extend(table.rows.iter().map(|row| table.padded(row)));
    lines.iter().map(|cells| format!("| {} |\n", cells.join(" | "))).collect()
}

/// Alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// Layout of one column.
#[derive(Debug)]
struct Column {
    /// In characters.
    width: usize,
    align: Align,
}

/// Cleaned cells, every row as long as there are columns.
#[derive(Debug)]
struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    columns: Vec<Column>,
}

impl Table {
    fn new(headers: &[&str], rows: &[Vec<String>], clean: fn(&str) -> String) -> Self {
        let columns = rows.iter().map(Vec::len).chain([headers.len()]).max().unwrap_or(0);
        let fill = |mut cells: Vec<String>| {
            cells.resize(columns, String::new());
            cells
        };
        let headers = fill(headers.iter().map(|cell| clean(cell)).collect());
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| fill(row.iter().map(|cell| clean(cell)).collect())).collect();
        let columns = (0..columns)
            .map(|index| {
                let cells = || rows.iter().map(|row| row[index].as_str());
                let width = cells().chain([headers[index].as_str()]).map(width).max().unwrap_or(0);
                let numbers = cells().any(is_number)
                    && cells().all(|cell| is_number(cell) || matches!(cell, "" | "-" | "–" | "—"));
                Column { width, align: if numbers { Align::Right } else { Align::Left } }
            })
            .collect();
        Self { headers, rows, columns }
    }

    fn padded(&self, cells: &[String]) -> Vec<String> {
        cells
            .iter()
            .zip(&self.columns)
            .map(|(cell, column)| {
                let blanks = " ".repeat(column.width - width(cell));
                match column.align {
                    Align::Left => format!("{cell}{blanks}"),
                    Align::Right => format!("{blanks}{cell}"),
                }
            })
            .collect()
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// Tells whether a cell leads with a number: `97.5`, `1,024`, `**0.98**`, `12 %`, `0.95–0.99`, `2e-4`.
fn is_number(cell: &str) -> bool {
    let start = cell.trim_start_matches(['*', '_', '+', '-', '−', '<', '>', '≥', '≤', '[', ' ']);
    start.starts_with(|c: char| c.is_ascii_digit())
        && !start.contains(|c: char| c.is_alphabetic() && c != 'e' && c != 's')
}

fn plain_cell(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn markdown_cell(cell: &str) -> String {
    plain_cell(cell).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[&[&str]]) -> Vec<Vec<String>> {
        cells.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn text_columns_line_up_and_numbers_align_right() {
        let rows = rows(&[&["grid", "84.0", "ok"], &["métal", "100.0", ""], &["all", "–"]]);
        let golden = "category  AUROC  note\n\
                      ────────  ─────  ────\n\
                      grid       84.0  ok\n\
                      métal     100.0\n\
                      all           –\n";
        assert_eq!(text_table(&["category", "AUROC", "note"], &rows), golden);
    }

    #[test]
    fn markdown_escapes_pipes_and_marks_alignment() {
        let rows = rows(&[&["a|b", "**1.5**"], &["two\nlines", "-2"]]);
        let golden = "| kind      |       x |\n\
                      | --------- | ------: |\n\
                      | a\\|b      | **1.5** |\n\
                      | two lines |      -2 |\n";
        assert_eq!(markdown_table(&["kind", "x"], &rows), golden);
    }

    #[test]
    fn tables_without_rows_or_columns_do_not_fail() {
        assert_eq!(text_table(&["a"], &[]), "a\n─\n");
        assert_eq!(markdown_table(&["a"], &[]), "| a   |\n| --- |\n");
        assert_eq!(text_table(&[], &[]), "\n\n");
        assert!(text_table(&["a"], &rows(&[&["1", "2", "3"]])).contains("1  2  3"));
    }

    #[test]
    fn names_that_start_with_a_digit_are_not_numbers() {
        assert!(is_number("97.5") && is_number("2e-4") && is_number("≥ 12 %") && is_number("-2"));
        assert!(!is_number("1-NN") && !is_number("good") && !is_number("-"));
    }
}
