//! A process for each cell, as seen by the process that starts it: memory is measured by cell, and a
//! crash costs one.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::Context;

use super::method::Step;
use super::worker::{Order, STOPPED};

/// Lines of a failed child's standard error that are passed on.
const LINES: usize = 20;

/// Event of a child process.
#[derive(Debug)]
pub(super) enum Event {
    /// Progress.
    Stage {
        /// The cell's number.
        cell: usize,
        /// Progress.
        stage: Step,
    },
    /// It has ended.
    Ended {
        /// The cell's number.
        cell: usize,
        /// End of the child.
        end: End,
    },
}

/// End of a child process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The result is stored.
    Done,
    /// It was asked to stop, and what is needed to go on is stored.
    Stopped,
    /// It failed, and why.
    Failed(String),
}

/// How the process of a cell is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Launch {
    /// On this machine, with this many threads.
    Here {
        /// Threads of each process.
        threads: usize,
    },
    /// By another program, which is given this one and its arguments: `srun --ntasks=1`. It decides on which
    /// machine, and how many threads there are.
    By {
        /// The other program and its own arguments.
        launcher: Vec<String>,
        /// This program, where other machines find it.
        program: PathBuf,
    },
}

/// A running child; dropping this asks it to stop.
#[derive(Debug)]
pub(super) struct Child {
    _order: ChildStdin,
}

impl Child {
    /// Starts the cell number `cell`; `events` hears of it.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub(super) fn start(
        order: &Order,
        cell: usize,
        launch: &Launch,
        events: &Sender<Event>,
    ) -> anyhow::Result<Self> {
        let mut command = launch.command()?;
        let mut process = command
            .arg("reproduce-cell")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| {
                let program = command.get_program().to_string_lossy();
                format!("cannot start a process for a cell by {program}")
            })?;
        let mut stdin = process.stdin.take().context("a child has a standard input")?;
        let line = serde_json::to_string(order)? + "\n";
        // A child that ended at once tells why on its standard error.
        let _ = stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush());
        let events = events.clone();
        thread::spawn(move || {
            let end = follow(process, cell, &events);
            // Nobody listens any more if the run has ended.
            let _ = events.send(Event::Ended { cell, end });
        });
        Ok(Self { _order: stdin })
    }
}

impl Launch {
    /// This program, without arguments.
    fn command(&self) -> anyhow::Result<Command> {
        match self {
            Self::Here { threads } => {
                // Even if a newer one has taken its place on disk since.
                let program = match cfg!(target_os = "linux") {
                    true => PathBuf::from("/proc/self/exe"),
                    false => {
                        std::env::current_exe().context("cannot tell where this program lies")?
                    }
                };
                let mut command = Command::new(program);
                command.env("RAYON_NUM_THREADS", threads.to_string());
                Ok(command)
            }
            Self::By { launcher, program } => {
                let (first, arguments) = launcher.split_first().context("a launcher has a name")?;
                let mut command = Command::new(first);
                command.args(arguments).arg(program);
                Ok(command)
            }
        }
    }
}

/// Passes on what a child tells, until it ends.
fn follow(mut process: Process, cell: usize, events: &Sender<Event>) -> End {
    let errors = process.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    for line in process.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        if let Some(stage) = line.ok().and_then(|line| serde_json::from_str(&line).ok()) {
            let _ = events.send(Event::Stage { cell, stage });
        }
    }
    let errors = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    match process.wait() {
        Ok(status) => end(status, &errors),
        Err(error) => End::Failed(format!("cannot wait for its process: {error}")),
    }
}

fn end(status: ExitStatus, errors: &str) -> End {
    if status.success() {
        return End::Done;
    }
    if status.code() == Some(i32::from(STOPPED)) {
        return End::Stopped;
    }
    let lines: Vec<&str> = errors.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    let message = last.trim().trim_start_matches("error: ");
    End::Failed(match (message, status.code()) {
        ("", _) => format!("its process ended with {status}"),
        (message, Some(1)) => message.to_owned(),
        (message, _) => format!("its process ended with {status}: {message}"),
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_launcher_is_given_this_program() -> anyhow::Result<()> {
        let launcher = ["srun", "--ntasks=1"].map(str::to_owned).to_vec();
        let program = PathBuf::from("/shared/program");
        let command = Launch::By { launcher, program: program.clone() }.command()?;
        assert_eq!(command.get_program(), "srun");
        assert_eq!(
            command.get_args().collect::<Vec<_>>(),
            ["--ntasks=1".as_ref(), program.as_os_str()]
        );
        assert_eq!(command.get_envs().count(), 0);
        Ok(())
    }

    #[test]
    fn the_end_of_a_child_is_told_in_its_own_words() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        assert_eq!(end(exit(0), "a note"), End::Done);
        assert_eq!(end(exit(130), ""), End::Stopped);
        let failed = |message: &str| End::Failed(message.to_owned());
        assert_eq!(end(exit(1), "error: no data\nnone at all\n"), failed("no data\nnone at all"));
        assert_eq!(end(exit(1), "error: a.png is truncated\n"), failed("a.png is truncated"));
        let killed = end(ExitStatus::from_raw(9), "");
        assert!(matches!(killed, End::Failed(message) if message.contains("signal: 9")));
    }
}
