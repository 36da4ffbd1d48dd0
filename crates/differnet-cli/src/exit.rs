//! Exit codes, and errors that have one of their own.

use std::io::ErrorKind;
use std::process::ExitCode;

use crate::output::tell;

/// Exit of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done,
    /// Something failed, and it has been said what.
    Failed,
    /// The arguments make no sense.
    Usage,
    /// Defects were found, and the caller asked to be told this way.
    Defects,
    /// A restart would end in the same way.
    DoNotRetry,
    /// The user stopped the program.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Defects => 3,
            Exit::DoNotRetry => 4,
            // 128 + SIGINT, as shells report it.
            Exit::Interrupted => 130,
        })
    }
}

/// Arguments that do not go together.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Error that a restart would meet again, such as parts of another model: a scheduler is not to retry.
#[derive(Debug)]
pub(crate) struct DoNotRetry(pub(crate) String);

impl std::fmt::Display for DoNotRetry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for DoNotRetry {}

/// The user asked to stop; the message says what was kept.
#[derive(Debug)]
pub(crate) struct Interrupted(pub(crate) String);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Prints the error with its causes and returns how to end.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    if reader_has_left(error) {
        return Exit::Done;
    }
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        tell(&interrupted.to_string());
        return Exit::Interrupted;
    }
    tell(&format!("error: {error:#}"));
    if error.downcast_ref::<UsageError>().is_some() {
        tell("For more information, try '--help'.");
        return Exit::Usage;
    }
    if error.downcast_ref::<DoNotRetry>().is_some() {
        return Exit::DoNotRetry;
    }
    Exit::Failed
}

/// `printed`, where all work is done: that nobody reads the rest of the output does not change how to end.
pub(crate) fn though_unread(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    printed.or_else(|error| if reader_has_left(&error) { Ok(()) } else { Err(error) })
}

/// Tells whether the output went to a program, such as `head`, that has read enough.
pub(crate) fn reader_has_left(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
    })
}
