//! Presets: where settings come from before any is overridden.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::method::Method;

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

    /// The method that the preset alone stands for: the paper's with [`Self::Paper`], else the default.
    pub fn method(self) -> Method {
        if self == Self::Paper { Method::DifferNet } else { Method::default() }
    }

    /// Tells whether any setting of `method` is another one than in [`Self::Quick`].
    pub fn changes(self, method: Method) -> bool {
        let quick = Config::preset(method, Self::Quick);
        Config { preset: self, ..quick } != Config::preset(method, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_is_the_preset_of_its_own_method() {
        assert_eq!(Preset::Paper.method(), Method::DifferNet);
        assert_eq!(Preset::Standard.method(), Method::LocalFlow);
        for preset in [Preset::Standard, Preset::Paper] {
            assert!(preset.changes(Method::DifferNet) && !preset.changes(Method::LocalFlow));
        }
        assert!(!Preset::Quick.changes(Method::DifferNet));
    }
}
