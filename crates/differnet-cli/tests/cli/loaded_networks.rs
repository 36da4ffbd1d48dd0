//! Networks whose weights come from a file: `--weights`.

use std::path::Path;

use differnet_features::{Backbone, PretrainedWeights};

use crate::fixture::{Fixture, Run};

fn trained(out: &Path, more: &[&str]) -> Run {
    let mut command = Fixture::shared().command();
    command.args(["train", "--category", "hex_nut", "--method", "patchcore", "--bank", "60"]);
    command.args(["--pixels", "64x64", "--data"]).arg(Fixture::shared().data());
    command.args(more).arg("--out").arg(out).output().unwrap().into()
}

#[test]
fn a_model_of_a_loaded_network_needs_its_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let [file, model, rows] =
        ["w.safetensors", "m.differnet", "r.safetensors"].map(|name| folder.path().join(name));
    PretrainedWeights::untrained(Backbone::ResNet18, 1).save(&file).unwrap();
    let weights = file.display().to_string();
    let run = trained(&model, &["--backbone", "resnet18", "--weights", &weights]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    std::fs::remove_file(&file).unwrap();

    let fixture = Fixture::shared();
    let inspected = fixture.run(&["inspect", "--json"], &[&model]).json();
    assert_eq!(inspected["config"]["backbone"], "resnet18");
    assert_eq!(inspected["weights_sha256"].as_str().map(str::len), Some(64));
    let inspected = fixture.run(&["inspect"], &[&model]);
    let hash = inspected.text().lines().find(|line| line.starts_with("weights of the network"));
    assert!(hash.is_some_and(|line| line.len() > 64), "{}", inspected.out);

    let scored = fixture.run(&["score", "--json", "--model"], &[&model, &fixture.test()]);
    assert_eq!(scored.code, Some(0), "{}", scored.err);
    let paths = [model.as_path(), Path::new("--data"), &fixture.good(), Path::new("--out"), &rows];
    let written = fixture.run(&["features", "--layout", "folder", "--model"], &paths);
    assert!(written.text().contains("of the places of 5 images"), "{}", written.out);
}

#[test]
fn arguments_that_do_not_go_together_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.differnet");
    let run = trained(&model, &["--backbone", "resnet50"]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("--weights") && run.err.contains("torchvision.models.resnet50("));

    let file = folder.path().join("w.safetensors");
    PretrainedWeights::untrained(Backbone::ResNet18, 1).save(&file).unwrap();
    let weights = file.display().to_string();
    let run = trained(&model, &["--weights", &weights]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    let run = trained(&model, &["--backbone", "vgg16", "--weights", &weights]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains("use --backbone resnet18"), "{}", run.err);
    assert!(!model.exists());
}
