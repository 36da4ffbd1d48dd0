//! Files compressed otherwise than those of training, and trainings that see both.

use std::fs;
use std::path::{Path, PathBuf};

use differnet_samples::{SampleConfig, write_sample_dataset};
use image::codecs::jpeg::JpegEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, Run};

/// Quality of the files that are judged.
const QUALITY: u8 = 75;

/// Nuts as PNG, and the same test images as JPEG.
fn data() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let sample =
        SampleConfig { seed: 4, size: 256, train: 16, test_good: 6, test_defect_per_kind: 2 };
    write_sample_dataset(folder.path(), &sample).unwrap();
    let nuts = folder.path().join("hex_nut");
    let test = nuts.join("test");
    for file in differnet_data::find_images(&test).unwrap() {
        let jpeg = folder.path().join("jpeg").join(file.strip_prefix(&test).unwrap());
        let jpeg = jpeg.with_extension("jpg");
        fs::create_dir_all(jpeg.parent().unwrap()).unwrap();
        let image = image::open(file).unwrap().into_rgb8();
        let file = fs::File::create(jpeg).unwrap();
        image.write_with_encoder(JpegEncoder::new_with_quality(file, QUALITY)).unwrap();
    }
    (folder, nuts)
}

fn train(nuts: &Path, out: &Path, more: &[&str]) -> Run {
    let words = [&["train", "--seed", "1"], more, &["--data"]].concat();
    let run = Fixture::shared().run(&words, &[&nuts.join("train/good"), Path::new("--out"), out]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    run
}

fn verdicts(model: &Path, images: &Path) -> (Vec<String>, Run) {
    let run = Fixture::shared().run(&["score", "--json", "--model"], &[model, images]);
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["verdict"].as_str().unwrap().to_owned()
    };
    (run.text().lines().map(of).collect(), run)
}

fn count(verdicts: &[String], verdict: &str) -> usize {
    verdicts.iter().filter(|found| *found == verdict).count()
}

#[test]
fn a_training_that_sees_jpeg_judges_jpeg() {
    let (folder, nuts) = data();
    let (png, both) = (folder.path().join("png.differnet"), folder.path().join("both.differnet"));
    let (good, defects) = (folder.path().join("jpeg/good"), folder.path().join("jpeg"));
    train(&nuts, &png, &["--method", "patchcore"]);
    train(&nuts, &both, &["--method", "patchcore", "--jpeg-augmentation", "60..95"]);
    let (before, noted) = verdicts(&png, &good);
    assert!(noted.err.contains("or with --jpeg-augmentation"), "{}", noted.err);
    let (after, known) = verdicts(&both, &good);
    assert!(!known.err.contains("note: "), "{}", known.err);
    assert!(count(&before, "defect") >= 4, "{before:?}");
    assert!(count(&after, "defect") <= 1, "{after:?}");
    // Files as those of training are judged as before, and defects are found in both.
    let (good, _) = verdicts(&both, &nuts.join("test/good"));
    assert!(count(&good, "defect") <= 1, "{good:?}");
    let (all, _) = verdicts(&both, &defects);
    assert!(count(&all, "defect") >= 6, "{all:?}");
}

#[test]
fn every_method_sees_jpeg_and_the_same_seed_gives_the_same_bytes() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let few = folder.path().join("few/train/good");
    fs::create_dir_all(&few).unwrap();
    for file in differnet_data::find_images(&fixture.good()).unwrap() {
        fs::copy(&file, few.join(file.file_name().unwrap())).unwrap();
    }
    let few = folder.path().join("few");
    let tiny = "--method differnet --transforms 2 --pool 2 --score-transforms 2 --hidden 16 --blocks 2 \
                --batch-size 6 --updates 12";
    for (method, settings) in [
        ("patchcore", "--method patchcore"),
        ("local-flow", "--method local-flow --updates 30"),
        ("differnet", tiny),
        ("1nn", "--method 1nn --transforms 2 --score-transforms 2"),
    ] {
        let settings: Vec<&str> = settings.split_whitespace().collect();
        let model = |name: &str, seed: &[&str]| {
            let out = folder.path().join(format!("{method} {name}.differnet"));
            train(&few, &out, &[&settings[..], seed].concat());
            fs::read(out).unwrap()
        };
        let plain = model("plain", &[]);
        let augmented = ["--jpeg-augmentation", "70..95"];
        let once = model("once", &augmented);
        assert_ne!(once, plain, "{method}");
        // From the cache where there is one.
        assert_eq!(model("twice", &augmented), once, "{method}");
        let score = |name: &str| {
            let model = folder.path().join(format!("{method} {name}.differnet"));
            verdicts(&model, &fixture.test()).0.len()
        };
        assert_eq!(score("once"), score("plain"));
        // One score an image: two ways of storing it are no two images.
        let inspected = |name: &str| {
            let model = folder.path().join(format!("{method} {name}.differnet"));
            let header = fixture.run(&["inspect", "--json"], &[&model]).json();
            header["training_images"].clone()
        };
        assert_eq!(inspected("once"), inspected("plain"), "{method}");
    }
}

#[test]
fn qualities_that_are_none_and_deep_images_are_refused() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.differnet");
    let train = |qualities: &str, data: &Path| {
        let words = ["train", "--method", "padim", "--jpeg-augmentation", qualities, "--data"];
        fixture.run(&words, &[data, Path::new("--out"), &out])
    };
    for qualities in ["95..75", "0..90", "best"] {
        let run = train(qualities, &fixture.good());
        assert_eq!(run.code, Some(2), "{}", run.err);
        assert!(run.err.contains("expected qualities from 1 to 100 as in 75..95"), "{}", run.err);
    }
    let deep = folder.path().join("deep");
    fs::create_dir(&deep).unwrap();
    for (number, file) in differnet_data::find_images(&fixture.good()).unwrap().iter().enumerate() {
        let deep = deep.join(format!("{number}.png"));
        image::open(file).unwrap().to_luma16().save(deep).unwrap();
    }
    let run = train("75..95", &deep);
    assert_ne!(run.code, Some(0));
    assert!(run.err.contains("more than 8 bits a sample, which JPEG does not keep"), "{}", run.err);
}

#[test]
fn check_warns_of_files_compressed_otherwise() {
    let (_folder, nuts) = data();
    let recompress = |file: &Path| {
        let image = image::open(file).unwrap().into_rgb8();
        image.save(file.with_extension("jpg")).unwrap();
        fs::remove_file(file).unwrap();
        file.with_extension("jpg")
    };
    let check = || {
        let words = ["check", "--files-only", "--json", "--data"];
        let report = Fixture::shared().run(&words, &[&nuts]).json();
        let findings = report["findings"].as_array().unwrap().clone();
        findings.into_iter().filter(|finding| finding["kind"] == "compression").collect::<Vec<_>>()
    };
    assert_eq!(check(), Vec::<Value>::new());
    let test = recompress(&nuts.join("test/good/000.png"));
    let found = check();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["severity"], "warning");
    assert_eq!(found[0]["files"], serde_json::json!([test.to_str().unwrap()]));
    let message = found[0]["message"].as_str().unwrap();
    let beginning = "stored as JPEG of quality 75, training images without loss: ";
    assert!(message.starts_with(beginning), "{message}");
    // One of the training images is, too: the test image is like one of them.
    let train = recompress(&nuts.join("train/good/000.png"));
    let found = check();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["files"], serde_json::json!([train.to_str().unwrap()]));
    let message = found[0]["message"].as_str().unwrap();
    let beginning = "stored as JPEG of quality 75, most training images without loss: ";
    assert!(message.starts_with(beginning), "{message}");
}
