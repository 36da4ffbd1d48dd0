//! What a long operation tells its caller while it runs.

use std::ops::ControlFlow;

use differnet_baselines::Stage;
use differnet_flow::Flow;
use serde::{Deserialize, Serialize};

/// One look at the held-back images during training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// Updates made.
    pub update: u64,
    /// Mean training loss since the last point: negative log-likelihood per feature, nats.
    pub train: f64,
    /// The same of the held-back images' transforms, without the least likely ones: the share
    /// beyond [`DetectorConfig::quantile`](crate::DetectorConfig::quantile), which would be called
    /// defects anyway and of which a single one can outweigh all others. `None` without any.
    pub validation: Option<f64>,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// The training images are being checked.
    Checking {
        /// Files done.
        done: usize,
        /// Files in all.
        total: usize,
    },
    /// Features of training images are being read or extracted.
    Features {
        /// Images done in this round.
        done: usize,
        /// Images of the round.
        total: usize,
        /// Round, from 1.
        round: usize,
        /// Rounds in all.
        rounds: usize,
    },
    /// The held-back images are being read, or scored.
    HeldBack {
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// The flow is being trained.
    Training {
        /// Updates made.
        update: u64,
        /// Updates in all, unless training stops early.
        updates: u64,
        /// Loss of the last update, nats per feature.
        loss: f64,
        /// The last look at the held-back images.
        validation: Option<f64>,
    },
    /// Training images' places are being looked at, to learn what is usual there.
    Places {
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// Training images are being reduced to the size of a method on pixels.
    Pixels {
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// A competitor is being fitted.
    Fitting {
        /// What the steps are.
        stage: Stage,
        /// Steps done.
        done: usize,
        /// Steps in all.
        total: usize,
        /// Loss of the last update; `None` for methods without updates.
        loss: Option<f64>,
    },
    /// Good images' maps are being made, to learn how high they reach.
    Maps {
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
}

/// Sees each look at the held-back images and the flow as it is then; may ask to stop.
pub type LookCallback<'a> = dyn FnMut(&HistoryPoint, &Flow) -> ControlFlow<()> + 'a;

/// Sees the progress and may ask to stop: a training then saves its state and returns.
pub type ProgressCallback<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;
