//! Memory of a process that scores a long manifest, of files that are not there.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;
use xtask_support::memory::resident;

use super::Setup;

/// Lines of the short manifest.
const SHORT: usize = 1000;
/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(5);

/// Largest resident memory that was seen, in 10⁶ bytes.
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    pub(super) short_lines: usize,
    pub(super) short_mb: f64,
    pub(super) long_lines: usize,
    pub(super) long_mb: f64,
}

/// Memory with a short manifest and with one of `lines` lines; `None` where the system does not tell.
pub(super) fn measure(setup: &Setup, lines: usize) -> anyhow::Result<Option<Memory>> {
    let (short_lines, long_lines) = (SHORT.min(lines), lines);
    let (Some(short), Some(long)) = (peak(setup, short_lines)?, peak(setup, long_lines)?) else {
        return Ok(None);
    };
    let (short_mb, long_mb) = (short as f64 / 1e6, long as f64 / 1e6);
    Ok(Some(Memory { short_lines, short_mb, long_lines, long_mb }))
}

fn peak(setup: &Setup, lines: usize) -> anyhow::Result<Option<u64>> {
    let manifest = setup.at("lines.txt");
    let mut file = BufWriter::new(File::create(&manifest)?);
    for line in 0..lines {
        writeln!(file, "{}", setup.at(&format!("missing/{line}.png")).display())?;
    }
    file.flush()?;
    let mut command = setup.score(&manifest);
    command.arg("--overwrite").arg("--out").arg(setup.at("lines.parquet"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let id = child.id().to_string();
    let mut most = None;
    let status = loop {
        most = most.max(resident(&id));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(LOOK);
    };
    // Files that are not there make it end with code 1.
    ensure!(status.code() == Some(1), "{command:?} ended with {status}");
    Ok(most)
}
