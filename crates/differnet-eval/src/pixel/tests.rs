//! The evaluation against the definitions: invariants, error bounds and values derived by hand.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rayon::prelude::*;

use super::test_inputs::{
    Image, evaluation, images, labels_by_propagation, mapped, mask, metrics_by_definition,
};
use super::*;

/// Two sums of up to 210 terms in `f64`, in different orders.
const ROUNDING: f64 = 1e-12;

fn metrics(images: &[Image]) -> PixelMetrics {
    evaluation(images).metrics().expect("both kinds of pixels")
}

/// All but the threshold, which follows the maps' unit.
fn numbers(metrics: &PixelMetrics) -> [f64; 5] {
    let PixelMetrics { pixel_auroc, aupro, pixel_f1, pixel_iou, pointing_game, .. } = *metrics;
    [pixel_auroc, aupro, pixel_f1, pixel_iou, pointing_game]
}

/// Good pixels, defect pixels and mean overlap of each bin, found by rounding the values down to
/// 13 significant bits.
fn bins_by_rounding(images: &[Image]) -> BTreeMap<u32, (f64, f64, f64)> {
    let mut bins = BTreeMap::<u32, (f64, f64, f64)>::new();
    let mut regions = 0.0;
    for image in images {
        let labels = labels_by_propagation(&image.mask, image.width);
        regions +=
            labels.iter().enumerate().filter(|(pixel, l)| **l == Some(*pixel)).count() as f64;
        for (value, label) in image.map.iter().zip(&labels) {
            // Of positive floats the bit patterns sort like the values.
            let bin = bins.entry(value.to_bits() >> 11).or_default();
            if label.is_some() {
                bin.1 += 1.0;
                bin.2 += 1.0 / labels.iter().filter(|other| *other == label).count() as f64;
            } else {
                bin.0 += 1.0;
            }
        }
    }
    bins.values_mut().for_each(|bin| bin.2 /= regions);
    bins
}

