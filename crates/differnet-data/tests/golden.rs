//! Pixels as Pillow makes them; `xtask/golden/pixels.py` writes the expectations.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use differnet_data::{ContentHash, DecodeLimits, ImageInput, RgbImage, Transform, resize_bilinear};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn decoded(name: &str) -> RgbImage {
    DecodeLimits::default().decode_file(&folder().join(name)).unwrap()
}

fn square(name: &str) -> RgbImage {
    let path = folder().join(name);
    let input = ImageInput::File(&path).read(&DecodeLimits::default()).unwrap();
    input.decode(&path, &DecodeLimits::default()).unwrap().resized(448, 448)
}

/// The lines of `expected.txt` that begin with `kind`, split into their words.
fn expectations(kind: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder().join("expected.txt")).unwrap();
    let lines = text.lines().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|words| words[0] == kind).collect()
}

fn check_views(kind: &str, base: fn(&str) -> RgbImage) {
    let expectations = expectations(kind);
    assert_eq!(expectations.len(), 32);
    for words in expectations {
        let number = |index: usize| words[index].parse().unwrap();
        let transform =
            Transform { degrees: number(2), brightness: number(3), contrast: number(4) };
        let view = transform.apply(&base(&words[1]));
        assert_eq!(ContentHash::of(view.as_raw()).to_string(), words[5], "{words:?}");
    }
}

#[test]
fn resized_images_equal_pillows_bit_for_bit() {
    let expectations = expectations("resize");
    assert_eq!(expectations.len(), 16);
    for words in expectations {
        let [width, height] = [&words[2], &words[3]].map(|word| word.parse().unwrap());
        let resized = resize_bilinear(&decoded(&words[1]), width, height);
        assert_eq!(ContentHash::of(resized.as_raw()).to_string(), words[4], "{words:?}");
    }
}

#[test]
fn views_of_squares_equal_pillows_bit_for_bit() {
    check_views("square", square);
}

#[test]
fn views_of_other_rectangles_equal_pillows_bit_for_bit() {
    check_views("whole", decoded);
}

#[test]
fn turned_images_equal_the_inputs_that_the_reference_features_were_made_from() {
    let turn = Transform { degrees: 37.5, ..Transform::IDENTITY };
    for name in ["gray_233x371.png", "rgb_300x500.png", "rgba_256x256.png"] {
        let turned = turn.apply(&square(name));
        let every_16th = RgbImage::from_fn(28, 28, |x, y| *turned.get_pixel(16 * x, 16 * y));
        assert_eq!(every_16th, decoded(&format!("turned.{name}")), "{name}");
    }
}
