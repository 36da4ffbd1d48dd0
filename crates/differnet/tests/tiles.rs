//! Large images in tiles: what is too fine for one pass is found, batch and single alike.

use std::f32::consts::TAU;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet::scoring::Verdict;
use differnet::{Config, Method, Model, Preset, Runtime, Training};
use differnet_data::RgbImage;
use differnet_flow::Backend;

/// Side of the images, pixels.
const SIDE: u32 = 768;
/// Left, top and side of the defect.
const DEFECT: [u32; 3] = [500, 250, 40];
/// Side of the squares that it consists of: one pass sees their mean.
const SQUARE: u32 = 4;

/// A smooth surface, another one for each number.
fn surface(number: u32) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let (x, y, shift) = (x as f32 / 768.0, y as f32 / 768.0, number as f32 * 0.37);
        let waves = (TAU * (2.0 * x + y + shift)).sin() + (TAU * (x - 3.0 * y - shift)).cos();
        let level = 128.0 + 20.0 * waves;
        [level as u8, (level * 0.9) as u8, (level * 0.8) as u8].into()
    })
}

/// The surface with a patch of squares, lighter and darker by the same amount in turn.
fn with_defect(number: u32) -> RgbImage {
    let mut image = surface(number);
    let [left, top, side] = DEFECT;
    for y in top..top + side {
        for x in left..left + side {
            let lighter = (x / SQUARE + y / SQUARE).is_multiple_of(2);
            let change = |level: u8| if lighter { level + 40 } else { level - 40 };
            let pixel = image.get_pixel_mut(x, y);
            pixel.0 = pixel.0.map(change);
        }
    }
    image
}

fn saved(folder: &Path, name: String, image: &RgbImage) -> PathBuf {
    let path = folder.join(name);
    image.save(&path).expect("writable");
    path
}

#[test]
fn a_defect_that_one_pass_misses_is_found_in_tiles() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |number: u32| saved(folder.path(), format!("{number}.png"), &surface(number));
    let good: Vec<PathBuf> = (0..6).map(path).collect();
    let defect = saved(folder.path(), "defect.png".into(), &with_defect(2));
    let runtime = Runtime::new(Backend::Host(Device::flex()));
    let base = Config::preset(Method::PatchCore, Preset::Quick);
    let train = |more: &str| {
        let text = format!("pixels = 9216\n{more}");
        let config = Config::from_toml(&text, &base).expect("its settings");
        Training::new(&config, &runtime).run(&good).expect("a fit").model
    };

    let whole = train("");
    let missed = whole.score(&defect).expect("an image");
    assert_eq!(missed.verdict, Verdict::Ok, "{} of {}", missed.score, whole.header().threshold);

    let model = train("tiles = \"4x4\"");
    let file = folder.path().join("model.differnet");
    model.save(&file).expect("writable");
    let tiled = Model::load_on(&file, &runtime).expect("its own file");
    let found = tiled.score(&defect).expect("an image");
    assert_eq!(found.verdict, Verdict::Defect, "{} of {}", found.score, tiled.header().threshold);
    let [left, top, side] = DEFECT;
    // A place is 43 pixels of the image wide, and values are averaged over its neighbours.
    let near = |at: u32, first: u32| (first.saturating_sub(43)..=first + side + 43).contains(&at);
    let [x, y] = found.peak.expect("a place");
    assert!(near(x, left) && near(y, top), "{x} {y}");

    // Alone, among others and with a map: the same.
    let together: Vec<f64> = tiled
        .scores(good.iter().chain([&defect]))
        .map(|score| score.expect("usable images").score)
        .collect();
    assert_eq!(together[6], found.score);
    let localized = tiled.map(&defect).expect("a map");
    assert_eq!(localized.score.score, found.score);
    assert_eq!((localized.map.width(), localized.map.height()), (768, 768));
    let peak = localized.map.peak().expect("a map has values");
    assert!(near(peak.x as u32, left) && near(peak.y as u32, top), "{} {}", peak.x, peak.y);
    assert!(f64::from(peak.value) > tiled.header().map_threshold.expect("maps"));
}

#[test]
fn flows_and_gaussians_see_tiles_as_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |number: u32| saved(folder.path(), format!("{number}.png"), &surface(number));
    let good: Vec<PathBuf> = (0..3).map(path).collect();
    let runtime = Runtime::new(Backend::Host(Device::flex()));
    let small = "updates = 3\npasses = 0\nbatch_size = 16\nhidden = 8\nblocks = 1\nbank = 50";
    for (method, own) in [(Method::LocalFlow, small), (Method::Padim, "")] {
        let text = format!("pixels = 4096\ncomponents = 8\ntiles = \"3x2\"\n{own}");
        let base = Config::preset(method, Preset::Quick);
        let config = Config::from_toml(&text, &base).expect("its settings");
        let model = Training::new(&config, &runtime).run(&good).expect("a fit").model;
        let file = folder.path().join("model.differnet");
        model.save(&file).expect("writable");
        let loaded = Model::load_verified(&file, &runtime).expect("its own file");
        let score = |model: &Model| model.score(&good[0]).expect("an image").score;
        assert_eq!(score(&loaded), score(&model), "{method}");
        let view = loaded.place_view().expect("places");
        let grid = view.grids(&runtime, &good[..1]).remove(0).expect("an image");
        let features = view.features(&runtime, &good[..1]).next().expect("one");
        let features = features.expect("a usable image");
        assert_eq!((features.height, features.width), grid);
        assert_eq!(features.values.len(), grid.0 * grid.1 * 8);
        // Tiles side by side make the grid of a square image no square one of a single tile.
        assert!(grid.0 > 4 && grid.1 > 4, "{grid:?}");
    }
}

#[test]
fn tiles_out_of_range_are_refused() {
    for (text, word) in [
        ("tiles = \"0x1\"", "1x1 to 16x16"),
        ("tiles = \"17x1\"", "1x1 to 16x16"),
        ("tiles = \"16x16\"\npixels = 1000000", "8192x8192"),
        ("tile_overlap = 0.6", "in [0, 0.5]"),
        ("tiles = 2", "invalid type"),
        ("tiles = \"2\"", "such as 2x2"),
    ] {
        let base = Config::preset(Method::PatchCore, Preset::Quick);
        let config = Config::from_toml(text, &base);
        let error = config.and_then(|config| config.validate()).expect_err(text);
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let message = format!("{error} {}", source.unwrap_or_default());
        assert!(message.contains(word), "{message}");
    }
}
