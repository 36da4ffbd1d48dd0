//! `cargo xtask datasets list`: what is known of each data set.

use std::process::ExitCode;

use differnet_report::text_table;

use xtask_inputs::manifest::{Manifest, Masks};

/// Print what is known: name, licence, citation, where to get it, how many images.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask datasets list")]
pub(super) struct ListArgs {}

pub(super) fn run(_: &ListArgs, manifests: &[Manifest]) -> anyhow::Result<ExitCode> {
    let entries: Vec<String> = manifests.iter().map(entry).collect();
    print!("{}", entries.join("\n"));
    Ok(ExitCode::SUCCESS)
}

fn entry(manifest: &Manifest) -> String {
    let Manifest { id, name, publisher, licence, obtain_from, unpack, totals, .. } = manifest;
    let layout = manifest.layout.name();
    let masks = match manifest.masks {
        Masks::Defects => "a mask for each defective one",
        Masks::All => "a mask for each",
    };
    let mut text = format!(
        "{id}: {name}\n  publisher  {publisher}\n  licence    {licence}\n  from       {obtain_from}\n  \
         unpack     {unpack}\n  layout     {layout}\n"
    );
    for citation in &manifest.citation {
        text += &format!("  cite       {citation}\n");
    }
    text += &format!(
        "  images     {} to train on, {} good and {} defective to test with; {masks}\n\n",
        totals.train, totals.good, totals.defective
    );
    let headers = ["category", "train", "good", "defective", "kinds of defects"];
    let rows: Vec<Vec<String>> = manifest
        .categories
        .iter()
        .map(|(name, category)| {
            let kinds: Vec<String> =
                category.defects.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            vec![
                name.clone(),
                category.train.to_string(),
                category.good.to_string(),
                category.defective().to_string(),
                kinds.join(", "),
            ]
        })
        .collect();
    for line in text_table(&headers, &rows).lines() {
        text += &format!("  {line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_entry_tells_terms_source_and_counts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        let manifests = Manifest::read_all(&folder).unwrap();
        let entries: Vec<String> = manifests.iter().map(entry).collect();
        assert_eq!(entries.len(), 4);
        for (manifest, entry) in manifests.iter().zip(&entries) {
            let Manifest { id, licence, obtain_from, citation, .. } = manifest;
            assert!(entry.starts_with(&format!("{id}: ")), "{entry}");
            for text in [licence, obtain_from, &citation[0]] {
                assert!(entry.contains(text), "{entry}");
            }
        }
        let mvtec = entries.iter().find(|entry| entry.starts_with("mvtec_ad: ")).unwrap();
        assert!(mvtec.contains("3629 to train on, 467 good and 1258 defective to test with"));
        assert!(mvtec.contains("broken_large 20, broken_small 22, contamination 21"), "{mvtec}");
    }
}
