//! Maps of where the defects are, and the documents that show them.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GenericImageView};
use serde_json::Value;

use crate::fixture::{Fixture, Run};

fn lines(run: &Run) -> Vec<Value> {
    run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The words of an evaluation of the hexagon nuts with maps of one transform.
const EVALUATE: [&str; 9] = [
    "evaluate",
    "--json",
    "--layout",
    "mvtec",
    "--category",
    "hex_nut",
    "--map-transforms",
    "1",
    "--model",
];

#[test]
fn localize_writes_three_files_an_image_in_the_images_size() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("maps");
    // Neither square nor of the model's size; turned by a quarter in its EXIF data nowhere.
    let wide = folder.path().join("wide.png");
    let scratch = fs::read_dir(fixture.test().join("scratch"));
    let kind =
        scratch.map_or_else(|_| fixture.test().join("good"), |_| fixture.test().join("scratch"));
    let first = fs::read_dir(&kind).unwrap().next().unwrap().unwrap().path();
    image::open(&first)
        .unwrap()
        .resize_exact(90, 50, image::imageops::FilterType::Triangle)
        .save(&wide)
        .unwrap();
    let words = ["localize", "--json", "--transforms", "2", "--model"];
    let paths = [&fixture.model(), &wide, &kind, Path::new("--out"), &out];
    let run = fixture.run(&words, &paths);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let found = lines(&run);
    assert_eq!(found.len(), 1 + fs::read_dir(&kind).unwrap().count());
    let first = &found[0];
    assert_eq!(first["path"], wide.to_str().unwrap());
    for key in ["score", "threshold", "map_threshold", "top"] {
        assert!(first[key].is_f64(), "{key} in {first}");
    }
    let file = |key: &str| Path::new(first["files"][key].as_str().unwrap()).to_path_buf();
    let map = image::open(file("map")).unwrap();
    assert!(matches!(map, DynamicImage::ImageLuma16(_)));
    assert_eq!(map.dimensions(), (90, 50));
    assert_eq!(image::open(file("overlay")).unwrap().height(), 50);
    let array = fs::read(file("array")).unwrap();
    assert!(array.ends_with(&[]) && array.len() == 128 + 4 * 90 * 50, "{}", array.len());
    // What is there is not replaced unasked.
    let again = fixture.run(&words, &paths);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("--overwrite"), "{}", again.err);
    let words = ["localize", "--overwrite", "--map", "gradient", "--transforms", "1", "--model"];
    let text = fixture.run(&words, &paths);
    assert!(text.text().contains("Wrote "), "{}", text.out);
}

#[test]
fn localize_refuses_what_it_cannot_do() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let good = fixture.good().join("000.png");
    for (name, source) in [("a.png", &good), ("sub/a.png", &good)] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(source, path).unwrap();
    }
    let out = folder.path().join("maps");
    let words = ["localize", "--transforms", "1", "--model"];
    let twice = [&fixture.model(), &folder.path().join("a.png"), &folder.path().join("sub/a.png")];
    let run = fixture.run(&words, &[twice[0], twice[1], twice[2], Path::new("--out"), &out]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("different folders") && !out.exists(), "{}", run.err);
    // A bad file does not hide the others.
    let bad = folder.path().join("bad.png");
    fs::write(&bad, "no image").unwrap();
    let run = fixture.run(&words, &[twice[0], &bad, &good, Path::new("--out"), &out]);
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("is not an image") && run.out.contains("Wrote 1 map"), "{}", run.out);
    let run = fixture.run(&words, &[twice[0], &good, Path::new("--out"), &bad]);
    assert_eq!(run.code, Some(2), "{}", run.err);
}

#[test]
fn evaluate_compares_maps_with_masks_and_reports() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let paths = [&fixture.model(), Path::new("--data"), &fixture.data(), Path::new("--out"), &out];
    let words: Vec<&str> =
        ["evaluate", "--pixel"].into_iter().chain(EVALUATE[1..].iter().copied()).collect();
    let run = fixture.run(&words, &paths);
    let summary = run.json();
    // Not one key for the images that are scored and for those with masks.
    assert_eq!(run.out.matches(",\"images\":6,").count(), 1, "{}", run.out);
    assert_eq!(summary["pixel_images"], 6);
    for key in ["pixel_auroc", "aupro", "pixel_f1", "pixel_iou", "pointing_game"] {
        let value = summary[key].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&value), "{key}: {value}");
    }
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("data:image/jpeg;base64,"));
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http"));
}

