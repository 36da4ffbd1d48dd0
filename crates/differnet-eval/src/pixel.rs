//! Pixel metrics of anomaly maps against masks (Section 4.4), one image at a
//! time.

mod aupro;
mod overlap;
mod pointing_game;
mod share;
#[cfg(test)]
mod test_inputs;
mod value_bins;

use differnet_scoring::connected_components;
use serde::{Deserialize, Serialize};

use crate::auroc::area;
use crate::error::MetricError;
use aupro::aupro;
use overlap::best_overlap;
use pointing_game::peak_hit;
use share::Share;
use value_bins::{Bin, ValueBins};

/// Pixel metrics of the anomaly maps of a test set.
///
/// A pixel is flagged where the map is at or above a threshold. Good pixels are those outside
/// every mask, in good images and around defects alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PixelMetrics {
    /// Probability that a random defect pixel is above a random good pixel, a tie counting half;
    /// in \[0, 1\]. Large defects dominate it.
    pub pixel_auroc: f64,
    /// Area under the per-region overlap over the false positive rate, up to a rate of 0.3 and
    /// divided by 0.3; in \[0, 1\]. Every region counts the same, whatever its size.
    ///
    /// As in MVTec AD's evaluation code: a region is an 8-connected part of one image's mask, the
    /// overlap is the mean over all regions of the flagged share, the false positive rate is the
    /// flagged share of the good pixels of all images, the area is that of trapezoids, and the
    /// curve is interpolated at the limit. Chance is 0.15.
    pub aupro: f64,
    /// Largest harmonic mean of precision and recall of the pixels over all thresholds; in
    /// (0, 1\]. The threshold is chosen on the test images, so this is an upper bound.
    pub pixel_f1: f64,
    /// A threshold that gives `pixel_f1`, in the unit of the maps; of several bins the highest.
    pub pixel_f1_threshold: f64,
    /// Largest intersection over union of flagged and defect pixels over all thresholds; in
    /// (0, 1\]. It is reached at the same threshold, since IoU = F1 / (2 - F1) grows with F1.
    pub pixel_iou: f64,
    /// Share of the images with a defect whose map has its peak inside the mask, without a
    /// tolerance around it; in \[0, 1\]. Of several equal peaks each counts its share.
    pub pointing_game: f64,
    /// Images in all, good ones included; in JSON, where they stand beside those that are scored, `pixel_images`.
    #[serde(rename = "pixel_images")]
    pub images: usize,
    /// Regions of defects in all.
    pub regions: usize,
}

/// Gathers [`PixelMetrics`] from one anomaly map at a time, without keeping the pixels.
///
/// Pixels are counted by value in bins that cut each octave (factor of two) in 4096, so a bin is
/// less than 0.025 % wide and memory stays at 128 KiB for each octave that occurs, however many
/// images there are. All counts are integers: the order of the images and the grouping by
/// [`Self::merge`] change nothing, not even the last bit.
///
/// # Exactness
/// Pixels that share a bin are ties. The metrics are hence the exact ones of maps whose values are
/// rounded down to 13 significant bits, and exact without qualification for values that have no
/// more: whole numbers up to ±8192, half-precision floats. For others, with `g` good and `d` defect
/// pixels in a bin of `G` and `D` in all:
/// - `pixel_auroc` is off by at most the sum over the bins of `½ · g/G · d/D`,
/// - `aupro` by at most the sum of `½ · g/G · h / 0.3` over the bins that reach below the limit,
///   `h` being the bin's part of the mean overlap,
/// - `pixel_f1` is never too large, and is what `pixel_f1_threshold` achieves; another threshold
///   may exceed it by the largest `min(2d, g) / D` of a bin, and `pixel_iou` by twice that,
/// - `pointing_game` is exact: it sees the values before they are counted.
///
/// For smooth maps that spread over a few octaves that is small: measured 1e-6 in `pixel_auroc`
/// and 7e-6 in `aupro` on 9,216 pixels, where the bounds are 1e-5 and 4e-5. It is much where a large
/// constant hides the differences (1000.0 to 1000.1 is one bin): subtract it first.
///
/// # Kinds of defect
/// For numbers of one kind, keep one evaluation of the good images and one for each kind:
/// ```
/// # use differnet_eval::{MetricError, PixelEvaluation};
/// # fn main() -> Result<(), MetricError> {
/// let (mut good, mut dents) = (PixelEvaluation::new(), PixelEvaluation::new());
/// good.add(&[0.1, 0.2, 0.1, 0.3], &[false; 4], 2)?;
/// dents.add(&[0.1, 0.2, 0.9, 0.8], &[false, false, true, true], 2)?;
/// let metrics = good.clone().merge(dents).metrics()?;
/// assert_eq!((metrics.pixel_auroc, metrics.images, metrics.regions), (1.0, 2, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PixelEvaluation {
    bins: ValueBins,
    images: usize,
    images_with_defects: usize,
    regions: usize,
    peak_hits: Share,
}

