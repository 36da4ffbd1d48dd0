//! Images as a method on local features sees them: maps, where each place lies, and which count.

use differnet_data::{ImageInput, MaskedInput, RgbImage};
use differnet_features::{PLACE, StageMap};
use rayon::prelude::*;

use super::plan::{POSITION, Plan};
use super::tiles::{self, Layout};
use crate::error::Error;
use crate::runtime::Runtime;
use crate::training::Training;

/// Images read at once.
const BATCH: usize = 8;

/// Feature maps of an image, and its grid of places.
pub(super) struct SeenMaps {
    /// After the plan's stages, rising.
    pub(super) maps: Vec<StageMap>,
    pub(super) grid: Grid,
}

/// The places of an image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) height: usize,
    pub(super) width: usize,
    /// Mask of the places that count: at least half of the pixels of each do.
    pub(super) counts: Vec<bool>,
}

impl Grid {
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Centre of the place with the largest value, as shares of the image's width and height; `None` if
    /// no place counts.
    pub(super) fn centre_of_largest(&self, values: &[f32]) -> Option<[f64; 2]> {
        let counted = (0..values.len()).filter(|&place| self.counts[place]);
        let largest = counted
            .reduce(|best, place| if values[place] > values[best] { place } else { best })?;
        let centre = |at: usize, count: usize| (at as f64 + 0.5) / count as f64;
        Some([centre(largest % self.width, self.width), centre(largest / self.width, self.height)])
    }
}

/// Shift of an image, pixels as the network sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    right: i32,
    down: i32,
}

impl Shift {
    const NONE: Self = Self { right: 0, down: 0 };
    /// To where no place of the image itself lies.
    pub(super) const HALF_A_PLACE: [Self; 4] = {
        let half = PLACE as i32 / 2;
        [
            Self { right: half, down: half },
            Self { right: -half, down: half },
            Self { right: half, down: -half },
            Self { right: -half, down: -half },
        ]
    };
}

/// Feature maps of an image.
///
/// # Errors
/// [`Error::NoPlaces`] if no place counts.
pub(super) fn seen_maps(
    plan: &Plan,
    runtime: &Runtime,
    seen: &MaskedInput,
) -> Result<SeenMaps, Error> {
    shifted_maps(plan, runtime, seen, Shift::NONE)
}

/// Feature maps of an image that is moved; its outermost pixels fill what is left behind.
fn shifted_maps(
    plan: &Plan,
    runtime: &Runtime,
    seen: &MaskedInput,
    shift: Shift,
) -> Result<SeenMaps, Error> {
    let layout = layout(plan, seen.image().dimensions());
    let (width, height) = (layout.across.total() as u32, layout.down.total() as u32);
    let mut resized = seen.resized(width, height);
    if shift.right != 0 || shift.down != 0 {
        let from = |at: u32, by: i32, size: u32| at.saturating_add_signed(-by).min(size - 1);
        resized = RgbImage::from_fn(resized.width(), resized.height(), |x, y| {
            let (width, height) = resized.dimensions();
            *resized.get_pixel(from(x, shift.right, width), from(y, shift.down, height))
        });
    }
    let extractor = runtime.place_extractor(plan.backbone)?;
    let maps = tiles::maps(extractor, &resized, &layout, &plan.stages());
    let (height, width) = layout.grid();
    let counts = match &seen.ignored {
        None => vec![true; height * width],
        Some(ignored) => counting(seen.image(), ignored, (height, width)),
    };
    if !counts.contains(&true) {
        return Err(Error::NoPlaces);
    }
    Ok(SeenMaps { maps, grid: Grid { height, width, counts } })
}

/// Feature maps of images that were usable before; a few are in memory at a time.
pub(super) fn read<'a>(
    plan: &'a Plan,
    training: &'a Training<'_>,
    images: &'a [ImageInput<'_>],
) -> impl Iterator<Item = Result<SeenMaps, Error>> {
    let runtime = training.runtime;
    let decoded = images.chunks(BATCH).flat_map(move |images| {
        let read = |image: &ImageInput<'_>| {
            MaskedInput::read(*image, training.preprocessing(), &runtime.limits)
        };
        images.par_iter().map(read).collect::<Vec<_>>()
    });
    decoded.map(move |seen| {
        let seen = seen.map_err(|source| Error::ImageChanged { source })?;
        seen_maps(plan, runtime, &seen)
    })
}

