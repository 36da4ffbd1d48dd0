//! The methods that DifferNet is compared with, from the command line.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, Run};

/// A model of `method` in a folder of its own, and what its training printed.
fn trained(method: &str, more: &[&str]) -> (TempDir, PathBuf, Run) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("nut.differnet");
    let mut command = Fixture::shared().command();
    command.args(["train", "--category", "hex_nut", "--method", method, "--transforms", "2"]);
    command.args(["--score-transforms", "2", "--data"]).arg(Fixture::shared().data());
    let run: Run = command.args(more).arg("--out").arg(&model).output().unwrap().into();
    (folder, model, run)
}

#[test]
fn models_of_other_methods_are_trained_inspected_and_used() {
    let fixture = Fixture::shared();
    for (method, setting) in [("1nn", "components = 64"), ("ocsvm", "gamma = \"scale\"")] {
        let (folder, model, run) = trained(method, &["--json", "--seed", "3"]);
        let summary = run.json();
        assert_eq!((&summary["method"], &summary["seed"]), (&method.into(), &3.into()));
        assert_eq!((&summary["images"], &summary["held_back"]), (&4.into(), &1.into()));
        assert!(summary["updates"].is_null() && summary["validation"].is_null());
        assert!(!folder.path().join("nut.differnet.checkpoints").exists());

        let info = fixture.run(&["inspect", "--json"], &[&model]).json();
        assert_eq!((&info["method"], &info["config"]["method"]), (&method.into(), &method.into()));
        assert_eq!(info["threshold"], summary["threshold"]);
        let run = fixture.run(&["inspect"], &[&model]);
        for text in [setting, "training images", "seed = 3", method] {
            assert!(run.text().contains(text), "{text} in {}", run.out);
        }

        let run = fixture.run(&["score", "--json", "--model"], &[&model, &fixture.test()]);
        let lines: Vec<Value> =
            run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 6);
        for line in lines {
            assert_eq!((&line["method"], &line["threshold"]), (&method.into(), &info["threshold"]));
            let defect = line["score"].as_f64() >= line["threshold"].as_f64();
            assert_eq!(line["verdict"], if defect { "defect" } else { "ok" });
        }
    }
}

#[test]
fn networks_on_pixels_are_trained_inspected_and_used() {
    let fixture = Fixture::shared();
    let small = "--updates 2 --batch-size 4 --side 16";
    for (method, more) in [
        ("geotrans", "--widening 1"),
        ("ganomaly", "--channels 4 --latent 4"),
        ("dsebm", "--channels 4 --outputs 8 --score energy"),
        ("adgan", "--channels 4 --latent 4 --starts 2 --steps 1"),
    ] {
        let words: Vec<&str> = small.split(' ').chain(more.split(' ')).collect();
        let (folder, model, run) = trained(method, &[&words[..], &["--json"]].concat());
        let summary = run.json();
        assert_eq!((&summary["method"], &summary["images"]), (&method.into(), &4.into()));
        let info = fixture.run(&["inspect", "--json"], &[&model]).json();
        assert_eq!((&info["method"], &info["config"]["side"]), (&method.into(), &16.into()));
        assert!(info["extractor"].is_null() && info["config"]["rotate"] == false);
        let run = fixture.run(&["score", "--json", "--model"], &[&model, &fixture.test()]);
        assert_eq!(run.text().lines().count(), 6);
        let out = folder.path().join("report");
        let words = ["evaluate", "--json", "--category", "hex_nut", "--model"];
        let paths = [&model, Path::new("--data"), &fixture.data(), Path::new("--out"), &out];
        let summary = fixture.run(&words, &paths).json();
        assert!(summary["auroc"].is_f64() && summary["method"] == method, "{summary}");
    }
}

