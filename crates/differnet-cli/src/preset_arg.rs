//! `--preset`: settings known to work.

use clap::ValueEnum;
use differnet::Preset;

/// Settings known to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetChoice {
    /// Minutes on two cores.
    Quick,
    /// An hour on two cores.
    Standard,
    /// The paper's settings; meant for a graphics card.
    Paper,
}

impl From<PresetChoice> for Preset {
    fn from(choice: PresetChoice) -> Self {
        match choice {
            PresetChoice::Quick => Self::Quick,
            PresetChoice::Standard => Self::Standard,
            PresetChoice::Paper => Self::Paper,
        }
    }
}
