//! Connected regions of a map above a threshold.

use serde::{Deserialize, Serialize};

use super::AnomalyMap;
use crate::connected_components::connected_components;

/// Pixels at or above a threshold that touch each other, at an edge or a corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Region {
    /// Leftmost column, pixels.
    pub x: usize,
    /// Topmost row, pixels.
    pub y: usize,
    /// Width of the bounding box, pixels.
    pub width: usize,
    /// Height of the bounding box, pixels.
    pub height: usize,
    /// Number of pixels.
    pub area: usize,
    /// Largest value.
    pub peak: f32,
    /// Column of the largest value, pixels.
    pub peak_x: usize,
    /// Row of the largest value, pixels.
    pub peak_y: usize,
}

impl AnomalyMap {
    /// The regions at or above `threshold`, that with the highest peak first; ignored pixels belong
    /// to none.
    pub fn regions(&self, threshold: f32) -> Vec<Region> {
        let width = self.width;
        let reaches = |(&value, counts): (&f32, bool)| counts && value >= threshold;
        let mask: Vec<bool> = self.values.iter().zip(self.counted()).map(reaches).collect();
        let region = |pixels: Vec<usize>| {
            let first = pixels[0];
            let mut peak = first;
            let (mut left, mut right) = (first % width, first % width);
            let (top, mut bottom) = (first / width, first / width);
            for &at in &pixels {
                let (x, y) = (at % width, at / width);
                (left, right, bottom) = (left.min(x), right.max(x), bottom.max(y));
                if (self.values[at], peak) > (self.values[peak], at) {
                    peak = at;
                }
            }
            Region {
                x: left,
                y: top,
                width: right - left + 1,
                height: bottom - top + 1,
                area: pixels.len(),
                peak: self.values[peak],
                peak_x: peak % width,
                peak_y: peak / width,
            }
        };
        let components = connected_components(&mask, width);
        let mut regions: Vec<Region> = components.into_iter().map(region).collect();
        regions.sort_by(|a, b| b.peak.total_cmp(&a.peak).then((a.y, a.x).cmp(&(b.y, b.x))));
        regions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_touch_at_a_corner_are_one_region() {
        let map = AnomalyMap::new(
            5,
            vec![
                1.0, 0.0, 0.0, 0.0, 2.0, //
                0.0, 3.0, 0.0, 0.0, 2.0, //
                0.0, 0.0, 0.0, 0.0, 0.0,
            ],
        );
        let first =
            Region { x: 0, y: 0, width: 2, height: 2, area: 2, peak: 3.0, peak_x: 1, peak_y: 1 };
        let second =
            Region { x: 4, y: 0, width: 1, height: 2, area: 2, peak: 2.0, peak_x: 4, peak_y: 0 };
        assert_eq!(map.regions(1.0), [first, second]);
        assert_eq!(map.regions(2.5).len(), 1);
        assert_eq!(map.regions(9.0), []);
        assert_eq!(map.regions(0.0).len(), 1);
        // Whatever the threshold: what is ignored is in no region, and parts those around it.
        let middle: Vec<bool> = (0..15).map(|pixel| (1..4).contains(&(pixel % 5))).collect();
        let areas: Vec<usize> = map.without(middle).regions(-1.0).iter().map(|r| r.area).collect();
        assert_eq!(areas, [3, 3]);
    }
}
