//! An object: a zinc-plated hexagon nut on a rubber mat, seen from above.

use differnet_random::ItemStream;

use crate::camera::{Part, Surface, UNITS};
use crate::noise::{Vector, cloud, mix, smooth_step, value_noise, wave};
use crate::shape::{Blob, Curve};

/// Kinds of defects, as they are called in the data set.
pub(crate) const KINDS: [&str; 4] = ["broken_corner", "paint", "scratch", "thread"];

/// Half the width across flats; the other measures are shares of it.
const APOTHEM: f32 = 80.0;
/// Radius of the circle that the corners are turned down to.
const CORNER: f32 = 1.125;
/// Radius where the flat face ends and the chamfer begins.
const CHAMFER: f32 = 0.96;
/// Radii of the countersink, of the hole, and of the far end of the thread.
const COUNTERSINK: f32 = 0.64;
const HOLE: f32 = 0.56;
const FAR_END: f32 = 0.44;
/// Towards the lamp, seen from above: upper left.
const LAMP: Vector = Vector::new(-0.62, -0.785);

/// A nut as it happens to lie.
#[derive(Debug, Clone)]
pub(crate) struct HexNut {
    seed: u32,
    center: Vector,
    scale: f32,
    flats: [Vector; 3],
    metal: [f32; 3],
    mat: f32,
    shine: f32,
    flaw: Option<Flaw>,
}

#[derive(Debug, Clone)]
enum Flaw {
    BrokenCorner(Blob),
    Paint { blob: Blob, color: [f32; 3] },
    Scratch { curve: Curve, strength: f32 },
    Thread { direction: Vector, spread: f32 },
}

impl HexNut {
    pub(crate) fn draw(random: &mut ItemStream) -> Self {
        let turn = random.uniform(-0.02, 0.02);
        let middle = 0.5 * UNITS;
        Self {
            seed: random.word(),
            center: Vector::new(
                middle + random.uniform(-4.0, 4.0),
                middle + random.uniform(-4.0, 4.0),
            ),
            scale: APOTHEM * random.uniform(0.985, 1.015),
            flats: [0.0, 1.0, 2.0].map(|index| Vector::direction(turn + index / 6.0)),
            metal: [0.96, 0.95, 0.90].map(|value| value * random.uniform(0.985, 1.015)),
            mat: random.uniform(0.20, 0.235),
            shine: random.uniform(0.8, 1.2),
            flaw: None,
        }
    }

    /// The same nut with a defect of the kind with this index in [`KINDS`].
    pub(crate) fn damaged(self, kind: usize, random: &mut ItemStream) -> Self {
        let outward = Vector::direction(random.coarse_unit());
        let middle_of_face = 0.5 * (COUNTERSINK + CHAMFER) * self.scale;
        let on_face = self.center.plus(outward, middle_of_face);
        let flaw = match KINDS[kind] {
            "broken_corner" => {
                // Corners lie half-way between the normals of the flats.
                let flat = self.flats[random.below(3)];
                let side = if random.below(2) == 0 { 1.0 } else { -1.0 };
                let corner = Vector::new(0.0, 0.0)
                    .plus(flat, side * 0.866)
                    .plus(flat.perpendicular(), side * 0.5);
                let place = self.center.plus(corner, 1.12 * self.scale);
                let radius = random.uniform(12.0, 24.0);
                Flaw::BrokenCorner(Blob::draw(random, place, radius, 0.35))
            }
            "paint" => {
                let radius = random.uniform(5.0, 11.0);
                let colors = [[0.55, 0.13, 0.12], [0.13, 0.25, 0.50], [0.12, 0.11, 0.10]];
                let color = colors[random.below(colors.len())];
                Flaw::Paint { blob: Blob::draw(random, on_face, radius, 0.5), color }
            }
            "scratch" => {
                let direction = Vector::direction(random.coarse_unit());
                let length = random.uniform(32.0, 60.0);
                let half_width = random.uniform(1.1, 1.8);
                let curve = Curve::draw(random, on_face, direction, length, 0.2, half_width);
                Flaw::Scratch { curve, strength: random.uniform(0.8, 1.2) }
            }
            _ => Flaw::Thread { direction: outward, spread: random.uniform(0.72, 0.93) },
        };
        Self { flaw: Some(flaw), ..self }
    }

    /// Distance of the point outside the nut's outline, in half-widths; negative inside.
    fn outside(&self, offset: Vector) -> f32 {
        let flat = self.flats.iter().map(|flat| offset.dot(*flat).abs()).fold(0.0, f32::max);
        (flat - 1.0).max(offset.length() - CORNER)
    }

    fn mat(&self, point: Vector, offset: Vector) -> [f32; 3] {
        let grain = cloud(point.x * 0.35, point.y * 0.35, self.seed ^ 31) - 0.5;
        let ribs = 0.012 * wave((point.x + point.y) / 9.0);
        // The nut is as high as a third of its width.
        let shadow = smooth_step(0.10, -0.10, self.outside(offset.plus(LAMP, 0.10)));
        let light = (self.mat + 0.09 * grain + ribs) * (1.0 - 0.62 * shadow);
        [0.92 * light, 1.0 * light, 1.04 * light]
    }

