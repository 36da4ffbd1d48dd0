//! `--line`: scores remembered from run to run, and what is said when they move.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use image::RgbImage;
use serde_json::Value;

use crate::fixture::{Fixture, Run};

/// The parts in `from`, `numbers` of them from the first on, under a brighter lamp.
fn brighter(from: &Path, folder: &Path, numbers: std::ops::Range<usize>) {
    fs::create_dir_all(folder).unwrap();
    let parts = differnet_data::find_images(from).unwrap();
    for number in numbers {
        let mut image = image::open(&parts[number % parts.len()]).unwrap().into_rgb8();
        let factor = 1.25 + 0.0005 * (number % 70) as f32;
        image.iter_mut().for_each(|level| *level = (f32::from(*level) * factor).min(255.0) as u8);
        image.save(folder.join(format!("{number}.png"))).unwrap();
    }
}

/// A part that the model does not judge.
fn black(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    RgbImage::new(64, 64).save(folder.join("black.png")).unwrap();
}

#[test]
fn the_line_is_remembered_and_its_drift_told_once_it_shows() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let line = folder.path().join("lines/line.json");
    let good = folder.path().join("good");
    let sample = differnet_samples::SampleConfig {
        seed: 5,
        size: 64,
        train: 40,
        test_good: 2,
        test_defect_per_kind: 1,
    };
    differnet_samples::write_sample_dataset(&good, &sample).unwrap();
    let model = folder.path().join("part.differnet");
    fs::copy(fixture.model(), &model).unwrap();
    let nuts = good.join("hex_nut/train/good");
    let calibrate = ["calibrate", "--false-alarm-rate", "0.2", "--model"];
    let run = fixture.run(&calibrate, &[&model, Path::new("--good"), &nuts]);
    assert_eq!(run.code, Some(0), "{}", run.err);

    let score = |images: &Path| {
        let words = [Path::new("--line"), &line, Path::new("--model"), &model, images];
        fixture.run(&["score"], &words)
    };
    let run = score(&nuts);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(!run.err.contains("DRIFT"), "{}", run.err);
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    brighter(&nuts, &first, 0..9);
    brighter(&nuts, &second, 9..110);
    black(&first);
    // 49 images are too few to say anything, 150 of which 110 are brighter are not; one is not judged.
    assert!(!score(&first).err.contains("DRIFT"));
    let run = score(&second);
    assert!(run.err.contains("DRIFT: scores have moved higher"), "{}", run.err);
    assert!(run.err.contains("of the last 150 images"), "{}", run.err);
    let kept: Value = serde_json::from_slice(&fs::read(&line).unwrap()).unwrap();
    assert_eq!((&kept["images"], kept["recent"].as_array().unwrap().len()), (&151.into(), 150));

    // Programs beside each other add to one line, and none takes a line that another keeps.
    let parts = differnet_data::find_images(&nuts).unwrap();
    let start = |part: &PathBuf| {
        let mut command = fixture.command();
        command.arg("score").arg("--line").arg(&line).arg("--model").arg(&model).arg(part);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = parts[..6].iter().map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let kept: Value = serde_json::from_slice(&fs::read(&line).unwrap()).unwrap();
    assert_eq!(kept["images"], 157);
    let lock = differnet_files::FileLock::try_acquire(&line).unwrap();
    let mut command = fixture.command();
    command.args(["watch", "--once", "--out", "out.jsonl", "--line"]).arg(&line);
    command.arg("--model").arg(&model).arg(&first).current_dir(folder.path());
    let run: Run = command.output().unwrap().into();
    assert!(run.code == Some(1) && run.err.contains("is kept by another"), "{}", run.err);
    drop(lock);

    // Of another model nothing is remembered, and what is no summary is not overwritten.
    let run =
        fixture.run(&["score", "--line"], &[&line, Path::new("--model"), &fixture.model(), &first]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    fs::write(&line, "{").unwrap();
    let run = score(&first);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("is no summary of a line"), "{}", run.err);
    assert_eq!(fs::read(&line).unwrap(), b"{");
}
