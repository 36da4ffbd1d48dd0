//! A server that is killed while it answers and its model is replaced: whole answers are right ones.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use differnet_data::find_images;

use super::killing::{finish, moment};
use super::rewriting::CALIBRATE;
use super::{Part, Setup};
use crate::soak::post::{Exchange, agent, post};
use crate::soak::served::Served;
use xtask_inputs::Draws;

/// Longest time until a kill: the file of the model is polled each second, and loaded at the second poll.
const LONGEST: Duration = Duration::from_millis(3500);

/// The test with so many kills, with the `model` and a copy with another threshold.
pub(super) fn test(
    setup: &Setup<'_>,
    model: &Path,
    kills: usize,
    draws: &mut Draws,
) -> anyhow::Result<Part> {
    let folder = setup.folder.join("serve");
    fs::create_dir_all(&folder)?;
    let (served, other) = (folder.join("served.differnet"), folder.join("other.differnet"));
    fs::copy(model, &other)?;
    let log = setup.folder.join("log");
    finish(&mut CALIBRATE.command(setup.program, &other, &setup.data), &log)?;
    let models = [fs::read(model)?, fs::read(&other)?];
    let image = find_images(&setup.data.join("hex_nut/test"))?.swap_remove(0);
    let expected = [model, &other].map(|model| answer(setup.program, model, &image));
    let [first, second] = expected;
    let expected = [first?, second?];
    ensure!(expected[0] != expected[1], "both models answer alike");
    let image = fs::read(image)?;
    let mut part = Part::new("serve", "answers of one of two models".to_owned(), LONGEST);
    let (mut answers, agent) = ([0_usize; 2], agent());
    while part.kills < kills {
        fs::write(&served, &models[0])?;
        let server = Served::start(setup.program, &served, 16)?;
        let url = format!("http://{}/v1/models/soak/score", server.address);
        let (start, patience) = (Instant::now(), moment(LONGEST, draws));
        let mut replaced = false;
        while start.elapsed() < patience {
            if !replaced && start.elapsed() >= patience / 8 {
                let partial = folder.join("next");
                fs::write(&partial, &models[1])?;
                fs::rename(&partial, &served)?;
                replaced = true;
            }
            match post(&agent, &url, &image) {
                Exchange::Answered { status: 200, body } => {
                    match expected.iter().position(|line| line.as_bytes() == body) {
                        Some(which) => answers[which] += 1,
                        None => part.losses.push("an answer is neither model's".to_owned()),
                    }
                }
                other => part.losses.push(format!("before the kill: {other:?}")),
            }
        }
        // Dropped, it is killed.
        drop(server);
        part.killed(setup, kills);
        if fs::read(&served)? != models[usize::from(replaced)] {
            part.losses.push("the server changed its model's file".to_owned());
        }
    }
    let mut server = Served::start(setup.program, &served, 16)?;
    server.terminate()?;
    let code = server.wait()?;
    if code != Some(0) {
        part.losses.push(format!("asked to end, it ends with {code:?}"));
    }
    part.completed = answers.iter().sum();
    part.checked = format!("{} answers of the old model, {} of the new", answers[0], answers[1]);
    Ok(part)
}

/// Returns the answer of a server to `image`: the command's line.
fn answer(program: &Path, model: &Path, image: &Path) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(["score", "--json", "--no-cache", "--model"])
        .args([model, image])
        .output()?;
    let line = String::from_utf8(output.stdout)?;
    let path = serde_json::to_string(image)?;
    let line = line.lines().next().context("the command prints a line")?;
    Ok(line.replacen(&path, "\"image\"", 1))
}
