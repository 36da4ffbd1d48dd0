//! Statistics of an image that tell a frame of something else: dark, blank, blurred, tinted, stretched.

use image::RgbImage;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::compression::Compression;

/// Shorter side to which images are reduced before their detail is measured, pixels, at least.
const SIDE: u32 = 448;
/// Level added to a colour's share of the light, so that a black image has no tint.
const DARK: f64 = 1.0;

/// Brightness, contrast, sharpness, tint and shape of an image, ignored pixels left out.
///
/// Levels are from 0 to 255. The image is reduced by the whole number that leaves its shorter side at 448
/// pixels or more, by means of blocks; luminance is 0.299 R + 0.587 G + 0.114 B.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct InputStatistics {
    /// Width and height of the upright image, pixels.
    pub size: (u32, u32),
    /// Mean luminance, levels.
    pub brightness: f64,
    /// Difference between the 95th and the 5th percentile of the luminance, levels: a defect that covers less
    /// of the image does not move it.
    pub contrast: f64,
    /// Mean absolute Laplacian of the luminance over the contrast: fine detail, whatever the light; over 1
    /// level more, so that a blank image has none.
    pub sharpness: f64,
    /// Share of red in the sum of the three colours, from 0 to 1; 1/3 of grey.
    pub red: f64,
    /// Share of blue.
    pub blue: f64,
    /// Compression of the image's file.
    pub compression: Compression,
}

/// Bins that levels are counted in, to find a percentile among those of one bin.
const BINS: usize = 4096;
const BINS_PER_LEVEL: f32 = 16.0;

/// An image reduced by means of blocks.
struct Reduced {
    width: usize,
    /// Luminance of each block, levels; NaN where a pixel of it is ignored.
    luminances: Vec<f32>,
    /// Over the blocks that count.
    sums: Sums,
}

/// Sums over blocks, levels.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: usize,
    luminance: f64,
    colors: [f64; 3],
}

impl InputStatistics {
    /// The statistics of `image`; `ignored` says of each pixel, row by row, whether it is left out.
    ///
    /// All are 0, and red and blue 1/3, if every pixel is. The pixels count as lossless.
    pub fn of(image: &RgbImage, ignored: Option<&[bool]>) -> Self {
        let Reduced { width, luminances, sums } = Reduced::of(image, ignored);
        let counted = || luminances.iter().copied().filter(|level| !level.is_nan());
        let (contrast, laplacian) =
            rayon::join(|| percentile_range(counted), || mean_laplacian(&luminances, width));
        let count = sums.count.max(1) as f64;
        let light = sums.colors.iter().sum::<f64>() / count + 3.0 * DARK;
        let share = |color: usize| (sums.colors[color] / count + DARK) / light;
        Self {
            size: image.dimensions(),
            brightness: sums.luminance / count,
            contrast,
            sharpness: laplacian / (contrast + 1.0),
            red: share(0),
            blue: share(2),
            compression: Compression::Lossless,
        }
    }

    /// Mean absolute Laplacian of the luminance, levels.
    pub(crate) fn mean_laplacian(&self) -> f64 {
        self.sharpness * (self.contrast + 1.0)
    }

    /// Width over height.
    pub fn aspect(&self) -> f64 {
        f64::from(self.size.0) / f64::from(self.size.1)
    }
}

