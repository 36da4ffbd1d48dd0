//! Ctrl-C in the middle of a training.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use safetensors::SafeTensors;

use crate::fixture::{Fixture, Run};

/// Updates of a training: more than it makes before a signal arrives, because it saves its state after each.
const LONG: [&str; 6] = ["--updates", "3000", "--validate-every", "500", "--patience", "0"];

/// The same for narrow flows of places, of which there are five: four of cross-validation and the last.
const LONG_OF_PLACES: [&str; 14] = [
    "--method",
    "local-flow",
    "--pixels",
    "224x224",
    "--components",
    "16",
    "--hidden",
    "16",
    "--bank",
    "100",
    "--batch-size",
    "64",
    "--updates",
    "400",
];
/// More updates than all flows of a training make.
const MOST: usize = 3000;

/// A training without the features of other tests, so that it extracts them itself.
type Train = fn(out: &Path, cache: &Path) -> Command;

fn differnet(out: &Path, cache: &Path) -> Command {
    let mut command = Fixture::shared().train_command(out, &LONG);
    command.arg("--cache").arg(cache).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn local_flow(out: &Path, _: &Path) -> Command {
    let fixture = Fixture::shared();
    let mut command = fixture.command();
    command.args(["train", "--category", "hex_nut", "--data"]).arg(fixture.data());
    command.args(LONG_OF_PLACES).arg("--out").arg(out);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Sends `signal` to a training that saves its state after every update, as soon as `arrived`.
fn interrupted(
    train: Train,
    signal: &str,
    (out, cache): (&Path, &Path),
    arrived: impl Fn(&Path) -> bool,
) -> Run {
    let mut command = train(out, cache);
    let mut child = command.env("DIFFERNET_CHECKPOINT_SECONDS", "0").spawn().unwrap();
    let checkpoints = format!("{}.checkpoints", out.display());
    while !arrived(Path::new(&checkpoints)) && is_running(&mut child) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    child.wait_with_output().unwrap().into()
}

fn is_running(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_none()
}

/// Updates of the states saved in the folder `checkpoints`, one of each flow; 0 without any.
fn updates(checkpoints: &Path) -> usize {
    let Ok(files) = std::fs::read_dir(checkpoints) else { return 0 };
    let steps = |path: PathBuf| -> usize {
        let Ok(bytes) = std::fs::read(path) else { return 0 };
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        header.metadata().as_ref().unwrap()["differnet_flow.steps"].parse().unwrap()
    };
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.to_string_lossy().ends_with("latest.safetensors")).map(steps).sum()
}

/// Interrupts a training several times and compares its model with that of one which nobody disturbed.
fn resumes_to_the_same_bytes(train: Train) {
    let folder = tempfile::tempdir().unwrap();
    let [cache, other_cache] = ["cache", "other"].map(|name| folder.path().join(name));
    let model = folder.path().join("interrupted.differnet");
    let checkpoints = folder.path().join("interrupted.differnet.checkpoints");
    // During extraction, then twice in the middle of the updates.
    for (signal, more) in [("-INT", 0), ("-TERM", 20), ("-INT", 20)] {
        let least = updates(&checkpoints) + more;
        let arrived = |folder: &Path| folder.exists() && updates(folder) >= least;
        let run = interrupted(train, signal, (&model, &cache), arrived);
        assert_eq!(run.code, Some(130), "{}", run.err);
        let saved = updates(&checkpoints) > 0;
        let told = if saved { "Repeat the same command to go on" } else { "in the cache" };
        assert!(run.err.contains(told), "{}", run.err);
        assert!(!run.err.contains("error"), "{}", run.err);
        assert!(!model.exists());
        assert!((least..MOST).contains(&updates(&checkpoints)), "{}", updates(&checkpoints));
    }
    Run::from(train(&model, &cache).output().unwrap()).text();
    let uninterrupted = folder.path().join("uninterrupted.differnet");
    Run::from(train(&uninterrupted, &other_cache).output().unwrap()).text();
    assert!(std::fs::read(model).unwrap() == std::fs::read(uninterrupted).unwrap());
    assert!(!checkpoints.exists(), "checkpoints of a finished training are removed");
}

#[test]
fn a_second_training_to_the_same_file_ends_at_once_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (model, cache) = (folder.path().join("nut.differnet"), folder.path().join("cache"));
    let mut first = differnet(&model, &cache).spawn().unwrap();
    let lock = folder.path().join("nut.differnet.lock");
    while !lock.exists() && first.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // Locked a moment after it is made: until then the second may be the one that goes on.
    let mut others = ["--seed", "--overwrite"].map(|flag| {
        let mut command = differnet(&model, &cache);
        command.arg(flag).args((flag == "--seed").then_some("5"));
        Run::from(command.output().unwrap())
    });
    let first = Run::from(first.wait_with_output().unwrap());
    let refused = |run: &Run| {
        run.code == Some(1) && run.err.contains("is being written by another differnet")
    };
    assert_eq!(first.code, Some(0), "{}", first.err);
    for run in &mut others {
        assert!(refused(run), "{:?}: {}", run.code, run.err);
    }
    // What a killed training leaves blocks nobody.
    assert!(!lock.exists());
    std::fs::write(&lock, "").unwrap();
    let run = Fixture::shared().train(&model, &["--overwrite"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(!lock.exists());
}

#[test]
fn an_interrupted_and_resumed_training_gives_the_same_bytes() {
    resumes_to_the_same_bytes(differnet);
}

#[test]
fn flows_of_places_interrupted_and_resumed_give_the_same_bytes() {
    resumes_to_the_same_bytes(local_flow);
}

#[test]
fn another_training_does_not_take_up_the_interrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let (model, cache) = (folder.path().join("nut.differnet"), folder.path().join("cache"));
    let run =
        interrupted(differnet, "-INT", (&model, &cache), |checkpoints| updates(checkpoints) > 0);
    assert_eq!(run.code, Some(130), "{}", run.err);
    let other = |more: &[&str]| -> Run {
        let mut command = Fixture::shared().train_command(&model, &["--updates", "12"]);
        command.args(["--seed", "5"]).args(more).output().unwrap().into()
    };
    let refused = other(&[]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("--restart"), "{}", refused.err);
    assert!(!model.exists());
    other(&["--restart"]).text();
    assert!(model.exists());
}
