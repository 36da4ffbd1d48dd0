//! Thresholds set after training, from the command line.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, Run};

/// A copy of the shared model that a test may change.
fn model() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("nut.differnet");
    std::fs::copy(Fixture::shared().model(), &model).unwrap();
    (folder, model)
}

fn calibrate(model: &Path, words: &str, good: Option<&Path>) -> Run {
    let mut command = Fixture::shared().command();
    command.args(["calibrate", "--json", "--model"]).arg(model).args(words.split_whitespace());
    if let Some(good) = good {
        command.arg("--good").arg(good);
    }
    command.output().unwrap().into()
}

/// The objects that `score --json` prints of `images`.
fn scores(model: &Path, images: &Path) -> Vec<Value> {
    let run = Fixture::shared().run(&["score", "--json", "--model"], &[model, images]);
    run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn numbers(lines: &[Value], key: &str) -> Vec<f64> {
    lines.iter().map(|line| line[key].as_f64().unwrap()).collect()
}

#[test]
fn the_threshold_keeps_its_promise_and_can_be_taken_back() {
    let (_folder, model) = model();
    let test = Fixture::shared().test();
    let good = test.join("good");
    let before = numbers(&scores(&model, &good), "threshold")[0];
    // Two images promise a rate of 1/2 with a confidence of 0.7, but of 0.8 no longer.
    let report = calibrate(&model, "--false-alarm-rate 0.5 --confidence 0.7", Some(&good)).json();
    assert_eq!((&report["images"], &report["threshold_before"]), (&2.into(), &before.into()));
    assert_eq!(report["rule"]["false_alarm_rate"]["rate"], 0.5);
    let lines = scores(&model, &good);
    let found = numbers(&lines, "score");
    let highest = found[0].max(found[1]);
    assert_eq!(report["threshold"], highest.next_up());
    assert_eq!(numbers(&lines, "threshold"), [highest.next_up(); 2]);
    // p = (1 + number of good images that score as high) / 3
    let mut p_values = numbers(&lines, "p_value");
    p_values.sort_by(f64::total_cmp);
    assert_eq!(p_values, [2.0 / 3.0, 1.0]);

    let run = calibrate(&model, "--false-alarm-rate 0.5 --confidence 0.8", Some(&good));
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("at least 3 are needed"), "{}", run.err);
    assert_eq!(numbers(&scores(&model, &good), "threshold"), [highest.next_up(); 2]);

    assert_eq!(report["images_of_training"], false);
    // The scores of this rule are others than the training's, which are asked for now.
    let report = calibrate(&model, "--false-alarm-rate 0.9 --confidence 0.5", None).json();
    assert_eq!(report["images_of_training"], true);

    let report = calibrate(&model, "--reset", None).json();
    assert_eq!((&report["threshold"], &report["rule"]), (&before.into(), &Value::Null));
    assert_eq!(numbers(&scores(&model, &good), "threshold"), [before; 2]);
}

#[test]
fn images_count_once_and_never_if_training_saw_them() {
    let fixture = Fixture::shared();
    let (folder, model) = model();
    let rule = "--false-alarm-rate 0.9 --confidence 0.5";
    // Of five good images one was held back; its score is in the model, its digest is not.
    let report = calibrate(&model, rule, Some(&fixture.good())).json();
    assert_eq!(
        (&report["images"], &report["left_out"]["seen_in_training"]),
        (&1.into(), &4.into())
    );

    let good = folder.path().join("good");
    std::fs::create_dir(&good).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(fixture.test().join("good")).unwrap().collect();
    let file = files.pop().unwrap().unwrap().path();
    for name in ["a.png", "copy of a.png"] {
        std::fs::copy(&file, good.join(name)).unwrap();
    }
    std::fs::write(good.join("broken.png"), "no image").unwrap();
    let run = calibrate(&model, "--append", Some(&good));
    assert!(run.err.contains("broken.png"), "{}", run.err);
    let report = run.json();
    assert_eq!(report["images"], 2);
    let left_out = &report["left_out"];
    let counts = ["seen_in_training", "twice", "unusable"].map(|key| left_out[key].as_u64());
    assert_eq!(counts, [Some(0), Some(1), Some(1)]);
    assert_eq!(left_out["copies"][0]["path"], good.join("copy of a.png").to_str().unwrap());
    assert_eq!(left_out["copies"][0]["of"], good.join("a.png").to_str().unwrap());
    assert_eq!(report["rule"]["false_alarm_rate"]["rate"], 0.9);
}