/// Feature maps of an image that was usable before, moved.
pub(super) fn read_shifted(
    plan: &Plan,
    training: &Training<'_>,
    image: ImageInput<'_>,
    shift: Shift,
) -> Result<SeenMaps, Error> {
    let seen = MaskedInput::read(image, training.preprocessing(), &training.runtime.limits)
        .map_err(|source| Error::ImageChanged { source })?;
    shifted_maps(plan, training.runtime, &seen, shift)
}

/// Returns the layout of an image of a width and a height, as the network sees it.
pub(super) fn layout(plan: &Plan, dimensions: (u32, u32)) -> Layout {
    let dimensions = if plan.square { (1, 1) } else { dimensions };
    Layout::of(dimensions, plan.pixels, plan.tiles, plan.overlap)
}

/// Mask of the places of a grid that count, given which pixels of the image are ignored.
fn counting(image: &RgbImage, ignored: &[bool], (height, width): (usize, usize)) -> Vec<bool> {
    let (image_width, image_height) = (image.width() as usize, image.height() as usize);
    let span = |at: usize, count: usize, size: usize| {
        let first = at * size / count;
        first..((at + 1) * size / count).max(first + 1).min(size)
    };
    let mut counts = Vec::with_capacity(height * width);
    for y in 0..height {
        for x in 0..width {
            let rows = span(y, height, image_height);
            let columns = span(x, width, image_width);
            let all = rows.len() * columns.len();
            let row = |y: usize| &ignored[y * image_width..][columns.clone()];
            let hidden = rows.flat_map(row).filter(|ignored| **ignored).count();
            counts.push(2 * hidden <= all);
        }
    }
    counts
}

/// Positional encoding of a grid's places, `[height · width, 32]`: sines and cosines of the column and the
/// row of each place's centre, from 0 to 1, in waves of length 2 to 1/64.
pub(super) fn positions((height, width): (usize, usize)) -> Vec<f32> {
    let columns = waves(width);
    let rows = waves(height);
    let mut values = Vec::with_capacity(height * width * POSITION);
    for row in rows.chunks_exact(POSITION / 2) {
        for column in columns.chunks_exact(POSITION / 2) {
            values.extend_from_slice(column);
            values.extend_from_slice(row);
        }
    }
    values
}

/// Sines and cosines of the centres of `count` cells, from 0 to 1, `[count, 16]`.
fn waves(count: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(count * POSITION / 2);
    for cell in 0..count {
        let at = (cell as f32 + 0.5) / count as f32;
        let angles =
            || (0..POSITION / 4).map(|wave| at * std::f32::consts::PI * (1 << wave) as f32);
        values.extend(angles().map(f32::sin));
        values.extend(angles().map(f32::cos));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_unless_more_than_half_of_it_is_ignored() {
        let image = RgbImage::new(4, 2);
        // The left half of the first row's first place, all of its second, nothing below.
        let ignored = [true, false, true, true, false, false, false, false];
        assert_eq!(counting(&image, &ignored, (2, 2)), [true, false, true, true]);
        assert_eq!(counting(&image, &ignored, (1, 1)), [true]);
    }

    #[test]
    fn the_largest_value_lies_at_the_centre_of_its_place() {
        let grid = Grid { height: 2, width: 2, counts: vec![true, true, true, false] };
        assert_eq!(grid.centre_of_largest(&[1.0, 3.0, 2.0, 9.0]), Some([0.75, 0.25]));
        let none = Grid { counts: vec![false; 4], ..grid };
        assert_eq!(none.centre_of_largest(&[0.0; 4]), None);
    }

    #[test]
    fn every_place_has_a_position_of_its_own() {
        let found = positions((2, 3));
        assert_eq!(found.len(), 6 * POSITION);
        let row = |place: usize| &found[place * POSITION..][..POSITION];
        assert_ne!(row(0), row(2));
        assert_ne!(row(0), row(3));
        // The centre of three columns: sin(π/2) = 1, cos(π/2) = 0; the first of two rows: sin(π/4).
        assert!((row(1)[0] - 1.0).abs() < 1e-6 && row(1)[8].abs() < 1e-6);
        assert!((row(1)[16] - 0.5_f32.sqrt()).abs() < 1e-6);
    }
}
