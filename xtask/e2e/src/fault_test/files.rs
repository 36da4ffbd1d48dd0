//! Files that cannot be read, and files whose times are wrong.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};

use super::Row;
use crate::crash_test::training::MODEL;
use crate::crash_test::{Killed, Setup, killing, training};
use crate::soak::served::Served;

/// A file that exists and whose bytes cannot be read: the memory at address 0.
const UNREADABLE: &str = "/proc/self/mem";
/// Error number that the system gives for it.
const EIO: i32 = 5;
/// Times before and after all others: 1970, 1999 and 2100.
const TIMES: [u64; 3] = [1, 930_000_000, 4_102_444_800];

fn row(fault: &'static str, command: &'static str) -> Row {
    Row { fault, command, cases: 0, codes: Vec::new(), losses: Vec::new() }
}

impl Row {
    /// Counts a run, which has to end with `code`.
    fn ran(&mut self, output: &Output, code: i32) -> String {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        self.cases += 1;
        self.codes.push(output.status.code().unwrap_or(-1));
        if output.status.code() != Some(code) {
            self.losses.push(format!("{:?} instead of {code}: {words}", output.status.code()));
        }
        words
    }

    fn require(&mut self, holds: bool, otherwise: &str) {
        if !holds {
            self.losses.push(otherwise.to_owned());
        }
    }
}

fn run(command: &mut Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))
}

/// Good images in a new folder `name`.
fn good_images(setup: &Setup<'_>, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let folder = setup.folder.join(name);
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(setup.data.join("hex_nut/train/good"))? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(folder)
}

/// Every command that reads images, with one that cannot be read; `None` where there is no such file.
pub(super) fn unreadable(setup: &Setup<'_>, killed: &Killed) -> anyhow::Result<Option<Vec<Row>>> {
    let error = fs::read(UNREADABLE).err().and_then(|error| error.raw_os_error());
    if error != Some(EIO) {
        return Ok(None);
    }
    let folder = good_images(setup, "unreadable")?;
    let images = fs::read_dir(&folder)?.count();
    #[cfg(unix)]
    std::os::unix::fs::symlink(UNREADABLE, folder.join("broken.png"))?;
    let mut rows = Vec::new();

    let mut score = row("EIO", "score");
    let mut command = Command::new(setup.program);
    command.args(["score", "--json", "--no-cache", "--model"]).arg(&killed.model).arg(&folder);
    let output = run(&mut command)?;
    score.ran(&output, 1);
    let lines = String::from_utf8(output.stdout)?;
    let scored = lines.lines().filter(|line| line.contains("\"score\":")).count();
    score.require(scored == images, "other images are not scored");
    let named = lines.lines().any(|line| line.contains("broken.png") && line.contains("\"error\""));
    score.require(named, "the file is not named");
    rows.push(score);

    let mut watch = row("EIO", "watch");
    let mut command = Command::new(setup.program);
    command
        .args(["watch", "--once", "--settle", "0.02", "--model"])
        .arg(&killed.model)
        .arg(&folder);
    let out = setup.folder.join("unreadable.jsonl");
    let words = {
        let output = run(command.arg("--out").arg(&out))?;
        // A link to a file of length 0 may also be told once as what it looks like.
        let code = output.status.code().unwrap_or(-1);
        ensure!(code == 0 || code == 1, "watch ends with {code}");
        watch.ran(&output, code) + &String::from_utf8_lossy(&output.stdout)
    };
    watch.require(words.contains("broken.png"), "the file is not named");
    let lines = fs::read_to_string(&out)?;
    let scored = lines.lines().filter(|line| line.contains("\"score\":")).count();
    watch.require(scored == images, "other images are not scored");
    rows.push(watch);

    let mut train = row("EIO", "train");
    for (skip, code) in [(false, 1), (true, 0)] {
        let mut command = Command::new(setup.program);
        command.args(["train", "--method", "patchcore", "--no-cache", "--data"]).arg(&folder);
        command.args(skip.then_some("--skip-bad"));
        let output = run(command.arg("--out").arg(setup.folder.join("unreadable.differnet")))?;
        let words = train.ran(&output, code);
        train.require(words.contains("broken.png"), "the file is not named");
    }
    rows.push(train);
    Ok(Some(rows))
}

/// Sets the time of every file below `folder`.
fn set_times(folder: &Path, seconds: u64) -> anyhow::Result<()> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            set_times(&path, seconds)?;
        } else {
            File::options().write(true).open(&path)?.set_modified(time)?;
        }
    }
    Ok(())
}

/// Watched folders, caches, checkpoints and served models whose times a clock that jumps would leave.
pub(super) fn times(setup: &Setup<'_>, killed: &Killed) -> anyhow::Result<Vec<Row>> {
    let mut watch = row("clock", "watch");
    let folder = good_images(setup, "times")?;
    let images = fs::read_dir(&folder)?.count();
    let out = setup.folder.join("times.jsonl");
    for (index, seconds) in TIMES.into_iter().enumerate() {
        set_times(&folder, seconds)?;
        // Twice: the second time there is nothing new.
        for _ in 0..2 {
            let mut command = Command::new(setup.program);
            command.args(["watch", "--once", "--settle", "0.02", "--model"]).arg(&killed.model);
            watch.ran(&run(command.arg(&folder).arg("--out").arg(&out))?, 0);
            let lines = fs::read_to_string(&out)?.lines().count();
            let right = (index + 1) * images;
            watch.require(lines == right, &format!("{lines} lines instead of {right}"));
        }
    }

    let mut train = row("clock", "train");
    let expected = fs::read(&killed.model)?;
    let log = setup.folder.join("log");
    for seconds in TIMES {
        let folder = setup.folder.join(format!("times-{seconds}"));
        let cache = folder.with_extension("cache");
        let mut patience = Duration::from_millis(200);
        // Killed with ever more time, so that it ends; what it left has the wrong times.
        while killing::run(
            &mut training::command(setup, &training::DIFFERNET, &folder)?,
            &log,
            Some(patience),
        )? == killing::End::Killed
        {
            for left in [&folder, &cache] {
                if left.exists() {
                    set_times(left, seconds)?;
                }
            }
            patience = patience * 3 / 2;
        }
        train.cases += 1;
        train.codes.push(0);
        let same = fs::read(folder.join(MODEL))? == expected;
        train.require(same, &format!("times of {seconds} s: the model is another"));
    }

    let mut serve = row("clock", "serve");
    let served = setup.folder.join("times.differnet");
    for seconds in TIMES {
        fs::copy(&killed.model, &served)?;
        let mut server = Served::start(setup.program, &served, 16)?;
        let next = setup.folder.join("next.differnet");
        fs::copy(&killed.updatable, &next)?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().write(true).open(&next)?.set_modified(time)?;
        fs::rename(&next, &served)?;
        let replaced = server.logs_within("model replaced", Duration::from_secs(60))?;
        serve.require(replaced, &format!("times of {seconds} s: the new model is not served"));
        server.terminate()?;
        let code = server.wait()?.unwrap_or(-1);
        serve.cases += 1;
        serve.codes.push(code);
        serve.require(code == 0, "asked to end, it ends otherwise");
    }
    Ok(vec![watch, train, serve])
}
