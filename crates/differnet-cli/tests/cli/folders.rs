//! Folders as people have them: sorted by hand, nested, half readable, with pictures of ours among them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, Run};

/// A folder with the named files, each a photograph of a good part.
fn photographs(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let images = differnet_data::find_images(&Fixture::shared().good()).unwrap();
    for (name, image) in names.iter().zip(images.iter().cycle()) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(image, path).unwrap();
    }
    folder
}

fn check(data: &Path, more: &[&str]) -> Run {
    let words = [&["check", "--files-only"], more, &["--data"]].concat();
    Fixture::shared().run(&words, &[data])
}

fn lines(run: &Run) -> Vec<Value> {
    run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn score(images: &[&Path]) -> Run {
    let model = Fixture::shared().model();
    Fixture::shared().run(&["score", "--json", "--model"], &[&[model.as_path()], images].concat())
}

#[test]
fn folders_of_defects_and_masks_are_not_trained_on_unasked() {
    let folder = photographs(&["good/0.png", "good/1.png", "BAD/0.png", "a/Mask/0.png"]);
    let out = folder.path().join("part.differnet");
    let train = |more: &[&str]| {
        let words = [&["train"], more, &["--data"]].concat();
        Fixture::shared().run(&words, &[folder.path(), Path::new("--out"), &out])
    };
    for more in [&[][..], &["--layout", "folder"]] {
        let run = train(more);
        assert_eq!(run.code, Some(1), "{}", run.err);
        for part in [
            "BAD (1 image) looks like defects",
            "Mask (1 image) looks like masks",
            "--all-good",
            "--test-defect",
        ] {
            assert!(run.err.contains(part), "{part} in {}", run.err);
        }
        assert!(!out.exists());
    }
    // What is named to test with is in no doubt, what is left is.
    let defects = folder.path().join("BAD");
    let run = check(folder.path(), &["--test-defect", defects.to_str().unwrap()]);
    assert!(run.code == Some(1) && !run.err.contains("BAD ("), "{}", run.err);
    let report = check(folder.path(), &["--all-good", "--json"]).json();
    assert_eq!(report["images"]["train"], 4);
}

#[test]
fn test_images_of_a_known_layout_are_not_trained_on_unless_the_layout_is_named() {
    let folder = photographs(&["train/good/0.png", "test/good/0.png", "test/crack/0.png"]);
    let run = check(folder.path(), &["--all-good"]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    for part in ["train on the test images", "the layout mvtec", "--layout folder"] {
        assert!(run.err.contains(part), "{part} in {}", run.err);
    }
    let run = check(folder.path(), &["--all-good", "--layout", "folder", "--json"]);
    assert_eq!(run.json()["images"]["train"], 3);
}

#[test]
fn good_images_to_calibrate_or_test_with_are_what_they_are_taken_for() {
    let fixture = Fixture::shared();
    let folder = photographs(&["good/0.png", "bad/0.png", "bad/scratch/1.png", "bad/OK/1.png"]);
    let model = folder.path().join("nut.differnet");
    fs::copy(fixture.model(), &model).unwrap();
    let bank = folder.path().join("bank.differnet");
    let words = ["train", "--category", "hex_nut", "--method", "patchcore", "--data"];
    let run = fixture.run(&words, &[&fixture.data(), Path::new("--out"), &bank]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    for (command, model) in [
        (&["calibrate", "--false-alarm-rate", "0.9", "--model"][..], &model),
        (&["update", "--model"], &bank),
    ] {
        let run = fixture.run(command, &[model, Path::new("--good"), folder.path()]);
        assert_eq!(run.code, Some(1), "{}", run.err);
        assert!(run.err.contains("bad (3 images) looks like defects"), "{}", run.err);
    }
    // Asked before any image is read: models of the paper's method take in none.
    let good = [&model, Path::new("--good"), &folder.path().join("good")];
    let run = fixture.run(&["update", "--model"], &good);
    assert!(run.code == Some(1) && run.err.contains("takes in no new images"), "{}", run.err);
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    let run = check(&good, &["--test-defect", bad.to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains("OK (1 image) looks like good images"), "{}", run.err);
    let ok = bad.join("OK");
    let both = ["--test-defect", bad.to_str().unwrap(), "--test-good", ok.to_str().unwrap()];
    let images = check(&good, &[&both[..], &["--json"]].concat());
    let images: Value = serde_json::from_str(&images.out).unwrap();
    let golden = serde_json::json!({"train": 1, "test_good": 1, "test_defect": 2});
    assert_eq!(images["images"], golden);
}

#[test]
fn training_tells_the_images_of_each_folder_first() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let run = fixture.train(&folder.path().join("nut.differnet"), &[]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("to train on            train/good"), "{}", run.err);
    assert!(run.err.contains("to test with, good     test/good"), "{}", run.err);
}

#[test]
fn test_images_below_a_kind_are_counted_and_good_ones_known_by_other_names() {
    let folder = photographs(&[
        "train/good/rgb/0.png",
        "test/OK/0.png",
        "test/scratch/rgb/0.png",
        "test/scratch/rgb/1.png",
        "test/paint/0.png",
        "train/bad/0.png",
    ]);
    let report = check(folder.path(), &["--json"]);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    let golden = serde_json::json!({"train": 1, "test_good": 1, "test_defect": 3});
    assert_eq!(report["images"], golden);
    let folders = report["folders"].as_array().unwrap();
    for golden in [
        serde_json::json!(
            {"folder": "test/scratch/rgb", "images": 2, "use": "test_defect", "kind": "scratch"}
        ),
        serde_json::json!({"folder": "train/bad", "images": 1, "use": "unused"}),
    ] {
        assert!(folders.contains(&golden), "{golden} in {report}");
    }
    fs::rename(folder.path().join("test/OK"), folder.path().join("test/dobre")).unwrap();
    let run = check(folder.path(), &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("so dobre may hold them"), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_an_error_and_the_rest_is_scored() {
    let folder = photographs(&["photos/0.png", "photos/late/1.png"]);
    let photos = folder.path().join("photos");
    let shut = photos.join("early");
    // Nobody can read it, whatever their rights.
    std::os::unix::fs::symlink("early", &shut).unwrap();
    let run = score(&[&photos]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    let found = lines(&run);
    assert_eq!(found.len(), 3);
    assert_eq!(found.iter().filter(|line| line["score"].is_f64()).count(), 2);
    let error = found.iter().find(|line| line["error"].is_string()).unwrap();
    assert_eq!(error["path"], shut.to_str().unwrap());

    let out = folder.path().join("part.differnet");
    let fixture = Fixture::shared();
    let train = fixture.run(&["train", "--data"], &[&photos, Path::new("--out"), &out]);
    let check = check(&photos, &[]);
    for run in [train, check] {
        assert_eq!(run.code, Some(1));
        assert!(run.err.contains(shut.to_str().unwrap()), "{}", run.err);
    }

    let results = folder.path().join("results.jsonl");
    let mut watch = fixture.command();
    watch.args(["watch", "--once", "--settle", "0.02", "--model"]).arg(fixture.model());
    let run: Run = watch.arg("--out").arg(&results).arg(&photos).output().unwrap().into();
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains(shut.to_str().unwrap()), "{}", run.err);
    assert_eq!(fs::read_to_string(&results).unwrap().lines().count(), 2);
    fs::remove_file(&shut).unwrap();
    assert_eq!(watch.output().unwrap().status.code(), Some(0));
}

#[test]
fn pictures_are_kept_out_of_the_photographs_and_skipped_where_they_are_not() {
    let fixture = Fixture::shared();
    let folder = photographs(&["photos/0.png", "photos/1.png"]);
    let photos = folder.path().join("photos");
    let maps = |words: &[&str], out: &Path| {
        let words = [words, &["--model"]].concat();
        fixture.run(&words, &[&fixture.model(), &photos, Path::new("--out"), out])
    };
    let localize = ["localize", "--transforms", "1"];
    for out in [&photos, &photos.join("maps")] {
        let run = maps(&localize, out);
        assert_eq!(run.code, Some(2), "{}", run.err);
        assert!(run.err.contains("--beside-photos"), "{}", run.err);
    }
    let words = ["score", "--maps", photos.to_str().unwrap(), "--model"];
    assert_eq!(fixture.run(&words, &[&fixture.model(), &photos]).code, Some(2));
    let run = maps(&[&localize[..], &["--beside-photos"]].concat(), &photos);
    assert_eq!(run.code, Some(0), "{}", run.err);

    let skipped = "Skipped 4 pictures that differnet drew";
    let run = score(&[&photos]);
    assert_eq!((run.code, lines(&run).len()), (Some(0), 2), "{}", run.err);
    assert!(run.err.contains(skipped), "{}", run.err);
    let run = check(&photos, &["--json"]);
    assert!(run.err.contains(skipped), "{}", run.err);
    assert_eq!(run.json()["images"]["train"], 2);
    let mut watch = fixture.command();
    watch.args(["watch", "--once", "--settle", "0.02", "--model"]).arg(fixture.model());
    watch.arg("--out").arg(folder.path().join("results.jsonl")).arg(&photos);
    let run: Run = watch.output().unwrap().into();
    assert_eq!(run.text().lines().count(), 2, "{}", run.out);
    assert!(run.err.contains(skipped), "{}", run.err);
    // Alone they are nothing to score.
    let run = score(&[&photos.join("0.overlay.png")]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.out.contains("nothing but pictures that differnet drew"), "{}", run.out);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf_8_are_scored_watched_moved_and_told() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::shared();
    let folder = photographs(&["photos/0.png"]);
    let photos = folder.path().join("photos");
    let odd: PathBuf = photos.join(OsStr::from_bytes(b"b\xff/\xe4.png"));
    fs::create_dir(odd.parent().unwrap()).unwrap();
    fs::copy(photos.join("0.png"), &odd).unwrap();
    let broken = photos.join(OsStr::from_bytes(b"c\xfe.png"));
    fs::write(&broken, "no image").unwrap();

    let run = score(&[&photos]);
    let found = lines(&run);
    assert_eq!((run.code, found.len()), (Some(1), 3), "{}", run.err);
    let of = |path: &Path| {
        let bytes = differnet::PathText::bytes_of(path).unwrap();
        found.iter().find(|line| line["path_bytes"] == bytes).unwrap()
    };
    assert!(of(&odd)["score"].is_f64() && of(&broken)["error"].is_string());
    assert_eq!(found.iter().filter(|line| line.get("path_bytes").is_none()).count(), 1);
    assert_eq!(of(&odd)["path"], odd.to_string_lossy().as_ref());

    let maps = folder.path().join(OsStr::from_bytes(b"maps\xff"));
    let words = ["localize", "--json", "--transforms", "1", "--model"];
    let run = fixture.run(&words, &[&fixture.model(), &odd, Path::new("--out"), &maps]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let overlay = maps.join(OsStr::from_bytes(b"\xe4.overlay.png"));
    let files = &lines(&run)[0]["files"];
    assert!(overlay.is_file());
    assert_eq!(files["overlay_bytes"], differnet::PathText::bytes_of(&overlay).unwrap());

    let report: Value = serde_json::from_str(&check(&photos, &["--json"]).out).unwrap();
    assert_eq!(report["images"]["train"], 3);
    let unreadable = &report["findings"][0];
    assert_eq!(unreadable["kind"], "unreadable");
    assert_eq!(unreadable["files_bytes"][0], differnet::PathText::bytes_of(&broken).unwrap());

    let (results, defects) = (folder.path().join("results.jsonl"), folder.path().join("defects"));
    let mut watch = fixture.command();
    watch.args(["watch", "--once", "--settle", "0.02", "--threshold", "-1e9", "--model"]);
    watch.arg(fixture.model()).arg("--out").arg(&results).arg("--move-defects").arg(&defects);
    let run: Run = watch.arg(&photos).output().unwrap().into();
    assert_eq!(run.text().lines().count(), 3, "{}", run.err);
    assert!(!odd.exists() && defects.join(OsStr::from_bytes(b"b\xff/\xe4.png")).is_file());
    assert!(broken.is_file());
    let before = fs::read(&results).unwrap();
    let run: Run = watch.output().unwrap().into();
    assert_eq!((run.text(), fs::read(&results).unwrap()), ("", before));
}
