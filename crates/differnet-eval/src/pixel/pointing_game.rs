//! The pointing game: does a map's peak lie on the defect?

use super::share::Share;

/// Share of the pixels with the map's largest value that lie inside the mask.
///
/// That is 1 or 0 for a single peak. Equal peaks count as a fair draw among them, so that a
/// constant map earns the defect's share of the image and no pixel is favoured for its place.
/// - `map`: at least one value, all finite
/// - `mask`: as long as `map`, `true` where the defect is
pub(super) fn peak_hit(map: &[f32], mask: &[bool]) -> Share {
    let peak = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut peaks, mut hits) = (0, 0);
    for (_, &defect) in map.iter().zip(mask).filter(|pair| *pair.0 == peak) {
        peaks += 1;
        hits += usize::from(defect);
    }
    Share::of(hits, peaks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_peak_hits_or_misses() {
        let mask = [false, true, false];
        assert_eq!(peak_hit(&[1.0, 3.0, 2.0], &mask).to_f64(), 1.0);
        assert_eq!(peak_hit(&[1.0, 2.0, 3.0], &mask).to_f64(), 0.0);
        // Next to each other in one bin, yet not equal.
        assert_eq!(peak_hit(&[1.0, 1.0 + f32::EPSILON, 1.0], &mask).to_f64(), 1.0);
    }

    #[test]
    fn equal_peaks_count_their_share() {
        let mask = [false, true, true, false];
        assert_eq!(peak_hit(&[5.0, 5.0, 5.0, 1.0], &mask).to_f64(), 2.0 / 3.0);
        assert_eq!(peak_hit(&[-2.0; 4], &mask).to_f64(), 0.5);
        assert_eq!(peak_hit(&[0.0, -0.0, -1.0, -1.0], &mask).to_f64(), 0.5);
    }
}
