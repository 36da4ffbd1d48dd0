//! `differnet verify`: copies of a model that score as it did, and others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet_files::read_metadata;
use differnet_flow::Flow;
use tempfile::TempDir;

use crate::fixture::Fixture;

/// Key of a model's description.
const INFO: &str = "differnet";

/// The shared model's file with other metadata, or with the flow of the model `flow`.
pub(crate) fn altered(flow: &Path, metadata: &BTreeMap<String, String>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("altered.differnet");
    let (flow, auxiliary) = Flow::load(flow, &Device::flex()).unwrap();
    flow.save(&path, metadata, &auxiliary).unwrap();
    (folder, path)
}

#[test]
fn a_model_scores_as_it_did_and_needs_no_cache() {
    let fixture = Fixture::shared();
    let report = fixture.run(&["verify", "--json", "--tolerance", "0"], &[&fixture.model()]).json();
    assert_eq!((&report["ok"], &report["deviation"]), (&true.into(), &0.0.into()));
    assert_eq!(report["expected"].as_array().unwrap().len(), 3);
    assert_eq!(report["expected"], report["found"]);
    let run = fixture.run(&["verify"], &[&fixture.model()]);
    assert!(run.text().contains("scores as it did"), "{}", run.out);
}

#[test]
fn a_flow_that_is_another_one_is_noticed() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.differnet");
    assert_eq!(fixture.train(&other, &["--seed", "9"]).code, Some(0));
    let metadata = read_metadata(&fixture.model()).unwrap();
    let (_folder, mixed) = altered(&other, &metadata);
    // Whole and well-formed, so that nothing else finds fault with it.
    assert_eq!(fixture.run(&["inspect"], &[&mixed]).code, Some(0));
    let run = fixture.run(&["verify"], &[&mixed]);
    assert_eq!(run.code, Some(1), "{}", run.out);
    assert!(run.out.contains("DOES NOT SCORE AS IT DID"), "{}", run.out);
}

#[test]
fn a_model_without_a_self_test_is_refused() {
    let fixture = Fixture::shared();
    let mut metadata = read_metadata(&fixture.model()).unwrap();
    let mut info: serde_json::Value = serde_json::from_str(&metadata[INFO]).unwrap();
    info.as_object_mut().unwrap().remove("self_test").unwrap();
    metadata.insert(INFO.into(), info.to_string());
    let (_folder, old) = altered(&fixture.model(), &metadata);
    let run = fixture.run(&["verify"], &[&old]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("carries no self-test"), "{}", run.err);
}

#[test]
fn regions_and_other_methods_are_part_of_the_test() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let ignore = folder.path().join("top.toml");
    std::fs::write(&ignore, "[[polygon]]\npoints = [[0, 0], [1, 0], [1, 0.3], [0, 0.3]]\n")
        .unwrap();
    let ignore = ignore.display().to_string();
    for (name, words) in [("a", vec!["--ignore", &ignore]), ("b", vec!["--method", "1nn"])] {
        let model = folder.path().join(name);
        let mut command = fixture.command();
        command.args(["train", "--category", "hex_nut", "--transforms", "2"]);
        command.args(["--score-transforms", "2", "--data"]).arg(fixture.data());
        if name == "a" {
            command.args(["--method", "differnet", "--pool", "2", "--hidden", "16"]);
            command.args(["--blocks", "2", "--updates", "4"]);
        }
        let output = command.args(&words).arg("--out").arg(&model).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report = fixture.run(&["verify", "--json"], &[&model]).json();
        assert_eq!(report["deviation"], 0.0, "{words:?}");
    }
}
