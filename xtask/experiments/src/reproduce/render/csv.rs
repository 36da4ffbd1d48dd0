//! A document's cells for spreadsheets: one line each.

use std::borrow::Cow;

use crate::reproduce::document::{Document, TableCell};

/// The columns.
const HEADERS: &str = "table,data,category,method,variant,seed,auroc,ci95_lower,ci95_upper,\
average_precision,recall_at_zero_fp,update,test_transforms,average,training_images,images,good,\
defects,train_seconds,evaluate_seconds,rows_extracted,resumed,peak_mb,paper,commit";

/// A header and one line a cell; shares are in 0 to 1, what is not there is empty.
pub(super) fn whole(document: &Document) -> String {
    let mut text = format!("{HEADERS}\n");
    for cell in &document.cells {
        let fields = fields(document, cell);
        text += &(fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

fn fields(document: &Document, cell: &TableCell) -> Vec<String> {
    let average = serde_json::to_value(cell.average).ok();
    let average = average.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
    vec![
        document.name.to_owned(),
        if document.sample { "sample" } else { "given" }.to_owned(),
        cell.category.clone(),
        cell.method.clone(),
        cell.variant.clone().unwrap_or_default(),
        cell.seed.to_string(),
        cell.auroc.to_string(),
        or_empty(cell.ci95.map(|interval| interval.lower)),
        or_empty(cell.ci95.map(|interval| interval.upper)),
        or_empty(cell.average_precision),
        cell.recall_at_zero_fp.to_string(),
        or_empty(cell.update),
        cell.test_transforms.to_string(),
        average.to_owned(),
        cell.training_images.to_string(),
        or_empty(cell.images),
        or_empty(cell.good),
        or_empty(cell.defects),
        format!("{:.2}", cell.train_seconds),
        or_empty(cell.evaluate_seconds.map(|seconds| format!("{seconds:.2}"))),
        cell.rows_extracted.to_string(),
        cell.resumed.to_string(),
        or_empty(cell.peak_mb.map(|peak| format!("{peak:.1}"))),
        or_empty(cell.paper),
        cell.commit.clone(),
    ]
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The field as RFC 4180 wants it.
fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn every_line_has_a_field_for_each_column() {
        let document = example();
        for cell in &document.cells {
            assert_eq!(fields(&document, cell).len(), HEADERS.split(',').count());
        }
        let text = whole(&document);
        assert!(text.starts_with("table,data,category,"), "{text}");
        assert!(text.contains("\ntable1,given,bottle,differnet,,1,0.98,"), "{text}");
        assert!(text.contains(",\"a|b, <c>\",differnet,,2,0.5,"), "{text}");
        assert!(
            text.contains(",mean,20,3,2,1,100.00,10.00,736,0,512.0,0.99,0123456789\n"),
            "{text}"
        );
    }
}
