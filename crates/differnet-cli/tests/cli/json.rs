//! Output of `--json` for each command.

use std::path::Path;

use serde_json::Value;

use crate::fixture::Fixture;

/// The object's keys, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn train_reports_what_it_learnt() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("nut.differnet");
    let summary = fixture.train(&model, &["--json", "--seed", "4"]).json();
    let golden = [
        "depth",
        "held_back",
        "images",
        "method",
        "out",
        "seconds",
        "seed",
        "skipped",
        "threshold",
        "updates",
        "validation",
    ];
    assert_eq!(keys(&summary), golden);
    assert_eq!((&summary["images"], &summary["held_back"]), (&4.into(), &1.into()));
    assert_eq!((&summary["updates"], &summary["seed"]), (&12.into(), &4.into()));
    assert!(summary["threshold"].is_f64() && summary["validation"].is_f64());
}

#[test]
fn score_prints_one_object_a_line() {
    let fixture = Fixture::shared();
    let bad = fixture.folder.path().join("no image.png");
    let run = fixture.run(
        &["score", "--json", "--model"],
        &[&fixture.model(), &fixture.test().join("good"), &bad],
    );
    assert_eq!(run.code, Some(1), "{}", run.err);
    let lines: Vec<Value> =
        run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for line in &lines[..2] {
        let expected =
            ["method", "p_value", "path", "peak", "score", "threshold", "transforms", "verdict"];
        assert_eq!(keys(line), expected);
        assert!(line["score"].is_f64() && line["threshold"].is_f64());
        let defect = line["score"].as_f64() >= line["threshold"].as_f64();
        assert_eq!(line["verdict"], if defect { "defect" } else { "ok" });
    }
    assert_eq!(keys(&lines[2]), ["error", "path"]);
    assert_eq!(lines[2]["path"], bad.to_str().unwrap());
}

#[test]
fn evaluate_prints_one_object_and_writes_the_same_numbers() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let words = ["evaluate", "--json", "--transforms", "3", "--layout", "mvtec"];
    let words = words.into_iter().chain(["--category", "hex_nut", "--model"]);
    let words: Vec<&str> = words.collect();
    let out = folder.path().join("report");
    let paths = [&fixture.model(), Path::new("--data"), &fixture.data(), Path::new("--out"), &out];
    let summary = fixture.run(&words, &paths).json();
    for key in ["auroc", "average_precision", "recall_at_zero_fp", "seconds", "threshold"] {
        assert!(summary[key].is_f64(), "{key} in {summary}");
    }
    assert_eq!(summary["auroc_ci95"].as_array().unwrap().len(), 2);
    assert_eq!((&summary["images"], &summary["good"]), (&6.into(), &2.into()));
    assert_eq!((&summary["transforms"], &summary["seed"]), (&3.into(), &0.into()));
    assert_eq!(summary["per_kind"].as_array().unwrap().len(), 4);

    let metrics = std::fs::read_to_string(out.join("metrics.json")).unwrap();
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(metrics["auroc"], summary["auroc"]);
    let csv = std::fs::read_to_string(out.join("scores.csv")).unwrap();
    assert_eq!(csv.lines().count(), 7);
    for plot in ["roc.svg", "histogram.svg"] {
        assert!(std::fs::read_to_string(out.join(plot)).unwrap().starts_with("<svg"), "{plot}");
    }
    // An earlier report is replaced; anything else is not.
    assert_eq!(fixture.run(&words, &paths).code, Some(0));
    std::fs::write(out.join("metrics.json"), "{\"mine\": true}").unwrap();
    let run = fixture.run(&words, &paths);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("--overwrite"), "{}", run.err);
}

#[test]
fn inspect_shows_the_model_without_its_weights() {
    let fixture = Fixture::shared();
    let info = fixture.run(&["inspect", "--json"], &[&fixture.model()]).json();
    assert_eq!(info["method"], "differnet");
    for key in ["path", "bytes", "version", "extractor", "config", "threshold", "history"] {
        assert!(!info[key].is_null(), "{key} in {info}");
    }
    assert_eq!(info["config"]["hidden"], 16);
    let run = fixture.run(&["inspect"], &[&fixture.model()]);
    for text in ["threshold", "hidden = 16", "training images", "seed = 0"] {
        assert!(run.text().contains(text), "{text} in {}", run.out);
    }
}

#[test]
fn sample_names_its_categories() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sample");
    let summary = fixture.run(&["sample", "--json", "--seed", "2", "--out"], &[&out]).json();
    assert_eq!(keys(&summary), ["categories", "out", "seed"]);
    assert_eq!(summary["categories"], serde_json::json!(["brushed_metal", "fabric", "hex_nut"]));
    assert!(out.join("fabric/train/good/000.png").is_file());
}

#[test]
fn cache_counts_and_clears_its_own_files_only() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let file = folder.path().join("F.safetensors");
    let run = fixture.run(
        &["features", "--json", "--transforms", "2", "--cache"],
        &[&cache, Path::new("--data"), &fixture.good(), Path::new("--out"), &file],
    );
    assert_eq!(run.json()["images"], 5);
    let mine = cache.join("mine.txt");
    std::fs::write(&mine, "not a segment").unwrap();
    let on_cache =
        |action: &str| fixture.run(&["cache", action, "--json", "--cache"], &[&cache]).json();
    let info = on_cache("info");
    assert_eq!(keys(&info), ["bytes", "extractors", "limit", "path"]);
    assert_eq!(info["extractors"][0]["images"], 5);
    assert_eq!(info["extractors"][0]["rows"], 10);
    let cleared = on_cache("clear");
    assert_eq!(cleared["freed_bytes"], info["bytes"]);
    assert_eq!(on_cache("info")["bytes"], 0);
    assert_eq!(on_cache("path")["path"], cache.to_str().unwrap());
    assert!(mine.is_file());
}
