//! A texture: twill woven of dark warp and light weft threads.

use differnet_random::ItemStream;

use crate::camera::{Part, Surface};
use crate::noise::{Vector, cloud, lattice, mix, smooth_step, value_noise, wave};
use crate::shape::{Blob, Curve};

/// Kinds of defects, as they are called in the data set.
pub(crate) const KINDS: [&str; 4] = ["fiber", "hole", "stain", "thread"];

/// A piece of cloth.
#[derive(Debug, Clone)]
pub(crate) struct Fabric {
    seed: u32,
    axis: Vector,
    pitch: f32,
    phase: Vector,
    warp: [f32; 3],
    weft: [f32; 3],
    flaw: Option<Flaw>,
}

#[derive(Debug, Clone)]
enum Flaw {
    Fiber { curve: Curve, color: [f32; 3] },
    Hole(Blob),
    Stain { blob: Blob, strength: f32 },
    Thread { row: i32, columns: std::ops::Range<i32>, missing: bool },
}

impl Fabric {
    pub(crate) fn draw(random: &mut ItemStream) -> Self {
        let dye = random.uniform(0.95, 1.05);
        Self {
            seed: random.word(),
            axis: Vector::direction(random.uniform(-0.008, 0.008)),
            pitch: random.uniform(7.6, 8.0),
            phase: Vector::new(4.0 * random.coarse_unit(), 4.0 * random.coarse_unit()),
            warp: [0.27, 0.37, 0.53].map(|value| value * dye * random.uniform(0.98, 1.02)),
            weft: [0.72, 0.71, 0.68].map(|value| value * random.uniform(0.98, 1.02)),
            flaw: None,
        }
    }

    /// The same cloth with a defect of the kind with this index in [`KINDS`].
    pub(crate) fn damaged(self, kind: usize, random: &mut ItemStream) -> Self {
        let center = Vector::new(random.uniform(50.0, 206.0), random.uniform(50.0, 206.0));
        let flaw = match KINDS[kind] {
            "fiber" => {
                let direction = Vector::direction(random.coarse_unit());
                let length = random.uniform(35.0, 90.0);
                let half_width = random.uniform(0.9, 1.6);
                let colors = [[0.85, 0.83, 0.78], [0.14, 0.12, 0.13], [0.62, 0.22, 0.20]];
                let color = colors[random.below(colors.len())];
                let curve = Curve::draw(random, center, direction, length, 0.5, half_width);
                Flaw::Fiber { curve, color }
            }
            "hole" => {
                let radius = random.uniform(4.5, 12.0);
                Flaw::Hole(Blob::draw(random, center, radius, 0.5))
            }
            "stain" => {
                let radius = random.uniform(17.0, 34.0);
                let strength = random.uniform(0.4, 0.7);
                Flaw::Stain { blob: Blob::draw(random, center, radius, 0.6), strength }
            }
            _ => {
                let row = random.uniform(8.0, 24.0) as i32;
                let start = random.uniform(3.0, 12.0) as i32;
                let columns = start..start + random.uniform(10.0, 18.0) as i32;
                Flaw::Thread { row, columns, missing: random.below(2) == 0 }
            }
        };
        Self { flaw: Some(flaw), ..self }
    }

