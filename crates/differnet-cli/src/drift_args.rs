//! Drift monitor, kept in a file from run to run.

use std::path::{Path, PathBuf};

use anyhow::Context;
use differnet::scoring::{self, Direction};
use differnet::{DriftMonitor, Header, ImageScore};

use crate::atomic;
use crate::output::{counted, percent, tell};

/// State file of the drift monitor.
#[derive(Debug, clap::Args)]
pub(crate) struct DriftArgs {
    /// File in which the last 200 scores are remembered from run to run, to say when the line has
    /// drifted so far from the good images that the threshold no longer holds.
    #[arg(long, value_name = "FILE.json")]
    line: Option<PathBuf>,
}

/// Drift monitor of a line, if one was asked for.
#[derive(Debug)]
pub(crate) struct Drift<'a> {
    model: &'a Header,
    file: Option<(&'a Path, DriftMonitor)>,
    /// The drift that was last told of.
    told: Option<Direction>,
}

impl DriftArgs {
    /// The line as the last run left it; a new one without a file, or of another model.
    pub(crate) fn open<'a>(&'a self, model: &'a Header) -> anyhow::Result<Drift<'a>> {
        let Some(path) = &self.line else { return Ok(Drift { model, file: None, told: None }) };
        let monitor = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => DriftMonitor::new(model),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is no summary of a line: name another file with --line", path.display())
            })?,
        };
        let monitor = if monitor.is_of(model) {
            monitor
        } else {
            tell(&format!("{} is of another model: it begins anew", path.display()));
            DriftMonitor::new(model)
        };
        Ok(Drift { model, file: Some((path, monitor)), told: None })
    }
}

impl Drift<'_> {
    /// Adds an image.
    pub(crate) fn add(&mut self, image: &ImageScore) {
        if let Some((_, monitor)) = &mut self.file {
            monitor.add(image);
        }
    }

    /// Writes the line down and says when it has drifted, once for each direction.
    pub(crate) fn save(&mut self) -> anyhow::Result<()> {
        let Some((path, monitor)) = &self.file else { return Ok(()) };
        atomic::write(path, &serde_json::to_vec(monitor).context("a line is plain data")?)?;
        let summary = monitor.summary(self.model);
        let direction = summary.drift.map(|drift| drift.direction);
        if let Some(drift) = summary.drift.filter(|_| self.told != direction) {
            tell(&about(&drift, summary.recent, summary.feature_shift));
        }
        self.told = direction;
        Ok(())
    }
}

fn about(drift: &scoring::Drift, recent: usize, shift: Option<f64>) -> String {
    let (share, good) = (percent(drift.share), percent(drift.good_share));
    let (moved, follows) = match drift.direction {
        Direction::Higher => (
            "higher",
            "more good parts than promised are called defects, or many parts are defective",
        ),
        Direction::Lower => ("lower", "defects may stay below the threshold"),
    };
    let shift = shift.map_or(String::new(), |shift| {
        format!(" Features have moved by {shift:.2} standard deviations of the training.")
    });
    format!(
        "DRIFT: scores have moved {moved}: {share} of the last {} reach {:.4}, which {good} of the \
         good ones did; {follows}.{shift} Look at light, focus and position; if the parts are good, \
         set the threshold by them (`differnet calibrate --good DIR --false-alarm-rate RATE`, or `--append` once \
         that was done), or train again.",
        counted(recent, "image"),
        drift.score,
    )
}
