//! Tally of predictions: how many images were judged in which way.

use differnet::prediction::{FailedPrediction, Prediction, ScorePrediction};
use differnet::scoring::Verdict;

use crate::output::counted;

/// Images by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) ok: usize,
    pub(crate) unsure: usize,
    pub(crate) defects: usize,
    pub(crate) invalid: usize,
    pub(crate) failed: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, prediction: &Prediction<ScorePrediction>) {
        let verdict = match prediction {
            Prediction::Found(ScorePrediction { verdict, .. }) => Some(*verdict),
            Prediction::Failed(FailedPrediction { verdict, .. }) => *verdict,
        };
        self.add_verdict(verdict);
    }

    /// Counts an image with this verdict, `None` if it could not be used.
    pub(crate) fn add_verdict(&mut self, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::Ok) => self.ok += 1,
            Some(Verdict::Unsure) => self.unsure += 1,
            Some(Verdict::Defect) => self.defects += 1,
            Some(Verdict::Invalid) => self.invalid += 1,
            None => self.failed += 1,
        }
    }

    /// Images in all.
    pub(crate) fn count(&self) -> usize {
        self.ok + self.unsure + self.defects + self.invalid + self.failed
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (images, defects) = (counted(self.count(), "image"), counted(self.defects, "defect"));
        let others = |count: usize, what: &str| match count {
            0 => String::new(),
            count => format!(", {count} {what}"),
        };
        let unsure = others(self.unsure, "unsure");
        let invalid = others(self.invalid, "invalid");
        let failed = others(self.failed, "could not be used");
        write!(formatter, "{images}: {} ok{unsure}, {defects}{invalid}{failed}", self.ok)
    }
}
