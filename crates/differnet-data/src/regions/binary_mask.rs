//! A mask image as black and white, stored as runs, brought to the size of images.

use image::DynamicImage;
use serde::{Deserialize, Serialize};

use crate::decode::DecodeLimits;
use crate::mask_pixels::{Marking, marked_pixels};
use crate::regions_error::RegionsError;

/// Most changes between black and white: a few megabytes in a model file.
const MOST_CHANGES: usize = 1_000_000;

/// White pixels of a mask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Runs", into = "Runs")]
pub(super) struct BinaryMask {
    width: u32,
    height: u32,
    /// Row by row.
    inside: Vec<bool>,
}

/// A mask as it is stored: few numbers for plain areas, the same at any time and place.
#[derive(Debug, Serialize, Deserialize)]
struct Runs {
    width: u32,
    height: u32,
    /// Lengths of runs of black and white pixels in turn, row by row, black first.
    runs: Vec<u64>,
}

impl BinaryMask {
    /// The mask in `image`.
    pub(super) fn new(image: &DynamicImage) -> Result<Self, RegionsError> {
        let (width, height) = (image.width(), image.height());
        let inside = marked_pixels(image, Marking::HalfWhite);
        if !(inside.contains(&true) && inside.contains(&false)) {
            let color = if inside.contains(&true) { "white" } else { "black" };
            return Err(RegionsError::OneColor { color });
        }
        let changes = inside.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if changes > MOST_CHANGES {
            return Err(RegionsError::ManyChanges { changes, limit: MOST_CHANGES });
        }
        Ok(Self { width, height, inside })
    }

    /// Width and height, pixels.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The mask of an image of this size, each pixel from the mask's nearest; `None` if it has
    /// another aspect ratio.
    pub(super) fn at_size(&self, width: u32, height: u32) -> Option<Vec<bool>> {
        if !same_shape(self.size(), (width, height)) {
            return None;
        }
        let columns: Vec<usize> = (0..width).map(|x| nearest(x, width, self.width)).collect();
        let mut inside = Vec::with_capacity(width as usize * height as usize);
        for y in 0..height {
            let start = nearest(y, height, self.height) * self.width as usize;
            inside.extend(columns.iter().map(|x| self.inside[start + x]));
        }
        Some(inside)
    }
}

/// Tells whether one of the sizes is the other scaled evenly and rounded to whole pixels.
pub(super) fn same_shape(one: (u32, u32), other: (u32, u32)) -> bool {
    // For some scale s, both |s · width − w| and |s · height − h| are at most one half.
    let becomes = |from: (u32, u32), to: (u32, u32)| {
        let (width, height) = (u128::from(from.0), u128::from(from.1));
        let (w, h) = (2 * u128::from(to.0), 2 * u128::from(to.1));
        (w - 1) * height <= (h + 1) * width && (h - 1) * width <= (w + 1) * height
    };
    becomes(one, other) || becomes(other, one)
}

/// The sample, of `from` in a line, at the centre of pixel `at` of `to`.
fn nearest(at: u32, to: u32, from: u32) -> usize {
    ((2 * u64::from(at) + 1) * u64::from(from) / (2 * u64::from(to))) as usize
}

impl From<BinaryMask> for Runs {
    fn from(mask: BinaryMask) -> Self {
        let BinaryMask { width, height, inside } = mask;
        let mut runs = Vec::new();
        let (mut color, mut length) = (false, 0);
        for inside in inside {
            if inside != color {
                runs.push(length);
                (color, length) = (inside, 0);
            }
            length += 1;
        }
        runs.push(length);
        Self { width, height, runs }
    }
}

impl TryFrom<Runs> for BinaryMask {
    type Error = RegionsError;

