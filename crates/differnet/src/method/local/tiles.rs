//! Large images in overlapping tiles: how they lie, and the maps of all of them joined.
//!
//! Tiles lie on the image as it would be seen in one pass, a multiple of the network's cells apart: where two
//! overlap they have the same cells, seen with other surroundings, and the farther a cell lies from a tile's
//! border, the more that tile says of it. Memory is that of one tile, and of the maps asked for.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use differnet_data::RgbImage;
use differnet_features::{PLACE, PlaceExtractor, SIDE_STEP, StageMap};
use serde::{Deserialize, Serialize};

/// Columns and rows of tiles that an image is seen in; as text `2x3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tiles {
    /// Tiles side by side.
    pub columns: usize,
    /// Tiles one below the other.
    pub rows: usize,
}

impl Tiles {
    /// The image as a whole.
    pub const ONE: Self = Self { columns: 1, rows: 1 };

    /// Number of tiles.
    pub fn count(self) -> usize {
        self.columns.saturating_mul(self.rows)
    }

    /// Area of the image in tiles, of which neighbours share `overlap`.
    pub(super) fn area(self, overlap: f64) -> f64 {
        stretch(self.columns, overlap) * stretch(self.rows, overlap)
    }
}

impl Default for Tiles {
    fn default() -> Self {
        Self::ONE
    }
}

impl Display for Tiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

impl FromStr for Tiles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "give columns and rows of tiles such as 2x2".to_owned();
        let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
        let (columns, rows) = text.split_once('x').ok_or_else(wrong)?;
        Ok(Self { columns: number(columns)?, rows: number(rows)? })
    }
}

impl TryFrom<String> for Tiles {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Tiles> for String {
    fn from(tiles: Tiles) -> Self {
        tiles.to_string()
    }
}

/// Length of an image in tiles, of which neighbours share `overlap`.
fn stretch(tiles: usize, overlap: f64) -> f64 {
    tiles as f64 - (tiles as f64 - 1.0) * overlap
}

/// Layout of an image as the network sees it: its size, and the tiles on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) across: Axis,
    pub(super) down: Axis,
}

/// Tiles along one side of an image, pixels as the network sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    tiles: usize,
    /// Of a tile; a multiple of [`SIDE_STEP`].
    length: usize,
    /// From one tile to the next; a multiple of [`SIDE_STEP`].
    step: usize,
}

impl Layout {
    /// The tiles, of about `pixels` pixels each, of an image of width and height `dimensions`, whose aspect
    /// is kept; neighbours share about `overlap` of a tile.
    pub(super) fn of(dimensions: (u32, u32), pixels: usize, tiles: Tiles, overlap: f64) -> Self {
        let (columns, rows) = (stretch(tiles.columns, overlap), stretch(tiles.rows, overlap));
        let aspect = f64::from(dimensions.0) / f64::from(dimensions.1) * rows / columns;
        // Beyond 8 : 1 the shorter side would be too short to see anything.
        let aspect = aspect.clamp(0.125, 8.0);
        let width = (pixels as f64 * aspect).sqrt();
        Self {
            across: Axis::of(width, tiles.columns, overlap),
            down: Axis::of(width / aspect, tiles.rows, overlap),
        }
    }

    /// Rows and columns of the grid of places.
    pub(super) fn grid(&self) -> (usize, usize) {
        (self.down.total() / PLACE, self.across.total() / PLACE)
    }
}

impl Axis {
    fn of(length: f64, tiles: usize, overlap: f64) -> Self {
        // Two steps at least, where there are neighbours: one of them is shared.
        let steps = ((length / SIDE_STEP as f64).round() as usize).max(tiles.min(2));
        if tiles == 1 {
            return Self { tiles, length: steps * SIDE_STEP, step: steps * SIDE_STEP };
        }
        let apart = (steps as f64 * (1.0 - overlap)).round() as usize;
        // No more than two tiles see a cell.
        let apart = apart.clamp(steps.div_ceil(2), steps - 1);
        Self { tiles, length: steps * SIDE_STEP, step: apart * SIDE_STEP }
    }

