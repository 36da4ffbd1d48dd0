//! Small maps with masks, and their metrics straight from the definitions.

use proptest::prelude::*;

use super::{PixelEvaluation, PixelMetrics};
use crate::{auroc, confusion};

/// One image as the evaluation takes it.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) map: Vec<f32>,
    pub(crate) mask: Vec<bool>,
    pub(crate) width: usize,
}

/// A mask drawn with `#` for defect pixels, and its width.
pub(crate) fn mask(rows: &[&str]) -> (Vec<bool>, usize) {
    (rows.concat().chars().map(|pixel| pixel == '#').collect(), rows[0].len())
}

/// Up to five images of 6 rows with whole numbers below `levels` in their maps and at least one
/// good and one defect pixel among them.
pub(crate) fn images(levels: u16) -> impl Strategy<Value = Vec<Image>> {
    let image = (1_usize..8, 0.0..0.6).prop_flat_map(move |(width, share)| {
        let map = prop::collection::vec((0..levels).prop_map(f32::from), width * 6);
        let mask = prop::collection::vec(prop::bool::weighted(share), width * 6);
        (map, mask).prop_map(move |(map, mask)| Image { map, mask, width })
    });
    prop::collection::vec(image, 1..6).prop_filter("both kinds of pixels", |images| {
        [false, true].iter().all(|kind| images.iter().any(|image| image.mask.contains(kind)))
    })
}

/// The same masks with each value of the maps replaced.
pub(crate) fn mapped(images: &[Image], change: impl Fn(f32) -> f32) -> Vec<Image> {
    let change = |image: &Image| Image {
        map: image.map.iter().map(|&value| change(value)).collect(),
        ..image.clone()
    };
    images.iter().map(change).collect()
}

/// An evaluation that has seen the images.
pub(crate) fn evaluation(images: &[Image]) -> PixelEvaluation {
    let mut evaluation = PixelEvaluation::new();
    for image in images {
        evaluation.add(&image.map, &image.mask, image.width).expect("a valid image");
    }
    evaluation
}

/// The metrics from all pixels at once, threshold by threshold.
pub(crate) fn metrics_by_definition(images: &[Image]) -> PixelMetrics {
    let scores: Vec<f64> =
        images.iter().flat_map(|image| image.map.iter().copied().map(f64::from)).collect();
    let labels: Vec<bool> = images.iter().flat_map(|image| image.mask.clone()).collect();
    let regions: Vec<Vec<f64>> = images.iter().flat_map(values_by_region).collect();
    let mut thresholds = scores.clone();
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();

    let (mut pixel_f1, mut pixel_f1_threshold, mut pixel_iou) = (0.0, f64::NAN, 0.0_f64);
    let mut curve = vec![(0.0, 0.0)];
    for threshold in thresholds {
        let counts = confusion(&scores, &labels, threshold).expect("valid input");
        let wrong = counts.false_positives + counts.false_negatives;
        let found = counts.true_positives;
        let f1 = found as f64 / (found as f64 + wrong as f64 / 2.0);
        if f1 > pixel_f1 + 1e-12 {
            (pixel_f1, pixel_f1_threshold) = (f1, threshold);
        }
        pixel_iou = pixel_iou.max(found as f64 / (found + wrong) as f64);
        let covered = |region: &Vec<f64>| {
            region.iter().filter(|value| **value >= threshold).count() as f64 / region.len() as f64
        };
        let overlap = regions.iter().map(covered).sum::<f64>() / regions.len() as f64;
        curve.push((counts.false_positive_rate().expect("good pixels"), overlap));
    }
    PixelMetrics {
        pixel_auroc: auroc(&scores, &labels).expect("valid input"),
        aupro: area_below(&curve, 0.3) / 0.3,
        pixel_f1,
        pixel_f1_threshold,
        pixel_iou,
        pointing_game: pointing_game(images),
        images: images.len(),
        regions: regions.len(),
    }
}

/// The map's values in each region of the mask.
fn values_by_region(image: &Image) -> Vec<Vec<f64>> {
    let labels = labels_by_propagation(&image.mask, image.width);
    (0..labels.len())
        .map(|label| {
            let inside = labels.iter().zip(&image.map).filter(|pair| *pair.0 == Some(label));
            inside.map(|(_, &value)| f64::from(value)).collect::<Vec<f64>>()
        })
        .filter(|values| !values.is_empty())
        .collect()
}

/// The first pixel of each pixel's region: every pixel takes the smallest label around it until
/// nothing changes.
pub(crate) fn labels_by_propagation(mask: &[bool], width: usize) -> Vec<Option<usize>> {
    let mut labels: Vec<Option<usize>> =
        mask.iter().enumerate().map(|(pixel, &defect)| defect.then_some(pixel)).collect();
    let touching = |a: usize, b: usize| {
        (a / width).abs_diff(b / width) <= 1 && (a % width).abs_diff(b % width) <= 1
    };
    loop {
        let next: Vec<Option<usize>> = (0..labels.len())
            .map(|pixel| {
                let around = (0..labels.len()).filter(|&other| touching(pixel, other));
                labels[pixel].and(around.filter_map(|other| labels[other]).min())
            })
            .collect();
        if next == labels {
            return labels;
        }
        labels = next;
    }
}

/// Area under the line through the points, from 0 to `limit`, each piece cut to that range.
fn area_below(curve: &[(f64, f64)], limit: f64) -> f64 {
    let piece = |pair: &[(f64, f64)]| {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let end = x1.min(limit);
        if end <= x0 {
            return 0.0;
        }
        let slope = (y1 - y0) / (x1 - x0);
        y0 * (end - x0) + slope * (end - x0).powi(2) / 2.0
    };
    curve.windows(2).map(piece).sum()
}

fn pointing_game(images: &[Image]) -> f64 {
    let with_defects: Vec<&Image> = images.iter().filter(|i| i.mask.contains(&true)).collect();
    let hit = |image: &&Image| {
        let mut pixels: Vec<(f32, bool)> =
            image.map.iter().copied().zip(image.mask.iter().copied()).collect();
        pixels.sort_by(|a, b| b.0.total_cmp(&a.0));
        let peaks: Vec<bool> =
            pixels.iter().take_while(|pair| pair.0 == pixels[0].0).map(|pair| pair.1).collect();
        peaks.iter().filter(|&&defect| defect).count() as f64 / peaks.len() as f64
    };
    with_defects.iter().map(hit).sum::<f64>() / with_defects.len() as f64
}
