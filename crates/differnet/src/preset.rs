//! Presets: where settings come from before any is overridden.

use serde::{Deserialize, Serialize};

/// Settings known to work, from a quick look to the paper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Minutes on two cores.
    Quick,
    /// An hour on two cores.
    Standard,
    /// The paper's settings (Section 4.2); meant for a GPU.
    Paper,
}

impl Preset {
    /// [`Config::jitter`](crate::Config::jitter) of magnetic tiles: factors from 0.85 to 1.15 (paper, Section 4.2).
    pub const MTD_JITTER: f32 = 0.15;
}
