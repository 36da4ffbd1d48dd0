//! Local features from the command line: networks, tiles, and the rows of places.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

use crate::fixture::{Fixture, Run};

/// A model of PatchCore in a folder of its own, and what its training printed.
fn trained(more: &[&str]) -> (TempDir, PathBuf, Run) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("nut.differnet");
    let mut command = Fixture::shared().command();
    command.args(["train", "--category", "hex_nut", "--method", "patchcore", "--bank", "60"]);
    command.args(["--pixels", "64x64", "--data"]).arg(Fixture::shared().data());
    let run: Run = command.args(more).arg("--out").arg(&model).output().unwrap().into();
    (folder, model, run)
}

/// Runs `features` on the five good nuts.
fn features(out: &Path, words: &[&str]) -> Run {
    let fixture = Fixture::shared();
    let words = [&["features", "--layout", "folder", "--overwrite"], words].concat();
    fixture.run(&words, &[Path::new("--data"), &fixture.good(), Path::new("--out"), out])
}

fn integers(tensors: &SafeTensors<'_>, name: &str) -> Vec<i32> {
    let view = tensors.tensor(name).unwrap();
    assert_eq!(view.dtype(), Dtype::I32);
    view.data().chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn rows_of_places_say_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("P.safetensors");
    let words = ["--places", "--pixels", "64x64", "--stages", "3,4", "--json"];
    let summary = features(&out, &words).json();
    assert_eq!((&summary["images"], &summary["places"]), (&5.into(), &80.into()));
    assert_eq!(
        (&summary["features"], &summary["backbone"]),
        (&120.into(), &"efficientnet-lite0".into())
    );
    let bytes = std::fs::read(&out).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("features").unwrap().shape(), [80, 120]);
    let places: Vec<[i32; 3]> = (0..80).map(|at| [at / 16, at % 16 / 4, at % 4]).collect();
    for (number, name) in ["image", "row", "column"].into_iter().enumerate() {
        let expected: Vec<i32> = places.iter().map(|place| place[number]).collect();
        assert_eq!(integers(&tensors, name), expected, "{name}");
    }
    let counts = tensors.tensor("counts").unwrap();
    assert_eq!((counts.dtype(), counts.data()), (Dtype::BOOL, &[1; 80][..]));
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let names: Vec<String> = serde_json::from_str(&metadata["names"]).unwrap();
    assert_eq!(names[4], "004.png");
    assert!(metadata["extractor"].starts_with("efficientnet-lite0-"));

    let run = features(
        &out,
        &["--places", "--backbone", "alexnet", "--tiles", "2x1", "--pixels", "64x64"],
    );
    // Two tiles of 64 × 96 pixels, 32 of their columns shared: 6 × 6 places of an image.
    assert!(run.text().contains("[180, 896] of the places of 5 images"), "{}", run.out);
    let run = features(&out, &["--backbone", "efficientnet-lite0", "--transforms", "1"]);
    assert!(run.text().contains("features [5, 1, 696]"), "{}", run.out);
}

#[test]
fn a_model_gives_the_rows_that_it_sees() {
    let ignore = tempfile::tempdir().unwrap();
    let left = ignore.path().join("left.toml");
    std::fs::write(&left, "[[polygon]]\npoints = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]\n").unwrap();
    let (folder, model, run) = trained(&["--ignore", left.to_str().unwrap()]);
    run.text();
    let out = folder.path().join("P.safetensors");
    let run = features(&out, &["--model", model.to_str().unwrap()]);
    assert!(run.text().contains("[80, 232] of the places of 5 images"), "{}", run.out);
    let bytes = std::fs::read(&out).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("counts").unwrap().data(), [0, 0, 1, 1].repeat(20));
    // Z-scored over the places that count of the images trained on: these.
    let values: Vec<f32> = tensors
        .tensor("features")
        .unwrap()
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let counted = values.chunks_exact(232).enumerate().filter(|(at, _)| at % 4 > 1);
    let first: Vec<f64> = counted.map(|(_, row)| f64::from(row[0])).collect();
    let mean = first.iter().sum::<f64>() / first.len() as f64;
    let variance = first.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / first.len() as f64;
    assert!(mean.abs() < 1e-3 && (variance - 1.0).abs() < 1e-2, "{mean} {variance}");

    // Of a model of whole images the network and the regions count.
    let whole = Fixture::shared().model();
    let run = features(&out, &["--transforms", "1", "--model", whole.to_str().unwrap()]);
    assert!(run.text().contains("features [5, 1, 768]"), "{}", run.out);
}

