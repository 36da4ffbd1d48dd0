//! Every command that writes, on disks with too little room and on read-only ones.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::Row;
use super::archive::Archive;
use super::disk::{Disk, Room, used};
use super::whole::{contents, is_whole};
use crate::crash_test::rewriting::{CALIBRATE, UPDATE};
use crate::crash_test::{Killed, Setup};

/// Parts of what a command writes for which there is room.
const FILLED: [f64; 6] = [0.0, 0.1, 0.3, 0.5, 0.7, 0.95];
/// Arguments of a training that takes a second.
const TINY: [&str; 18] = [
    "--category",
    "hex_nut",
    "--method",
    "differnet",
    "--transforms",
    "2",
    "--pool",
    "2",
    "--score-transforms",
    "2",
    "--hidden",
    "16",
    "--blocks",
    "2",
    "--batch-size",
    "6",
    "--updates",
    "12",
];

/// Fault that keeps a disk from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It becomes full.
    Full,
    /// It is read-only.
    ReadOnly,
}

/// A command that writes to the disk.
struct Output<'a> {
    name: &'static str,
    /// A file that is there before, and its name on the disk.
    before: Option<(&'a Path, &'static str)>,
    /// Makes the command, given the disk.
    command: Box<dyn Fn(&Path) -> Command + 'a>,
    /// A file on the disk for its standard output.
    stdout: Option<&'static str>,
    /// Whether it does without what it cannot write.
    optional: bool,
}

/// Runs every command under the fault.
pub(super) fn test(
    setup: &Setup<'_>,
    killed: &Killed,
    archive: &Archive,
    disk: &Disk,
    fault: Fault,
) -> anyhow::Result<Vec<Row>> {
    let outputs = outputs(setup, killed, archive);
    outputs.iter().map(|output| output.test(setup, disk, fault)).collect()
}

