//! Report of a verification, as a table and lists for people, or as JSON.

use std::path::Path;

use differnet_report::text_table;
use serde::Serialize;

use super::compare::Row;

/// Names in a list before it is cut short; JSON has all.
const LISTED: usize = 8;

/// Verification of a copy against its manifest.
#[derive(Debug, Serialize)]
pub(super) struct Verification {
    /// The manifest's id.
    pub(super) dataset: String,
    pub(super) name: String,
    pub(super) root: String,
    /// Whether there are no problems.
    pub(super) ok: bool,
    pub(super) categories: Vec<CategoryRows>,
    /// Categories of the data set that are not there.
    pub(super) absent: Vec<String>,
    /// Categories in the folder that the data set does not have; not looked at.
    pub(super) unknown: Vec<String>,
    pub(super) problems: Vec<Problem>,
    /// Deviations that are published like this.
    pub(super) as_published: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct CategoryRows {
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
}

/// Problem with the files concerned: paths below the root, or bare names of missing ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) category: String,
    pub(super) fault: Fault,
    pub(super) message: String,
    pub(super) files: Vec<String>,
}

/// Sorts of problems, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fault {
    Missing,
    Extra,
    Damaged,
    Mask,
    Duplicate,
    Leak,
}

impl Fault {
    fn heading(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Damaged => "damaged",
            Self::Mask => "masks",
            Self::Duplicate => "duplicates",
            Self::Leak => "train images in the test set",
        }
    }
}

impl Verification {
    /// The report for people, with a final line feed.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} in {}\n", self.name, self.root);
        if !self.categories.is_empty() {
            text += &format!("\n{}", self.table());
        }
        let mut paragraph = |heading: String, lines: &[&String]| {
            text += &format!("\n{heading}\n");
            for line in lines {
                text += &format!("  {line}\n");
            }
        };
        for problems in self.problems.chunk_by(|left, right| left.fault == right.fault) {
            let lines: Vec<&String> = problems.iter().map(|problem| &problem.message).collect();
            paragraph(format!("{} ({})", problems[0].fault.heading(), problems.len()), &lines);
        }
        for (heading, names) in [
            ("categories that are not there", &self.absent),
            ("categories not looked at, the data set does not have them", &self.unknown),
        ] {
            if !names.is_empty() {
                paragraph(format!("{heading} ({})", names.len()), &[&names.join(", ")]);
            }
        }
        if !self.as_published.is_empty() {
            let lines: Vec<&String> = self.as_published.iter().collect();
            paragraph("odd, but published like this".to_owned(), &lines);
        }
        text += &match self.problems.len() {
            0 => "\nall as expected\n".to_owned(),
            1 => "\n1 problem\n".to_owned(),
            count => format!("\n{count} problems\n"),
        };
        text
    }

    fn table(&self) -> String {
        let headers = ["category", "split", "kind", "images", "expected", "masks", "expected", ""];
        let rows: Vec<Vec<String>> = self
            .categories
            .iter()
            .flat_map(|category| category.rows.iter().map(move |row| (&category.name, row)))
            .map(|(name, Row { split, kind, images, masks })| {
                let complete = images.found == images.expected && masks.found == masks.expected;
                let mark = if complete { "" } else { "differs" };
                let numbers = [images.found, images.expected, masks.found, masks.expected];
                let words = [name.clone(), (*split).to_owned(), kind.clone()];
                let numbers = numbers.map(|number| number.to_string());
                words.into_iter().chain(numbers).chain([mark.to_owned()]).collect()
            })
            .collect();
        text_table(&headers, &rows)
    }
}

/// `: a, b`, cut short where there are many; nothing if there are none.
pub(super) fn names_of(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => format!(": {shown}"),
        more => format!(": {shown} and {more} more"),
    }
}

/// The path below `root`, with slashes on every platform.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
