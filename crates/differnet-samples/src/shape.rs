//! Outlines of defects: irregular blobs and curved lines.

use differnet_random::ItemStream;

use crate::noise::{Vector, cloud};

/// An irregular, perhaps elongated spot.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    center: Vector,
    axis: Vector,
    radius: f32,
    /// Length over width, at least 1.
    elongation: f32,
    roughness: f32,
    seed: u32,
}

impl Blob {
    /// A blob of about `radius` with its middle at `center`; `roughness` 0 gives an ellipse.
    pub(crate) fn draw(
        random: &mut ItemStream,
        center: Vector,
        radius: f32,
        roughness: f32,
    ) -> Self {
        Self {
            center,
            axis: Vector::direction(random.coarse_unit()),
            radius,
            elongation: random.uniform(1.0, 1.7),
            roughness,
            seed: random.word(),
        }
    }

    /// 1 in the middle, 0 on the outline, negative outside.
    pub(crate) fn depth(&self, point: Vector) -> f32 {
        let offset = self.offset(point);
        let distance = offset.length();
        // Noise moves the outline by at most half the roughness.
        if distance > 1.0 + self.roughness {
            return -1.0;
        }
        let noise = cloud(offset.x * 2.2 + 40.0, offset.y * 2.2 + 40.0, self.seed) - 0.5;
        1.0 - distance + 2.0 * self.roughness * noise * distance
    }

    /// Offset of the point in the blob's own frame: 1 is its radius.
    pub(crate) fn offset(&self, point: Vector) -> Vector {
        let offset = point.minus(self.center);
        let along = offset.dot(self.axis) / self.radius / self.elongation;
        let across = offset.dot(self.axis.perpendicular()) / self.radius;
        Vector::new(along, across)
    }

    /// The direction in the image of a direction in the blob's own frame, weighted by the slope.
    pub(crate) fn to_image(&self, offset: Vector) -> Vector {
        let along = offset.x / self.elongation;
        let perpendicular = self.axis.perpendicular();
        Vector::new(
            self.axis.x * along + perpendicular.x * offset.y,
            self.axis.y * along + perpendicular.y * offset.y,
        )
    }
}

/// A line bent once (a quadratic Bézier curve), thinner towards its ends.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    points: Vec<Vector>,
    half_width: f32,
    low: Vector,
    high: Vector,
}

/// A point near a [`Curve`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nearby {
    /// Distance across the curve: 1 at one edge, -1 at the other, beyond that outside.
    pub(crate) across: f32,
    /// Position along it, from 0 to 1.
    pub(crate) along: f32,
}

impl Curve {
    /// A curve of about `length` through the middle `center`, bent by up to `bend` of its length.
    pub(crate) fn draw(
        random: &mut ItemStream,
        center: Vector,
        direction: Vector,
        length: f32,
        bend: f32,
        half_width: f32,
    ) -> Self {
        const SEGMENTS: usize = 14;
        let start = center.plus(direction, -0.5 * length);
        let end = center.plus(direction, 0.5 * length);
        let sideways = random.uniform(-bend, bend) * length;
        let control = center
            .plus(direction.perpendicular(), sideways)
            .plus(direction, random.uniform(-0.25, 0.25) * length);
        let points = (0..=SEGMENTS)
            .map(|index| {
                let t = index as f32 / SEGMENTS as f32;
                let s = 1.0 - t;
                Vector::new(
                    s * s * start.x + 2.0 * s * t * control.x + t * t * end.x,
                    s * s * start.y + 2.0 * s * t * control.y + t * t * end.y,
                )
            })
            .collect::<Vec<_>>();
        let reach = 3.0 * half_width;
        let fold = |pick: fn(f32, f32) -> f32, value: fn(&Vector) -> f32| {
            points.iter().map(value).reduce(pick).unwrap_or(0.0)
        };
        let low = Vector::new(fold(f32::min, |p| p.x) - reach, fold(f32::min, |p| p.y) - reach);
        let high = Vector::new(fold(f32::max, |p| p.x) + reach, fold(f32::max, |p| p.y) + reach);
        Self { points, half_width, low, high }
    }

    /// Place of `point` beside the curve, if within three half-widths of it.
    pub(crate) fn nearby(&self, point: Vector) -> Option<Nearby> {
        let inside = |low: f32, value: f32, high: f32| low <= value && value <= high;
        if !inside(self.low.x, point.x, self.high.x) || !inside(self.low.y, point.y, self.high.y) {
            return None;
        }
        let segments = self.points.len() - 1;
        let mut nearest: Option<(f32, Nearby)> = None;
        for (index, pair) in self.points.windows(2).enumerate() {
            let (step, offset) = (pair[1].minus(pair[0]), point.minus(pair[0]));
            let share = (offset.dot(step) / step.dot(step).max(1e-9)).clamp(0.0, 1.0);
            let away = offset.plus(step, -share);
            let distance = away.length();
            if distance > 3.0 * self.half_width
                || nearest.is_some_and(|(other, _)| other <= distance)
            {
                continue;
            }
            let along = (index as f32 + share) / segments as f32;
            // Full width in the middle, a third of it at the ends.
            let taper = 1.0 - (2.0 * along - 1.0) * (2.0 * along - 1.0) * 0.67;
            let side = if away.dot(step.perpendicular()) < 0.0 { -1.0 } else { 1.0 };
            let across = side * distance / (self.half_width * taper);
            nearest = Some((distance, Nearby { across, along }));
        }
        nearest.map(|(_, nearby)| nearby)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_blob_is_an_ellipse_about_its_center() {
        let mut random = ItemStream::of_item(1, "test", b"");
        let center = Vector::new(50.0, 60.0);
        let blob = Blob::draw(&mut random, center, 10.0, 0.0);
        assert_eq!(blob.depth(center), 1.0);
        let across = blob.axis.perpendicular();
        assert!((blob.depth(center.plus(across, 5.0)) - 0.5).abs() < 1e-5);
        assert!((blob.depth(center.plus(blob.axis, 10.0 * blob.elongation))).abs() < 1e-5);
    }

    #[test]
    fn a_straight_curve_knows_its_sides_and_ends() {
        let mut random = ItemStream::of_item(1, "test", b"");
        let east = Vector::new(1.0, 0.0);
        let curve = Curve::draw(&mut random, Vector::new(50.0, 50.0), east, 40.0, 0.0, 2.0);
        let above = curve.nearby(Vector::new(45.0, 51.0)).unwrap();
        let below = curve.nearby(Vector::new(45.0, 49.0)).unwrap();
        assert!((above.across + below.across).abs() < 1e-4);
        assert!(above.across > 0.0 && above.across < 1.0);
        assert!(curve.nearby(Vector::new(45.0, 57.0)).is_none());
        assert!(curve.nearby(Vector::new(79.0, 50.0)).is_none());
    }
}