#[test]
fn photographs_saved_in_another_format_are_known_again() {
    use image::codecs::jpeg::JpegEncoder;
    let fixture = Fixture::shared();
    let (folder, model) = model();
    let good = folder.path().join("good");
    std::fs::create_dir(&good).unwrap();
    let jpeg = |image: &image::DynamicImage, name: &str, quality| {
        let file = std::fs::File::create(good.join(name)).unwrap();
        let image = image.to_rgb8();
        image.write_with_encoder(JpegEncoder::new_with_quality(file, quality)).unwrap();
    };
    let files = |folder: &Path| differnet_data::find_images(folder).unwrap();
    for (number, file) in files(&fixture.good()).iter().enumerate() {
        let image = image::open(file).unwrap();
        image.save(good.join(format!("{number}.bmp"))).unwrap();
        jpeg(&image, &format!("{number}.jpg"), 90);
        image.save(good.join(format!("{number}.tif"))).unwrap();
    }
    let new = image::open(&files(&fixture.test().join("good"))[0]).unwrap();
    new.save(good.join("new.png")).unwrap();
    for quality in [60, 80, 95] {
        jpeg(&new, &format!("new {quality}.jpg"), quality);
    }
    let rule = "--false-alarm-rate 0.9 --confidence 0.5";
    let run = calibrate(&model, rule, Some(&good));
    // Four of five good images were trained on, each is there three times; the fifth and the new one count.
    let report = run.json();
    assert_eq!(report["images"], 2, "{report}");
    assert_eq!(report["left_out"]["seen_in_training"], 12);
    assert_eq!(report["left_out"]["twice"], 5);
    assert!(run.err.contains("new") && run.err.contains("copies of others"), "{}", run.err);
    // They are known in the next round, too.
    let report = calibrate(&model, "--append", Some(&good)).json();
    assert_eq!((&report["images"], &report["left_out"]["twice"]), (&2.into(), &7.into()));
    // Other good parts are other images.
    let report = calibrate(&model, "--append", Some(&fixture.test().join("good"))).json();
    assert_eq!(report["images"], 3, "{report}");
}

#[test]
fn doubt_has_a_verdict_of_its_own() {
    let (_folder, model) = model();
    let good = Fixture::shared().test().join("good");
    // Two images: e = 1 may reach a rate of 1/2 with a confidence of 0.2, e = 0 a rate of 0.2.
    let words = "--false-alarm-rate 0.2 --confidence 0.2 --unsure-rate 0.5";
    let report = calibrate(&model, words, Some(&good)).json();
    assert!(report["unsure"].as_f64() < report["threshold"].as_f64(), "{report}");
    // What a rule does not know is null, not absent.
    let names = ["defects", "escape_rate", "false_alarm_rate", "cost"];
    assert!(names.iter().all(|name| report.get(name) == Some(&Value::Null)), "{report}");
    let mut verdicts: Vec<String> =
        scores(&model, &good).iter().map(|line| line["verdict"].to_string()).collect();
    verdicts.sort();
    assert_eq!(verdicts, ["\"ok\"", "\"unsure\""]);
    let run = Fixture::shared().run(&["score", "--model"], &[&model, &good]);
    assert!(run.text().contains("UNSURE") && run.text().contains("2 images: 1 ok, 1 unsure"));
    let inspected = Fixture::shared().run(&["inspect"], &[&model]);
    for text in
        ["unsure from", "at most 20 % of good parts rejected, 20 % confidence; 2 good images"]
    {
        assert!(inspected.text().contains(text), "{}", inspected.out);
    }
    // More images keep the rule whole.
    let more = calibrate(&model, "--append", Some(&good)).json();
    assert_eq!((&more["unsure"], &more["rule"]), (&report["unsure"], &report["rule"]));
    assert_eq!(more["rule"]["false_alarm_rate"]["unsure_rate"], 0.5);
}

#[test]
fn costs_set_the_threshold_where_defects_exist() {
    let (_folder, model) = model();
    let test = Fixture::shared().test();
    let defects = test.join("thread").display().to_string();
    let words =
        format!("--defects {defects} --cost-escape 1000 --cost-false-alarm 0 --defect-share 0.01");
    let report = calibrate(&model, &words, Some(&test.join("good"))).json();
    assert_eq!((&report["escape_rate"], &report["cost"]), (&0.0.into(), &0.0.into()));
    assert_eq!((&report["defects"], &report["rule"]["cost"]["defects"]), (&1.into(), &1.into()));
}

#[test]
fn a_threshold_needs_a_rule_and_images() {
    let fixture = Fixture::shared();
    let (folder, model) = model();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let good = fixture.test().join("good");
    for (words, good, code, message) in [
        ("", Some(&good), 2, "--false-alarm-rate"),
        ("--append", None, 2, "--good"),
        ("--append", Some(&good), 2, "--false-alarm-rate"),
        ("--false-alarm-rate 1", Some(&good), 2, "above 0 and below 1"),
        ("--false-alarm-rate 0.01 --reset", None, 2, "--reset"),
        ("--cost-escape 5", Some(&good), 2, "--cost-false-alarm"),
        ("--false-alarm-rate 0.4 --unsure-rate 0.5", Some(&good), 1, "at least 6 are needed"),
        ("--false-alarm-rate 0.5 --unsure-rate 0.4", None, 2, "above"),
        ("--false-alarm-rate 0.5", Some(&empty), 1, "empty"),
        ("--false-alarm-rate 0.01", None, 1, "at least 299 are needed"),
    ] {
        let run = calibrate(&model, words, good.map(PathBuf::as_path));
        assert_eq!(run.code, Some(code), "{words}: {}", run.err);
        assert!(run.err.contains(message), "{words}: {}", run.err);
    }
}
