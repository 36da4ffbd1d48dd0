//! Tells the program which commit it is built from, where git knows.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::process::Command;

/// Sources of the program; changes elsewhere do not count.
const SOURCES: [&str; 3] = ["../../crates", "../../Cargo.toml", "../../Cargo.lock"];

fn main() {
    // Git appends to this file with every commit and checkout; a missing one would rebuild always.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    if let Some(log) = log.filter(|log| std::path::Path::new(log).is_file()) {
        println!("cargo::rerun-if-changed={log}");
    }
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return };
    let status = ["status", "--porcelain", "--"];
    let changes = git(&[&status[..], &SOURCES].concat()).unwrap_or_default();
    let changed = if changes.is_empty() { "" } else { " with local changes" };
    println!("cargo::rustc-env=DIFFERNET_COMMIT={commit}{changed}");
}

/// Output of git, without the line end; `None` if there is no git or no repository.
fn git(words: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(words).output().ok().filter(|out| out.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}