    fn try_from(Runs { width, height, runs }: Runs) -> Result<Self, RegionsError> {
        let pixels = u64::from(width) * u64::from(height);
        let total = runs.iter().try_fold(0_u64, |total, &run| total.checked_add(run));
        if pixels == 0 || pixels > DecodeLimits::default().max_pixels || total != Some(pixels) {
            return Err(RegionsError::Runs { width, height });
        }
        let colors = [false, true].into_iter().cycle();
        let inside = runs.iter().zip(colors).flat_map(|(&run, color)| (0..run).map(move |_| color));
        Ok(Self { width, height, inside: inside.collect() })
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    fn mask(rows: &[&str]) -> BinaryMask {
        let (width, height) = (rows[0].len() as u32, rows.len() as u32);
        let inside = rows.concat().chars().map(|pixel| pixel == '#').collect();
        BinaryMask { width, height, inside }
    }

    #[test]
    fn another_size_takes_the_nearest_pixel_by_hand() {
        let small = mask(&["#.", ".#"]);
        assert_eq!(small.at_size(4, 4).unwrap(), mask(&["##..", "##..", "..##", "..##"]).inside);
        // Centres at 1/3, 1 and 5/3: the middle one lies on a border and takes what follows.
        assert_eq!(small.at_size(3, 3).unwrap(), mask(&["#..", ".##", ".##"]).inside);
        let large = mask(&["#...", "....", ".##.", ".##."]);
        // Centres at 1 and 3: columns and rows 1 and 3.
        assert_eq!(large.at_size(2, 2).unwrap(), [false, false, true, false]);
        assert_eq!(large.at_size(4, 4).unwrap(), large.inside);
    }

    #[test]
    fn shapes_are_compared_up_to_rounding() {
        for size in [(1000, 750), (500, 375), (100, 75), (333, 250), (4000, 3000), (1001, 751)] {
            assert!(same_shape(size, (1000, 750)) && same_shape((1000, 750), size), "{size:?}");
        }
        for size in [(750, 1000), (1000, 1000), (1000, 752), (500, 373), (100, 77)] {
            assert!(!same_shape(size, (1000, 750)) && !same_shape((1000, 750), size), "{size:?}");
        }
        assert_eq!(mask(&["#..."]).at_size(2, 2), None);
    }

    #[test]
    fn runs_begin_with_black_and_are_few() {
        let runs = |rows: &[&str]| Runs::from(mask(rows)).runs;
        assert_eq!(runs(&["..##", "#..."]), [2, 3, 3]);
        assert_eq!(runs(&["#.", ".."]), [0, 1, 3]);
        assert_eq!(runs(&["##"]), [0, 2]);
        assert_eq!(runs(&["..", ".."]), [4]);
    }

    #[test]
    fn damaged_runs_are_refused() {
        let read = |width, height, runs: &[u64]| {
            BinaryMask::try_from(Runs { width, height, runs: runs.to_vec() })
        };
        assert!(read(2, 2, &[1, 3]).is_ok());
        for runs in [&[][..], &[3], &[5], &[1, 2, 3], &[u64::MAX, 5]] {
            assert!(read(2, 2, runs).is_err(), "{runs:?}");
        }
        assert!(read(0, 2, &[0]).is_err());
        let huge = u64::from(u32::MAX) * u64::from(u32::MAX);
        assert!(read(u32::MAX, u32::MAX, &[huge]).is_err());
    }

    #[test]
    fn a_mask_of_noise_is_refused() {
        let board =
            RgbImage::from_fn(1010, 1000, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
        let message = BinaryMask::new(&board.into()).unwrap_err().to_string();
        assert!(message.contains("draw plain areas"), "{message}");
    }

    proptest! {
        #[test]
        fn masks_survive_their_runs(
            (width, inside) in (1_usize..9).prop_flat_map(|width| {
                (Just(width), prop::collection::vec(any::<bool>(), width * 5))
            })
        ) {
            let mask = BinaryMask { width: width as u32, height: 5, inside };
            prop_assert_eq!(BinaryMask::try_from(Runs::from(mask.clone())).unwrap(), mask);
        }
    }
}
