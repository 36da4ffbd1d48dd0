//! What the manifest says of MVTec AD: its categories, and how to get it.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// The manifest, relative to the workspace's root.
const MANIFEST: &str = "datasets/mvtec_ad.toml";

/// The part of the manifest that is used.
#[derive(Debug, Deserialize)]
pub(super) struct MvtecAd {
    name: String,
    licence: String,
    citation: String,
    obtain_from: String,
    textures: Vec<String>,
    objects: Vec<String>,
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
        let mut categories = [self.textures.as_slice(), &self.objects].concat();
        categories.sort();
        categories
    }

    /// Where the images come from and where they have to be.
    pub(super) fn how_to_get(&self) -> String {
        format!(
            "{} ({}) is not part of this repository: get it from {}, unpack it so that \
             ROOT/CATEGORY/train/good, ROOT/CATEGORY/test/KIND and ROOT/CATEGORY/ground_truth/KIND \
             are there, and name ROOT with --root. --sample shows generated images instead",
            self.name, self.licence, self.obtain_from
        )
    }

    /// Whose images these are.
    pub(super) fn credit(&self) -> String {
        format!("{}, {}. {}", self.name, self.licence, self.citation)
    }
}
