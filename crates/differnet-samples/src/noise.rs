//! Irregularity from arithmetic alone: no call into the platform's mathematics library, so that the
//! sample images are the same bit for bit everywhere.

/// A point or a direction in the image plane, in units of 1/256 of the image's side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Vector {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

impl Vector {
    pub(crate) const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The unit vector `turns` of a full circle away from the x axis.
    pub(crate) fn direction(turns: f32) -> Self {
        let (x, y) = (wave(turns + 0.25), wave(turns));
        let length = (x * x + y * y).sqrt();
        Self::new(x / length, y / length)
    }

    pub(crate) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub(crate) fn plus(self, other: Self, factor: f32) -> Self {
        Self::new(self.x + other.x * factor, self.y + other.y * factor)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(other, -1.0)
    }

    /// A quarter turn further.
    pub(crate) fn perpendicular(self) -> Self {
        Self::new(-self.y, self.x)
    }
}

/// Almost the sine of `turns` full circles: two parabolas, corrected; off by at most 0.0012.
pub(crate) fn wave(turns: f32) -> f32 {
    let t = turns - floor(turns) as f32;
    let half = if t < 0.5 { 16.0 * t * (0.5 - t) } else { -16.0 * (t - 0.5) * (1.0 - t) };
    half * (0.775 + 0.225 * half.abs())
}

/// A smooth step from 0 at `low` to 1 at `high`; falls where `high` is below `low`.
pub(crate) fn smooth_step(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    fade(t)
}

/// Uniform in [0, 1), fixed by the lattice point and the seed.
#[inline]
pub(crate) fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    // Odd multipliers and shifts that spread each input bit over the word.
    let mut word = (x as u32).wrapping_mul(0x9e37_79b1)
        ^ (y as u32).wrapping_mul(0x85eb_ca77)
        ^ seed.wrapping_mul(0xc2b2_ae3d);
    word = (word ^ (word >> 15)).wrapping_mul(0x2c1b_3c6d);
    word = (word ^ (word >> 12)).wrapping_mul(0x297a_2d39);
    word ^= word >> 15;
    (word >> 8) as f32 / (1 << 24) as f32
}

/// Smooth noise in [0, 1) that varies over a distance of 1.
#[inline]
pub(crate) fn value_noise(x: f32, y: f32, seed: u32) -> f32 {
    let (i, j) = (floor(x), floor(y));
    let (u, v) = (fade(x - i as f32), fade(y - j as f32));
    let top = mix(lattice(i, j, seed), lattice(i + 1, j, seed), u);
    let bottom = mix(lattice(i, j + 1, seed), lattice(i + 1, j + 1, seed), u);
    mix(top, bottom, v)
}

/// Faster than the call into the mathematics library that `f32::floor` may be.
fn floor(value: f32) -> i32 {
    let cut = value as i32;
    cut - i32::from(value < cut as f32)
}

fn fade(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// Four octaves of [`value_noise`], in [0, 1), around 0.5.
pub(crate) fn cloud(x: f32, y: f32, seed: u32) -> f32 {
    let mut sum = 0.0;
    let (mut scale, mut weight) = (1.0, 8.0 / 15.0);
    for octave in 0..4 {
        sum += weight * value_noise(x * scale, y * scale, seed.wrapping_add(octave));
        scale *= 2.0;
        weight *= 0.5;
    }
    sum
}

pub(crate) fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_follows_the_sine() {
        for step in -300..300 {
            let turns = step as f32 / 100.0;
            let sine = (turns * std::f32::consts::TAU).sin();
            assert!((wave(turns) - sine).abs() < 0.0015, "{turns} turns");
        }
    }

    #[test]
    fn noise_is_continuous_and_spread_over_its_range() {
        let values: Vec<f32> = (0..20_000).map(|i| value_noise(i as f32 * 0.01, 0.3, 5)).collect();
        assert!(values.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.02));
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!((mean - 0.5).abs() < 0.08, "{mean}");
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
    }

    #[test]
    fn directions_have_length_one() {
        for step in 0..100 {
            let direction = Vector::direction(step as f32 / 100.0);
            assert!((direction.length() - 1.0).abs() < 1e-6);
            assert!(direction.dot(direction.perpendicular()).abs() < 1e-6);
        }
    }
}
