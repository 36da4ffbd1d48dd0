//! Ranges of settings that several methods on local features have.

use differnet_features::Backbone;

use super::tiles::Tiles;
use crate::config::require;
use crate::error::Error;

/// Columns or rows of tiles, at most.
const MOST_TILES: usize = 16;
/// Pixels of all tiles together, at most.
const MOST_PIXELS: usize = 8192 * 8192;

/// Checks that a count is at most `most`.
pub(super) fn require_most(
    name: &'static str,
    value: usize,
    most: usize,
    expected: &'static str,
) -> Result<(), Error> {
    let found = || value.to_string();
    if value <= most { Ok(()) } else { Err(Error::Config { name, expected, found: found() }) }
}

pub(super) fn require_pixels(pixels: usize, tiles: Tiles, overlap: f64) -> Result<(), Error> {
    if !(64 * 64..=4096 * 4096).contains(&pixels) {
        let expected = "from 4096 to 16777216, 64x64 to 4096x4096";
        return Err(Error::Config { name: "pixels", expected, found: pixels.to_string() });
    }
    let counts = [tiles.columns, tiles.rows];
    let few = counts.iter().all(|count| (1..=MOST_TILES).contains(count));
    if !few || pixels * tiles.count() > MOST_PIXELS {
        let expected = "from 1x1 to 16x16, of 8192x8192 pixels together at most";
        return Err(Error::Config { name: "tiles", expected, found: tiles.to_string() });
    }
    require("tile_overlap", overlap, (0.0..=0.5).contains(&overlap), "in [0, 0.5]")
}

pub(super) fn require_stages(
    name: &'static str,
    stages: &[usize],
    backbone: Backbone,
) -> Result<(), Error> {
    let rising = stages.is_sorted_by(|a, b| a < b) && !stages.is_empty();
    if rising && stages.iter().all(|stage| (1..=backbone.stages()).contains(stage)) {
        return Ok(());
    }
    let expected = match backbone {
        Backbone::AlexNet => "rising numbers from 1 to 5, alexnet's convolutions",
        Backbone::EfficientNetLite0 => "rising numbers from 1 to 6, efficientnet-lite0's stages",
        Backbone::ResNet18 | Backbone::ResNet50 | Backbone::WideResNet50 => {
            "rising numbers from 1 to 4, a ResNet's groups of blocks"
        }
        Backbone::Vgg16 => "rising numbers from 1 to 5, vgg16's poolings",
    };
    Err(Error::Config { name, expected, found: format!("{stages:?}") })
}

/// Checks the stages and the components of a view; `names` are theirs.
pub(super) fn require_view(
    names: [&'static str; 2],
    (stages, components): (&[usize], usize),
    backbone: Backbone,
) -> Result<(), Error> {
    require_stages(names[0], stages, backbone)?;
    if (2..=backbone.place_channels(stages)).contains(&components) {
        return Ok(());
    }
    let expected = "from 2 to the channels of the stages";
    Err(Error::Config { name: names[1], expected, found: components.to_string() })
}

pub(super) fn require_bank(bank: usize, least: usize) -> Result<(), Error> {
    if (least..=super::bank::CANDIDATES).contains(&bank) {
        return Ok(());
    }
    let expected = if least == 0 { "at most 60000" } else { "from 1 to 60000" };
    Err(Error::Config { name: "bank", expected, found: bank.to_string() })
}
