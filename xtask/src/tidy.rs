//! `cargo xtask tidy`: the style rules that a machine can check.

mod arrows;
mod links;
mod manifests;
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use xshell::{Shell, cmd};
use xtask_support::workspace;

/// Bytes of the largest file allowed; the embedded weights are the largest there is.
const MAX_BYTES: u64 = 12_000_000;

/// Check the style rules that a machine can check.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask tidy")]
pub(crate) struct TidyArgs {}

/// Finding in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// The file, relative to the workspace's root, and the line where there is one.
    place: String,
    message: String,
}

impl Finding {
    fn new(place: impl ToString, message: impl Into<String>) -> Self {
        Self { place: place.to_string(), message: message.into() }
    }
}

pub(crate) fn run(_: &TidyArgs) -> anyhow::Result<ExitCode> {
    all(&workspace::shell()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks every rule and prints what breaks one.
pub(crate) fn all(shell: &Shell) -> anyhow::Result<()> {
    let files = files(shell)?;
    let mut findings = manifests::check(shell)?;
    for file in &files {
        findings.extend(check_file(shell.current_dir(), file)?);
    }
    for Finding { place, message } in &findings {
        println!("error: {place}: {message}");
    }
    if !findings.is_empty() {
        bail!("a style rule is broken in {} places", findings.len());
    }
    println!("tidy: {} files are in order", files.len());
    Ok(())
}

/// Every file that is tracked or would be with the next commit, sorted.
fn files(shell: &Shell) -> anyhow::Result<Vec<PathBuf>> {
    let list = cmd!(shell, "git ls-files -z --cached --others --exclude-standard").read();
    let list = list.context("the list of files comes from git")?;
    let root = shell.current_dir();
    let mut files: Vec<PathBuf> =
        list.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    // Deleted files stay in git's list until the deletion is committed.
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

fn check_file(root: &Path, file: &Path) -> anyhow::Result<Vec<Finding>> {
    let path = root.join(file);
    let place = file.display();
    let bytes = path.metadata().with_context(|| format!("cannot read {place}"))?.len();
    if bytes > MAX_BYTES {
        let message = format!("{bytes} bytes, at most {MAX_BYTES} are allowed");
        return Ok(vec![Finding::new(place, message)]);
    }
    let content = std::fs::read(&path).with_context(|| format!("cannot read {place}"))?;
    // Files that are not text have no lines to check.
    let Ok(text) = String::from_utf8(content) else { return Ok(Vec::new()) };
    let mut findings = sources::check_text(file, &text);
    findings.extend(sources::check_length(file, &text));
    if file.extension().is_some_and(|extension| extension == "md") {
        findings.extend(links::check(root, file, &text));
    }
    if file.extension().is_some_and(|extension| extension == "rs") {
        findings.extend(sources::check_rust(file, &text));
    }
    Ok(findings)
}
