//! How far the colours of a map reach.

use crate::detector::Detector;
use crate::localize::{Localization, MapKind};

/// How many times the values of most good images end the colours at least.
const HEADROOM: f64 = 2.0;

impl Detector {
    /// The value at which the colours of `found`'s map should end.
    ///
    /// It is the map's largest value, so that nothing is cut off. Where the model knows how high
    /// the maps of good images reach, it is at least twice that, so that those stay dark; of
    /// gradient maps it does not know.
    pub fn color_top(&self, found: &Localization, kind: MapKind) -> f32 {
        let peak = found.map.peak().map_or(0.0, |peak| peak.value);
        let least = match kind {
            MapKind::Deviation => (HEADROOM * self.info().map_threshold) as f32,
            MapKind::Gradient => 0.0,
        };
        peak.max(least).max(f32::MIN_POSITIVE)
    }
}
