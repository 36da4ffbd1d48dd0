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
    assert_eq!(camera.once(&[]).code, Some(2));
}
