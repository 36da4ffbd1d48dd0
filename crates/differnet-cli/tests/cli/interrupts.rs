//! Ctrl-C in the middle of a training.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fixture::{Fixture, Run};

/// Updates enough for a signal to arrive before the last.
const LONG: [&str; 6] = ["--updates", "800", "--validate-every", "50", "--patience", "0"];

/// Trains without an earlier run's features, so that interruptions fall into extraction, too.
fn training(out: &Path, cache: &Path) -> Command {
    let mut command = Fixture::shared().train_command(out, &LONG);
    command.arg("--cache").arg(cache).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Sends `signal` some time after the training began.
fn interrupted(signal: &str, after: Duration, out: &Path, cache: &Path) -> Run {
    let mut child = training(out, cache).spawn().unwrap();
    let checkpoints = format!("{}.checkpoints", out.display());
    while !Path::new(&checkpoints).exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(after);
    // Fails harmlessly if the training is over by then.
    let _ = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn an_interrupted_and_resumed_training_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [cache, other_cache] = ["cache", "other"].map(|name| folder.path().join(name));
    let model = folder.path().join("interrupted.differnet");
    let first = interrupted("-INT", Duration::ZERO, &model, &cache);
    assert_eq!(first.code, Some(130), "{}", first.err);
    assert!(first.err.contains("Repeat the same command to go on"), "{}", first.err);
    assert!(!first.err.contains("error"), "{}", first.err);
    assert!(!model.exists());
    // Whenever these arrive, in the middle of extraction, of the updates, or too late.
    for (signal, milliseconds) in [("-TERM", 300), ("-INT", 700)] {
        let run = interrupted(signal, Duration::from_millis(milliseconds), &model, &cache);
        assert!(matches!(run.code, Some(0 | 130 | 1)), "{}", run.err);
    }
    if !model.exists() {
        Run::from(training(&model, &cache).output().unwrap()).text();
    }
    let uninterrupted = folder.path().join("uninterrupted.differnet");
    Run::from(training(&uninterrupted, &other_cache).output().unwrap()).text();
    assert!(std::fs::read(model).unwrap() == std::fs::read(uninterrupted).unwrap());
    let left = folder.path().join("interrupted.differnet.checkpoints");
    assert!(!left.exists(), "checkpoints of a finished training are removed");
}

#[test]
fn another_training_does_not_take_up_the_interrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let (model, cache) = (folder.path().join("nut.differnet"), folder.path().join("cache"));
    // Without any update made there is nothing to take up: wait for the first features.
    let run = interrupted("-INT", Duration::ZERO, &model, &cache);
    assert_eq!(run.code, Some(130), "{}", run.err);
    let mut other = Fixture::shared().train_command(&model, &["--updates", "12", "--restart"]);
    Run::from(other.arg("--seed").arg("5").output().unwrap()).text();
    assert!(model.exists());
}