    /// The nut's surface, as bright as it is; `offset` is from its centre, in half-widths.
    fn steel(&self, offset: Vector) -> f32 {
        let radius = offset.length().max(1e-6);
        let outward = Vector::new(offset.x / radius, offset.y / radius);
        let facing = outward.dot(LAMP);
        let speckle = cloud(offset.x * 34.0, offset.y * 34.0, self.seed ^ 33) - 0.5;
        // Marks of the lathe run in circles, so highlights spread along rays.
        let rings = value_noise(radius * 110.0, 0.0, self.seed ^ 35) - 0.5;
        let ray = outward.dot(LAMP.perpendicular());
        let highlight = 0.17 * self.shine * ray * ray * (1.0 + 0.5 * rings);
        let face = 0.50 + highlight + 0.07 * rings + 0.07 * speckle;
        let chamfer = 0.42 + 0.26 * facing + 0.05 * speckle;
        let countersink = 0.40 - 0.27 * facing + 0.05 * rings;
        // Turns of the thread crowd together with depth, each with a bright crest.
        let depth = ((HOLE - radius) / (HOLE - FAR_END)).clamp(0.0, 1.0);
        let turns = wave(4.6 * depth * (1.25 - 0.25 * depth) + 0.02 * facing);
        let thread = (0.25 + 0.17 * turns - 0.17 * facing) * (1.0 - 0.55 * depth);
        let inner = mix(thread, countersink, smooth_step(HOLE - 0.01, HOLE + 0.01, radius));
        let face = mix(face, chamfer, smooth_step(CHAMFER - 0.012, CHAMFER + 0.012, radius));
        let outline = smooth_step(-0.035, 0.0, self.outside(offset));
        let edge = face * (1.0 - 0.35 * outline);
        mix(inner, edge, smooth_step(COUNTERSINK - 0.012, COUNTERSINK + 0.012, radius))
    }

    fn good(&self, point: Vector, offset: Vector) -> [f32; 3] {
        if self.outside(offset) > 0.0 {
            return self.mat(point, offset);
        }
        let hole = smooth_step(FAR_END + 0.006, FAR_END - 0.006, offset.length());
        // Little light falls through the hole.
        let mat = if hole > 0.0 { self.mat(point, offset) } else { [0.0; 3] };
        let steel = if hole < 1.0 { self.steel(offset) } else { 0.0 };
        std::array::from_fn(|c| mix(self.metal[c] * steel, 0.75 * mat[c], hole))
    }
}

impl Part for HexNut {
    fn surface(&self, point: Vector) -> Surface {
        let place = point.minus(self.center);
        let offset = Vector::new(place.x / self.scale, place.y / self.scale);
        let good = Surface::good(self.good(point, offset));
        let radius = offset.length();
        let on_face = radius > COUNTERSINK && self.outside(offset) <= 0.0;
        let defective = |color| Surface { color, is_defect: true };
        match &self.flaw {
            None => good,
            Some(Flaw::BrokenCorner(blob)) => {
                let depth = blob.depth(point);
                if depth <= 0.0 || self.outside(offset) > 0.0 {
                    return good;
                }
                // A rough slope of bare, grainy metal, then the mat.
                let grain = cloud(point.x * 0.5, point.y * 0.5, self.seed ^ 37);
                let slope = smooth_step(0.34, 0.26, depth + 0.25 * (grain - 0.5));
                // Nothing casts a shadow there any more, or little.
                let mat = self.mat(point, offset.plus(offset, 0.2));
                let bare = [0.94, 0.96, 1.0].map(|value| value * (0.16 + 0.34 * grain));
                defective(std::array::from_fn(|c| mix(mat[c], bare[c], slope)))
            }
            Some(Flaw::Paint { blob, color }) => {
                let depth = blob.depth(point);
                if depth <= 0.0 || !on_face {
                    return good;
                }
                let opacity = 0.85 * smooth_step(0.0, 0.15, depth);
                let gloss = 0.85 + 0.5 * cloud(point.x * 0.2, point.y * 0.2, self.seed ^ 39);
                defective(std::array::from_fn(|c| mix(good.color[c], color[c] * gloss, opacity)))
            }
            Some(Flaw::Scratch { curve, strength }) => match curve.nearby(point) {
                Some(near) if near.across.abs() < 1.0 && on_face => {
                    let wall = if near.across > 0.0 { 0.30 } else { -0.20 };
                    let skips = cloud(near.along * 7.0, 0.5, self.seed ^ 41);
                    let light = strength * wall * (0.6 + 0.8 * skips);
                    defective(good.color.map(|value| value + light))
                }
                _ => good,
            },
            Some(Flaw::Thread { direction, spread }) => {
                let inside = radius > FAR_END && radius < HOLE + 0.02;
                let angle = offset.dot(*direction) / radius.max(1e-6);
                let ragged = 0.08 * (cloud(point.x * 0.3, point.y * 0.3, self.seed ^ 43) - 0.5);
                if !inside || angle + ragged < *spread {
                    return good;
                }
                // Crushed turns: no regular crests, torn metal that catches light.
                let torn = cloud(offset.x * 22.0, offset.y * 22.0, self.seed ^ 45);
                let light = 0.10 + 0.75 * (torn - 0.22).max(0.0);
                defective(self.metal.map(|value| value * light))
            }
        }
    }
}
