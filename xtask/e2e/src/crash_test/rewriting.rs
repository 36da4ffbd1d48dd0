//! Commands that rewrite a model, killed: the file is the old one or the new one, whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;

use super::killing::{End, finish, moment, run};
use super::{Part, Setup, names_in};
use xtask_inputs::Draws;

/// A command that rewrites a model file.
pub(crate) struct Rewriting {
    pub(crate) name: &'static str,
    /// The words before the model file and after it.
    words: [&'static [&'static str]; 2],
}

/// `differnet calibrate`, with a guarantee that few images can give.
pub(crate) const CALIBRATE: Rewriting = Rewriting {
    name: "calibrate",
    words: [
        &["calibrate", "--model"],
        &["--no-cache", "--false-alarm-rate", "0.3", "--confidence", "0.5", "--good"],
    ],
};
/// `differnet update`.
pub(crate) const UPDATE: Rewriting =
    Rewriting { name: "update", words: [&["update", "--model"], &["--no-cache", "--good"]] };

impl Rewriting {
    /// The command, on a model file, with good images that training did not see.
    pub(crate) fn command(&self, program: &Path, model: &Path, data: &Path) -> Command {
        self.with_good(program, model, &data.join("hex_nut/test/good"))
    }

    /// The command, on a model file, with the good images of a folder.
    pub(crate) fn with_good(&self, program: &Path, model: &Path, good: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(self.words[0]).arg(model).args(self.words[1]).arg(good);
        command
    }

    /// The test with so many kills, of a copy of the model `original`.
    pub(super) fn test(
        &self,
        setup: &Setup<'_>,
        original: &Path,
        kills: usize,
        draws: &mut Draws,
    ) -> anyhow::Result<Part> {
        let folder = setup.folder.join(self.name);
        fs::create_dir_all(&folder)?;
        let (model, log) = (folder.join("part.differnet"), setup.folder.join("log"));
        let before = fs::read(original).context("the model")?;
        let command = || self.command(setup.program, &model, &setup.data);
        fs::write(&model, &before)?;
        let start = Instant::now();
        finish(&mut command(), &log)?;
        let whole = start.elapsed();
        let after = fs::read(&model)?;
        let checked = format!("{} or {} bytes of a model", before.len(), after.len());
        let mut part = Part::new(self.name, checked, whole);
        while part.kills < kills {
            fs::write(&model, &before)?;
            let end = run(&mut command(), &log, Some(moment(whole, draws)))?;
            let found = fs::read(&model)?;
            if end == End::Killed {
                part.killed(setup, kills);
                if found != before && found != after {
                    part.losses.push(format!("kill {}: the model is neither", part.kills));
                }
                // Whatever the kill left is no hindrance.
                fs::write(&model, &before)?;
                finish(&mut command(), &log)?;
            }
            part.completed += 1;
            if fs::read(&model)? != after {
                part.losses.push(format!("kill {}: the new model is another", part.kills));
            }
            let left = names_in(&folder)?;
            if left.len() != 1 {
                part.losses.push(format!("kill {}: {left:?} are left", part.kills));
            }
        }
        Ok(part)
    }
}

/// A model that takes new images in, trained on the sample data.
pub(super) fn updatable(setup: &Setup<'_>) -> anyhow::Result<PathBuf> {
    let out = setup.folder.join("updatable.differnet");
    let mut command = Command::new(setup.program);
    command.arg("train").arg("--data").arg(&setup.data).args(["--category", "hex_nut"]);
    command.args(["--method", "patchcore", "--no-cache", "--out"]).arg(&out);
    finish(&mut command, &setup.folder.join("log"))?;
    Ok(out)
}
