//! `differnet export` and `differnet verify --onnx`: files that are a model's, and others.

use std::path::Path;

use differnet_files::read_metadata;

use crate::fixture::{Fixture, Run};
use crate::verify::altered;

fn export(fixture: &Fixture, out: &Path, more: &[&str]) -> Run {
    let mut command = fixture.command();
    command.args(["export", "--format", "onnx", "--model"]).arg(fixture.model());
    command.args(more).arg("--out").arg(out).output().unwrap().into()
}

fn compare(fixture: &Fixture, model: &Path, onnx: &Path, more: &[&str]) -> Run {
    let mut command = fixture.command();
    command.arg("verify").arg(model).args(more).arg("--onnx").arg(onnx).output().unwrap().into()
}

#[test]
fn an_export_is_the_models_and_the_same_each_time() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("nut.onnx");
    for more in
        [&[][..], &["--size", "80x64", "--overwrite"], &["--transforms", "1", "--overwrite"]]
    {
        assert!(export(fixture, &onnx, more).text().contains("differnet verify --onnx"));
        let report = compare(fixture, &fixture.model(), &onnx, &["--json"]).json();
        assert_eq!((&report["ok"], &report["onnx"]), (&true.into(), &true.into()), "{more:?}");
    }
    let first = std::fs::read(&onnx).unwrap();
    let run = export(fixture, &onnx, &["--transforms", "1"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("--overwrite"), "{}", run.err);
    export(fixture, &onnx, &["--transforms", "1", "--overwrite"]).text();
    assert!(std::fs::read(&onnx).unwrap() == first, "other bytes of the same model");
}

#[test]
fn files_that_are_not_the_models_are_noticed() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("nut.onnx");
    export(fixture, &onnx, &[]).text();
    let mut metadata = read_metadata(&fixture.model()).unwrap();
    let mut header: serde_json::Value = serde_json::from_str(&metadata["differnet"]).unwrap();
    let threshold = header["threshold"].as_f64().unwrap() + 1.0;
    header["threshold"] = threshold.into();
    metadata.insert("differnet".into(), header.to_string());
    let (_folder, other) = altered(&fixture.model(), &metadata);
    let run = compare(fixture, &other, &onnx, &[]);
    assert_eq!(run.code, Some(1), "{}", run.out);
    assert!(run.err.contains("IS NOT what"), "{}", run.err);
    assert!(run.err.contains(&format!("the model's {threshold:.6}")), "{}", run.err);

    let mut bytes = std::fs::read(&onnx).unwrap();
    // A weight amid many: the file can still be read.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&onnx, &bytes).unwrap();
    let run = compare(fixture, &fixture.model(), &onnx, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("it is of another model, or was changed"), "{}", run.err);

    bytes.truncate(bytes.len() / 2);
    std::fs::write(&onnx, &bytes).unwrap();
    let run = compare(fixture, &fixture.model(), &onnx, &[]);
    assert!(run.err.contains("nut.onnx is no ONNX model"), "{}", run.err);
    std::fs::write(&onnx, "").unwrap();
    let run = compare(fixture, &fixture.model(), &onnx, &[]);
    assert!(run.err.contains("differnet did not write it"), "{}", run.err);
}

#[test]
fn what_cannot_be_exported_says_why_and_leaves_no_file() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("nut.onnx");
    for size in ["0x5", "900", "axb"] {
        let run = export(fixture, &out, &["--size", size]);
        assert_eq!(run.code, Some(2));
        assert!(run.err.contains("900x600"), "{}", run.err);
    }
    let run = export(fixture, &fixture.model(), &["--overwrite"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("the model itself"), "{}", run.err);
    let run = export(fixture, &out, &["--resized", "--size", "96x64"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("448 × 448"), "{}", run.err);

    let model = folder.path().join("geotrans.differnet");
    let mut command = fixture.command();
    command.args(["train", "--method", "geotrans", "--category", "hex_nut", "--updates", "2"]);
    command.args(["--batch-size", "4", "--side", "16", "--widening", "1", "--data"]);
    command.arg(fixture.data());
    let output = command.arg("--out").arg(&model).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let words = ["export", "--format", "onnx", "--out"];
    let run = fixture.run(&words, &[&out, Path::new("--model"), &model]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("by geotrans cannot be exported"), "{}", run.err);
    assert!(!out.exists());
}
