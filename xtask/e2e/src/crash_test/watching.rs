//! A watched folder whose program is killed and started again: one line an image, defects moved once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use differnet_data::find_images;
use serde_json::Value;

use super::killing::{End, finish, moment, run};
use super::{Part, Setup};
use xtask_inputs::Draws;

/// Images that arrive between two starts.
const ARRIVE: usize = 8;

/// A folder with images, the results, and where defects go.
struct Line<'a> {
    setup: &'a Setup<'a>,
    model: &'a Path,
    folder: PathBuf,
}

/// The test with so many kills, with the `model`.
pub(super) fn test(
    setup: &Setup<'_>,
    model: &Path,
    kills: usize,
    draws: &mut Draws,
) -> anyhow::Result<Part> {
    let images = images(&setup.data)?;
    let line = |name: String| Line { setup, model, folder: setup.folder.join(name) };
    let undisturbed = line("line".into());
    undisturbed.place(&images)?;
    finish(&mut undisturbed.command(None), &setup.folder.join("log"))?;
    let scores = undisturbed.scores().map_err(anyhow::Error::msg)?;
    ensure!(scores.len() == images.len(), "{} of {} images are scored", scores.len(), images.len());
    // Half of the images are defects, whatever they show.
    let mut sorted: Vec<f64> = scores.values().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let threshold = sorted[sorted.len() / 2];
    let moved = scores.values().filter(|&&score| score >= threshold).count();
    let timed = line("timed".into());
    timed.place(&images)?;
    let start = Instant::now();
    finish(&mut timed.command(Some(threshold)), &setup.folder.join("log"))?;
    let whole = start.elapsed();
    let checked = format!("{} lines, scores, {moved} moved files", images.len());
    let mut part = Part::new("watch", checked, whole);
    part.losses = timed.losses(&images, &scores, threshold)?;
    while part.kills < kills {
        let line = line(format!("line-{}", part.completed));
        let mut coming = images.chunks(ARRIVE);
        loop {
            let more = coming.next();
            line.place(more.unwrap_or_default())?;
            // When everything is there and nobody kills it any more, it works to the end.
            let patience = (part.kills < kills).then(|| moment(whole, draws));
            let log = setup.folder.join("log");
            let end = run(&mut line.command(Some(threshold)), &log, patience)?;
            match (end, more) {
                (End::Finished, None) => break,
                (End::Finished, Some(_)) => {}
                (End::Killed, _) => part.killed(setup, kills),
            }
        }
        part.completed += 1;
        part.losses.extend(line.losses(&images, &scores, threshold)?);
    }
    Ok(part)
}

/// Every test image, and under which name it arrives.
fn images(data: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let folder = data.join("hex_nut/test");
    let paths = find_images(&folder)?;
    let name = |path: &PathBuf| {
        let name = path.strip_prefix(&folder).unwrap_or(path).to_string_lossy().into_owned();
        (name.replace(['/', '\\'], "_"), path.clone())
    };
    Ok(paths.iter().map(name).collect())
}

impl Line<'_> {
    fn watched(&self) -> PathBuf {
        self.folder.join("camera")
    }

    fn out(&self) -> PathBuf {
        self.folder.join("results.jsonl")
    }

    fn rejects(&self) -> PathBuf {
        self.folder.join("rejects")
    }

    /// Lets images arrive.
    fn place(&self, images: &[(String, PathBuf)]) -> anyhow::Result<()> {
        fs::create_dir_all(self.watched())?;
        for (name, path) in images {
            fs::copy(path, self.watched().join(name))?;
        }
        Ok(())
    }

    /// The program that watches until everything there is scored; with a threshold it moves defects.
    fn command(&self, threshold: Option<f64>) -> Command {
        let mut command = Command::new(self.setup.program);
        command.arg("watch").arg(self.watched()).arg("--model").arg(self.model);
        command.arg("--out").arg(self.out()).args(["--settle", "0.02", "--once"]);
        if let Some(threshold) = threshold {
            command.arg("--threshold").arg(threshold.to_string());
            command.arg("--move-defects").arg(self.rejects());
        }
        command
    }

    /// The score of each image; a text if a line is broken or an image has two.
    fn scores(&self) -> Result<BTreeMap<String, f64>, String> {
        let text = fs::read_to_string(self.out()).map_err(|error| error.to_string())?;
        if !text.ends_with('\n') {
            return Err("the last line has no end".to_owned());
        }
        let mut scores = BTreeMap::new();
        for line in text.lines() {
            let value: Value = serde_json::from_str(line)
                .map_err(|error| format!("a line is broken ({error}): {line}"))?;
            let (name, score) = (value["file"]["name"].as_str(), value["score"].as_f64());
            let (Some(name), Some(score)) = (name, score) else {
                return Err(format!("a line has no score: {line}"));
            };
            if scores.insert(name.to_owned(), score).is_some() {
                return Err(format!("{name} has two lines"));
            }
        }
        Ok(scores)
    }

    /// Results that are missing, there twice or different.
    fn losses(
        &self,
        images: &[(String, PathBuf)],
        expected: &BTreeMap<String, f64>,
        threshold: f64,
    ) -> anyhow::Result<Vec<String>> {
        let mut losses = Vec::new();
        match self.scores() {
            Ok(scores) if scores == *expected => {}
            Ok(scores) => {
                let different = expected
                    .iter()
                    .filter(|(name, score)| scores.get(*name).is_none_or(|found| found != *score));
                let names: Vec<&String> = different.map(|(name, _)| name).collect();
                losses.push(format!("{} lines; missing or different: {names:?}", scores.len()));
            }
            Err(loss) => losses.push(loss),
        }
        let mut left = [self.watched(), self.rejects()].map(|folder| files_in(&folder));
        for (name, path) in images {
            let is_defect = expected[name] >= threshold;
            let original = fs::read(path).with_context(|| format!("cannot read {name}"))?;
            let place = if is_defect { self.rejects() } else { self.watched() };
            if fs::read(place.join(name)).ok() != Some(original) {
                losses.push(format!("{name} is not in {}, or is another", place.display()));
            }
            left[usize::from(is_defect)].remove(name);
        }
        for name in left.iter().flatten() {
            losses.push(format!("{name} is too many"));
        }
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(losses.into_iter().map(|loss| format!("{name}: {loss}")).collect())
    }
}

/// Names of the files of a folder; none if there is no such folder.
fn files_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