#[test]
fn masks_that_cannot_be_used_are_named() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    copy(&fixture.data().join("hex_nut"), &data.join("hex_nut"));
    let masks = data.join("hex_nut/ground_truth");
    let mut kinds: Vec<_> =
        fs::read_dir(&masks).unwrap().map(|entry| entry.unwrap().path()).collect();
    kinds.sort();
    let mask = |kind: &Path| fs::read_dir(kind).unwrap().next().unwrap().unwrap().path();
    let run = |more: &[&Path]| {
        let paths = [&fixture.model(), Path::new("--data"), &data, Path::new("--pixel")];
        fixture.run(&EVALUATE, &[&paths[..], more].concat())
    };

    let (black, removed) = (mask(&kinds[0]), mask(&kinds[1]));
    image::GrayImage::new(64, 64).save(&black).unwrap();
    fs::remove_file(&removed).unwrap();
    let notes = run(&[]).json()["pixel_notes"].to_string();
    assert!(notes.contains("1 image of defects with an all-black mask"), "{notes}");
    assert!(notes.contains(black.to_str().unwrap()), "{notes}");
    assert!(notes.contains("1 image of defects without a mask"), "{notes}");

    // Found before anything is scored, all of them at once.
    let (wide, text) = (mask(&kinds[2]), mask(&kinds[3]));
    image::GrayImage::new(10, 64).save(&wide).unwrap();
    fs::write(&text, "no mask").unwrap();
    let wrong = run(&[]);
    assert_eq!(wrong.code, Some(1));
    for part in [
        "2 masks cannot be used",
        "has 10×64 pixels, its image 64×64",
        "is not an image",
        "--skip-bad",
    ] {
        assert!(wrong.err.contains(part), "{part} in {}", wrong.err);
    }
    let out = folder.path().join("report");
    let skipped = run(&[Path::new("--skip-bad"), Path::new("--out"), &out]).json();
    assert_eq!(skipped["skipped"].as_array().unwrap().len(), 2);
    let notes = skipped["pixel_notes"].to_string();
    assert!(notes.contains("2 images of defects with a mask that cannot be used"), "{notes}");
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    for part in ["with an all-black mask", "has 10×64 pixels", wide.to_str().unwrap()] {
        assert!(html.contains(part), "{part}");
    }

    // Nobody asked for pixel metrics: those of the masks that are left would pass for all.
    let without = [&fixture.model(), Path::new("--data"), &data, Path::new("--out"), &out];
    let overwritten = [&without[..], &[Path::new("--overwrite")]].concat();
    let summary = fixture.run(&EVALUATE, &overwritten).json();
    assert_eq!(summary.get("pixel_auroc"), None);
    let notes = summary["pixel_notes"].to_string();
    assert!(notes.contains("No pixel metrics: 2 masks cannot be used"), "{notes}");
    // Masks are no images: none is without a verdict.
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("every file has a verdict"), "masks counted as errors");

    // The table of scores is not the report's.
    let table = out.join("scores.csv");
    let twice = [&overwritten[..], &[Path::new("--scores"), &table]].concat();
    let refused = fixture.run(&EVALUATE, &twice);
    assert!(refused.code == Some(2) && refused.err.contains("--scores"), "{}", refused.err);

    fs::remove_dir_all(&masks).unwrap();
    let summary = run(&[]).json();
    assert_eq!(summary.get("pixel_auroc"), None);
    assert!(summary["pixel_notes"].to_string().contains("no masks"), "{summary}");
}

#[test]
fn report_is_one_document_about_unlabelled_images() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("today.html");
    let missing = folder.path().join("missing.png");
    let words = ["report", "--json", "--map-transforms", "1", "--model"];
    let paths = [&fixture.model(), &fixture.test(), &missing, Path::new("--out"), &out];
    let run = fixture.run(&words, &paths);
    assert_eq!(run.code, Some(1), "{}", run.err);
    let summary: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&summary["images"], &summary["failed"]), (&6.into(), &1.into()));
    let html = fs::read_to_string(&out).unwrap();
    assert!(html.contains("missing.png") && html.contains("data:image/jpeg;base64,"));
    let again = fixture.run(&words, &paths);
    assert!(again.code == Some(1) && again.err.contains("--overwrite"), "{}", again.err);
}

#[test]
fn a_report_tells_images_of_one_name_in_two_folders_apart() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let folders = ["line 1", "line 2"].map(|name| folder.path().join(name));
    for folder in &folders {
        fs::create_dir(folder).unwrap();
        fs::copy(fixture.test().join("good/000.png"), folder.join("part.png")).unwrap();
    }
    let out = folder.path().join("both.html");
    let paths = [&fixture.model(), &folders[0], &folders[1], Path::new("--out"), &out];
    fixture.run(&["report", "--map-transforms", "1", "--model"], &paths).text();
    let html = fs::read_to_string(&out).unwrap();
    assert!(html.contains("line 1/part.png") && html.contains("line 2/part.png"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}
