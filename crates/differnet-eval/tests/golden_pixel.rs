//! Pixel metrics against scikit-learn's and SciPy's on smooth maps and on maps with many ties.
//!
//! `golden/pixel_metrics.json` was written by `xtask/golden/pixel_metrics.py`: AUROC and F1 by
//! `roc_auc_score` and `precision_recall_curve`, regions by `scipy.ndimage.label`, the rest from
//! the definitions with every distinct value as a threshold.

use differnet_eval::{PixelEvaluation, PixelMetrics};
use serde::Deserialize;

/// Both sides sum a few thousand terms in `f64`; 1e-9 leaves room for the order only.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    width: usize,
    unit_bits: i32,
    tied_shift: u32,
    images: Vec<Image>,
    tied: PixelMetrics,
    smooth: PixelMetrics,
    smooth_bounds: Bounds,
    shifted_bounds: Bounds,
}

#[derive(Deserialize)]
struct Image {
    /// Whole numbers of `2^-unit_bits`.
    map: Vec<u32>,
    /// `#` for defect pixels.
    mask: Vec<String>,
}

/// The errors that the documentation of [`PixelEvaluation`] allows.
#[derive(Deserialize)]
struct Bounds {
    pixel_auroc: f64,
    aupro: f64,
    pixel_f1: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/pixel_metrics.json")).expect("committed file")
}

fn metrics(golden: &Golden, value: impl Fn(u32) -> f32) -> PixelMetrics {
    let mut evaluation = PixelEvaluation::new();
    for image in &golden.images {
        let map: Vec<f32> = image.map.iter().map(|&whole| value(whole)).collect();
        let mask: Vec<bool> = image.mask.concat().chars().map(|pixel| pixel == '#').collect();
        evaluation.add(&map, &mask, golden.width).expect("a valid image");
    }
    evaluation.metrics().expect("both kinds of pixels")
}

fn assert_within(value: f64, golden: f64, tolerance: f64) {
    assert!((value - golden).abs() <= tolerance, "{value} instead of {golden} ± {tolerance}");
}

fn assert_within_bounds(metrics: &PixelMetrics, golden: &PixelMetrics, bounds: &Bounds) {
    assert_within(metrics.pixel_auroc, golden.pixel_auroc, bounds.pixel_auroc + TOLERANCE);
    assert_within(metrics.aupro, golden.aupro, bounds.aupro + TOLERANCE);
    assert_within(metrics.pixel_f1, golden.pixel_f1, bounds.pixel_f1 + TOLERANCE);
    assert!(metrics.pixel_f1 <= golden.pixel_f1 + TOLERANCE);
    assert_within(metrics.pixel_iou, golden.pixel_iou, 2.0 * bounds.pixel_f1 + TOLERANCE);
    assert_within(metrics.pointing_game, golden.pointing_game, TOLERANCE);
    assert_eq!((metrics.images, metrics.regions), (golden.images, golden.regions));
}

#[test]
fn maps_with_many_ties_agree_with_the_reference() {
    let golden = golden();
    let metrics = metrics(&golden, |whole| (whole >> golden.tied_shift) as f32);
    let exact = Bounds { pixel_auroc: 0.0, aupro: 0.0, pixel_f1: 0.0 };
    assert_within_bounds(&metrics, &golden.tied, &exact);
    assert_eq!(metrics.pixel_f1_threshold, golden.tied.pixel_f1_threshold);
}

#[test]
fn smooth_maps_agree_within_the_documented_bounds() {
    let golden = golden();
    let unit = 2.0_f32.powi(-golden.unit_bits);
    let metrics = metrics(&golden, |whole| whole as f32 * unit);
    assert_within_bounds(&metrics, &golden.smooth, &golden.smooth_bounds);
    // The documentation's measured errors, rounded up.
    assert_within(metrics.pixel_auroc, golden.smooth.pixel_auroc, 2e-6);
    assert_within(metrics.aupro, golden.smooth.aupro, 7e-6);
    // The lower edge of the bin that the reference's threshold is in.
    let (threshold, exact) = (metrics.pixel_f1_threshold, golden.smooth.pixel_f1_threshold);
    assert!(threshold <= exact && exact < threshold * (1.0 + 1.0 / 4096.0), "{threshold} {exact}");
}

#[test]
fn a_large_constant_costs_no_more_than_documented() {
    let golden = golden();
    // A constant changes no metric, but here up to eight times as many values share a bin.
    let unit = 2.0_f32.powi(-golden.unit_bits);
    let metrics = metrics(&golden, |whole| 8.0 + whole as f32 * unit);
    assert_within_bounds(&metrics, &golden.smooth, &golden.shifted_bounds);
}