#[test]
fn evaluations_and_reports_do_without_maps() {
    let fixture = Fixture::shared();
    let (folder, model, run) = trained("ocsvm", &[]);
    assert!(run.text().contains("with the method ocsvm"), "{}", run.out);
    let out = folder.path().join("report");
    let words = ["evaluate", "--json", "--category", "hex_nut", "--model"];
    let paths = [&model, Path::new("--data"), &fixture.data(), Path::new("--out"), &out];
    let summary = fixture.run(&words, &paths).json();
    assert_eq!((&summary["method"], &summary["average"]), (&"ocsvm".into(), &"mean".into()));
    assert!(summary["auroc"].is_f64() && summary["pixel_auroc"].is_null());
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("No maps were made") && !page.contains("No picture"));
    // Decision values have no unit.
    assert!(page.contains("Anomaly score") && !page.contains("(nats)"));

    let out = folder.path().join("judged.html");
    let paths = [&model, &fixture.test(), Path::new("--out"), &out];
    let summary = fixture.run(&["report", "--json", "--model"], &paths).json();
    assert_eq!((&summary["method"], &summary["images"]), (&"ocsvm".into(), &6.into()));
    let page = std::fs::read_to_string(out).unwrap();
    assert!(page.contains("No maps were made") && page.contains("support vectors"));
}

#[test]
fn maps_are_refused_with_a_remedy() {
    let fixture = Fixture::shared();
    let (folder, model, _) = trained("1nn", &[]);
    let out = folder.path().join("maps");
    let paths = [&model, &fixture.test(), Path::new("--out"), &out];
    let localize = fixture.run(&["localize", "--model"], &paths);
    let words = ["evaluate", "--pixel", "--category", "hex_nut", "--model"];
    let evaluate = fixture.run(&words, &[&model, Path::new("--data"), &fixture.data()]);
    for run in [localize, evaluate] {
        assert_eq!(run.code, Some(1), "{}", run.err);
        for text in ["nut.differnet is a model of the method 1nn", "--method local-flow"] {
            assert!(run.err.contains(text), "{}", run.err);
        }
    }
    assert!(!out.exists());
    // A report does without maps, but not without those that were asked for.
    let report = fixture.run(&["report", "--map", "gradient", "--model"], &paths);
    assert_eq!(report.code, Some(2), "{}", report.err);
    assert!(report.err.contains("1nn makes none"), "{}", report.err);
}

#[test]
fn arguments_of_other_methods_are_refused() {
    for (method, more, text) in [
        (
            "2nn",
            &[][..],
            "possible values: local-flow, differnet, patchcore, padim, 1nn, ocsvm, geotrans, ganomaly, dsebm, adgan",
        ),
        ("1nn", &["--hidden", "3"], "--hidden is no setting of the method 1nn"),
        ("differnet", &["--nu", "0.3"], "--nu is no setting of the method differnet"),
        ("ocsvm", &["--nu", "1.5"], "setting nu must be in (0, 1], found 1.5"),
        ("ocsvm", &["--gamma", "wide"], "give a number such as 0.5, or scale"),
        ("ocsvm", &["--average", "geometric-mean"], "setting average must be mean"),
        ("adgan", &["--side", "40"], "setting side must be a power of two from 8 to 256, found 40"),
        ("dsebm", &["--score", "simplified"], "unknown variant `simplified`"),
    ] {
        let (_folder, model, run) = trained(method, more);
        assert_eq!(run.code, Some(2), "{}", run.err);
        assert!(run.err.contains(text), "{text} in {}", run.err);
        assert!(!model.exists());
    }
    let (_folder, model, _) = trained("ocsvm", &[]);
    let fixture = Fixture::shared();
    let words = ["score", "--average", "geometric-mean", "--model"];
    let run = fixture.run(&words, &[&model, &fixture.test()]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains("setting average must be mean"), "{}", run.err);
}

#[test]
fn damaged_models_are_refused() {
    let fixture = Fixture::shared();
    let (_folder, model, _) = trained("1nn", &[]);
    let mut bytes = std::fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&model, &bytes).unwrap();
    let run = fixture.run(&["score", "--model"], &[&model, &fixture.test()]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("does not match its checksum"), "{}", run.err);
    std::fs::write(&model, &bytes[..bytes.len() / 2]).unwrap();
    let run = fixture.run(&["inspect"], &[&model]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("nut.differnet"), "{}", run.err);
}
