//! How far a long operation is: a bar in a terminal, else a line every ten seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use differnet::{Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};

use crate::numbers::duration;
use crate::output::tell;

/// Time between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// Shows the progress of one phase after the other on the standard error.
#[derive(Debug)]
pub(crate) struct Meter {
    terminal: bool,
    phase: Option<Phase>,
}

#[derive(Debug)]
struct Phase {
    title: String,
    bar: ProgressBar,
    started: Instant,
    /// Where the phase began; later than 0 if it was taken up again.
    first: u64,
    told: Instant,
}

impl Meter {
    /// A meter for this terminal, or for a file.
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), phase: None }
    }

    /// Shows that `done` of `total` steps of the phase `title` are done.
    pub(crate) fn show(&mut self, title: &str, done: usize, total: usize, detail: &str) {
        let (done, total) = (done as u64, total as u64);
        if self.phase.as_ref().is_none_or(|phase| phase.title != title) {
            self.clear();
            self.phase = Some(Phase::new(title, done, total, self.terminal));
        }
        let Some(phase) = &mut self.phase else { return };
        if self.terminal {
            phase.bar.set_prefix(detail.to_owned());
            phase.bar.set_position(done);
        } else if phase.told.elapsed() >= INTERVAL {
            phase.told = Instant::now();
            tell(&phase.line(done, total, detail));
        }
        if done >= total {
            self.clear();
        }
    }

    /// Shows the progress of a training.
    pub(crate) fn show_training(&mut self, progress: Progress) {
        match progress {
            Progress::Checking { done, total } => self.show("Checking images", done, total, ""),
            Progress::Places { done, total } => {
                self.show("Places of training images", done, total, "");
            }
            Progress::Maps { done, total } => self.show("Maps of good images", done, total, ""),
            Progress::Fitting { stage: Stage::Statistics, done, total, .. } => {
                self.show("Statistics of the rows", done, total, "");
            }
            Progress::Fitting { stage: Stage::Calibrating, done, total, .. } => {
                self.show("Second look at training images", done, total, "");
            }
            Progress::Fitting { done, total, loss, .. } => {
                let detail = loss.map_or(String::new(), |loss| format!("loss {loss:.3}"));
                self.show("Fitting", done, total, &detail);
            }
            Progress::Pixels { done, total } => {
                self.show("Pixels of training images", done, total, "");
            }
            Progress::HeldBack { done, total } => {
                self.show("Held-back images", done, total, "");
            }
            Progress::Features { done, total, round, rounds } => {
                let round =
                    if rounds > 1 { format!("round {round} of {rounds}") } else { String::new() };
                self.show("Features of training images", done, total, &round);
            }
            Progress::Training { update, updates, loss, validation } => {
                let validation =
                    validation.map_or(String::new(), |loss| format!(", held back {loss:.3}"));
                let detail = format!("loss {loss:.3}{validation}");
                self.show("Training", update as usize, updates as usize, &detail);
            }
            _ => {}
        }
    }

    /// Takes the bar out of the way while `print` writes.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.phase {
            Some(phase) => phase.bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some(phase) = self.phase.take() {
            phase.bar.finish_and_clear();
        }
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
