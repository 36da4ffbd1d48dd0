//! The panels of one image: itself, its maps, and both together.

use std::path::PathBuf;

use differnet::scoring::Verdict;
use differnet::{Localization, LocalizeConfig, MapKind, Model};
use differnet_data::Sample;
use differnet_report::{map_color, overlay, small_picture};
use image::{Rgb, RgbImage};

/// The kinds of maps with what to call them: the paper's, and the default.
pub(super) const MAPS: [(MapKind, &str); 2] =
    [(MapKind::Gradient, "gradient (paper)"), (MapKind::Deviation, "deviation")];

/// Panels of one image.
pub(super) struct Panels {
    /// The kind of defect.
    pub(super) kind: String,
    /// The file.
    pub(super) path: PathBuf,
    /// Anomaly score, nats, and its verdict.
    pub(super) score: f64,
    pub(super) verdict: Verdict,
    pub(super) original: RgbImage,
    /// For each of [`MAPS`] the map and the image under it.
    pub(super) maps: [(RgbImage, RgbImage); MAPS.len()],
}

/// The panels of `samples`, which show defects.
pub(super) fn panels(model: &Model, samples: &[Sample]) -> anyhow::Result<Vec<Panels>> {
    let [gradient, deviation] = MAPS.map(|(kind, _)| localized(model, samples, kind));
    let shown = samples.iter().zip(gradient?).zip(deviation?);
    let panels = shown.map(|((sample, gradient), deviation)| Panels {
        kind: sample.defect.as_ref().map_or_else(String::new, |defect| defect.kind.clone()),
        path: sample.image.clone(),
        score: deviation.score,
        verdict: deviation.verdict,
        original: deviation.original,
        maps: [gradient.map, deviation.map],
    });
    Ok(panels.collect())
}

/// Map and score of a localization.
struct Localized {
    score: f64,
    verdict: Verdict,
    original: RgbImage,
    map: (RgbImage, RgbImage),
}

fn localized(model: &Model, samples: &[Sample], kind: MapKind) -> anyhow::Result<Vec<Localized>> {
    let config = LocalizeConfig { kind, ..model.localize_config()? };
    let maps = model.maps_with(samples.iter().map(|sample| &sample.image), config);
    maps.map(|found| Ok(small(&found?))).collect()
}

/// The pictures of a localization at the size of a panel; colours end at the map's largest value,
/// so that both kinds of maps are shown alike.
fn small(found: &Localization) -> Localized {
    let peak = found.map.peak().map_or(0.0, |peak| peak.value);
    let top = peak.max(f32::MIN_POSITIVE);
    let original = small_picture(&found.image);
    let (width, height) = original.dimensions();
    let map = found.map.resized(width as usize, height as usize);
    let colors = map.values().iter().flat_map(|value| map_color(value / top)).collect();
    let colors = RgbImage::from_raw(width, height, colors)
        .unwrap_or_else(|| RgbImage::from_pixel(width, height, Rgb([0; 3])));
    let over = overlay(&small_picture(&found.seen_image()), map.values(), top);
    let (score, verdict) = (found.score.score, found.score.verdict);
    Localized { score, verdict, original, map: (colors, over) }
}
