//! Runs the command; one small data set and one small model for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use differnet_samples::{SampleConfig, write_sample_dataset};
use tempfile::TempDir;

/// Settings that train in a second, with few updates.
pub(crate) const TINY: [&str; 14] = [
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
];

/// Result of a finished command.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A data set and a model, made once.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
}

impl Fixture {
    /// The fixture that all tests share; nobody changes it.
    pub(crate) fn shared() -> &'static Self {
        static FIXTURE: OnceLock<Fixture> = OnceLock::new();
        FIXTURE.get_or_init(|| {
            let fixture = Self { folder: tempfile::tempdir().unwrap() };
            let sample =
                SampleConfig { seed: 0, size: 64, train: 5, test_good: 2, test_defect_per_kind: 1 };
            write_sample_dataset(&fixture.data(), &sample).unwrap();
            let run = fixture.train(&fixture.model(), &[]);
            assert_eq!(run.code, Some(0), "{}", run.err);
            fixture
        })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn good(&self) -> PathBuf {
        self.data().join("hex_nut/train/good")
    }

    pub(crate) fn test(&self) -> PathBuf {
        self.data().join("hex_nut/test")
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.folder.path().join("nut.differnet")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The command, with the fixture's cache.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_differnet"));
        command.env("DIFFERNET_CACHE", self.cache()).stdin(Stdio::null());
        command
    }

    /// Runs `words` and then `paths`.
    pub(crate) fn run(&self, words: &[&str], paths: &[&Path]) -> Run {
        self.command().args(words).args(paths).output().unwrap().into()
    }

    /// Trains on the hexagon nuts with [`TINY`] settings and 12 updates.
    pub(crate) fn train(&self, out: &Path, more: &[&str]) -> Run {
        let mut command = self.train_command(out, more);
        command.args(["--updates", "12"]).output().unwrap().into()
    }

    /// As [`Self::train`], with the number of updates yet to be given.
    pub(crate) fn train_command(&self, out: &Path, more: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["train", "--category", "hex_nut", "--data"]).arg(self.data());
        command.args(TINY).args(more).arg("--out").arg(out);
        command
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Run {
    /// The output, which must be one JSON object, of a run that went well.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The output of a run that went well.
    pub(crate) fn text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.err);
        &self.out
    }
}
