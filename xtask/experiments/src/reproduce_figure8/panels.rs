//! The panels of one image: itself, its maps, and both together.

use std::path::PathBuf;

use differnet::scoring::Verdict;
use differnet::{Localization, LocalizeConfig, MapKind, Method};
use differnet_data::Sample;
use differnet_report::{map_color, overlay, small_picture};
use image::{Rgb, RgbImage};

use super::training::Model;

/// The kinds of maps of the paper's method with what to call them: the paper's, and its default.
const MAPS: [(MapKind, &str); 2] =
    [(MapKind::Gradient, "gradient (paper)"), (MapKind::Deviation, "deviation")];

/// Names of the rows of maps, given the methods besides the paper's.
pub(super) fn names(others: &[Method]) -> Vec<String> {
    let own = MAPS.iter().map(|(_, name)| (*name).to_owned());
    own.chain(others.iter().map(|method| format!("{method} (not the paper's)"))).collect()
}

/// Panels of one image.
pub(super) struct Panels {
    /// The kind of defect.
    pub(super) kind: String,
    /// The file.
    pub(super) path: PathBuf,
    pub(super) original: RgbImage,
    /// For each of [`names`] the map and the image under it.
    pub(super) maps: Vec<(RgbImage, RgbImage)>,
    /// By each method.
    pub(super) scores: Vec<Score>,
}

/// An anomaly score and its verdict.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    pub(super) method: Method,
    pub(super) score: f64,
    pub(super) verdict: Verdict,
}

/// The panels of `samples`, which show defects, by `models`, the paper's method first.
pub(super) fn panels(models: &[Model], samples: &[Sample]) -> anyhow::Result<Vec<Panels>> {
    let (mut rows, mut scores) = (Vec::new(), Vec::new());
    for model in models {
        let method = model.model.header().config.method.method();
        let kinds = match method {
            Method::DifferNet => MAPS.map(|(kind, _)| kind).to_vec(),
            _ => vec![model.model.localize_config()?.kind],
        };
        for kind in kinds {
            rows.push(localized(&model.model, samples, kind)?);
        }
        let images = rows.last().into_iter().flatten();
        let score =
            |image: &Localized| Score { method, score: image.score, verdict: image.verdict };
        scores.push(images.map(score).collect::<Vec<_>>());
    }
    let panels = samples.iter().enumerate().map(|(at, sample)| Panels {
        kind: sample.defect.as_ref().map_or_else(String::new, |defect| defect.kind.clone()),
        path: sample.image.clone(),
        original: rows[0][at].original.clone(),
        maps: rows.iter().map(|row| row[at].map.clone()).collect(),
        scores: scores.iter().map(|scores| scores[at]).collect(),
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

fn localized(
    model: &differnet::Model,
    samples: &[Sample],
    kind: MapKind,
) -> anyhow::Result<Vec<Localized>> {
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
