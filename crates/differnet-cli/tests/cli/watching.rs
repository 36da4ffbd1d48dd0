//! Photographs that arrive in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, Run};

/// A folder of images to watch and a file for the results.
struct Camera {
    folder: TempDir,
}

impl Camera {
    /// A camera that has taken `copies` pictures of each test image.
    fn new(copies: usize) -> Self {
        let camera = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(camera.watched()).unwrap();
        let good = Fixture::shared().test().join("good/000.png");
        for copy in 0..copies {
            fs::copy(&good, camera.watched().join(format!("{copy:03}.png"))).unwrap();
        }
        camera
    }

    fn watched(&self) -> PathBuf {
        self.folder.path().join("camera")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("results.jsonl")
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Fixture::shared().command();
        command.arg("watch").arg(self.watched()).arg("--model").arg(Fixture::shared().model());
        command.arg("--out").arg(self.out()).args(["--settle", "0.02"]).args(more);
        command
    }

    fn once(&self, more: &[&str]) -> Run {
        self.command(more).arg("--once").output().unwrap().into()
    }

    fn start(&self) -> Child {
        let mut command = self.command(&[]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.out()).unwrap_or_default()
    }

    /// Waits until there are this many complete lines, or the program has ended.
    fn wait_for(&self, lines: usize, child: &mut Child) {
        while self.text().matches('\n').count() < lines && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The results by the file's name below the folder, each of which must be there once.
    fn results(&self) -> BTreeMap<String, Value> {
        let mut results = BTreeMap::new();
        for line in self.text().lines() {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            let name = value["file"]["name"].as_str().unwrap().to_owned();
            assert!(results.insert(name, value).is_none(), "scored twice: {line}");
        }
        results
    }
}

#[test]
fn what_lies_there_is_scored_once_as_the_command_scores_it() {
    let camera = Camera::new(0);
    let deep = camera.watched().join("shift 1");
    fs::create_dir(&deep).unwrap();
    let test = Fixture::shared().test();
    fs::copy(test.join("good/000.png"), camera.watched().join("a.png")).unwrap();
    fs::copy(test.join("good/001.png"), deep.join("b.png")).unwrap();
    fs::write(camera.watched().join("c.png"), "no image").unwrap();
    fs::write(camera.watched().join("notes.txt"), "no matter").unwrap();
    let run = camera.once(&[]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(run.text().lines().count(), 3);

    let results = camera.results();
    let score = Fixture::shared()
        .run(&["score", "--json", "--model"], &[&Fixture::shared().model(), &camera.watched()]);
    assert_eq!(score.code, Some(1), "{}", score.err);
    let mut scored: Vec<Value> =
        score.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (mut result, expected) in results.into_values().zip(scored.drain(..)) {
        let file = result.as_object_mut().unwrap().remove("file").unwrap();
        assert_eq!(result, expected);
        assert_eq!(file["bytes"], fs::metadata(expected["path"].as_str().unwrap()).unwrap().len());
    }

    // Nothing new, then a new file and a repaired one.
    let before = camera.text();
    camera.once(&[]).text();
    assert_eq!(camera.text(), before);
    fs::copy(test.join("good/000.png"), camera.watched().join("c.png")).unwrap();
    fs::copy(test.join("good/000.png"), camera.watched().join("d.png")).unwrap();
    camera.once(&[]).text();
    let added = camera.text().strip_prefix(&before).unwrap().to_owned();
    assert_eq!(added.lines().count(), 2);
    assert!(added.lines().all(|line| line.contains("\"score\":")), "{added}");
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_repeats_nothing() {
    let camera = Camera::new(30);
    for lines in [1, 2, 5, 9, 14, 20, 27] {
        let mut child = camera.start();
        camera.wait_for(lines, &mut child);
        // SIGKILL: there is no time to do anything.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // And in the middle of a line.
    let text = camera.text();
    fs::write(camera.out(), &text[..text.len() - 40]).unwrap();
    camera.once(&[]).text();
    assert_eq!(camera.results().len(), 30);
}

#[test]
fn defects_are_moved_even_if_the_last_run_could_not() {
    let camera = Camera::new(4);
    let defects = camera.folder.path().join("defects");
    let more = ["--threshold", "-1e9", "--move-defects", defects.to_str().unwrap()];
    camera.once(&more).text();
    let count = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!((count(&camera.watched()), count(&defects), camera.results().len()), (0, 4, 4));
    // As if it had been killed after writing the result down.
    fs::rename(defects.join("002.png"), camera.watched().join("002.png")).unwrap();
    camera.once(&more).text();
    assert_eq!((count(&camera.watched()), count(&defects), camera.results().len()), (0, 4, 4));

    let inside = camera.watched().join("defects");
    let run = camera.once(&["--move-defects", inside.to_str().unwrap()]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("lies in the watched folder"), "{}", run.err);
}

#[test]
fn it_ends_when_asked_to_and_refuses_what_it_cannot_do() {
    let camera = Camera::new(2);
    let mut child = camera.start();
    camera.wait_for(2, &mut child);
    // One writer at a time.
    let run = camera.once(&[]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("in use by another differnet watch"), "{}", run.err);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(camera.results().len(), 2);

    fs::write(camera.out(), "my notes\n").unwrap();
    let run = camera.once(&[]);
    assert_eq!((run.code, camera.text().as_str()), (Some(1), "my notes\n"));
    assert!(run.err.contains("line 1 of"), "{}", run.err);
    fs::remove_dir_all(camera.watched()).unwrap();
    let run = camera.once(&[]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("does not exist: check the spelling"), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn a_picture_that_takes_anothers_place_is_scored_and_nothing_else_is_moved() {
    let camera = Camera::new(0);
    let test = Fixture::shared().test();
    let good = image::open(test.join("good/000.png")).unwrap();
    let other = image::open(Fixture::shared().good().join("000.png")).unwrap();
    let [first, second] = ["first.bmp", "second.bmp"].map(|name| camera.folder.path().join(name));
    good.to_rgb8().save(&first).unwrap();
    other.to_rgb8().save(&second).unwrap();
    assert_eq!(fs::metadata(&first).unwrap().len(), fs::metadata(&second).unwrap().len());
    assert_ne!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let place = |picture: &Path| {
        let name = camera.watched().join("part.bmp");
        fs::copy(picture, &name).unwrap();
        fs::File::options().write(true).open(&name).unwrap().set_modified(time).unwrap();
    };
    let scores = || {
        let text = camera.text();
        let score = |line: &str| serde_json::from_str::<Value>(line).unwrap()["score"].as_f64();
        text.lines().map(|line| score(line).unwrap()).collect::<Vec<f64>>()
    };
    place(&first);
    camera.once(&[]).text();
    place(&second);
    camera.once(&[]).text();
    let found = scores();
    assert_eq!(found.len(), 2);
    assert_ne!(found[0], found[1]);
    // A copy of what was scored is the same picture, whichever file it is.
    fs::remove_file(camera.watched().join("part.bmp")).unwrap();
    place(&second);
    camera.once(&[]).text();
    assert_eq!(scores().len(), 2);

    // Only what was found to be a defect is moved, not what lies where it lay.
    let defects = camera.folder.path().join("defects");
    let threshold = ((found[0] + found[1]) / 2.0).to_string();
    let more = ["--threshold", &threshold, "--move-defects", defects.to_str().unwrap()];
    let (defect, fine) = if found[0] > found[1] { (&first, &second) } else { (&second, &first) };
    fs::remove_file(camera.out()).unwrap();
    place(defect);
    camera.once(&["--threshold", &threshold]).text();
    place(fine);
    camera.once(&more).text();
    assert_eq!(fs::read(camera.watched().join("part.bmp")).unwrap(), fs::read(fine).unwrap());
    assert!(!defects.join("part.bmp").exists());
    place(defect);
    camera.once(&more).text();
    assert_eq!(fs::read(defects.join("part.bmp")).unwrap(), fs::read(defect).unwrap());
    assert_eq!(scores().len(), 2);
}

#[test]
fn a_reader_that_leaves_is_a_failure_and_the_rest_is_scored_at_the_next_start() {
    let camera = Camera::new(12);
    let mut command = camera.command(&[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains("whoever read the results has left"), "{}", run.err);
    assert!(run.err.contains("results.jsonl"), "{}", run.err);
    camera.once(&[]).text();
    assert_eq!(camera.results().len(), 12);
}

#[cfg(unix)]
#[test]
fn results_that_are_moved_away_or_deleted_go_on_in_a_new_file() {
    let camera = Camera::new(2);
    let mut child = camera.start();
    camera.wait_for(2, &mut child);
    let old = camera.folder.path().join("results.1");
    fs::rename(camera.out(), &old).unwrap();
    let good = Fixture::shared().test().join("good/001.png");
    fs::copy(&good, camera.watched().join("new.png")).unwrap();
    camera.wait_for(1, &mut child);
    fs::remove_file(camera.out()).unwrap();
    fs::copy(&good, camera.watched().join("newer.png")).unwrap();
    camera.wait_for(1, &mut child);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_to_string(old).unwrap().lines().count(), 2);
    assert_eq!(camera.results().into_keys().collect::<Vec<_>>(), ["newer.png"]);
}

#[test]
fn a_defect_that_cannot_be_moved_is_named_with_both_places_and_fails_once() {
    let camera = Camera::new(1);
    let defects = camera.folder.path().join("defects");
    fs::create_dir(camera.watched().join("shift")).unwrap();
    fs::rename(camera.watched().join("000.png"), camera.watched().join("shift/000.png")).unwrap();
    fs::create_dir(&defects).unwrap();
    fs::write(defects.join("shift"), "no folder").unwrap();
    let run = camera.once(&["--threshold", "-1e9", "--move-defects", defects.to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(run.err.contains("cannot move"), "{}", run.err);
    assert!(run.err.contains("camera/shift/000.png"), "{}", run.err);
    assert!(run.err.contains("defects/shift/000.png"), "{}", run.err);
    assert!(camera.watched().join("shift/000.png").exists());
    assert_eq!(camera.results().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_name_is_no_text_is_scored_once() {
    use std::os::unix::ffi::OsStrExt;
    let camera = Camera::new(1);
    let name = std::ffi::OsStr::from_bytes(b"part \xff.png");
    fs::rename(camera.watched().join("000.png"), camera.watched().join(name)).unwrap();
    camera.once(&[]).text();
    camera.once(&[]).text();
    let lines: Vec<Value> =
        camera.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0]["score"].is_number());
    assert_eq!(lines[0]["file"]["name"], "part \u{fffd}.png");
    // The Base64 of the ten bytes.
    assert_eq!(lines[0]["file"]["name_bytes"], "cGFydCD/LnBuZw==");
    let defects = camera.folder.path().join("defects");
    fs::remove_file(camera.out()).unwrap();
    camera.once(&["--threshold", "-1e9", "--move-defects", defects.to_str().unwrap()]).text();
    assert!(defects.join(name).exists());
}

#[test]
fn a_pipe_is_told_of_and_not_waited_for() {
    let camera = Camera::new(1);
    let made = Command::new("mkfifo").arg(camera.watched().join("pipe.png")).status().unwrap();
    assert!(made.success());
    let run = camera.once(&[]);
    assert!(run.err.contains("pipe.png"), "{}", run.err);
    assert_eq!(camera.results().len(), 1);
}
