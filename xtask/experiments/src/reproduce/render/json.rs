//! A document for programs: `table.json`.

use serde::Serialize;

use super::notes;
use crate::reproduce::document::{Document, Missing, TableCell};
use crate::reproduce::environment::Environment;

/// Units of the numbers.
const UNIT: &str = "auroc, ci95, average_precision, recall_at_zero_fp and paper are shares in 0 to 1; \
                    peak_mb is in 10^6 bytes; null is unknown or not in the paper";

#[derive(Debug, Serialize)]
struct Json<'a> {
    name: &'a str,
    title: &'a str,
    command: &'a str,
    unit: &'static str,
    /// Whether the images are those of the generated sample data set.
    sample: bool,
    notes: Vec<String>,
    cells: &'a [TableCell],
    missing: &'a [Missing],
    settings: toml::Table,
    environment: &'a Environment,
}

/// The whole document, with a line end.
pub(super) fn whole(document: &Document) -> anyhow::Result<String> {
    let json = Json {
        name: document.name,
        title: &document.title,
        command: &document.command,
        unit: UNIT,
        sample: document.sample,
        notes: notes(document),
        cells: &document.cells,
        missing: &document.missing,
        settings: document.settings.parse()?,
        environment: &document.environment,
    };
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_document_has_cells_and_environment() -> anyhow::Result<()> {
        let json: serde_json::Value = serde_json::from_str(&whole(&example())?)?;
        let cell = &json["cells"][0];
        assert_eq!(cell["auroc"].as_f64(), Some(0.98));
        assert_eq!(cell["paper"].as_f64(), Some(0.99));
        assert_eq!(cell["ci95"].as_array().map(Vec::len), Some(2));
        assert_eq!(json["environment"]["device"].as_str(), Some("flex"));
        assert_eq!(json["settings"]["hidden"].as_u64(), Some(256));
        assert_eq!(json["sample"].as_bool(), Some(false));
        Ok(())
    }
}
