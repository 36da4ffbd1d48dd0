//! Images to the scores of their transforms, by rows of features: of all transforms, or of as many as
//! a verdict needs.

use differnet_data::{ContentHash, ImageError, ImageInput, TransformConfig};
use differnet_scoring::StoppingRule;

use crate::error::Error;
use crate::features::{OpenImage, Reading};
use crate::score::{ImageScore, TransformChoice};
use crate::scorer::Scoring;

/// Scores a batch of images by their rows, `[rows, features]`, one number each by `score`.
pub(crate) fn score_by_rows(
    images: &[ImageInput<'_>],
    scoring: &Scoring<'_>,
    score: impl Fn(&[f32]) -> Result<Vec<f64>, Error>,
) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
    let Scoring { runtime, header, config } = *scoring;
    let backbone = header.config.require_backbone()?;
    let transforms = header.config.transform_config();
    let rule = config.early_stopping.map(|thresholds| StoppingRule {
        transforms: config.transforms,
        average: config.average,
        thresholds,
        spread: header.transform_spread,
    });
    // Random transforms have no other order than that in which they come.
    let fixed = config.choice == TransformChoice::Fixed;
    let order = rule.filter(|_| fixed).map(|_| TransformConfig::spread_order(config.transforms));
    let choice = |hash: &ContentHash| {
        let transforms = config.transforms_of(hash, &transforms);
        match &order {
            Some(order) => order.iter().map(|&index| transforms[index]).collect(),
            None => transforms,
        }
    };
    let mut open = runtime.open_images(
        backbone,
        images,
        header.preprocessing(),
        Reading::RowsAndStatistics,
        &choice,
    )?;
    // The scores of each image's transforms so far.
    let mut scores: Vec<Vec<f64>> = vec![Vec::new(); open.len()];
    loop {
        let mut more = false;
        for (image, scores) in open.iter_mut().zip(&scores) {
            let Ok(image) = image else { continue };
            more |= image.want(rule.map_or(usize::MAX, |rule| rule.wanted(scores)));
        }
        if !more {
            break;
        }
        runtime.extract_missing(backbone, &mut open)?;
        for (image, scores) in open.iter().zip(&mut scores) {
            let Ok(image) = image else { continue };
            if !image.is_complete() {
                scores.extend(score(&image.rows(scores.len()))?);
            }
        }
    }
    let finish = |(image, scores): (Result<OpenImage, ImageError>, Vec<f64>)| {
        let image = match image {
            Ok(image) => image,
            Err(error) => return Ok(Err(error)),
        };
        // The full count is scored as if it had been asked for.
        let rows = match &order {
            Some(order) if image.is_complete() => {
                in_order(&image.rows(0), order, backbone.features())
            }
            _ => image.rows(0),
        };
        let scores = if image.is_complete() { score(&rows)? } else { scores };
        let statistics = image.statistics.expect("the statistics were asked for");
        let judged = config.judge(image.hash, statistics, scores, &header.thresholds())?;
        let mean_features = match header.feature_means.len() {
            0 => Vec::new(),
            width => mean_of_rows(&rows, width),
        };
        Ok(Ok(ImageScore { mean_features, ..judged }))
    };
    open.into_iter().zip(scores).map(finish).collect()
}

/// Rows `[rows, width]` of which row i belongs at `order[i]`, where they belong.
fn in_order(rows: &[f32], order: &[usize], width: usize) -> Vec<f32> {
    let mut sorted = vec![0.0; rows.len()];
    for (row, &index) in rows.chunks_exact(width).zip(order) {
        sorted[index * width..][..width].copy_from_slice(row);
    }
    sorted
}

/// The mean of rows `[rows, width]`.
pub(crate) fn mean_of_rows(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; width];
    for row in rows.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let count = (rows.len() / width) as f32;
    sums.iter().map(|sum| sum / count).collect()
}
