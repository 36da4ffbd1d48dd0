//! From photographs to verdicts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use safetensors::SafeTensors;

use crate::fixture::{Fixture, Run, TINY};

#[test]
fn training_says_what_it_found_and_what_comes_next() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("made/for it/nut.differnet");
    let run = fixture.train(&model, &[]);
    let out = run.text();
    for text in ["hex_nut (layout mvtec): 5 good images", "6 images to test with, 4 of them"] {
        assert!(run.err.contains(text), "{text} in {}", run.err);
    }
    assert!(run.err.contains("Validation set, for the threshold: 1 image"), "{}", run.err);
    let evaluate = format!(
        "differnet evaluate --model '{}' --data {} --category hex_nut",
        model.display(),
        fixture.data().display()
    );
    for text in ["Threshold ", "seed 0", "differnet score --model '", &evaluate] {
        assert!(out.contains(text), "{text} in {out}");
    }
    let left: Vec<_> = std::fs::read_dir(model.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the model is left: {left:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_and_without_a_cache() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let train = |name: &str, more: &[&str]| {
        let model = folder.path().join(name);
        fixture.train(&model, more).text();
        std::fs::read(model).unwrap()
    };
    let golden = std::fs::read(fixture.model()).unwrap();
    assert!(train("a.differnet", &["--no-cache"]) == golden);
    assert!(train("b.differnet", &["--seed", "1"]) != golden);
}

#[test]
fn two_processes_share_a_cache() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let models = ["a.differnet", "b.differnet"].map(|name| folder.path().join(name));
    let children = models.each_ref().map(|model| {
        let mut command = fixture.train_command(model, &["--updates", "12"]);
        command.arg("--cache").arg(&cache);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for child in children {
        Run::from(child.wait_with_output().unwrap()).text();
    }
    let golden = std::fs::read(fixture.model()).unwrap();
    for model in models {
        assert!(std::fs::read(model).unwrap() == golden);
    }
    let info = fixture.run(&["cache", "info", "--json", "--cache"], &[&cache]).json();
    let extractor = &info["extractors"][0];
    assert_eq!((&extractor["images"], &extractor["damaged"]), (&5.into(), &0.into()));
}

#[test]
fn scores_are_for_people_and_the_exit_code_for_machines() {
    let fixture = Fixture::shared();
    let (model, test) = (fixture.model(), fixture.test());
    let run = fixture.run(&["score", "--threshold", "1e9", "--model"], &[&model, &test]);
    let lines: Vec<&str> = run.text().lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[..6].iter().all(|line| line.starts_with("OK      score ")), "{lines:?}");
    assert_eq!(lines[6], "6 images: 6 ok, 0 defects");

    let all = ["score", "--threshold", "-1", "--fail-on-defect", "--model"];
    let run = fixture.run(&all, &[&model, &test, Path::new("missing.png")]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    assert!(run.out.contains("DEFECT  score "), "{}", run.out);
    let last = run.out.lines().last();
    assert_eq!(last, Some("7 images: 0 ok, 6 defects, 1 could not be used"));

    let none = ["score", "--threshold", "1e9", "--fail-on-defect", "--model"];
    assert_eq!(fixture.run(&none, &[&model, &test]).code, Some(0));
    let failed = fixture.run(&none, &[&model, &test, Path::new("missing.png")]);
    assert_eq!(failed.code, Some(1));
}

#[test]
fn random_transforms_follow_the_seed() {
    let fixture = Fixture::shared();
    let score = |seed: &str| {
        let words = ["score", "--random-transforms", "--seed", seed, "--model"];
        fixture.run(&words, &[&fixture.model(), &fixture.test().join("good")]).text().to_owned()
    };
    assert_eq!(score("1"), score("1"));
    assert_ne!(score("1"), score("2"));
}

#[test]
fn adaptive_scoring_says_how_many_transforms_settled_the_verdicts() {
    let fixture = Fixture::shared();
    let good = fixture.test().join("good");
    let score = |threshold: &str| {
        let words = ["score", "--adaptive", "--transforms", "24", "--threshold", threshold];
        let words = [&words[..], &["--model"]].concat();
        let run = fixture.run(&words, &[&fixture.model(), &good]);
        run.text().lines().last().unwrap().to_owned()
    };
    // Far from every score scoring stops at the first check.
    assert_eq!(score("1e30"), "5.0 of 24 transforms an image settled the verdicts");
    assert_eq!(score("-1"), "5.0 of 24 transforms an image settled the verdicts");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let fixture = Fixture::shared();
    let mut command = fixture.command();
    command.args(["score", "--json", "--model"]).arg(fixture.model());
    for _ in 0..40 {
        command.arg(fixture.test());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_reader_that_leaves_does_not_make_a_gate_pass() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("scores.jsonl");
    std::fs::write(folder.path().join("broken.png"), "no image").unwrap();
    // Nobody reads from the first line on.
    let code = |words: &[&str], paths: &[&Path]| {
        let mut child =
            fixture.command().args(words).args(paths).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        child.wait().unwrap().code()
    };
    let gate = ["score", "--threshold", "-1", "--fail-on-defect", "--model"];
    assert_eq!(code(&gate, &[&fixture.model(), &fixture.test()]), Some(1));
    let paths = [&fixture.model(), Path::new("--out"), &table, &fixture.test()];
    assert_eq!(code(&gate, &paths), Some(3));
    assert!(std::fs::read_to_string(&table).unwrap().lines().count() > 1);
    let check = ["check", "--files-only", "--data"];
    assert_eq!(code(&check, &[folder.path()]), Some(1));
    let verify = ["verify", "--tolerance", "1e9"];
    assert_eq!(code(&verify, &[&fixture.model()]), Some(0));
}

#[test]
fn features_have_the_documented_shape_names_and_seed() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let features = |name: &str, more: &[&str]| {
        let file = folder.path().join(name);
        let words: Vec<&str> = ["features", "--layout", "folder", "--transforms", "3"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let paths = [Path::new("--data"), &fixture.good(), Path::new("--out"), &file];
        fixture.run(&words, &paths).text();
        std::fs::read(file).unwrap()
    };
    let bytes = features("a.safetensors", &["--seed", "1", "--no-cache"]);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("features").unwrap().shape(), [5, 3, 768]);
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let names: Vec<String> = serde_json::from_str(&metadata["names"]).unwrap();
    assert_eq!(names, ["000.png", "001.png", "002.png", "003.png", "004.png"]);
    assert_eq!(metadata["seed"], "1");

    assert!(features("b.safetensors", &["--seed", "1"]) == bytes);
    let values = |bytes: &[u8]| {
        SafeTensors::deserialize(bytes).unwrap().tensor("features").unwrap().data().to_vec()
    };
    assert!(values(&features("c.safetensors", &["--seed", "2"])) != values(&bytes));
    let fixed =
        |seed| features(&format!("{seed}f.safetensors"), &["--fixed-transforms", "--seed", seed]);
    assert!(values(&fixed("1")) == values(&fixed("2")));
}

#[test]
fn bad_training_images_stop_the_training_or_are_skipped() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    std::fs::create_dir(&good).unwrap();
    for name in ["000.png", "001.png", "002.png", "003.png"] {
        std::fs::copy(fixture.good().join(name), good.join(name)).unwrap();
    }
    std::fs::write(good.join("empty.png"), "").unwrap();
    std::fs::write(good.join("text.jpg"), "not an image").unwrap();
    let model = folder.path().join("part.differnet");
    let train = |more: &[&str]| {
        let mut command = fixture.command();
        command.args(["train", "--json", "--data"]).arg(&good).args(TINY);
        command.args(["--updates", "12"]);
        Run::from(command.args(more).arg("--out").arg(&model).output().unwrap())
    };
    let refused = train(&[]);
    assert_eq!(refused.code, Some(1));
    for text in ["2 of the good images", "empty.png is empty", "text.jpg is not an image"] {
        assert!(refused.err.contains(text), "{text} in {}", refused.err);
    }
    assert!(refused.err.contains("--skip-bad"), "{}", refused.err);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    let summary = train(&["--skip-bad"]).json();
    assert_eq!(summary["skipped"].as_array().unwrap().len(), 2);
    assert_eq!(summary["images"], 3);
}

#[test]
fn help_has_examples_for_every_command() {
    let fixture = Fixture::shared();
    for command in ["demo", "sample", "train", "score", "evaluate", "features", "cache", "inspect"]
    {
        let help = fixture.run(&[command, "--help"], &[]);
        assert!(help.text().contains(&format!("differnet {command}")), "{command}");
        assert!(help.text().contains("Example"), "{command}");
    }
}
