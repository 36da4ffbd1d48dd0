//! Transforms of an image: drawn at random from the seed, or spread evenly.

use std::f64::consts::GOLDEN_RATIO;
use std::ops::Range;

use differnet_random::ItemStream;

use crate::content_hash::ContentHash;
use crate::transform::Transform;

/// Distribution that transforms are drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransformConfig {
    /// Rotation of images.
    pub rotate: Rotation,
    /// Half-width of the interval about 1 that the factors of brightness and contrast are uniform
    /// in: 0.15 for 0.85 to 1.15, as for magnetic tiles (Section 4.2). `None` leaves both at 1.
    pub jitter: Option<f32>,
}

impl TransformConfig {
    /// The random transforms numbered `range` of the image with content hash `image`.
    ///
    /// Angle, brightness and contrast are independent and uniform. The transform numbered i depends
    /// on nothing but these settings, `seed`, `purpose`, `image` and i: asking for more never changes those
    /// asked for before, and angles stay the same whether or not there is jitter.
    pub fn random(
        &self,
        seed: u64,
        purpose: Purpose,
        image: &ContentHash,
        range: Range<usize>,
    ) -> Vec<Transform> {
        let mut random = ItemStream::of_item(seed, purpose.key(), &image.0);
        range
            .map(|index| {
                random.seek(index as u64);
                let [turn, brightness, contrast] =
                    [random.coarse_unit(), random.coarse_unit(), random.coarse_unit()];
                self.at(turn, brightness, contrast)
            })
            .collect()
    }

    /// `count` transforms spread evenly: angles i·360°/`count`; brightness and contrast follow a
    /// low-discrepancy sequence (Halton, bases 2 and 3). The first is the identity.
    ///
    /// Without rotation and jitter every one is the identity.
    pub fn fixed(&self, count: usize) -> Vec<Transform> {
        (0..count)
            .map(|index| {
                // Shifted by one half so that the first factors are 1.
                let shifted = |base| (radical_inverse(index, base) + 0.5).fract();
                self.at(index as f32 / count as f32, shifted(2), shifted(3))
            })
            .collect()
    }

    /// An order of `0..count` of which every beginning is spread about evenly, for taking
    /// [`fixed`](Self::fixed) transforms a few at a time.
    ///
    /// Steps of about the golden ratio of the circle: the angles of a beginning lie in no pattern that the image
    /// could share, as eighths of a turn would, and their brightness and contrast are spread as well. The identity
    /// comes last.
    pub fn spread_order(count: usize) -> Vec<usize> {
        let golden = count as f64 / GOLDEN_RATIO;
        let off = |step: usize| (step as f64 - golden).abs();
        let steps = (1..=count).filter(|&step| greatest_common_divisor(step, count) == 1);
        let Some(step) = steps.min_by(|&a, &b| off(a).total_cmp(&off(b))) else {
            return Vec::new();
        };
        (1..=count).map(|at| at * step % count).collect()
    }

    /// The transform at a point of the unit cube.
    fn at(&self, turn: f32, brightness: f32, contrast: f32) -> Transform {
        let degrees = match self.rotate {
            Rotation::None => 0.0,
            Rotation::Full => 360.0 * turn,
        };
        let factor = |unit: f32| match self.jitter {
            None => 1.0,
            // A negative factor would invert the image.
            Some(jitter) => (1.0 + jitter * (2.0 * unit - 1.0)).max(0.0),
        };
        Transform { degrees, brightness: factor(brightness), contrast: factor(contrast) }
    }
}

/// Rotation of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Never: for parts that always lie the same way and defects that depend on it.
    None,
    /// By any angle from 0° to 360°.
    Full,
}

/// Purpose of random transforms; those of one say nothing about those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Training the flow.
    Train,
    /// Validation images.
    Validate,
    /// Scoring images.
    Score,
}

