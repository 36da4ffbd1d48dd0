//! Methods on local features: score and map of one image, as a program that has loaded its model sees it.

use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use differnet::{Config, ImageInput, Method, Model, Preset};
use differnet_data::RgbImage;
use image::ImageFormat;

/// Training images: with fewer the method has fewer parts.
const IMAGES: u32 = 64;
/// Methods, and sides of the images, pixels: what the network sees as well.
const CASES: [(Method, u32); 4] = [
    (Method::LocalFlow, 448),
    (Method::LocalFlow, 640),
    (Method::PatchCore, 448),
    (Method::Padim, 448),
];

/// A texture, different for each `seed`.
fn texture(side: u32, seed: u32) -> RgbImage {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    RgbImage::from_fn(side, side, |x, y| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let wave = (f64::from(x) / 9.0).sin() + (f64::from(y) / 7.0).cos();
        [0, 8, 16].map(|shift| (100.0 + 40.0 * wave) as u8 + ((state >> shift) & 31) as u8).into()
    })
}

/// A file without compression, so that decoding takes next to nothing.
fn file(side: u32, seed: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    texture(side, seed).write_to(&mut bytes, ImageFormat::Bmp).expect("memory takes an image");
    bytes.into_inner()
}

/// A model of `method` with all its parts, hardly trained: that takes no part in its speed.
fn model(method: Method, side: u32) -> Model {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = Vec::new();
    for seed in 0..IMAGES {
        files.push(folder.path().join(format!("{seed}.bmp")));
        std::fs::write(&files[seed as usize], file(side, seed)).expect("a writable folder");
    }
    let updates = if method == Method::LocalFlow { "updates = 2\npasses = 0" } else { "" };
    let config = Config::from_toml(updates, &Config::preset(method, Preset::Quick));
    Model::train(&files, &config.expect("a setting")).expect("images to train on")
}

/// Score, and score with map.
fn score(c: &mut Criterion) {
    for (method, side) in CASES {
        let bytes = file(side, 1000);
        let image = || ImageInput::Memory { name: Path::new("part"), bytes: black_box(&bytes) };
        let model = model(method, side);
        let mut group = c.benchmark_group(format!("local/{method}/{side}"));
        group.bench_function("score", |b| b.iter(|| model.score(image()).expect("an image")));
        group.bench_function("map", |b| b.iter(|| model.map(image()).expect("an image")));
        group.finish();
    }
}

criterion_group!(benches, score);
criterion_main!(benches);
