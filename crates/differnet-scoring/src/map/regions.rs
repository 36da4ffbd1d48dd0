//! Connected regions of a map above a threshold.

use serde::{Deserialize, Serialize};

use super::AnomalyMap;

/// Pixels at or above a threshold that touch each other, at an edge or a corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
        let (width, height) = (self.width, self.height);
        let reaches = |(&value, counts): (&f32, bool)| counts && value >= threshold;
        let mut open: Vec<bool> = self.values.iter().zip(self.counted()).map(reaches).collect();
        let mut regions = Vec::new();
        let mut stack = Vec::new();
        for start in 0..open.len() {
            if !std::mem::take(&mut open[start]) {
                continue;
            }
            stack.push(start);
            let (mut area, mut peak) = (0, start);
            let (mut left, mut right) = (start % width, start % width);
            let (top, mut bottom) = (start / width, start / width);
            while let Some(at) = stack.pop() {
                let (x, y) = (at % width, at / width);
                area += 1;
                (left, right, bottom) = (left.min(x), right.max(x), bottom.max(y));
                if (self.values[at], peak) > (self.values[peak], at) {
                    peak = at;
                }
                for y in y.saturating_sub(1)..(y + 2).min(height) {
                    for x in x.saturating_sub(1)..(x + 2).min(width) {
                        if std::mem::take(&mut open[y * width + x]) {
                            stack.push(y * width + x);
                        }
                    }
                }
            }
            regions.push(Region {
                x: left,
                y: top,
                width: right - left + 1,
                height: bottom - top + 1,
                area,
                peak: self.values[peak],
                peak_x: peak % width,
                peak_y: peak / width,
            });
        }
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
