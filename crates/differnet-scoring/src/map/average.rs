//! The average of the maps of an image's transforms, each turned back.

use super::AnomalyMap;

/// Averages square maps of one image seen under several angles (Section 3.3).
#[derive(Debug, Clone)]
pub struct MapAverage {
    side: usize,
    sums: Vec<f32>,
    /// Number of maps that reach each pixel: corners are turned out of sight.
    counts: Vec<u32>,
}

impl MapAverage {
    /// The average of no maps yet, of `side` × `side` pixels.
    pub fn new(side: usize) -> Self {
        Self { side, sums: vec![0.0; side * side], counts: vec![0; side * side] }
    }

    /// Adds the map of the image turned counter-clockwise by `degrees` about its centre.
    ///
    /// # Panics
    /// If the map has another size.
    pub fn add(&mut self, map: &AnomalyMap, degrees: f32) {
        let side = self.side;
        assert_eq!((map.width(), map.height()), (side, side), "maps of one size");
        let values = map.values();
        let (sin, cos) = sin_cos(degrees);
        let center = (side as f64 - 1.0) / 2.0;
        let last = (side - 1) as f64;
        for y in 0..side {
            let down = y as f64 - center;
            for x in 0..side {
                let right = x as f64 - center;
                // Where this pixel went; rows count downwards.
                let from_x = cos * right + sin * down + center;
                let from_y = -sin * right + cos * down + center;
                if !(-0.5..=last + 0.5).contains(&from_x) || !(-0.5..=last + 0.5).contains(&from_y)
                {
                    continue;
                }
                let (from_x, from_y) = (from_x.clamp(0.0, last), from_y.clamp(0.0, last));
                let (left, top) = (from_x as usize, from_y as usize);
                let (across, below) = ((from_x - left as f64) as f32, (from_y - top as f64) as f32);
                let (next, under) = ((left + 1).min(side - 1), (top + 1).min(side - 1));
                let at = |x: usize, y: usize| values[y * side + x];
                let upper = at(left, top) + across * (at(next, top) - at(left, top));
                let lower = at(left, under) + across * (at(next, under) - at(left, under));
                self.sums[y * side + x] += upper + below * (lower - upper);
                self.counts[y * side + x] += 1;
            }
        }
    }

    /// The mean at each pixel over the maps that reach it; 0 where none does.
    pub fn mean(&self) -> AnomalyMap {
        let values = self.sums.iter().zip(&self.counts);
        let values = values.map(|(sum, &count)| sum / count.max(1) as f32);
        AnomalyMap::new(self.side, values.collect())
    }
}

/// The upright cell that each cell of a `side` × `side` grid shows, the image having been turned
/// counter-clockwise by `degrees` about its centre; `None` if that is outside of it.
pub(crate) fn turned_back(side: usize, degrees: f32) -> impl Iterator<Item = Option<usize>> {
    let (sin, cos) = sin_cos(degrees);
    let center = (side as f64 - 1.0) / 2.0;
    let within = move |at: f64| (at >= 0.0 && at < side as f64).then_some(at as usize);
    (0..side * side).map(move |cell| {
        let (right, down) = ((cell % side) as f64 - center, (cell / side) as f64 - center);
        let x = within((cos * right - sin * down + center).round())?;
        let y = within((sin * right + cos * down + center).round())?;
        Some(y * side + x)
    })
}

/// Sine and cosine; right angles are whole, as in the rotation of the images.
fn sin_cos(degrees: f32) -> (f64, f64) {
    let angle = f64::from(degrees).to_radians();
    let round = |value: f64| (value * 1e15).round() / 1e15;
    (round(angle.sin()), round(angle.cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarter_turns_are_undone_exactly() {
        // Counter-clockwise by 90°, the right column a b c becomes the top row.
        let upright = AnomalyMap::new(3, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let turned = AnomalyMap::new(3, vec![2.0, 5.0, 8.0, 1.0, 4.0, 7.0, 0.0, 3.0, 6.0]);
        let mut average = MapAverage::new(3);
        average.add(&turned, 90.0);
        assert_eq!(average.mean(), upright);
        average.add(&upright, 0.0);
        assert_eq!(average.mean(), upright);
    }

    #[test]
    fn turned_cells_show_the_upright_ones() {
        let quarter: Vec<_> = turned_back(3, 90.0).flatten().collect();
        assert_eq!(quarter, [2, 5, 8, 1, 4, 7, 0, 3, 6]);
        assert!(turned_back(9, 45.0).next().is_some_and(|corner| corner.is_none()));
        let full: Vec<_> = turned_back(4, 360.0).flatten().collect();
        assert_eq!(full, (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn corners_that_were_turned_out_of_sight_do_not_count() {
        let flat = AnomalyMap::new(20, vec![3.0; 400]);
        let mut average = MapAverage::new(20);
        average.add(&flat, 45.0);
        let mean = average.mean();
        assert_eq!(mean.values()[0], 0.0);
        assert_eq!(mean.values()[10 * 20 + 10], 3.0);
        average.add(&flat, 0.0);
        assert!(average.mean().values().iter().all(|&value| value == 3.0));
    }
}
