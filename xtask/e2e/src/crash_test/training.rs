//! Trainings that are killed and taken up again end in the same model, and leave nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;

use super::killing::{End, finish, moment, run};
use super::{Part, Setup, names_in};
use xtask_inputs::Draws;

/// A method whose trainings are killed.
pub(crate) struct KilledMethod {
    pub(super) name: &'static str,
    settings: &'static [&'static str],
}

/// The paper's method, and the default with the flows of cross-validation.
pub(crate) const DIFFERNET: KilledMethod =
    KilledMethod { name: "train differnet", settings: &SETTINGS };
pub(super) const LOCAL_FLOW: KilledMethod =
    KilledMethod { name: "train local-flow", settings: &LOCAL_FLOW_SETTINGS };

/// Small networks, two flows, a look and perhaps better weights every other update.
const SETTINGS: [&str; 24] = [
    "--method",
    "differnet",
    "--seed",
    "3",
    "--transforms",
    "2",
    "--pool",
    "4",
    "--rounds",
    "2",
    "--score-transforms",
    "2",
    "--hidden",
    "32",
    "--blocks",
    "3",
    "--flows",
    "2",
    "--batch-size",
    "6",
    "--updates",
    "160",
    "--validate-every",
    "2",
];
/// Narrow flows of small images.
const LOCAL_FLOW_SETTINGS: [&str; 14] = [
    "--method",
    "local-flow",
    "--seed",
    "3",
    "--pixels",
    "224x224",
    "--components",
    "16",
    "--bank",
    "200",
    "--hidden",
    "32",
    "--updates",
    "60",
];
/// The name of the model in its folder.
pub(crate) const MODEL: &str = "part.differnet";

/// The test with so many kills, and the model of the training that nobody disturbed.
pub(super) fn test(
    setup: &Setup<'_>,
    method: &KilledMethod,
    kills: usize,
    draws: &mut Draws,
) -> anyhow::Result<(Part, PathBuf)> {
    let own = setup.folder.join(method.name);
    let undisturbed = own.join("undisturbed");
    let start = Instant::now();
    finish(&mut command(setup, method, &undisturbed)?, &setup.folder.join("log"))?;
    let whole = start.elapsed();
    let expected = fs::read(undisturbed.join(MODEL)).context("the undisturbed training")?;
    let checked = format!("{} bytes of a model, no other file", expected.len());
    let mut part = Part::new(method.name, checked, whole);
    // Every training is ended, also when there are no more kills.
    while part.kills < kills {
        let folder = own.join(format!("killed-{}", part.completed));
        loop {
            let patience = (part.kills < kills).then(|| moment(whole, draws));
            let end =
                run(&mut command(setup, method, &folder)?, &setup.folder.join("log"), patience)?;
            if end == End::Finished {
                break;
            }
            part.killed(setup, kills);
        }
        part.completed += 1;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if fs::read(folder.join(MODEL)).ok().as_ref() != Some(&expected) {
            part.losses.push(format!("{name}: the model is another"));
        }
        let left = names_in(&folder)?;
        if left != BTreeSet::from([MODEL.to_owned()]) {
            part.losses.push(format!("{name}: {left:?} are left"));
        }
    }
    Ok((part, undisturbed.join(MODEL)))
}

/// The training whose model goes to `folder`, which has a cache of its own beside it.
pub(crate) fn command(
    setup: &Setup<'_>,
    method: &KilledMethod,
    folder: &Path,
) -> anyhow::Result<Command> {
    fs::create_dir_all(folder)?;
    let mut command = Command::new(setup.program);
    // A checkpoint after every update.
    command.env("DIFFERNET_CHECKPOINT_SECONDS", "0");
    command.arg("train").arg("--data").arg(&setup.data).args(["--category", "hex_nut"]);
    command.args(method.settings).arg("--cache").arg(folder.with_extension("cache"));
    command.arg("--out").arg(folder.join(MODEL));
    Ok(command)
}
