//! The pointing game: does a map's peak lie on the defect?

use super::share::Share;

/// Share of the pixels with the map's largest value that lie inside the mask.
///
/// That is 1 or 0 for a single peak. Equal peaks count as a fair draw among them, so that a
/// constant map earns the defect's share of the image and no pixel is favoured for its place.
/// - `pixels`: the map's value, finite, and whether the defect is there; at least one pixel
pub(super) fn peak_hit(pixels: impl Iterator<Item = (f32, bool)> + Clone) -> Share {
    let peak = pixels.clone().map(|(value, _)| value).fold(f32::NEG_INFINITY, f32::max);
    let (mut peaks, mut hits) = (0, 0);
    for (_, defect) in pixels.filter(|(value, _)| *value == peak) {
        peaks += 1;
        hits += usize::from(defect);
    }
    Share::of(hits, peaks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(map: &[f32], mask: &[bool]) -> f64 {
        peak_hit(map.iter().copied().zip(mask.iter().copied())).to_f64()
    }

    #[test]
    fn a_single_peak_hits_or_misses() {
        let mask = [false, true, false];
        assert_eq!(share(&[1.0, 3.0, 2.0], &mask), 1.0);
        assert_eq!(share(&[1.0, 2.0, 3.0], &mask), 0.0);
        // Next to each other in one bin, yet not equal.
        assert_eq!(share(&[1.0, 1.0 + f32::EPSILON, 1.0], &mask), 1.0);
    }

    #[test]
    fn equal_peaks_count_their_share() {
        let mask = [false, true, true, false];
        assert_eq!(share(&[5.0, 5.0, 5.0, 1.0], &mask), 2.0 / 3.0);
        assert_eq!(share(&[-2.0; 4], &mask), 0.5);
        assert_eq!(share(&[0.0, -0.0, -1.0, -1.0], &mask), 0.5);
    }
}