impl PixelEvaluation {
    /// An evaluation without images.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one image.
    ///
    /// - `map`: `[height, width]`, row by row; any finite values, larger is more anomalous
    /// - `mask`: as `map`, `true` where the defect is; all `false` for a good image
    ///
    /// # Errors
    /// [`MetricError::MapAndMaskDiffer`], [`MetricError::MapWidth`],
    /// [`MetricError::NonFinitePixel`]; the image is then not counted at all.
    pub fn add(&mut self, map: &[f32], mask: &[bool], width: usize) -> Result<(), MetricError> {
        check_map(map, mask, width)?;
        self.count(map, mask, None, width);
        Ok(())
    }

    /// Counts one image without its `ignored` pixels: they are neither good nor defective, no part
    /// of a region and no peak. A defect that is ignored as a whole is none.
    ///
    /// - `ignored`: as `map`
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_without(
        &mut self,
        map: &[f32],
        mask: &[bool],
        ignored: &[bool],
        width: usize,
    ) -> Result<(), MetricError> {
        check_map(map, mask, width)?;
        check_map(map, ignored, width)?;
        let mask: Vec<bool> =
            mask.iter().zip(ignored).map(|(&defect, &ignored)| defect && !ignored).collect();
        self.count(map, &mask, Some(ignored), width);
        Ok(())
    }

    /// Counts one image; no pixel of `mask` is ignored.
    fn count(&mut self, map: &[f32], mask: &[bool], ignored: Option<&[bool]>, width: usize) {
        let counts = |pixel: &usize| ignored.is_none_or(|ignored| !ignored[*pixel]);
        let pixels = (0..map.len()).filter(counts).map(|pixel| (map[pixel], mask[pixel]));
        for (value, _) in pixels.clone().filter(|(_, defect)| !defect) {
            self.bins.bin_mut(value).good += 1;
        }
        let regions = connected_components(mask, width);
        for region in &regions {
            let share = Share::of(1, region.len());
            for &pixel in region {
                let bin = self.bins.bin_mut(map[pixel]);
                bin.defects += 1;
                bin.overlap += share;
            }
        }
        if !regions.is_empty() {
            self.images_with_defects += 1;
            self.peak_hits += peak_hit(pixels);
        }
        self.images += 1;
        self.regions += regions.len();
    }

    /// The evaluation of the images of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let mut peak_hits = self.peak_hits;
        peak_hits += other.peak_hits;
        Self {
            bins: self.bins.merge(other.bins),
            images: self.images + other.images,
            images_with_defects: self.images_with_defects + other.images_with_defects,
            regions: self.regions + other.regions,
            peak_hits,
        }
    }

    /// The metrics of the images counted so far.
    ///
    /// # Errors
    /// [`MetricError::NoDefectPixel`], [`MetricError::NoGoodPixel`]: there is nothing to tell
    /// apart.
    pub fn metrics(&self) -> Result<PixelMetrics, MetricError> {
        let images = self.images;
        let bins: Vec<(f32, &Bin)> = self.bins.falling().collect();
        let good: usize = bins.iter().map(|(_, bin)| bin.good).sum();
        let defects: usize = bins.iter().map(|(_, bin)| bin.defects).sum();
        if defects == 0 {
            return Err(MetricError::NoDefectPixel { images });
        }
        if good == 0 {
            return Err(MetricError::NoGoodPixel { images });
        }
        let best = best_overlap(&bins, defects);
        Ok(PixelMetrics {
            pixel_auroc: area(bins.iter().map(|(_, bin)| (bin.good, bin.defects)), good, defects),
            aupro: aupro(&bins, good, self.regions),
            pixel_f1: best.f1,
            pixel_f1_threshold: best.threshold,
            pixel_iou: best.iou,
            pointing_game: self.peak_hits.to_f64() / self.images_with_defects as f64,
            images,
            regions: self.regions,
        })
    }
}

/// Accepts a mask of the map's size, whole rows and finite values.
fn check_map(map: &[f32], mask: &[bool], width: usize) -> Result<(), MetricError> {
    if map.len() != mask.len() {
        return Err(MetricError::MapAndMaskDiffer { values: map.len(), labels: mask.len() });
    }
    if map.is_empty() || width == 0 || !map.len().is_multiple_of(width) {
        return Err(MetricError::MapWidth { values: map.len(), width });
    }
    match map.iter().position(|value| !value.is_finite()) {
        Some(pixel) => {
            Err(MetricError::NonFinitePixel { row: pixel / width, column: pixel % width })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