proptest! {
    #[test]
    fn values_of_13_significant_bits_are_measured_exactly(images in images(24)) {
        let (metrics, golden) = (metrics(&images), metrics_by_definition(&images));
        for (value, golden) in numbers(&metrics).into_iter().zip(numbers(&golden)) {
            prop_assert!((value - golden).abs() < ROUNDING, "{metrics:?} instead of {golden:?}");
        }
        prop_assert_eq!(metrics.pixel_f1_threshold, golden.pixel_f1_threshold);
        prop_assert_eq!((metrics.images, metrics.regions), (golden.images, golden.regions));
    }

    #[test]
    fn values_that_share_bins_keep_within_the_documented_bounds(images in images(60)) {
        // Bins of [1, 2) are 2⁻¹² wide: four values to a bin, 15 bins.
        let images = mapped(&images, |value| 1.0 + value / 16_384.0);
        let (metrics, golden) = (metrics(&images), metrics_by_definition(&images));
        let bins = bins_by_rounding(&images);
        let good: f64 = bins.values().map(|bin| bin.0).sum();
        let defects: f64 = bins.values().map(|bin| bin.1).sum();

        let bound: f64 = bins.values().map(|bin| bin.0 / good * bin.1 / defects / 2.0).sum();
        prop_assert!((metrics.pixel_auroc - golden.pixel_auroc).abs() <= bound + ROUNDING);

        let (mut rate, mut bound) = (0.0, 0.0);
        for bin in bins.values().rev() {
            if rate < 0.3 {
                bound += bin.0 / good * bin.2 / 0.3 / 2.0;
            }
            rate += bin.0 / good;
        }
        prop_assert!((metrics.aupro - golden.aupro).abs() <= bound + ROUNDING);

        let bound = bins.values().map(|bin| bin.0.min(2.0 * bin.1) / defects).fold(0.0, f64::max);
        let missed = golden.pixel_f1 - metrics.pixel_f1;
        prop_assert!((-ROUNDING..=bound + ROUNDING).contains(&missed));
        let missed = golden.pixel_iou - metrics.pixel_iou;
        prop_assert!((-ROUNDING..=2.0 * bound + ROUNDING).contains(&missed));
        prop_assert!((metrics.pointing_game - golden.pointing_game).abs() < ROUNDING);
    }

    #[test]
    fn values_that_share_bins_count_as_rounded_down(images in images(60)) {
        let images = mapped(&images, |value| 1.0 + value / 16_384.0);
        let rounded = mapped(&images, |value| f32::from_bits(value.to_bits() >> 11 << 11));
        let (metrics, rounded) = (metrics(&images), metrics(&rounded));
        // The peak is found before rounding.
        prop_assert_eq!(PixelMetrics { pointing_game: rounded.pointing_game, ..metrics }, rounded);
    }

    #[test]
    fn the_f1_is_what_its_threshold_achieves(images in images(60)) {
        let images = mapped(&images, |value| 1.0 + value / 16_384.0);
        let metrics = metrics(&images);
        let (mut wrong, mut found) = (0, 0);
        for (value, defect) in images.iter().flat_map(|i| i.map.iter().zip(&i.mask)) {
            let flagged = f64::from(*value) >= metrics.pixel_f1_threshold;
            found += u32::from(flagged && *defect);
            wrong += u32::from(flagged != *defect);
        }
        let (wrong, found) = (f64::from(wrong), f64::from(found));
        prop_assert!((metrics.pixel_f1 - found / (found + wrong / 2.0)).abs() < ROUNDING);
        prop_assert!((metrics.pixel_iou - found / (found + wrong)).abs() < ROUNDING);
    }

    #[test]
    fn strictly_monotone_maps_change_nothing(images in images(40)) {
        let golden = numbers(&metrics(&images));
        prop_assert_eq!(numbers(&metrics(&mapped(&images, |v| v * v + v / 3.0))), golden);
        prop_assert_eq!(numbers(&metrics(&mapped(&images, |v| (v / 5.0).exp() * 1e-3))), golden);
        prop_assert_eq!(numbers(&metrics(&mapped(&images, |v| v - 20.0))), golden);
    }

    #[test]
    fn images_without_a_margin_count_as_images_that_never_had_one(
        images in images(24), left in 0_usize..4, right in 0_usize..4,
    ) {
        let (mut without, mut never) = (PixelEvaluation::new(), PixelEvaluation::new());
        for Image { map, mask, width } in images {
            let kept = |pixel: usize| (left..width.saturating_sub(right)).contains(&(pixel % width));
            let ignored: Vec<bool> = (0..map.len()).map(|pixel| !kept(pixel)).collect();
            without.add_without(&map, &mask, &ignored, width).expect("a valid image");
            if left + right < width {
                let pixels = (0..map.len()).filter(|&pixel| kept(pixel));
                let (map, mask): (Vec<f32>, Vec<bool>) =
                    pixels.map(|pixel| (map[pixel], mask[pixel])).unzip();
                never.add(&map, &mask, width - left - right).expect("a valid image");
            } else {
                never.images += 1;
            }
        }
        prop_assert_eq!(without, never);
    }

    #[test]
    fn merging_equals_adding_to_the_last_bit(images in images(40), parts in 1_usize..4) {
        let images = mapped(&images, |value| (value - 9.0) / 7.0);
        let whole = evaluation(&images);
        let merged = images
            .chunks(parts)
            .map(evaluation)
            .fold(PixelEvaluation::new(), |sum, part| part.merge(sum));
        prop_assert_eq!(&merged, &whole);
        let parallel = images
            .par_chunks(parts)
            .map(evaluation)
            .reduce(PixelEvaluation::new, PixelEvaluation::merge);
        prop_assert_eq!(parallel.metrics(), whole.metrics());
    }
}

#[test]
fn hand_derived_values_of_two_images() {
    // A defect image with regions of 1 and 3 pixels whose peak is a hit, and one good image; ten
    // good pixels in all.
    let (mask, width) = mask(&["#.##", "..#."]);
    let map = [9.0, 7.0, 8.0, 5.0, 5.0, 0.0, 1.0, 0.0];
    let mut evaluation = PixelEvaluation::new();
    evaluation.add(&map, &mask, width).expect("a valid image");
    evaluation.add(&[0.0, 0.0, 5.0, 0.0, 0.0, 0.0], &[false; 6], 3).expect("a valid image");
    let metrics = evaluation.metrics().expect("both kinds of pixels");
    // Of 40 pairs: 10 + 10 won by 9 and 8, 7 and two halves by 5, 7 by 1.
    assert_eq!(metrics.pixel_auroc, 35.0 / 40.0);
    // Overlap 2/3 from rate 0 to 0.1, then up to 5/6 at 0.3: 13/60, over 0.3.
    assert!((metrics.aupro - 13.0 / 18.0).abs() < 1e-15);
    // At 1 all four are found among seven flagged.
    assert_eq!((metrics.pixel_f1, metrics.pixel_f1_threshold), (8.0 / 11.0, 1.0));
    assert_eq!((metrics.pixel_iou, metrics.pointing_game), (4.0 / 7.0, 1.0));
    assert_eq!((metrics.images, metrics.regions), (2, 2));
}