impl Reduced {
    fn of(image: &RgbImage, ignored: Option<&[bool]>) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let factor = ((image.width().min(image.height()) / SIDE).max(1)) as usize;
        let (columns, rows) = (width / factor, height / factor);
        let scale = 1.0 / (factor * factor) as f32;
        let mut luminances = vec![0.0; columns * rows];
        let lines = luminances.par_chunks_exact_mut(columns.max(1)).enumerate();
        let sums = lines.map_init(
            || vec![[0_u32; 3]; columns],
            |blocks, (row, luminances)| {
                let lines = row * factor..(row + 1) * factor;
                add_blocks(
                    &image.as_raw()[3 * width * lines.start..3 * width * lines.end],
                    factor,
                    blocks,
                );
                let mut sums = Sums::default();
                for (column, (luminance, block)) in luminances.iter_mut().zip(&*blocks).enumerate()
                {
                    let counts = ignored.is_none_or(|ignored| {
                        lines.clone().all(|y| {
                            let line = &ignored[y * width + column * factor..][..factor];
                            line.iter().all(|ignored| !ignored)
                        })
                    });
                    let color = block.map(|sum| sum as f32 * scale);
                    let [r, g, b] = color;
                    *luminance = if counts { 0.299 * r + 0.587 * g + 0.114 * b } else { f32::NAN };
                    if counts {
                        sums.add(&Sums {
                            count: 1,
                            luminance: f64::from(*luminance),
                            colors: color.map(f64::from),
                        });
                    }
                }
                sums
            },
        );
        // Row by row, so that sums do not depend on the number of threads.
        let rows: Vec<Sums> = sums.collect();
        let mut sums = Sums::default();
        rows.iter().for_each(|row| sums.add(row));
        Self { width: columns, luminances, sums }
    }
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.luminance += other.luminance;
        self.colors.iter_mut().zip(other.colors).for_each(|(sum, color)| *sum += color);
    }
}

/// The sums of each colour over blocks of `factor` columns of `lines`, `factor` lines of an image.
fn add_blocks(lines: &[u8], factor: usize, blocks: &mut [[u32; 3]]) {
    blocks.fill([0; 3]);
    for line in lines.chunks_exact(lines.len() / factor) {
        for (sums, block) in blocks.iter_mut().zip(line.chunks_exact(3 * factor)) {
            for pixel in block.chunks_exact(3) {
                sums.iter_mut().zip(pixel).for_each(|(sum, level)| *sum += u32::from(*level));
            }
        }
    }
}

/// Difference between the 95th and the 5th percentile of levels from 0 to 255; 0 of nothing.
fn percentile_range<Levels: Iterator<Item = f32>>(levels: impl Fn() -> Levels + Sync) -> f64 {
    let bin = |level: f32| ((level * BINS_PER_LEVEL) as usize).min(BINS - 1);
    let mut counts = vec![0_usize; BINS];
    levels().for_each(|level| counts[bin(level)] += 1);
    let Some(last) = counts.iter().sum::<usize>().checked_sub(1) else { return 0.0 };
    let at = |percent: usize| {
        let (mut rank, mut found) = (last * percent / 100, 0);
        while rank >= counts[found] {
            rank -= counts[found];
            found += 1;
        }
        let mut inside: Vec<f32> = levels().filter(|&level| bin(level) == found).collect();
        let (_, level, _) = inside.select_nth_unstable_by(rank, f32::total_cmp);
        f64::from(*level)
    };
    let (high, low) = rayon::join(|| at(95), || at(5));
    high - low
}

