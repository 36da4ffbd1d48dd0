//! The process that runs exported models in other runtimes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};
use differnet::scoring::AnomalyMap;
use differnet_data::RgbImage;
use serde::Deserialize;
use serde_json::json;
use xtask_support::workspace;

/// Runtimes that the script knows.
pub(super) const NAMES: [&str; 3] = ["onnxruntime", "openvino", "tract"];
/// The script and what it needs, relative to the workspace's root.
const SCRIPT: &str = "xtask/e2e/onnx/parity.py";
const REQUIREMENTS: &str = "xtask/e2e/onnx/requirements.txt";

/// Tells whether a runtime has to know the size of images beforehand.
pub(super) fn wants_size(name: &str) -> bool {
    name == "tract"
}

/// An image, and what the program makes of it.
pub(super) struct Case<'a> {
    pub(super) image: &'a RgbImage,
    /// As the network sees it.
    pub(super) seen: &'a RgbImage,
    pub(super) map: Option<&'a AnomalyMap>,
    /// The model exported for the image's size.
    pub(super) sized: &'a Path,
}

/// Answer of a runtime to an image.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    pub(super) score: f64,
    /// 0 ok, 1 unsure, 2 defect, 3 invalid.
    pub(super) verdict: u8,
    pub(super) p_value: Option<f64>,
    pub(super) seconds: f64,
    /// Largest difference of what the network sees, levels; `None` if the runtime does not tell.
    pub(super) levels: Option<f64>,
    /// Largest difference of the map, as a share of its largest value.
    pub(super) map: Option<f64>,
}

/// A running script.
pub(super) struct Runtimes {
    child: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Runtimes {
    /// Starts the script on the `exported` model; installs what it needs first, if it is not there.
    pub(super) fn start(exported: &Path, threads: usize, names: &[String]) -> anyhow::Result<Self> {
        let root = workspace::root()?;
        let python = environment(&root)?;
        let mut child = Command::new(&python)
            .arg(root.join(SCRIPT))
            .arg(exported)
            .arg(threads.to_string())
            .args(names)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let to = BufWriter::new(child.stdin.take().context("a pipe was asked for")?);
        let from = BufReader::new(child.stdout.take().context("a pipe was asked for")?);
        let mut runtimes = Self { child, to, from };
        ensure!(runtimes.line()?.trim() == "ready", "the script did not start");
        Ok(runtimes)
    }

    /// Returns the answer of each runtime to an image.
    pub(super) fn ask(&mut self, case: &Case<'_>) -> anyhow::Result<BTreeMap<String, Answer>> {
        let Case { image, seen, map, sized } = *case;
        let head = json!({
            "height": image.height(),
            "width": image.width(),
            "seen_height": seen.height(),
            "seen_width": seen.width(),
            "map": map.is_some(),
            "sized": sized,
        });
        writeln!(self.to, "{head}")?;
        self.to.write_all(&planes(image))?;
        self.to.write_all(&planes(seen))?;
        for value in map.map(AnomalyMap::values).unwrap_or_default() {
            self.to.write_all(&value.to_le_bytes())?;
        }
        self.to.flush()?;
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("cannot understand {line:?}"))
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the script ended: {}", self.child.wait()?);
        Ok(line)
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python of an environment that has the runtimes.
fn environment(root: &Path) -> anyhow::Result<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("onnx");
    let python = folder.join("bin/python");
    let run = |command: &mut Command| -> anyhow::Result<()> {
        let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
        ensure!(status.success(), "{command:?} failed: {status}");
        Ok(())
    };
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let requirements = root.join(REQUIREMENTS);
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(Command::new(&python).args(pip).arg(requirements))?;
    Ok(python)
}

/// Levels `[3, height, width]` of an interleaved image.
fn planes(image: &RgbImage) -> Vec<u8> {
    (0..3).flat_map(|color| image.as_raw().iter().skip(color).step_by(3).copied()).collect()
}
