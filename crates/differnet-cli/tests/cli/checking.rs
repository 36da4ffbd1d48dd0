//! `differnet check`: what it finds, how it says so, and its exit codes.

use std::fs;
use std::path::PathBuf;

use differnet_samples::{SampleConfig, write_sample_dataset};
use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::Fixture;

/// Enough images that nothing speaks against them.
fn sound() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let sample =
        SampleConfig { seed: 3, size: 64, train: 34, test_good: 2, test_defect_per_kind: 1 };
    write_sample_dataset(folder.path(), &sample).unwrap();
    let category = folder.path().join("fabric");
    (folder, category)
}

fn kinds(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["kind"].as_str().unwrap()).collect()
}

#[test]
fn a_sound_data_set_passes_also_strictly() {
    let fixture = Fixture::shared();
    let (_folder, category) = sound();
    let run = fixture.run(&["check", "--strict", "--data"], &[&category]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.out.contains("34 good images to train on, 2 good and 4 defective"), "{}", run.out);
    assert!(run.out.contains("Nothing speaks against training on it."), "{}", run.out);
}

#[test]
fn everything_wrong_is_named_with_its_kind_and_files() {
    let fixture = Fixture::shared();
    let (_folder, category) = sound();
    let good = category.join("train/good");
    let images = differnet_data::find_images(&good).unwrap();
    let defect = &differnet_data::find_images(&category.join("test")).unwrap()[0];
    fs::copy(&images[0], good.join("twice.png")).unwrap();
    fs::copy(&images[1], category.join("test/good/leak.png")).unwrap();
    fs::copy(defect, good.join("defect.png")).unwrap();
    RgbImage::from_pixel(64, 64, Rgb([40; 3])).save(good.join("blank.png")).unwrap();
    fs::write(good.join("broken.png"), &fs::read(&images[0]).unwrap()[..300]).unwrap();

    let arguments = ["check", "--files-only", "--json", "--data"];
    let run = fixture.run(&arguments, &[&category]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let golden = ["unreadable", "leak", "leak", "copies", "blank"];
    assert_eq!(kinds(&report), golden, "{report}");
    assert_eq!((&report["ok"], &report["errors"]), (&false.into(), &3.into()));
    let files = report["findings"][3]["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    assert!(files.iter().any(|file| file.as_str().unwrap().ends_with("twice.png")));

    // In words, errors name the file once; with features the odd image is far from all others too.
    let run = fixture.run(&["check", "--data"], &[&category]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.out.matches("broken.png").count(), 1, "{}", run.out);
    assert!(run.out.contains("3 errors"), "{}", run.out);
    let suspected = |line: &&str| line.contains("does it show a defect?");
    let first = run.out.lines().find(suspected).unwrap();
    assert!(first.starts_with("warning  train/good/blank.png: "), "{}", run.out);
}

#[test]
fn few_images_warn_and_fail_strictly_only() {
    let fixture = Fixture::shared();
    let arguments = ["check", "--files-only", "--json", "--data"];
    let run = fixture.run(&arguments, &[&fixture.good()]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(kinds(&report), ["few_images"]);
    assert_eq!(report["findings"][0]["files"], Value::Array(Vec::new()));
    let strict = ["check", "--strict", "--files-only", "--data"];
    assert_eq!(fixture.run(&strict, &[&fixture.good()]).code, Some(1));
}

#[test]
fn what_is_no_data_set_is_an_error() {
    let fixture = Fixture::shared();
    let empty = tempfile::tempdir().unwrap();
    let run = fixture.run(&["check", "--data"], &[empty.path()]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("no image") && run.out.is_empty(), "{}", run.err);
}
