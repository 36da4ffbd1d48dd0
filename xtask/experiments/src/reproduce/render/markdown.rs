//! A document as Markdown: a file of its own, or a block of another.

use differnet_report::markdown_table;

use super::{headers, notes};
use crate::reproduce::document::Document;

/// The whole document.
pub(super) fn whole(document: &Document) -> String {
    let mut text = format!("# {}\n\n`{}`\n", document.title, document.command);
    text += &body(document);
    for figure in &document.figures {
        text += &format!("\n![{}]({})\n", figure.title, figure.file);
    }
    text += &format!("\n## Settings\n\n```toml\n{}```\n", document.settings);
    let rows: Vec<Vec<String>> =
        document.environment.rows().into_iter().map(|row| row.to_vec()).collect();
    text + &format!("\n## Environment\n\n{}", markdown_table(&["", ""], &rows))
}

/// The notes, the tables and one line about the conditions, for a page that has other headings.
pub(in crate::reproduce) fn block(document: &Document) -> String {
    let environment = &document.environment;
    let conditions = format!(
        "\nConditions: device {}, {}.\n",
        environment.device,
        environment.machine_and_commit()
    );
    body(document) + &conditions
}

fn body(document: &Document) -> String {
    let mut text = String::new();
    let notes = notes(document);
    if !notes.is_empty() {
        text.push('\n');
    }
    for note in notes {
        text += &format!("- {note}\n");
    }
    for table in &document.tables {
        let rows = markdown_table(&headers(table), &table.rows);
        text += &format!("\n**{}**\n\n{rows}", table.title);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_document_has_tables_figures_settings_and_environment() {
        let text = whole(&example());
        for part in [
            "# Table 1\n",
            "`cargo xtask reproduce-table1 --root MVTEC_DIR`",
            "- A note.",
            "**AUROC in percent**",
            "| bottle    |  98.0 |    93.0–103.0 |",
            "a\\|b, <c>",
            "![ROC](roc.svg)",
            "hidden = 256",
            "a processor, 2 cores",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn a_block_names_its_conditions_and_has_no_headings() {
        let text = block(&example());
        let golden = "device flex, a processor with 2 cores (AVX2), a system; commit 0123456789.";
        assert!(text.contains(golden), "{text}");
        assert!(text.lines().all(|line| !line.starts_with('#')));
    }
}
