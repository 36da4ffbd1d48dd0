//! The categories of MVTec AD that a command works on.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::RunArgs;
use super::data::{self, DataPart};
use super::document::Missing;
use super::paper;
use xtask_support::UsageError;

/// Manifest of the data set.
const MANIFEST: &str = include_str!("../../../../datasets/mvtec_ad.toml");

/// Arguments of MVTec AD: folder and categories.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct MvtecArgs {
    /// Folder of MVTec AD, or of data arranged like it.
    #[arg(long, value_name = "MVTEC_DIR", conflicts_with = "sample")]
    root: Option<PathBuf>,
    /// Categories, separated by commas [default: all that are there].
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    categories: Vec<String>,
}

/// The categories to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Parts that are there: the paper's in its order, then others by name.
    pub(super) parts: Vec<DataPart>,
    /// Parts of the paper that were asked for and are not there.
    pub(super) missing: Vec<Missing>,
}

impl Found {
    /// Tells whether all of the paper's categories are there.
    pub(super) fn has_the_papers(&self) -> bool {
        let is_there = |name: &str| self.parts.iter().any(|part| part.category == name);
        paper::TABLE_1.iter().all(|row| is_there(row.name))
    }
}

impl MvtecArgs {
    /// Tells whether a folder was named.
    pub(super) fn is_given(&self) -> bool {
        self.root.is_some()
    }

    /// The categories; the sample's, written below `out`, if `run` asks for the sample.
    ///
    /// # Errors
    /// [`UsageError`] without a folder, with where the data set comes from; if the folder does not
    /// have the layout; if a category is neither there nor in the paper.
    pub(super) fn find(&self, run: &RunArgs, out: &Path) -> anyhow::Result<Found> {
        if run.sample {
            return select(data::sample(out)?, &self.categories, Vec::new());
        }
        let Some(root) = &self.root else { return Err(UsageError(where_from()?).into()) };
        let known = paper::TABLE_1.iter().map(|row| row.name.to_owned()).collect();
        select(data::categories(root)?, &self.categories, known)
    }

    /// As one would type them.
    pub(super) fn typed(&self) -> String {
        let root = if self.is_given() { " --root MVTEC_DIR" } else { "" };
        match self.categories.as_slice() {
            [] => root.to_owned(),
            names => format!("{root} --categories {}", names.join(",")),
        }
    }
}

/// Selects the `wanted` ones of `parts`, or all of them; `known` are the names in the paper.
fn select(parts: Vec<DataPart>, wanted: &[String], known: Vec<String>) -> anyhow::Result<Found> {
    let there: Vec<String> = parts.iter().map(|part| part.category.clone()).collect();
    let names: Vec<String> = match wanted {
        [] => {
            let others = there.iter().filter(|name| !known.contains(name));
            known.iter().chain(others).cloned().collect()
        }
        wanted => wanted.to_vec(),
    };
    let mut found = Found { parts: Vec::new(), missing: Vec::new() };
    for name in names {
        match parts.iter().find(|part| part.category == name) {
            Some(part) => found.parts.push(part.clone()),
            None if known.contains(&name) => found.missing.push(Missing {
                category: name,
                method: None,
                reason: "not in the folder".to_owned(),
            }),
            None => anyhow::bail!("there is no category {name}; there are: {}", there.join(", ")),
        }
    }
    anyhow::ensure!(!found.parts.is_empty(), "none of the categories is in the folder");
    Ok(found)
}

/// Origin and layout of MVTec AD.
fn where_from() -> anyhow::Result<String> {
    let manifest: toml::Table = MANIFEST.parse().context("datasets/mvtec_ad.toml is no TOML")?;
    let text = |name: &str| manifest.get(name).and_then(toml::Value::as_str).unwrap_or("unknown");
    Ok(format!(
        "MVTec AD is not part of this repository: get it from {}, {} (licence {}; see \
         datasets/mvtec_ad.toml), and name its folder with --root MVTEC_DIR. It is laid out as\n  \
         MVTEC_DIR/bottle/train/good/000.png\n  \
         MVTEC_DIR/bottle/test/good/000.png\n  \
         MVTEC_DIR/bottle/test/broken_large/000.png\n  \
         MVTEC_DIR/bottle/ground_truth/broken_large/000_mask.png\n\
         and so on for the other categories. --sample measures on generated images instead.",
        text("publisher"),
        text("obtain_from"),
        text("licence")
    ))
}

#[cfg(test)]
mod tests {
    use super::super::data::PartLayout;
    use super::*;

    fn part(category: &str) -> DataPart {
        let layout = PartLayout::Mvtec { category: Some(category.into()) };
        DataPart { category: category.into(), root: "data".into(), layout }
    }

    fn names(parts: &[DataPart]) -> Vec<&str> {
        parts.iter().map(|part| part.category.as_str()).collect()
    }

    #[test]
    fn categories_come_in_the_papers_order_and_absent_ones_are_missing() -> anyhow::Result<()> {
        let known = ["grid", "wood", "bottle"].map(String::from).to_vec();
        let there = vec![part("bottle"), part("grid"), part("nuts")];
        let found = select(there.clone(), &[], known.clone())?;
        assert_eq!(names(&found.parts), ["grid", "bottle", "nuts"]);
        assert_eq!(found.missing.len(), 1);
        assert_eq!(found.missing[0].category, "wood");
        let found = select(there.clone(), &["nuts".into(), "wood".into()], known.clone())?;
        assert_eq!((names(&found.parts), found.missing.len()), (vec!["nuts"], 1));
        let message = select(there.clone(), &["botle".into()], known.clone());
        let message = message.map_err(|error| error.to_string());
        assert!(message.is_err_and(|m| m.contains("botle") && m.contains("bottle, grid, nuts")));
        assert!(select(there, &["wood".into()], known).is_err());
        Ok(())
    }

    #[test]
    fn the_remedy_names_publisher_licence_and_layout() -> anyhow::Result<()> {
        let text = where_from()?;
        for word in ["MVTec Software GmbH", "CC BY-NC-SA", "train/good", "--root", "--sample"] {
            assert!(text.contains(word), "{word}");
        }
        Ok(())
    }
}
