//! Reports of test sets that lack something, and what every report says of its origin.

use std::fs;
use std::path::Path;

use differnet_data::ContentHash;
use serde_json::Value;

use crate::fixture::{Fixture, Run};

/// Evaluates the images below `test`, named as `kind`, into `out`.
fn evaluate(fixture: &Fixture, kind: &str, test: &Path, out: &Path) -> Run {
    let words = ["evaluate", "--json", "--map-transforms", "1", "--model"];
    let data = [&fixture.model(), Path::new("--data"), &fixture.good()];
    let paths = [&data[..], &[Path::new(kind), test, Path::new("--out"), out]].concat();
    fixture.run(&words, &paths)
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_test_set_of_good_parts_gets_a_report_that_says_what_is_missing() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    // A curve of an earlier evaluation must not stay beside the new report.
    let both = ["evaluate", "--json", "--no-maps", "--layout", "mvtec", "--category", "hex_nut"];
    let words: Vec<&str> = both.into_iter().chain(["--model"]).collect();
    let paths = [&fixture.model(), Path::new("--data"), &fixture.data(), Path::new("--out"), &out];
    fixture.run(&words, &paths).json();
    assert!(out.join("roc.svg").exists());

    let summary = evaluate(fixture, "--test-good", &fixture.test().join("good"), &out).json();
    assert_eq!(summary.get("auroc"), None);
    assert_eq!((&summary["good"], &summary["defects"]), (&2.into(), &0.into()));
    assert_eq!(summary["confusion"]["true_positives"], 0);
    let missing = summary["missing_metrics"].as_str().unwrap();
    assert!(missing.contains("no defect image among 2 images"), "{missing}");
    assert!(summary["pixel_notes"][0].as_str().unwrap().contains("no images of defects"));

    assert!(!out.join("roc.svg").exists(), "the earlier curve is gone");
    let html = read(&out, "report.html");
    for sentence in ["show good parts only", "No ROC curve", "no images of defects", "False alarms"]
    {
        assert!(html.contains(sentence), "{sentence}");
    }
    let metrics: Value = serde_json::from_str(&read(&out, "metrics.json")).unwrap();
    assert_eq!(metrics["missing_metrics"], missing);
    assert_eq!(read(&out, "scores.csv").lines().count(), 3);
    assert!(read(&out, "histogram.svg").starts_with("<svg"));
}

#[test]
fn a_test_set_of_defects_gets_a_report_that_says_what_is_missing() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let defects = folder.path().join("defects");
    fs::create_dir(&defects).unwrap();
    for kind in fs::read_dir(fixture.test()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = kind.file_name().unwrap().to_os_string();
        if name != "good" {
            fs::copy(kind.join("000.png"), defects.join(name).with_extension("png")).unwrap();
        }
    }
    let summary = evaluate(fixture, "--test-defect", &defects, &out).json();
    assert_eq!((&summary["good"], &summary["defects"]), (&0.into(), &4.into()));
    let missing = summary["missing_metrics"].as_str().unwrap();
    assert!(missing.contains("no good image among 4 images"), "{missing}");
    let notes = summary["pixel_notes"].to_string();
    assert!(notes.contains("no masks that could be used for 4 images of defects"), "{notes}");
    let html = read(&out, "report.html");
    assert!(html.contains("show defects only") && html.contains("no masks that could be used"));
}

#[test]
fn without_a_report_there_is_nothing_to_say_of_one_kind() {
    let fixture = Fixture::shared();
    let words = ["evaluate", "--model"];
    let good = fixture.test().join("good");
    let paths = [&fixture.model(), Path::new("--data"), &fixture.good()];
    let paths = [&paths[..], &[Path::new("--test-good"), &good]].concat();
    let run = fixture.run(&words, &paths);
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.contains("no defect image") && run.err.contains("add --out DIR"),
        "{}",
        run.err
    );
}

#[test]
fn a_report_names_model_device_commit_and_every_image_by_its_hash() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let image = fixture.test().join("good/000.png");
    let report = |name: &str| {
        let out = folder.path().join(name);
        let mut command = fixture.command();
        // A day in May 2026, so that both reports are of the same time.
        command.env("SOURCE_DATE_EPOCH", "1778000000");
        command.args(["report", "--map-transforms", "1", "--model"]).arg(fixture.model());
        command.arg(&image).arg("--out").arg(&out);
        Run::from(command.output().unwrap()).text();
        fs::read_to_string(out).unwrap()
    };
    let html = report("a.html");
    let hash = |path: &Path| ContentHash::of(&fs::read(path).unwrap()).to_string();
    for text in [
        &hash(&fixture.model()),
        &hash(&image),
        "2026-05-05T16:53:20Z",
        "<th scope=\"row\">device</th><td>flex</td>",
        "<th scope=\"row\">commit</th>",
        "<th scope=\"row\">maps</th><td>deviation</td>",
        "<th scope=\"row\">images of this report</th>",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html == report("b.html"), "the same run gives the same bytes");
}
