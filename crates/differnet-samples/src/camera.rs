//! A photograph of a part: supersampling, uneven light, lens, sensor noise, and the defect's mask.

use differnet_random::ItemStream;
use image::{GrayImage, RgbImage};

use crate::noise::Vector;

/// Sample points per pixel and axis.
const SUBSAMPLES: u32 = 2;

/// Units across the image, at any size in pixels.
pub(crate) const UNITS: f32 = 256.0;

/// Surface of a part at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Surface {
    /// Red, green and blue, from 0 to 1.
    pub(crate) color: [f32; 3],
    /// Whether a defect changed it.
    pub(crate) is_defect: bool,
}

impl Surface {
    /// A point that no defect touches.
    pub(crate) fn good(color: [f32; 3]) -> Self {
        Self { color, is_defect: false }
    }
}

/// Something that can be photographed.
pub(crate) trait Part: Sync {
    /// Surface at the point, in units of 1/256 of the image's side.
    fn surface(&self, point: Vector) -> Surface;
}

/// An image of a part and where its defect is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Photograph {
    pub(crate) image: RgbImage,
    /// White in every pixel that the defect touches, black elsewhere.
    pub(crate) mask: GrayImage,
}

/// A photograph of `part`, `size` × `size` pixels, under conditions drawn from `random`.
pub(crate) fn photograph(part: &dyn Part, size: u32, random: &mut ItemStream) -> Photograph {
    let conditions = Conditions::draw(random);
    let (mut colors, mask) = expose(part, size);
    conditions.light(&mut colors, size);
    let blurred = conditions.blur(&colors, size as usize);
    let samples = blurred.iter().flatten().map(|value| {
        // Robust against the last bit of the arithmetic before it.
        let level = 255.0 * (value + conditions.noise * random.bell());
        (level + 0.5).clamp(0.0, 255.0) as u8
    });
    let image = RgbImage::from_raw(size, size, samples.collect()).expect("three samples per pixel");
    Photograph { image, mask }
}

/// Average look of each pixel.
fn expose(part: &dyn Part, size: u32) -> (Vec<[f32; 3]>, GrayImage) {
    let mut mask = GrayImage::new(size, size);
    let mut colors = Vec::with_capacity((size * size) as usize);
    let share = 1.0 / (SUBSAMPLES * SUBSAMPLES) as f32;
    let place = |pixel: u32, sub: u32| {
        ((pixel * SUBSAMPLES + sub) as f32 + 0.5) * UNITS / (size * SUBSAMPLES) as f32
    };
    for y in 0..size {
        for x in 0..size {
            let mut color = [0.0; 3];
            let mut defective = false;
            for sub in 0..SUBSAMPLES * SUBSAMPLES {
                let point = Vector::new(place(x, sub % SUBSAMPLES), place(y, sub / SUBSAMPLES));
                let look = part.surface(point);
                for (sum, value) in color.iter_mut().zip(look.color) {
                    *sum += share * value;
                }
                defective |= look.is_defect;
            }
            colors.push(color);
            if defective {
                mask.put_pixel(x, y, image::Luma([255]));
            }
        }
    }
    (colors, mask)
}

/// Conditions of a photograph, which vary although the part does not.
#[derive(Debug, Clone)]
struct Conditions {
    gain: [f32; 3],
    /// Change of brightness from one side to the other.
    gradient: Vector,
    vignette: f32,
    /// 0 is sharp, 1 the average with the neighbours (weights 1, 2, 1).
    softness: f32,
    /// Standard deviation of the sensor noise.
    noise: f32,
}

impl Conditions {
    fn draw(random: &mut ItemStream) -> Self {
        let exposure = random.uniform(0.97, 1.03);
        let gain = [(); 3].map(|()| exposure * random.uniform(0.994, 1.006));
        let slope = random.uniform(0.0, 0.07);
        let direction = Vector::direction(random.coarse_unit());
        Self {
            gain,
            gradient: Vector::new(direction.x * slope, direction.y * slope),
            vignette: random.uniform(0.05, 0.09),
            softness: random.uniform(0.3, 0.6),
            noise: random.uniform(0.007, 0.011),
        }
    }

    fn light(&self, colors: &mut [[f32; 3]], size: u32) {
        let half = 0.5 * size as f32;
        for (row, line) in colors.chunks_exact_mut(size as usize).enumerate() {
            for (column, color) in line.iter_mut().enumerate() {
                // From -1 to 1 across the image.
                let offset = Vector::new(column as f32 / half - 1.0, row as f32 / half - 1.0);
                let light =
                    1.0 + self.gradient.dot(offset) - self.vignette * 0.5 * offset.dot(offset);
                for (value, gain) in color.iter_mut().zip(self.gain) {
                    *value *= gain * light;
                }
            }
        }
    }

    fn blur(&self, colors: &[[f32; 3]], size: usize) -> Vec<[f32; 3]> {
        let side = 0.25 * self.softness;
        let pass = |colors: &[[f32; 3]], step: usize, position: fn(usize, usize) -> usize| {
            let average = |index: usize| {
                let at = position(index, size);
                let before = if at == 0 { index } else { index - step };
                let after = if at == size - 1 { index } else { index + step };
                std::array::from_fn(|c| {
                    let [left, middle, right] = [before, index, after].map(|i| colors[i][c]);
                    middle + side * (left + right - 2.0 * middle)
                })
            };
            (0..colors.len()).map(average).collect::<Vec<[f32; 3]>>()
        };
        let rows = pass(colors, 1, |index, size| index % size);
        pass(&rows, size, |index, size| index / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey with a defective right half.
    struct Halves;

    impl Part for Halves {
        fn surface(&self, point: Vector) -> Surface {
            Surface { color: [0.5; 3], is_defect: point.x > 128.0 }
        }
    }

    #[test]
    fn the_mask_is_where_the_defect_is_at_any_size() {
        for size in [8, 33, 64] {
            let photograph = photograph(&Halves, size, &mut ItemStream::of_item(1, "test", b""));
            for (x, _, pixel) in photograph.mask.enumerate_pixels() {
                // The right one of two sample points, at (2x + 1.5) / 2, is in the right half.
                let defective = 4 * x + 3 > 2 * size;
                assert_eq!(pixel.0 == [255], defective, "column {x} of {size}");
            }
        }
    }

    #[test]
    fn light_and_noise_stay_near_the_parts_own_color() {
        let photograph = photograph(&Halves, 64, &mut ItemStream::of_item(1, "test", b""));
        let samples = photograph.image.as_raw();
        let mean = samples.iter().map(|&s| f64::from(s)).sum::<f64>() / samples.len() as f64;
        assert!((mean - 127.5).abs() < 12.0, "{mean}");
        assert!(samples.iter().any(|&sample| f64::from(sample) != mean.round()));
    }
}