fn outputs<'a>(setup: &'a Setup<'_>, killed: &'a Killed, archive: &'a Archive) -> Vec<Output<'a>> {
    let (data, images) = (&setup.data, setup.data.join("hex_nut/test"));
    let model = killed.model.as_path();
    let plain = |words: &'static [&'static str]| {
        let mut command = Command::new(setup.program);
        command.args(words);
        command
    };
    let of_model = move |words: &'static [&'static str]| {
        let mut command = plain(words);
        command.arg("--model").arg(model);
        command
    };
    let output = |name, command: Box<dyn Fn(&Path) -> Command + 'a>| Output {
        name,
        before: None,
        command,
        stdout: None,
        optional: false,
    };
    let train = move |cache: Option<PathBuf>, out: PathBuf| {
        let mut command = plain(&["train", "--overwrite", "--data"]);
        command.env("DIFFERNET_CHECKPOINT_SECONDS", "0");
        command.arg(data).args(TINY).arg("--out").arg(out);
        match cache {
            Some(cache) => command.arg("--cache").arg(cache),
            None => command.arg("--no-cache"),
        };
        command
    };
    let camera = images.clone();
    let watch = move |words: &'static [&'static str]| {
        let mut command = of_model(&["watch", "--once", "--settle", "0.02"]);
        command.arg(&camera).args(words);
        command
    };
    let lines = setup.folder.join("fault-lines.jsonl");
    let [i1, i2, i3] = [(); 3].map(|()| images.clone());
    let good = data.join("hex_nut/train/good");
    let aside = setup.folder.join("fault-aside.differnet");
    let (w1, w2) = (watch.clone(), watch);
    vec![
        Output {
            before: Some((model, "part.differnet")),
            ..output("train", Box::new(move |disk| train(None, disk.join("part.differnet"))))
        },
        Output {
            optional: true,
            ..output(
                "train, its cache",
                Box::new(move |disk| train(Some(disk.join("cache")), aside.clone())),
            )
        },
        Output {
            before: Some((model, "part.differnet")),
            ..output(
                "calibrate",
                Box::new(move |disk| {
                    CALIBRATE.command(setup.program, &disk.join("part.differnet"), data)
                }),
            )
        },
        Output {
            before: Some((&killed.updatable, "part.differnet")),
            ..output(
                "update",
                Box::new(move |disk| {
                    UPDATE.command(setup.program, &disk.join("part.differnet"), data)
                }),
            )
        },
        output(
            "watch",
            Box::new(move |disk| {
                let mut command = w1(&[]);
                command.arg("--out").arg(disk.join("results.jsonl"));
                command
            }),
        ),
        output(
            "watch --line",
            Box::new(move |disk| {
                let _ = fs::remove_file(&lines);
                let mut command = w2(&[]);
                command.arg("--out").arg(&lines).arg("--line").arg(disk.join("line.json"));
                command
            }),
        ),
        Output {
            stdout: Some("scores.jsonl"),
            ..output(
                "score >",
                Box::new(move |_| {
                    let mut command = of_model(&["score", "--json", "--no-cache"]);
                    command.arg("--manifest").arg(&archive.manifest);
                    command
                }),
            )
        },
        output(
            "evaluate",
            Box::new(move |disk| {
                let mut command = of_model(&["evaluate", "--no-cache", "--category", "hex_nut"]);
                command.arg("--data").arg(data).arg("--out").arg(disk.join("evaluation"));
                command
            }),
        ),
        output(
            "localize",
            Box::new(move |disk| {
                let mut command = of_model(&["localize"]);
                command.arg(&i1).arg("--out").arg(disk.join("maps"));
                command
            }),
        ),
        output(
            "report",
            Box::new(move |disk| {
                let mut command = of_model(&["report", "--no-cache"]);
                command.arg(&i2).arg("--out").arg(disk.join("report.html"));
                command
            }),
        ),
        output(
            "features",
            Box::new(move |disk| {
                let mut command = plain(&["features", "--no-cache", "--transforms", "2", "--data"]);
                command.arg(&good).arg("--out").arg(disk.join("features.safetensors"));
                command
            }),
        ),
        output(
            "score --out",
            Box::new(move |disk| {
                let mut command = of_model(&["score", "--no-cache"]);
                command
                    .arg("--manifest")
                    .arg(&archive.manifest)
                    .arg("--out")
                    .arg(disk.join("scores.csv"));
                command
            }),
        ),
        output(
            "score --maps",
            Box::new(move |disk| {
                let mut command = of_model(&["score", "--no-cache"]);
                command.arg(&i3).arg("--maps").arg(disk.join("maps"));
                command
            }),
        ),
        output(
            "score --shard",
            Box::new(move |disk| {
                let mut command = of_model(&["score", "--no-cache", "--shard", "0/2"]);
                command.arg("--manifest").arg(&archive.manifest);
                command.arg("--out").arg(disk.join("parts"));
                command
            }),
        ),
        output(
            "merge",
            Box::new(move |disk| {
                let mut command = plain(&["merge", "--out"]);
                command.arg(disk.join("scores.jsonl")).arg(&archive.parts);
                command
            }),
        ),
        output(
            "export",
            Box::new(move |disk| {
                let mut command = of_model(&["export", "--format", "onnx", "--transforms", "1"]);
                command.arg("--out").arg(disk.join("part.onnx"));
                command
            }),
        ),
        output(
            "sample",
            Box::new(move |disk| {
                let mut command = plain(&["sample", "--out"]);
                command.arg(disk.join("sample"));
                command
            }),
        ),
    ]
}

