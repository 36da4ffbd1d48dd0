//! Errors of metrics.

/// Error that leaves a metric without a value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Scores and labels do not pair up.
    #[error("{scores} scores but {labels} labels: give exactly one label for each score")]
    LengthsDiffer {
        /// Number of scores.
        scores: usize,
        /// Number of labels.
        labels: usize,
    },
    /// There is no good image to compare the defects with.
    #[error(
        "no good image among {images} images: ranking metrics compare defects with good images, \
         so add good images to the test set"
    )]
    NoGoodImage {
        /// Number of images in all.
        images: usize,
    },
    /// There is no image of a defect.
    #[error(
        "no defect image among {images} images: ranking metrics compare defects with good images, \
         so add images of defects to the test set"
    )]
    NoDefectImage {
        /// Number of images in all.
        images: usize,
    },
    /// A score that cannot be ranked.
    #[error(
        "score number {index} (counting from 0) is NaN and cannot be ranked: \
         look for a non-finite model or a broken image"
    )]
    NanScore {
        /// Position in the scores.
        index: usize,
    },
    /// A map and a mask of different images or sizes.
    #[error(
        "a map of {values} values but a mask of {labels} pixels: bring both to the same height \
         and width"
    )]
    MapAndMaskDiffer {
        /// Number of values in the map.
        values: usize,
        /// Number of pixels in the mask.
        labels: usize,
    },
    /// A map that is not a rectangle.
    #[error("a map of {values} values does not consist of rows of {width}: give the map's width")]
    MapWidth {
        /// Number of values in the map.
        values: usize,
        /// The width given.
        width: usize,
    },
    /// A value of a map that cannot be ranked.
    #[error(
        "the map's value at row {row}, column {column} (counting from 0) is infinite or NaN: \
         look for a non-finite model or a broken image"
    )]
    NonFinitePixel {
        /// Row of the first such value.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// No pixel outside the masks.
    #[error(
        "no good pixel in the masks of {images} images: pixel metrics compare defect pixels with \
         good ones, so look for inverted masks"
    )]
    NoGoodPixel {
        /// Number of images in all.
        images: usize,
    },
    /// No pixel inside a mask.
    #[error(
        "no defect pixel in the masks of {images} images: pixel metrics compare defect pixels \
         with good ones, so add images of defects with their masks"
    )]
    NoDefectPixel {
        /// Number of images in all.
        images: usize,
    },
    /// A method without scores.
    #[error("an AUROC averaged over runs needs at least 1 run, got 0")]
    NoRuns,
    /// A threshold that no score can reach or miss.
    #[error("the threshold is NaN: give a number, or no threshold")]
    NanThreshold,
    /// A bootstrap without any draw.
    #[error("a bootstrap interval needs at least 1 resample, got 0")]
    NoResamples,
    /// A confidence that is not a probability strictly between 0 and 1.
    #[error("the confidence of an interval must lie strictly between 0 and 1, got {confidence}")]
    Confidence {
        /// The value given.
        confidence: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_is_missing_and_what_to_do() {
        let message = MetricError::NoGoodImage { images: 7 }.to_string();
        assert!(message.contains("no good image among 7"), "{message}");
        assert!(message.contains("add good images"), "{message}");
        let message = MetricError::NanScore { index: 3 }.to_string();
        assert!(message.contains("score number 3") && message.contains("NaN"), "{message}");
    }
}