impl Purpose {
    fn key(self) -> &'static str {
        match self {
            Self::Train => "transforms/train",
            Self::Validate => "transforms/validate",
            Self::Score => "transforms/score",
        }
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// The digits of `index` in `base`, mirrored behind the point (van der Corput).
fn radical_inverse(mut index: usize, base: usize) -> f32 {
    let (mut inverse, mut place) = (0.0, 1.0);
    while index > 0 {
        place /= base as f32;
        inverse += (index % base) as f32 * place;
        index /= base;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: TransformConfig = TransformConfig { rotate: Rotation::Full, jitter: Some(0.15) };
    const IMAGE: ContentHash = ContentHash([7; 32]);

    fn draw(config: &TransformConfig, range: Range<usize>) -> Vec<Transform> {
        config.random(1, Purpose::Train, &IMAGE, range)
    }

    #[test]
    fn every_beginning_of_the_spread_order_is_spread() {
        assert_eq!(TransformConfig::spread_order(8), [5, 2, 7, 4, 1, 6, 3, 0]);
        // Steps of 5: 4 has a divisor in common with 6.
        assert_eq!(TransformConfig::spread_order(6), [5, 4, 3, 2, 1, 0]);
        assert_eq!(TransformConfig::spread_order(1), [0]);
        assert!(TransformConfig::spread_order(0).is_empty());
        // However many are taken, no arc between neighbours is more than three times an even one.
        let order = TransformConfig::spread_order(64);
        for taken in 1..=64 {
            let mut angles = order[..taken].to_vec();
            angles.sort_unstable();
            let next = angles.iter().skip(1).copied().chain([angles[0] + 64]);
            let widest = angles.iter().zip(next).map(|(a, b)| b - a).max();
            assert!(widest.is_some_and(|arc| arc * taken <= 3 * 64), "{taken}: {widest:?}");
        }
        for count in [3, 12, 64, 100] {
            let mut all = TransformConfig::spread_order(count);
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn any_range_is_a_slice_of_the_whole_sequence() {
        let whole = draw(&BOTH, 0..50);
        assert_eq!(draw(&BOTH, 0..8), whole[..8]);
        assert_eq!(draw(&BOTH, 17..31), whole[17..31]);
        assert_eq!(draw(&BOTH, 5..5), []);
    }

    #[test]
    fn seed_purpose_and_image_each_change_the_sequence() {
        let golden = draw(&BOTH, 0..4);
        let other = ContentHash([8; 32]);
        assert_ne!(BOTH.random(2, Purpose::Train, &IMAGE, 0..4), golden);
        assert_ne!(BOTH.random(1, Purpose::Validate, &IMAGE, 0..4), golden);
        assert_ne!(BOTH.random(1, Purpose::Train, &other, 0..4), golden);
    }

    #[test]
    fn draws_fill_their_intervals_evenly() {
        let transforms = draw(&BOTH, 0..10_000);
        let mean = |value: fn(&Transform) -> f32| {
            transforms.iter().map(|t| f64::from(value(t))).sum::<f64>() / 10_000.0
        };
        // Five standard deviations of the mean of 10,000 uniform draws.
        assert!((mean(|t| t.degrees) - 180.0).abs() < 5.2);
        assert!((mean(|t| t.brightness) - 1.0).abs() < 0.0044);
        assert!((mean(|t| t.contrast) - 1.0).abs() < 0.0044);
        for transform in &transforms {
            assert!((0.0..360.0).contains(&transform.degrees));
            assert!((0.85..=1.15).contains(&transform.brightness));
            assert!((0.85..=1.15).contains(&transform.contrast));
        }
    }

    #[test]
    fn brightness_and_contrast_are_uncorrelated() {
        let transforms = draw(&BOTH, 0..10_000);
        let product: f64 = transforms
            .iter()
            .map(|t| f64::from(t.brightness - 1.0) * f64::from(t.contrast - 1.0))
            .sum::<f64>()
            / 10_000.0;
        // One factor's variance is 0.0075; the mean product of 10,000 has deviation 7.5e-5.
        assert!(product.abs() < 4e-4, "{product}");
    }

    #[test]
    fn jitter_does_not_change_the_angles() {
        let plain = TransformConfig { jitter: None, ..BOTH };
        let angles = |config| draw(config, 0..9).iter().map(|t| t.degrees).collect::<Vec<_>>();
        assert_eq!(angles(&plain), angles(&BOTH));
        assert!(draw(&plain, 0..9).iter().all(|t| t.brightness == 1.0 && t.contrast == 1.0));
    }

    #[test]
    fn fixed_angles_divide_the_turn() {
        let plain = TransformConfig { jitter: None, ..BOTH };
        let angles: Vec<f32> = plain.fixed(4).iter().map(|t| t.degrees).collect();
        assert_eq!(angles, [0.0, 90.0, 180.0, 270.0]);
    }

    #[test]
    fn fixed_factors_follow_the_halton_sequence_by_hand() {
        // Base 2: 0, 1/2, 1/4, 3/4; base 3: 0, 1/3, 2/3, 1/9; shifted by 1/2 and scaled.
        let half = TransformConfig { rotate: Rotation::None, jitter: Some(0.5) };
        let transforms = half.fixed(4);
        assert!(transforms[0].is_identity());
        let brightness: Vec<f32> = transforms.iter().map(|t| t.brightness).collect();
        assert_eq!(brightness, [1.0, 0.5, 1.25, 0.75]);
        let golden = [1.0, 0.5 + 5.0 / 6.0, 0.5 + 1.0 / 6.0, 0.5 + 11.0 / 18.0];
        for (transform, golden) in transforms.iter().zip(golden) {
            assert!((transform.contrast - golden).abs() < 1e-6, "{transform:?}");
        }
    }

    #[test]
    fn without_rotation_and_jitter_every_transform_is_the_identity() {
        let none = TransformConfig { rotate: Rotation::None, jitter: None };
        assert_eq!(none.fixed(3), [Transform::IDENTITY; 3]);
        assert_eq!(draw(&none, 0..3), [Transform::IDENTITY; 3]);
    }
}