/// Result of a command: its exit code, its messages and its files.
struct Left {
    code: Option<i32>,
    words: String,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Output<'_> {
    fn test(&self, setup: &Setup<'_>, disk: &Disk, fault: Fault) -> anyhow::Result<Row> {
        let mut bytes = 0;
        let good = self.run(disk, Room::Ample, &mut bytes)?;
        ensure!(good.code == Some(0), "{} undisturbed: {}", self.name, good.words);
        let rooms: Vec<Room> = match fault {
            Fault::Full => {
                let part = |filled: f64| Room::Bytes((bytes as f64 * filled) as u64);
                FILLED.into_iter().map(part).collect()
            }
            Fault::ReadOnly => vec![Room::ReadOnly],
        };
        let (name, system) = match fault {
            Fault::Full => ("full disk", disk.full()),
            Fault::ReadOnly => ("read-only disk", "Read-only file system"),
        };
        let mut row = Row {
            fault: name,
            command: self.name,
            cases: 0,
            codes: Vec::new(),
            losses: Vec::new(),
        };
        for room in rooms {
            let left = self.run(disk, room, &mut 0)?;
            row.cases += 1;
            row.codes.push(left.code.unwrap_or(-1));
            let losses = self.losses(&good, &left, disk, system);
            row.losses.extend(losses.into_iter().map(|loss| format!("{name}, {room:?}: {loss}")));
        }
        if setup.talks {
            eprintln!("{name}: {} with codes {:?}", self.name, row.codes);
        }
        Ok(row)
    }

    /// Runs the command with so much room; `bytes` are what it then has on the disk more than before.
    fn run(&self, disk: &Disk, room: Room, bytes: &mut u64) -> anyhow::Result<Left> {
        let prepare = |path: &Path| {
            if let Some((file, name)) = self.before {
                fs::copy(file, path.join(name)).context("cannot prepare the disk")?;
            }
            Ok(())
        };
        disk.with(room, prepare, |path| {
            let before = used(path)?;
            let mut command = disk.limited((self.command)(path), room);
            command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null());
            if let Some(name) = self.stdout {
                match File::create(path.join(name)) {
                    Ok(file) => command.stdout(file),
                    // As the shell says before the command is started.
                    Err(error) => {
                        let files = contents(path)?;
                        return Ok(Left { code: Some(1), words: error.to_string(), files });
                    }
                };
            }
            let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
            *bytes = used(path)?.saturating_sub(before);
            // A rewritten model needs room for both.
            if self.before.is_some() {
                *bytes = (*bytes).max(used(path)?);
            }
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            Ok(Left { code: output.status.code(), words, files: contents(path)? })
        })
    }

    /// Compares what a run left with a good one, and returns the losses.
    fn losses(&self, good: &Left, left: &Left, disk: &Disk, system: &str) -> Vec<String> {
        let mut losses = Vec::new();
        let Left { code, words, files } = left;
        let names_file =
            words.contains(&disk.path().display().to_string()) || self.stdout.is_some();
        match code {
            Some(0) if self.optional && files.len() < good.files.len() => {
                if !words.contains("warning") || !words.contains(system) {
                    losses.push(format!("no word of what is missing: {words}"));
                }
            }
            Some(0) => {
                if files.keys().ne(good.files.keys()) {
                    losses.push("code 0, and files are missing".to_owned());
                }
            }
            Some(1) if words.contains(system) && names_file => {}
            code => losses.push(format!("code {code:?}: {words}")),
        }
        if words.contains("panicked") || words.contains("fault in the program") {
            losses.push(format!("it broke: {words}"));
        }
        for (name, bytes) in files {
            let shown = name.display();
            let ending = name.extension().unwrap_or_default().to_string_lossy();
            let before = self.before.filter(|(_, before)| Path::new(before) == name);
            let old = before.and_then(|(file, _)| fs::read(file).ok());
            if ["partial", "lock"].contains(&&*ending) {
                losses.push(format!("{shown} is left"));
            } else if name.starts_with("cache") || shown.to_string().contains(".checkpoints") {
                // Damaged ones count as absent; the tests by kills look at those.
            } else if self.stdout.is_some_and(|stdout| Path::new(stdout) == name) {
                // Whoever directs an output to a full disk has the beginning of it.
            } else if let Some(whole) = is_whole(name, bytes) {
                if !whole {
                    losses.push(format!("{shown} is half written"));
                }
            } else if good.files.get(name) != Some(bytes) && old.as_ref() != Some(bytes) {
                losses.push(format!("{shown} is neither the old nor the new one"));
            }
        }
        if let Some((_, name)) = self.before
            && !files.contains_key(Path::new(name))
        {
            losses.push(format!("{name} is gone"));
        }
        losses
    }
}
