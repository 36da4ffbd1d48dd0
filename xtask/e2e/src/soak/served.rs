//! The program under test: its batch command and its server.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::NamedTempFile;

use super::clients::Image;
use xtask_support::memory;

/// Images that the command prints together.
const GROUP: usize = 8;

/// The images of a folder with the answers of `differnet score`, and how many it scores a second
/// between its first line and its last.
pub(super) fn batch_command(
    program: &Path,
    model: &Path,
    images: &Path,
) -> anyhow::Result<(Vec<Image>, f64)> {
    let mut child = Command::new(program)
        .args(["score", "--json", "--no-cache", "--model"])
        .args([model, images])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let lines = BufReader::new(child.stdout.take().context("the output was asked for")?).lines();
    let (mut found, mut first, mut last) = (Vec::new(), None, Instant::now());
    for line in lines {
        let line = line?;
        first.get_or_insert_with(Instant::now);
        last = Instant::now();
        let value: serde_json::Value = serde_json::from_str(&line)?;
        let path = value["path"].as_str().context("a result names its image")?;
        ensure!(value["error"].is_null(), "{line}");
        // Only the name differs: the server is not told any.
        let answer = line.replacen(&serde_json::to_string(path)?, "\"image\"", 1);
        found.push(Image { bytes: std::fs::read(path)?, answers: vec![answer] });
    }
    child.wait()?;
    ensure!(found.len() > 2 * GROUP, "{} holds fewer than {} images", images.display(), 2 * GROUP);
    let seconds = last.duration_since(first.unwrap_or(last)).as_secs_f64();
    // The first line comes with the first group, whose time is not counted.
    let counted = found.len() - GROUP;
    Ok((found, counted as f64 / seconds.max(1e-9)))
}

/// A running server.
pub(crate) struct Served {
    process: Child,
    pub(crate) address: SocketAddr,
    log: NamedTempFile,
}

impl Served {
    pub(crate) fn start(program: &Path, model: &Path, queue: usize) -> anyhow::Result<Self> {
        let log = NamedTempFile::new()?;
        let mut process = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--model"])
            .arg(format!("soak={}", model.display()))
            .args(["--queue", &queue.to_string()])
            .stdout(Stdio::piped())
            .stderr(log.reopen()?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = process.stdout.take().context("the output was asked for")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("Listening on http://");
        let address = address.and_then(|address| address.trim_end_matches('/').parse().ok());
        let mut served = Self { process, address: ([127, 0, 0, 1], 0).into(), log };
        match address {
            Some(address) => served.address = address,
            None => anyhow::bail!("the server does not listen: {}", served.last_words()),
        }
        Ok(served)
    }

    /// Bytes of memory that it has.
    pub(super) fn resident(&self) -> anyhow::Result<u64> {
        memory::resident(&self.process.id().to_string()).context("memory is measured on Linux only")
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        ensure!(status?.success(), "the server is gone already: {}", self.last_words());
        Ok(())
    }

    /// Its exit code, once it has ended.
    pub(crate) fn wait(&mut self) -> anyhow::Result<Option<i32>> {
        Ok(self.process.wait()?.code())
    }

    /// Waits for these words in its log, at most for `patience`, and returns whether they came.
    pub(crate) fn logs_within(&self, words: &str, patience: Duration) -> anyhow::Result<bool> {
        let start = Instant::now();
        loop {
            if std::fs::read_to_string(self.log.path())?.contains(words) {
                return Ok(true);
            }
            if start.elapsed() >= patience {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Number of times that its log has these words.
    pub(super) fn logged(&self, words: &str) -> anyhow::Result<usize> {
        Ok(std::fs::read_to_string(self.log.path())?.matches(words).count())
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let mut text = String::new();
        let read = File::open(self.log.path()).and_then(|mut log| log.read_to_string(&mut text));
        let lines: Vec<&str> = text.lines().rev().take(3).collect();
        read.map_or_else(|error| error.to_string(), |_| lines.join(" | "))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
