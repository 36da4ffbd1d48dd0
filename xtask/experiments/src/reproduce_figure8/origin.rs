//! Where the images of the figure come from.

use anyhow::Context;
use xtask_inputs::manifest::Manifest;

use crate::datasets;

/// What is known of the data set `id`.
///
/// # Errors
/// If its manifest cannot be read.
pub(super) fn manifest(id: &str) -> anyhow::Result<Manifest> {
    let path = datasets::folder()?.join(id).with_added_extension("toml");
    Manifest::read(&path).with_context(|| format!("cannot use {}", path.display()))
}

/// Instructions to get MVTec AD and where to put it.
pub(super) fn how_to_get(mvtec: &Manifest) -> String {
    let Manifest { name, licence, publisher, obtain_from, .. } = mvtec;
    format!(
        "{name} ({licence}) is not part of this repository: get it from its publisher, {publisher} \
         ({obtain_from}), unpack it so that ROOT/CATEGORY/train/good, ROOT/CATEGORY/test/KIND and \
         ROOT/CATEGORY/ground_truth/KIND are there, and name ROOT with --root; --mtd-root names Magnetic \
         Tile Defects. --sample shows generated images instead"
    )
}

/// The credit for a data set's images: name, licence and citations.
pub(super) fn credit(data: &Manifest) -> String {
    format!("{} (licence: {}). {}", data.name, data.licence, data.citation.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_fifteen_categories_and_where_they_come_from() {
        let known = manifest("mvtec_ad").unwrap();
        assert_eq!(known.categories.len(), 15);
        let remedy = how_to_get(&known);
        for part in ["MVTec Software GmbH", "NC", "ROOT/CATEGORY/train/good", "--root", "--sample"]
        {
            assert!(remedy.contains(part), "{part} in {remedy}");
        }
        assert!(credit(&known).contains("Bergmann"));
        assert!(credit(&manifest("mtd").unwrap()).contains("Huang"));
    }
}
