//! Progress of a long operation: a bar in a terminal, else a line every ten seconds.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use differnet::progress::{Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};

use crate::numbers::duration;
use crate::output::tell;

/// Time between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// Shows the progress of one phase after the other on the standard error.
#[derive(Debug)]
pub(crate) struct Meter {
    terminal: bool,
    phase: Mutex<Option<Phase>>,
}

#[derive(Debug)]
struct Phase {
    title: String,
    bar: ProgressBar,
    started: Instant,
    /// First step of the phase; later than 0 if it was taken up again.
    first: u64,
    told: Instant,
}

impl Meter {
    /// A meter for this terminal, or for a file.
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), phase: Mutex::new(None) }
    }

    /// Shows that `done` of `total` steps of the phase `title` are done.
    pub(crate) fn show(&self, title: &str, done: usize, total: usize, detail: &str) {
        let (done, total) = (done as u64, total as u64);
        let mut phase = self.phase();
        if phase.as_ref().is_none_or(|phase| phase.title != title) {
            finish(&mut phase);
            *phase = Some(Phase::new(title, done, total, self.terminal));
        }
        let Some(shown) = phase.as_mut() else { return };
        if self.terminal {
            shown.bar.set_prefix(detail.to_owned());
            shown.bar.set_position(done);
        } else if shown.told.elapsed() >= INTERVAL {
            shown.told = Instant::now();
            tell(&shown.line(done, total, detail));
        }
        if done >= total {
            finish(&mut phase);
        }
    }

    /// Shows the progress of a training.
    pub(crate) fn show_training(&self, progress: &Progress) {
        let Progress { done, total, round: (round, rounds), loss, validation, .. } = *progress;
        let title = match progress.stage {
            Stage::Checking => "Checking images",
            Stage::Places => "Places of training images",
            Stage::Maps => "Maps of good images",
            Stage::Statistics => "Statistics of the rows",
            Stage::BatchStatistics => "Batch statistics of training images",
            Stage::Pixels => "Pixels of training images",
            Stage::Validation => "Validation images",
            Stage::Features => "Features of training images",
            Stage::Training => "Training",
            _ => "Fitting",
        };
        let mut details = Vec::new();
        if rounds > 1 {
            details.push(format!("round {round} of {rounds}"));
        }
        details.extend(loss.map(|loss| format!("loss {loss:.3}")));
        details.extend(validation.map(|loss| format!("validation {loss:.3}")));
        self.show(title, done, total, &details.join(", "));
    }

    /// Takes the bar out of the way while `print` writes.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &*self.phase() {
            Some(phase) => phase.bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        finish(&mut self.phase());
    }

    fn phase(&self) -> MutexGuard<'_, Option<Phase>> {
        // Each call leaves a whole phase behind, also if the next one fails.
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the bar of a phase away.
fn finish(phase: &mut Option<Phase>) {
    if let Some(phase) = phase.take() {
        phase.bar.finish_and_clear();
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Phase {
    fn new(title: &str, done: u64, total: u64, terminal: bool) -> Self {
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let template = "{msg} {wide_bar} {pos}/{len}  {eta} left  {prefix}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is constant"));
        bar.set_message(title.to_owned());
        // A training that is taken up again did not make the earlier updates just now.
        let first = done.saturating_sub(1);
        bar.set_position(first);
        bar.reset_eta();
        let now = Instant::now();
        Self { title: title.to_owned(), bar, started: now, first, told: now }
    }

    fn line(&self, done: u64, total: u64, detail: &str) -> String {
        let per_step = self.started.elapsed().as_secs_f64() / (done - self.first).max(1) as f64;
        let left = per_step * total.saturating_sub(done) as f64;
        let left = duration(Duration::from_secs_f64(left));
        let comma = if detail.is_empty() { "" } else { ", " };
        format!("{}: {done} of {total}, {left} left{comma}{detail}", self.title)
    }
}