    /// Length of the image.
    pub(super) fn total(&self) -> usize {
        self.length + (self.tiles - 1) * self.step
    }

    /// Returns the share of tile `tile` in each of its `cells`, `stride` pixels apart: between neighbours
    /// the share rises and falls evenly, and their shares add up to 1.
    fn weights(&self, tile: usize, cells: usize, stride: usize) -> Vec<f32> {
        let step = self.step / stride;
        let shared = cells.saturating_sub(step) as f32;
        let weight = |cell: usize| {
            let (from_first, from_step) = (cell as f32 + 0.5, cell as f32 - step as f32 + 0.5);
            if tile > 0 && from_first < shared {
                from_first / shared
            } else if tile + 1 < self.tiles && from_step > 0.0 {
                1.0 - from_step / shared
            } else {
                1.0
            }
        };
        (0..cells).map(weight).collect()
    }
}

/// The maps after `stages` of an image, seen tile by tile.
///
/// # Panics
/// If the image is not of the layout's size.
pub(super) fn maps(
    extractor: &PlaceExtractor,
    image: &RgbImage,
    layout: &Layout,
    stages: &[usize],
) -> Vec<StageMap> {
    let Layout { across, down } = layout;
    let (width, height) = (across.total(), down.total());
    assert_eq!(image.as_raw().len(), 3 * width * height, "an image of the layout's size");
    if across.tiles * down.tiles == 1 {
        return extractor.maps(image.as_raw(), height, width, stages);
    }
    let mut joined: Vec<StageMap> = Vec::new();
    for row in 0..down.tiles {
        for column in 0..across.tiles {
            let (top, left) = (row * down.step, column * across.step);
            let rows = image.as_raw().chunks_exact(3 * width).skip(top).take(down.length);
            let tile: Vec<u8> =
                rows.flat_map(|row| &row[3 * left..][..3 * across.length]).copied().collect();
            let maps = extractor.maps(&tile, down.length, across.length, stages);
            for (at, (map, &stage)) in maps.iter().zip(stages).enumerate() {
                let stride = extractor.backbone().cell_stride(stage);
                if at == joined.len() {
                    joined.push(empty(map, layout, stride));
                }
                let rows = down.weights(row, map.height, stride);
                let columns = across.weights(column, map.width, stride);
                add(&mut joined[at], map, [top / stride, left / stride], [&rows, &columns]);
            }
        }
    }
    joined
}

/// A map of zeros for the whole image, given one of a tile.
fn empty(tile: &StageMap, layout: &Layout, stride: usize) -> StageMap {
    let more = |axis: &Axis| (axis.total() - axis.length) / stride;
    let (height, width) = (tile.height + more(&layout.down), tile.width + more(&layout.across));
    let values = vec![0.0; height * width * tile.channels];
    StageMap { height, width, channels: tile.channels, values }
}

/// Adds the weighted cells of a tile to the map of the image, from row and column `first` on.
fn add(joined: &mut StageMap, tile: &StageMap, first: [usize; 2], [rows, columns]: [&[f32]; 2]) {
    let (channels, width) = (tile.channels, joined.width);
    for (y, (row, row_weight)) in
        tile.values.chunks_exact(tile.width * channels).zip(rows).enumerate()
    {
        let start = ((first[0] + y) * width + first[1]) * channels;
        let to = joined.values[start..].chunks_exact_mut(channels);
        for ((to, cell), column_weight) in to.zip(row.chunks_exact(channels)).zip(columns) {
            let weight = row_weight * column_weight;
            to.iter_mut().zip(cell).for_each(|(sum, value)| *sum += weight * value);
        }
    }
}

#[cfg(test)]
mod tests {
    use differnet_features::Backbone;

    use super::*;

    const BUDGET: usize = 448 * 448;