    /// The weave at `place`, counted in threads from the corner.
    fn weave(&self, place: Vector, top: Top) -> [f32; 3] {
        let (column, row) = (place.x.floor(), place.y.floor());
        let (i, j) = (column as i32, row as i32);
        let (x, y) = (place.x - column - 0.5, place.y - row - 0.5);
        // Two over, two under, one further in each row.
        let step = (i + j).rem_euclid(4);
        let warp_on_top = match top {
            Top::Twill => step < 2,
            Top::Warp => true,
            Top::Weft => false,
        };
        let (across, along, thread, color) = if warp_on_top {
            (x, 0.5 * (step as f32 + y + 0.5) - 0.5, i, self.warp)
        } else {
            (y, 0.5 * ((step - 2) as f32 + x + 0.5) - 0.5, j + 9000, self.weft)
        };
        // A float dives below its neighbours at both ends; a lifted thread does not.
        let dive = match top {
            Top::Twill => 1.0 - 0.4 * (2.0 * along) * (2.0 * along) * (2.0 * along) * (2.0 * along),
            Top::Warp | Top::Weft => 1.0,
        };
        let round = (1.0 - 3.6 * across * across).max(0.0).sqrt();
        let length = if warp_on_top { place.y } else { place.x };
        let twist = 0.5 + 0.5 * wave(2.0 * length + 1.1 * across);
        let fuzz = value_noise(across * 7.0 + thread as f32 * 3.7, length * 3.0, self.seed ^ 3);
        let tint = 0.88 + 0.24 * lattice(thread, 0, self.seed ^ 5);
        let uneven = 0.93 + 0.14 * value_noise(length * 0.25, thread as f32 * 0.7, self.seed ^ 7);
        // Light comes from the upper left.
        let side = 1.0 - 0.22 * across;
        let light =
            (0.34 + 0.62 * round) * dive * side * (0.88 + 0.15 * twist) * (0.84 + 0.3 * fuzz);
        color.map(|value| value * light * tint * uneven)
    }
}

/// Threads that lie on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Top {
    Twill,
    Warp,
    Weft,
}

impl Part for Fabric {
    fn surface(&self, point: Vector) -> Surface {
        let sway =
            |seed: u32| 3.0 * (value_noise(point.x / 70.0, point.y / 70.0, self.seed ^ seed) - 0.5);
        let place = Vector::new(
            (point.dot(self.axis) + sway(11)) / self.pitch + self.phase.x,
            (point.dot(self.axis.perpendicular()) + sway(13)) / self.pitch + self.phase.y,
        );
        let good = || self.weave(place, Top::Twill);
        let defective = |color| Surface { color, is_defect: true };
        match &self.flaw {
            None => Surface::good(good()),
            Some(Flaw::Fiber { curve, color }) => match curve.nearby(point) {
                Some(near) if near.across.abs() < 1.0 => {
                    let round = (1.0 - near.across * near.across).sqrt();
                    let light = (0.5 + 0.5 * round) * (0.85 + 0.3 * wave(near.along * 14.0).abs());
                    defective(color.map(|value| value * light))
                }
                _ => Surface::good(good()),
            },
            Some(Flaw::Hole(blob)) => {
                let depth = blob.depth(point);
                if depth <= 0.0 {
                    return Surface::good(good());
                }
                // Torn ends reach into the dark.
                let frayed = cloud(place.x * 2.5, place.y * 2.5, self.seed ^ 17);
                let torn = smooth_step(0.5, 0.05, depth) * smooth_step(0.42, 0.6, frayed);
                let dark = [0.07, 0.07, 0.08];
                let woven = good();
                defective(std::array::from_fn(|c| mix(dark[c], 0.8 * woven[c], torn)))
            }
            Some(Flaw::Stain { blob, strength }) => {
                let depth = blob.depth(point);
                if depth <= 0.02 {
                    return Surface::good(good());
                }
                // Stronger towards its edge, where the liquid dried last.
                let share = strength * smooth_step(0.0, 0.12, depth) * (1.2 - 0.4 * depth.min(1.0));
                let tint = [0.62, 0.50, 0.36];
                let woven = good();
                defective(std::array::from_fn(|c| woven[c] * mix(1.0, tint[c], share)))
            }
            Some(Flaw::Thread { row, columns, missing }) => {
                let (i, j) = (place.x.floor() as i32, place.y.floor() as i32);
                if j != *row || !columns.contains(&i) {
                    return Surface::good(good());
                }
                if *missing {
                    // Without the weft the warp lies open, and lower.
                    defective(self.weave(place, Top::Warp).map(|value| 0.62 * value))
                } else {
                    defective(self.weave(place, Top::Weft).map(|value| 1.12 * value))
                }
            }
        }
    }
}