/// Mean of |4c − up − down − left − right| over the blocks that count with their four neighbours; 0 of none.
fn mean_laplacian(luminances: &[f32], width: usize) -> f64 {
    let rows: Vec<&[f32]> = luminances.chunks_exact(width.max(1)).collect();
    let sums = rows.par_windows(3).map(|rows| {
        let [above, row, below] = [rows[0], rows[1], rows[2]];
        let (mut sum, mut count) = (0.0, 0_usize);
        let vertical = above.iter().zip(below).skip(1);
        for (across, (up, down)) in row.windows(3).zip(vertical) {
            let [left, centre, right, up, down] =
                [across[0], across[1], across[2], *up, *down].map(f64::from);
            let laplacian = (4.0 * centre - up - down - left - right).abs();
            if !laplacian.is_nan() {
                sum += laplacian;
                count += 1;
            }
        }
        (sum, count)
    });
    let sums: Vec<(f64, usize)> = sums.collect();
    let (sum, count) = sums.iter().fold((0.0, 0), |(sum, count), row| (sum + row.0, count + row.1));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::*;

    /// Vertical stripes of `width` pixels in two levels, `side` × `side`.
    fn stripes(side: u32, width: u32, dark: u8, bright: u8) -> RgbImage {
        let level = |x: u32| if (x / width).is_multiple_of(2) { dark } else { bright };
        RgbImage::from_fn(side, side, |x, _| Rgb([level(x); 3]))
    }

    #[test]
    fn statistics_of_stripes_follow_by_hand() {
        let found = InputStatistics::of(&stripes(448, 16, 0, 100), None);
        assert_eq!((found.brightness, found.contrast, found.aspect()), (50.0, 100.0, 1.0));
        // 27 edges, each with a jump of 100 on both sides, in 446 columns.
        let edges = 27.0 * 2.0 * 100.0 / 446.0;
        assert!((found.sharpness - edges / 101.0).abs() < 1e-9, "{}", found.sharpness);
        assert!((found.red - 1.0 / 3.0).abs() < 1e-12 && (found.blue - 1.0 / 3.0).abs() < 1e-12);
        // Twice as large: blocks of 2 × 2 give the same image.
        let large = InputStatistics::of(&stripes(896, 32, 0, 100), None);
        assert_eq!(InputStatistics { size: (448, 448), ..large }, found);
    }

    #[test]
    fn a_small_bright_defect_does_not_change_the_contrast() {
        let mut image = stripes(100, 4, 100, 110);
        let clean = InputStatistics::of(&image, None).contrast;
        // 400 of 10,000 pixels.
        for (x, y) in (0..20).flat_map(|x| (0..20).map(move |y| (x, y))) {
            image.put_pixel(x, y, Rgb([255; 3]));
        }
        assert_eq!(InputStatistics::of(&image, None).contrast, clean);
    }

    #[test]
    fn percentiles_are_those_of_all_sorted_levels() {
        for count in [1_usize, 2, 19, 20, 21, 1000] {
            let levels: Vec<f32> =
                (0..count).map(|at| ((at * 7919) % 1021) as f32 * (255.0 / 1020.0)).collect();
            let mut sorted = levels.clone();
            sorted.sort_by(f32::total_cmp);
            let at = |percent: usize| f64::from(sorted[(count - 1) * percent / 100]);
            assert_eq!(percentile_range(|| levels.iter().copied()), at(95) - at(5), "{count}");
        }
        assert_eq!(percentile_range(std::iter::empty), 0.0);
        assert_eq!(percentile_range(|| [255.0, 255.0].into_iter()), 0.0);
    }

    #[test]
    fn a_tint_moves_the_shares_of_colours() {
        let found = InputStatistics::of(&RgbImage::from_pixel(9, 3, Rgb([200, 100, 50])), None);
        assert!((found.red - 201.0 / 353.0).abs() < 1e-9, "{}", found.red);
        assert!((found.blue - 51.0 / 353.0).abs() < 1e-9, "{}", found.blue);
        assert_eq!((found.contrast, found.sharpness, found.aspect()), (0.0, 0.0, 3.0));
    }

    #[test]
    fn blur_lowers_the_sharpness_and_light_hardly_does() {
        let sharp = InputStatistics::of(&stripes(448, 16, 50, 250), None).sharpness;
        let dim = InputStatistics::of(&stripes(448, 16, 25, 125), None).sharpness;
        let blurred = imageops::blur(&stripes(448, 16, 50, 250), 4.0);
        assert!((dim / sharp - 1.0).abs() < 0.02, "{dim} {sharp}");
        assert!(InputStatistics::of(&blurred, None).sharpness < sharp / 2.0);
    }

    #[test]
    fn ignored_pixels_leave_no_trace() {
        let clean = RgbImage::from_fn(20, 20, |x, y| Rgb([(10 * (x % 3) + y) as u8; 3]));
        let mut dirty = clean.clone();
        let mut ignored = vec![false; 400];
        for x in 0..20 {
            dirty.put_pixel(x, 4, Rgb([255, 0, 9]));
            ignored[4 * 20 + x as usize] = true;
        }
        let of = |image| InputStatistics::of(image, Some(&ignored));
        assert_eq!(of(&dirty), of(&clean));
        assert_ne!(InputStatistics::of(&dirty, None), InputStatistics::of(&clean, None));
        let nothing = InputStatistics::of(&dirty, Some(&[true; 400]));
        assert_eq!((nothing.brightness, nothing.contrast, nothing.sharpness), (0.0, 0.0, 0.0));
    }
}