#[test]
fn good_images_take_no_part_in_the_pointing_game() {
    let mut evaluation = PixelEvaluation::new();
    for (map, defect) in [([1.0, 2.0], true), ([2.0, 1.0], true), ([5.0, 9.0], false)] {
        evaluation.add(&map, &[false, defect], 2).expect("a valid image");
    }
    let metrics = evaluation.metrics().expect("both kinds of pixels");
    assert_eq!((metrics.pointing_game, metrics.images), (0.5, 3));
}

#[test]
fn an_ignored_part_takes_its_defect_and_its_peak_along() {
    // The right half is ignored: the highest value, a good pixel, and half of the defect.
    let map = [1.0, 3.0, 9.0, 8.0];
    let ignored = [false, false, true, true];
    let mut evaluation = PixelEvaluation::new();
    let mask = [false, true, true, false];
    evaluation.add_without(&map, &mask, &ignored, 4).expect("a valid image");
    let metrics = evaluation.metrics().expect("both kinds of pixels");
    assert_eq!((metrics.pixel_auroc, metrics.pixel_iou, metrics.pointing_game), (1.0, 1.0, 1.0));
    assert_eq!((metrics.images, metrics.regions), (1, 1));
    // A defect that is ignored as a whole leaves a good image.
    let mask = [false, false, true, true];
    evaluation.add_without(&map, &mask, &ignored, 4).expect("a valid image");
    let metrics = evaluation.metrics().expect("both kinds of pixels");
    assert_eq!((metrics.pointing_game, metrics.images, metrics.regions), (1.0, 2, 1));
}

#[test]
fn a_refused_image_is_not_counted_at_all() {
    let mut evaluation = PixelEvaluation::new();
    evaluation.add(&[1.0, 2.0], &[false, true], 2).expect("a valid image");
    let before = evaluation.clone();
    let mask = [false, true, false, true, false, true];
    for (map, width, golden) in [
        (&[1.0; 5][..], 5, MetricError::MapAndMaskDiffer { values: 5, labels: 6 }),
        (&[1.0; 6], 4, MetricError::MapWidth { values: 6, width: 4 }),
        (&[1.0; 6], 0, MetricError::MapWidth { values: 6, width: 0 }),
        (
            &[1.0, 1.0, 1.0, 1.0, 1.0, f32::NAN],
            2,
            MetricError::NonFinitePixel { row: 2, column: 1 },
        ),
        (
            &[1.0, 1.0, 1.0, f32::INFINITY, 1.0, 1.0],
            3,
            MetricError::NonFinitePixel { row: 1, column: 0 },
        ),
    ] {
        assert_eq!(evaluation.add(map, &mask, width), Err(golden));
    }
    let labels = MetricError::MapAndMaskDiffer { values: 6, labels: 5 };
    assert_eq!(evaluation.add_without(&[1.0; 6], &mask, &[false; 5], 2), Err(labels));
    assert_eq!(evaluation.add(&[], &[], 3), Err(MetricError::MapWidth { values: 0, width: 3 }));
    assert_eq!(evaluation, before);
}

#[test]
fn one_kind_of_pixel_alone_has_no_metrics() {
    let mut evaluation = PixelEvaluation::new();
    assert_eq!(evaluation.metrics(), Err(MetricError::NoDefectPixel { images: 0 }));
    evaluation.add(&[1.0, 2.0], &[false; 2], 2).expect("a valid image");
    assert_eq!(evaluation.metrics(), Err(MetricError::NoDefectPixel { images: 1 }));
    let mut evaluation = PixelEvaluation::new();
    evaluation.add(&[1.0, 2.0], &[true; 2], 2).expect("a valid image");
    assert_eq!(evaluation.metrics(), Err(MetricError::NoGoodPixel { images: 1 }));
}

#[test]
fn json_has_the_documented_keys_and_reads_back() {
    let mut evaluation = PixelEvaluation::new();
    evaluation.add(&[1.0, 2.0, 1.5], &[false, true, true], 3).expect("a valid image");
    let metrics = evaluation.metrics().expect("both kinds of pixels");
    let json = serde_json::to_value(&metrics).expect("plain numbers");
    for key in ["pixel_auroc", "aupro", "pixel_f1", "pixel_f1_threshold", "pixel_iou"] {
        assert!(json[key].is_number(), "{key}");
    }
    assert_eq!(serde_json::from_value::<PixelMetrics>(json).expect("own output"), metrics);
}
