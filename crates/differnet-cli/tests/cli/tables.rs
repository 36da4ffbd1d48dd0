//! Tables: CSV, Parquet and JSON lines hold what `--json` prints.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Row, RowAccessor};
use serde_json::Value;

use crate::fixture::{Fixture, Run};

/// Columns of `differnet.ray.SCHEMA`, and the bytes of paths that are not UTF-8.
const COLUMNS: [&str; 11] = [
    "path",
    "method",
    "score",
    "threshold",
    "p_value",
    "verdict",
    "reason",
    "transforms",
    "peak",
    "error",
    "path_bytes",
];

/// Rows of a Parquet file, and its column names.
fn parquet_rows(path: &Path) -> (Vec<Row>, Vec<String>) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let schema = reader.metadata().file_metadata().schema().get_fields();
    let names = schema.iter().map(|field| field.name().to_owned()).collect();
    (reader.get_row_iter(None).unwrap().map(Result::unwrap).collect(), names)
}

/// Scores the test images and one that is none to `out`.
fn score(out: &Path, more: &[&str]) -> Run {
    let fixture = Fixture::shared();
    let bad = out.with_file_name("no, \"image\".png");
    fs::write(&bad, "text").unwrap();
    let mut command = fixture.command();
    command.args(["score", "--model"]).arg(fixture.model()).arg(fixture.test()).arg(bad);
    command.args(more).arg("--out").arg(out).output().unwrap().into()
}

#[test]
fn every_format_has_the_values_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    for name in ["scores.jsonl", "scores.csv", "scores.parquet"] {
        let run = score(&out(name), &[]);
        assert_eq!(run.code, Some(1), "{}", run.err);
        assert_eq!(run.out.lines().count(), 1, "{}", run.out);
        assert!(run.out.contains("1 could not be used"), "{}", run.out);
    }
    let fixture = Fixture::shared();
    let bad = out("no, \"image\".png");
    let printed =
        fixture.run(&["score", "--json", "--model"], &[&fixture.model(), &fixture.test(), &bad]);
    assert_eq!(fs::read_to_string(out("scores.jsonl")).unwrap(), printed.out);
    let objects: Vec<Value> =
        printed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let (rows, names) = parquet_rows(&out("scores.parquet"));
    assert_eq!(names, COLUMNS);
    assert_eq!(rows.len(), objects.len());
    for (row, object) in rows.iter().zip(&objects) {
        assert_eq!(row.get_string(0).unwrap(), object["path"].as_str().unwrap());
        assert_eq!(row.get_double(2).ok(), object["score"].as_f64());
        assert_eq!(row.get_double(3).ok(), object["threshold"].as_f64());
        assert_eq!(row.get_double(4).ok(), object["p_value"].as_f64());
        assert_eq!(row.get_string(5).ok().map(String::as_str), object["verdict"].as_str());
        assert_eq!(row.get_long(7).ok(), object["transforms"].as_i64());
        assert_eq!(row.get_string(9).ok().map(String::as_str), object["error"].as_str());
    }
    let csv = fs::read_to_string(out("scores.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some(COLUMNS.join(",").as_str()));
    for (line, object) in lines.by_ref().zip(&objects[..objects.len() - 1]) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[0], object["path"].as_str().unwrap());
        assert_eq!(cells[2].parse().ok(), object["score"].as_f64());
        assert_eq!(cells[5], object["verdict"].as_str().unwrap());
    }
    let last = csv.lines().last().unwrap();
    assert!(last.starts_with('"') && last.contains("no, \"\"image\"\".png\",,,"), "{last}");
}

#[test]
fn a_table_that_exists_is_kept_and_unknown_endings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("scores.csv");
    fs::write(&csv, "mine").unwrap();
    let run = score(&csv, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("--overwrite"), "{}", run.err);
    assert_eq!(fs::read_to_string(&csv).unwrap(), "mine");
    score(&csv, &["--overwrite"]);
    assert!(fs::read_to_string(&csv).unwrap().starts_with("path,"));

    let text = folder.path().join("scores.txt");
    let run = score(&text, &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("--format") && !text.exists(), "{}", run.err);
    score(&text, &["--format", "csv"]);
    assert_eq!(fs::read(&text).unwrap(), fs::read(&csv).unwrap());
    let run = score(&folder.path().join("x.csv"), &["--json"]);
    assert_eq!(run.code, Some(2));
    let run = Fixture::shared().run(&["score", "--overwrite", "--model", "m"], &[&csv]);
    assert_eq!(run.code, Some(2));
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_have_their_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff.png"));
    let fixture = Fixture::shared();
    fs::copy(fixture.test().join("good/000.png"), &odd).unwrap();
    let out = folder.path().join("scores.parquet");
    let paths = [&fixture.model(), &odd, Path::new("--out"), &out];
    fixture.run(&["score", "--model"], &paths).text();
    let (rows, _) = parquet_rows(&out);
    assert!(rows[0].get_string(0).unwrap().ends_with("a\u{fffd}.png"));
    assert_eq!(
        differnet::PathText::to_path("", Some(rows[0].get_string(10).unwrap())),
        odd,
        "{rows:?}"
    );
}

