//! Running a program, and killing it.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use xtask_inputs::Draws;

/// Time between two looks at whether a program has ended.
const LOOK: Duration = Duration::from_millis(2);

/// End of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, well.
    Finished,
    /// It was killed before.
    Killed,
}

/// Runs `command` to its end.
///
/// # Errors
/// With its last words, if it fails.
pub(crate) fn finish(command: &mut Command, log: &Path) -> anyhow::Result<()> {
    run(command, log, None).map(|_| ())
}

/// Runs `command`, and kills it after `patience` if it has not ended by then.
///
/// # Errors
/// With its last words, if it fails.
pub(crate) fn run(
    command: &mut Command,
    log: &Path,
    patience: Option<Duration>,
) -> anyhow::Result<End> {
    let start = Instant::now();
    let words = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if patience.is_some_and(|patience| start.elapsed() >= patience) {
            // SIGKILL on Unix: the program learns nothing of it.
            child.kill()?;
            let status = child.wait()?;
            if status.success() {
                break status;
            }
            return Ok(End::Killed);
        }
        thread::sleep(LOOK);
    };
    if status.success() {
        return Ok(End::Finished);
    }
    let mut text = String::new();
    File::open(log)?.read_to_string(&mut text)?;
    bail!("{command:?} ended with {status}: {text}")
}

/// A moment of a run that takes `whole`, or a little later.
pub(crate) fn moment(whole: Duration, draws: &mut Draws) -> Duration {
    whole.mul_f64(1.1 * draws.below(1 << 20) as f64 / f64::from(1 << 20))
}
