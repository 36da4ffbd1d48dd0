//! A texture: sheet steel brushed in one direction.

use differnet_random::ItemStream;

use crate::camera::{Part, Surface};
use crate::noise::{Vector, cloud, mix, smooth_step, value_noise, wave};
use crate::shape::{Blob, Curve};

/// Kinds of defects, as they are called in the data set.
pub(crate) const KINDS: [&str; 4] = ["dent", "rust", "scratch", "water_mark"];

/// A piece of sheet steel.
#[derive(Debug, Clone)]
pub(crate) struct BrushedMetal {
    seed: u32,
    grain: Vector,
    tone: f32,
    tint: [f32; 3],
    band: f32,
    flaw: Option<Flaw>,
}

#[derive(Debug, Clone)]
enum Flaw {
    Dent { blob: Blob, depth: f32 },
    Rust(Blob),
    Scratch { curve: Curve, strength: f32 },
    WaterMark { blob: Blob, strength: f32 },
}

impl BrushedMetal {
    pub(crate) fn draw(random: &mut ItemStream) -> Self {
        Self {
            seed: random.word(),
            grain: Vector::direction(random.uniform(-0.006, 0.006)),
            tone: random.uniform(0.56, 0.60),
            tint: [0.985, 1.0, 1.015].map(|value| value * random.uniform(0.995, 1.005)),
            band: random.uniform(0.35, 0.65),
            flaw: None,
        }
    }

    /// The same sheet with a defect of the kind with this index in [`KINDS`].
    pub(crate) fn damaged(self, kind: usize, random: &mut ItemStream) -> Self {
        let center = Vector::new(random.uniform(50.0, 206.0), random.uniform(50.0, 206.0));
        let flaw = match KINDS[kind] {
            "dent" => {
                let radius = random.uniform(9.0, 19.0);
                let depth = random.uniform(0.16, 0.3);
                Flaw::Dent { blob: Blob::draw(random, center, radius, 0.0), depth }
            }
            "rust" => {
                let radius = random.uniform(9.0, 24.0);
                Flaw::Rust(Blob::draw(random, center, radius, 0.9))
            }
            "scratch" => {
                // Across the grain by at least 20°, else nobody could tell.
                let turn = random.uniform(0.055, 0.445);
                let length = random.uniform(40.0, 120.0);
                let half_width = random.uniform(0.7, 1.4);
                let strength = random.uniform(0.6, 1.0);
                let direction = Vector::direction(turn);
                let curve = Curve::draw(random, center, direction, length, 0.15, half_width);
                Flaw::Scratch { curve, strength }
            }
            _ => {
                let radius = random.uniform(12.0, 26.0);
                let strength = random.uniform(0.09, 0.16);
                Flaw::WaterMark { blob: Blob::draw(random, center, radius, 0.25), strength }
            }
        };
        Self { flaw: Some(flaw), ..self }
    }

    /// The brushed surface at `point`, from 0 to 1.
    fn brightness(&self, point: Vector) -> f32 {
        let along = point.dot(self.grain);
        let across = point.dot(self.grain.perpendicular());
        let streak = |width: f32, length: f32, seed: u32| {
            value_noise(along / length, across / width, self.seed ^ seed) - 0.5
        };
        let fine = 0.10 * streak(0.8, 45.0, 1) + 0.10 * streak(1.7, 80.0, 2);
        let coarse = 0.07 * streak(4.5, 160.0, 3) + 0.05 * streak(17.0, 400.0, 4);
        // Few strokes of the brush go deeper.
        let stroke = streak(1.1, 30.0, 5);
        let deep = if stroke > 0.42 { 0.9 * (stroke - 0.42) } else { 0.0 };
        // The lamp's reflection, stretched along the grain.
        let reflection = 0.055 * wave(across / 256.0 - self.band + 0.25);
        self.tone + fine + coarse - deep + reflection
    }
}

impl Part for BrushedMetal {
    fn surface(&self, point: Vector) -> Surface {
        let metal = |brightness: f32| self.tint.map(|value| value * brightness);
        let good = || metal(self.brightness(point));
        let defective = |color| Surface { color, is_defect: true };
        match &self.flaw {
            None => Surface::good(good()),
            Some(Flaw::Dent { blob, depth }) => {
                let offset = blob.offset(point);
                let inside = 1.0 - offset.dot(offset);
                if inside <= 0.0 {
                    return Surface::good(good());
                }
                // Slope of the bowl (1 - r²)², lit from the upper left.
                let slope = blob.to_image(offset);
                let light = -2.6 * depth * inside * slope.dot(Vector::new(-0.64, -0.77));
                let shifted = point.plus(slope, 2.0 * inside);
                defective(metal(self.brightness(shifted) + light - 0.03 * inside))
            }
            Some(Flaw::Rust(blob)) => {
                let depth = blob.depth(point);
                if depth <= 0.0 {
                    return Surface::good(good());
                }
                let grit = cloud(point.x * 0.45, point.y * 0.45, self.seed ^ 21);
                let share = smooth_step(0.0, 0.3, depth) * smooth_step(0.3, 0.55, grit) * 0.85;
                let color = [0.50, 0.30, 0.17].map(|value| value * (0.65 + 0.6 * grit));
                let steel = good();
                let color = std::array::from_fn(|c| mix(0.93 * steel[c], color[c], share));
                defective(color)
            }
            Some(Flaw::Scratch { curve, strength }) => match curve.nearby(point) {
                Some(near) if near.across.abs() < 1.0 => {
                    // One wall shines, the other lies in shadow; the tool skips in places.
                    let wall = if near.across > 0.0 { 0.24 } else { -0.22 };
                    let skips = cloud(near.along * 9.0, 0.5, self.seed ^ 23);
                    let light = wall * strength * (0.55 + 0.9 * skips);
                    defective(metal(self.brightness(point) + light))
                }
                _ => Surface::good(good()),
            },
            Some(Flaw::WaterMark { blob, strength }) => {
                let depth = blob.depth(point);
                if depth <= 0.0 {
                    return Surface::good(good());
                }
                // A bright rim of lime around a slightly duller middle.
                let rim = smooth_step(0.0, 0.08, depth) * smooth_step(0.26, 0.08, depth);
                let dull = smooth_step(0.05, 0.4, depth);
                let light = strength * (rim - 0.55 * dull);
                defective(metal(self.brightness(point) + light))
            }
        }
    }
}