    fn size(dimensions: (u32, u32), pixels: usize, tiles: Tiles) -> (usize, usize) {
        let layout = Layout::of(dimensions, pixels, tiles, 0.125);
        (layout.across.total(), layout.down.total())
    }

    #[test]
    fn sides_keep_the_aspect_and_are_multiples_of_32() {
        assert_eq!(size((900, 900), BUDGET, Tiles::ONE), (448, 448));
        assert_eq!(size((1000, 250), BUDGET, Tiles::ONE), (896, 224));
        // √(448² · 0.5) = 316.8 → 320, and twice that 633.6 → 640.
        assert_eq!(size((300, 600), BUDGET, Tiles::ONE), (320, 640));
        assert_eq!(size((10_000, 1), 64 * 64, Tiles::ONE), (192, 32));
    }

    #[test]
    fn tiles_share_about_the_overlap() {
        // 7/8 of 448 are 392, and 384 the nearest multiple of 32: 448 + 384.
        assert_eq!(size((900, 900), BUDGET, Tiles { columns: 2, rows: 2 }), (832, 832));
        // A tile of 3 × 1 is as wide as high, if the image is 2.75 times as wide.
        assert_eq!(size((2750, 1000), BUDGET, Tiles { columns: 3, rows: 1 }), (1216, 448));
        let small = Axis::of(10.0, 4, 0.0);
        assert_eq!(small, Axis { tiles: 4, length: 64, step: 32 });
        let half = Axis::of(448.0, 2, 0.5);
        assert_eq!((half.length, half.step), (448, 224));
    }

    #[test]
    fn every_cell_gets_one_in_all() {
        for (length, overlap) in [(448.0, 0.125), (448.0, 0.5), (64.0, 0.0), (96.0, 0.3)] {
            let axis = Axis::of(length, 3, overlap);
            // A network may have a cell less than fit into a tile.
            for (stride, less) in [(32, 0), (16, 0), (16, 1), (8, 1)] {
                let cells = axis.length / stride - less;
                let mut sums = vec![0.0; axis.total() / stride - less];
                for tile in 0..3 {
                    let weights = axis.weights(tile, cells, stride);
                    let to = &mut sums[tile * axis.step / stride..];
                    to.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
                }
                assert!(sums.iter().all(|sum: &f32| (sum - 1.0).abs() < 1e-6), "{sums:?}");
            }
        }
    }

    #[test]
    fn joined_maps_are_those_of_one_pass_away_from_the_tiles_borders() {
        let tiles = Tiles { columns: 2, rows: 1 };
        let layout = Layout::of((416, 224), 224 * 224, tiles, 0.3);
        let (width, height) = (layout.across.total(), layout.down.total());
        let image = RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let level = |at: u32| (at * at / 7 % 251) as u8;
            [level(3 * x + y), level(x + 5 * y), level(2 * x + 2 * y)].into()
        });
        for backbone in Backbone::EMBEDDED {
            let extractor = PlaceExtractor::on_host(backbone);
            let found = maps(&extractor, &image, &layout, &[2, 3]);
            let whole = extractor.maps(image.as_raw(), height, width, &[2, 3]);
            for (found, whole) in found.iter().zip(&whole) {
                let shape = |map: &StageMap| (map.height, map.width, map.channels);
                assert_eq!(shape(found), shape(whole));
                // The first quarter of the columns is the first tile's alone, far from its border.
                let row = whole.width * whole.channels;
                for (found, whole) in found.values.chunks(row).zip(whole.values.chunks(row)) {
                    let pairs = found[..row / 4].iter().zip(&whole[..row / 4]);
                    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-3));
                }
            }
        }
    }

    #[test]
    fn texts_say_columns_and_rows() {
        let tiles = Tiles { columns: 2, rows: 3 };
        assert_eq!("2x3".parse(), Ok(tiles));
        assert_eq!(tiles.to_string(), "2x3");
        for text in ["2", "2x", "x2", "2 by 2", "-1x2"] {
            assert!(text.parse::<Tiles>().expect_err(text).contains("2x2"), "{text}");
        }
    }
}
