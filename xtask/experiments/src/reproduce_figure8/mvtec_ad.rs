//! Manifest of MVTec AD: its categories, and how to get it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The manifest, relative to the workspace's root.
const MANIFEST: &str = "datasets/mvtec_ad.toml";

/// The part of the manifest that is used.
#[derive(Debug, Deserialize)]
pub(super) struct MvtecAd {
    name: String,
    publisher: String,
    licence: String,
    citation: Vec<String>,
    obtain_from: String,
    categories: BTreeMap<String, IgnoredAny>,
}

impl MvtecAd {
    /// Reads the manifest below the workspace's `root`.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(MANIFEST);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    /// All categories, sorted.
    pub(super) fn categories(&self) -> Vec<String> {
        self.categories.keys().cloned().collect()
    }

    /// Instructions to get the images and where to put them.
    pub(super) fn how_to_get(&self) -> String {
        format!(
            "{} ({}) is not part of this repository: get it from its publisher, {} ({}), unpack it \
             so that ROOT/CATEGORY/train/good, ROOT/CATEGORY/test/KIND and \
             ROOT/CATEGORY/ground_truth/KIND are there, and name ROOT with --root. --sample shows \
             generated images instead",
            self.name, self.licence, self.publisher, self.obtain_from
        )
    }

    /// Returns the credit for the images: name, licence and citations.
    pub(super) fn credit(&self) -> String {
        format!("{}, {}. {}", self.name, self.licence, self.citation.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_fifteen_categories_and_where_they_come_from() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let known = MvtecAd::read(&root).unwrap();
        let categories = known.categories();
        assert_eq!((categories.len(), categories[0].as_str()), (15, "bottle"));
        let remedy = known.how_to_get();
        for part in ["MVTec Software GmbH", "NC", "ROOT/CATEGORY/train/good", "--root", "--sample"]
        {
            assert!(remedy.contains(part), "{part} in {remedy}");
        }
        assert!(known.credit().contains("Bergmann"));
    }
}