#[test]
fn an_evaluation_writes_scores_and_labels() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let evaluate = |name: &str| -> PathBuf {
        let out = folder.path().join(name);
        let words = ["evaluate", "--layout", "mvtec", "--category", "hex_nut", "--model"];
        let paths = [&fixture.model(), Path::new("--data"), &fixture.data()];
        fixture.run(&words, &[&paths[..], &[Path::new("--scores"), &out]].concat()).text();
        out
    };
    let text = fs::read_to_string(evaluate("scores.jsonl")).unwrap();
    let objects: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (rows, names) = parquet_rows(&evaluate("scores.parquet"));
    assert_eq!(names, [&COLUMNS[..], &["kind", "defect"]].concat());
    assert_eq!((rows.len(), objects.len()), (6, 6));
    for (row, object) in rows.iter().zip(&objects) {
        let path = object["path"].as_str().unwrap();
        let kind = object["kind"].as_str().unwrap();
        assert!(path.contains(&format!("/{kind}/")), "{path} {kind}");
        assert_eq!(object["defect"], kind != "good");
        assert_eq!(row.get_string(11).unwrap(), kind);
        assert_eq!(row.get_bool(12).unwrap(), kind != "good");
        assert_eq!(row.get_double(2).ok(), object["score"].as_f64());
    }
    let csv = fs::read_to_string(evaluate("scores.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().ends_with(",false") || csv.contains(",true\n"), "{csv}");
    assert_eq!(csv.lines().count(), 7);
}

#[cfg(unix)]
#[test]
fn a_watch_goes_on_with_its_table_after_a_restart() {
    let fixture = Fixture::shared();
    let images: Vec<PathBuf> =
        ["good/000.png", "good/001.png"].map(|name| fixture.test().join(name)).into();
    for name in ["results.csv", "results.parquet"] {
        let folder = tempfile::tempdir().unwrap();
        let (camera, out) = (folder.path().join("camera"), folder.path().join(name));
        fs::create_dir(&camera).unwrap();
        let watch = || {
            let mut command = fixture.command();
            command.arg("watch").arg(&camera).arg("--model").arg(fixture.model());
            command.arg("--out").arg(&out).args(["--settle", "0.02", "--once"]);
            let run: Run = command.output().unwrap().into();
            run.text().lines().count()
        };
        fs::copy(&images[0], camera.join("a,1.png")).unwrap();
        assert_eq!((watch(), watch()), (1, 0), "{name}");
        fs::copy(&images[1], camera.join("b.png")).unwrap();
        assert_eq!((watch(), watch()), (1, 0), "{name}");
        if name.ends_with(".csv") {
            let text = fs::read_to_string(&out).unwrap();
            let starts: Vec<&str> =
                text.lines().map(|line| line.split('/').next().unwrap()).collect();
            assert_eq!((starts.len(), &starts[0][..12]), (3, "path,method,"), "{text}");
            assert!(text.lines().nth(1).unwrap().contains(",\"a,1.png\",,"), "{text}");
            fs::write(&out, text.replace("path,method", "path,colour")).unwrap();
            let run = fixture.run(
                &["watch", "--once", "--model"],
                &[&fixture.model(), &camera, Path::new("--out"), &out],
            );
            assert!(run.code == Some(1) && run.err.contains("line 1"), "{}", run.err);
        } else {
            let (rows, names) = parquet_rows(&out.join("part-000000.parquet"));
            assert_eq!((names[0].as_str(), names[17].as_str()), ("path", "file_sha256"));
            let names: Vec<&String> = rows.iter().map(|row| row.get_string(11).unwrap()).collect();
            assert_eq!(names, ["a,1.png", "b.png"]);
            assert!(rows.iter().all(|row| row.get_double(2).is_ok()));
        }
    }
}