#[test]
fn what_has_no_places_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("P.safetensors");
    let whole = Fixture::shared().model();
    let whole = whole.to_str().unwrap();
    for (words, code, text) in [
        (&["--places", "--model", whole][..], 1, "leave --places out"),
        (&["--places", "--stages", "7"], 2, "efficientnet-lite0's stages"),
        (&["--places", "--transforms", "2"], 2, "--transforms"),
        (&["--stages", "3"], 2, "--places"),
        (&["--model", whole, "--backbone", "alexnet"], 2, "--backbone"),
        (&["--places", "--backbone", "vgg"], 2, "efficientnet-lite0"),
        (&["--places", "--tiles", "2"], 2, "columns and rows of tiles such as 2x2"),
    ] {
        let run = features(&out, words);
        assert_eq!(run.code, Some(code), "{words:?}: {}", run.err);
        assert!(run.err.contains(text), "{words:?}: {}", run.err);
    }
    assert!(!out.exists());
}

#[test]
fn a_model_names_its_network_and_tiles() {
    let fixture = Fixture::shared();
    let words = ["--backbone", "alexnet", "--tiles", "2x2", "--preset", "standard"];
    let (_folder, model, run) = trained(&words);
    run.text();
    assert!(run.err.contains("no preset changes it"), "{}", run.err);
    let info = fixture.run(&["inspect", "--json"], &[&model]).json();
    assert_eq!(info["config"]["backbone"], "alexnet");
    assert_eq!(info["config"]["tiles"], "2x2");
    assert!(info["extractor"].as_str().unwrap().starts_with("alexnet-"), "{info}");
    let run = fixture.run(&["inspect"], &[&model]);
    for text in ["backbone = \"alexnet\"", "tiles = \"2x2\"", "tile_overlap = 0.125"] {
        assert!(run.text().contains(text), "{text} in {}", run.out);
    }
    let (_folder, _, run) = trained(&["--backbone", "alexnet", "--stages", "5,6"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("alexnet's convolutions"), "{}", run.err);
}

#[test]
fn a_tiled_model_works_with_every_command() {
    let fixture = Fixture::shared();
    let (folder, model, run) = trained(&["--tiles", "2x2"]);
    run.text();
    let path = |name: &str| folder.path().join(name);
    let (maps, out, page) = (path("maps"), path("out"), path("page.html"));
    let (test, into) = (fixture.test(), Path::new("--out"));
    let scored =
        fixture.run(&["score", "--json", "--model"], &[&model, &test, Path::new("--maps"), &maps]);
    assert_eq!(scored.text().lines().count(), 6);
    let found = fixture.run(&["localize", "--json", "--model"], &[&model, &test, into, &out]);
    for (score, map) in scored.out.lines().zip(found.text().lines()) {
        let [score, map]: [serde_json::Value; 2] =
            [score, map].map(|line| serde_json::from_str(line).unwrap());
        assert_eq!((&score["path"], &score["score"]), (&map["path"], &map["score"]));
        let array = std::fs::read(map["files"]["array"].as_str().unwrap()).unwrap();
        assert_eq!(array.len(), 128 + 4 * 64 * 64);
    }
    for words in [&["localize", "--transforms", "2"], &["localize", "--map", "gradient"]] {
        let words = [&words[..], &["--overwrite", "--model"]].concat();
        let run = fixture.run(&words, &[&model, &test, into, &out]);
        assert!(run.code == Some(2) && run.err.contains("the method differnet"), "{}", run.err);
    }
    for words in [
        &["report", "--map-transforms", "2"][..],
        &["report", "--transforms", "2"],
        &["report", "--random-transforms"],
    ] {
        let run = fixture.run(&[words, &["--model"]].concat(), &[&model, &test, into, &page]);
        assert!(run.code == Some(2) && run.err.contains("sees an image once"), "{}", run.err);
    }
    let summary =
        fixture.run(&["report", "--json", "--model"], &[&model, &test, into, &page]).json();
    assert_eq!(summary["images"], 6);
    assert_eq!(fixture.run(&["verify", "--json"], &[&model]).json()["deviation"], 0.0);
    let new = test.join("good");
    let words = ["calibrate", "--false-alarm-rate", "0.8", "--model"];
    let run = fixture.run(&words, &[&model, Path::new("--good"), &new]);
    assert!(run.code == Some(0), "{}", run.err);
    let run = fixture.run(&["update", "--json", "--model"], &[&model, Path::new("--good"), &new]);
    assert_eq!(run.json()["images"], 2);
    assert_eq!(fixture.run(&["verify", "--json"], &[&model]).json()["deviation"], 0.0);
    let words = ["evaluate", "--json", "--pixel", "--category", "hex_nut", "--model"];
    let paths = [&model, Path::new("--data"), &fixture.data()];
    let summary = fixture.run(&words, &paths).json();
    assert!(summary["auroc"].is_f64() && summary["pixel_auroc"].is_f64(), "{summary}");
}
