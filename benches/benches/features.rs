//! From a file's bytes to features (Section 3): decoding, resizing, turning, extracting.

use std::cell::LazyCell;
use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use differnet_benches::devices;
use differnet_data::{DecodeLimits, RgbImage, Transform, resize_bilinear};
use differnet_features::{Backbone, Extractor, HostEfficientNetLite, IMAGE_SIZE};
use image::{ImageFormat, Rgb};

/// Side of the extractor's input, pixels.
const SIDE: u32 = IMAGE_SIZE as u32;

/// A smooth texture, different for each `seed`: what cameras deliver compresses about so well.
fn texture(width: u32, height: u32, seed: u32) -> RgbImage {
    let wave = |x: u32, y: u32, pitch: f32| {
        let phase = (x as f32 + seed as f32).sin() + (x as f32 * 0.05 + y as f32 * pitch).sin();
        (127.5 + 60.0 * phase) as u8
    };
    RgbImage::from_fn(width, height, |x, y| Rgb([0.03, 0.11, 0.29].map(|pitch| wave(x, y, pitch))))
}

/// 900 × 700 pixels, a common camera size, to an extractor's input.
fn prepare(c: &mut Criterion) {
    let original = texture(900, 700, 1);
    let mut png = Cursor::new(Vec::new());
    original.write_to(&mut png, ImageFormat::Png).expect("memory takes an image");
    let png = png.into_inner();
    let limits = DecodeLimits::default();
    let decode = || limits.decode_bytes(&png, Path::new("texture.png")).expect("an own image");
    let turn = Transform { degrees: 37.5, ..Transform::IDENTITY };
    let resized = resize_bilinear(&original, SIDE, SIDE);

    let mut group = c.benchmark_group("prepare");
    group.bench_function("decode", |b| b.iter(decode));
    group
        .bench_function("resize", |b| b.iter(|| resize_bilinear(black_box(&original), SIDE, SIDE)));
    group.bench_function("rotate", |b| b.iter(|| turn.apply(black_box(&resized))));
    group.bench_function("decode, resize, rotate", |b| {
        b.iter(|| turn.apply(&resize_bilinear(&decode(), SIDE, SIDE)));
    });
    group.finish();
}

/// 768 features of each image of one call, on the processor.
fn host(c: &mut Criterion) {
    let extractor = LazyCell::new(|| Extractor::on_host(Backbone::AlexNet));
    let mut group = c.benchmark_group("extract/host");
    for images in [1, 8] {
        extract(&mut group, &extractor, images);
    }
    group.finish();
}

/// Maps after the first five stages of EfficientNet-Lite0, one image at a time, on the processor.
fn efficientnet_lite(c: &mut Criterion) {
    let network = LazyCell::new(HostEfficientNetLite::new);
    let mut group = c.benchmark_group("efficientnet_lite/host");
    for side in [224, 448] {
        let image = texture(side, side, 2).into_raw();
        let side = side as usize;
        group.bench_function(BenchmarkId::from_parameter(side), |b| {
            b.iter(|| network.maps(black_box(&image), side, side, &[3, 4, 5]));
        });
    }
    group.finish();
}

/// The same by Burn's convolutions; slow on the processor, where it is only a reference.
fn device(c: &mut Criterion) {
    for device in devices().expect("BENCH_DEVICES names devices of this build") {
        let extractor = LazyCell::new(|| Extractor::on_device(Backbone::AlexNet, &device.device));
        let mut group = c.benchmark_group(format!("extract/{}", device.name));
        extract(&mut group, &extractor, 1);
        group.finish();
    }
}

fn extract<F: FnOnce() -> Extractor>(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    extractor: &LazyCell<Extractor, F>,
    images: u32,
) {
    let views: Vec<RgbImage> = (0..images).map(|seed| texture(SIDE, SIDE, seed)).collect();
    let views: Vec<&[u8]> = views.iter().map(|view| view.as_raw().as_slice()).collect();
    group.throughput(Throughput::Elements(u64::from(images)));
    group.bench_function(BenchmarkId::from_parameter(images), |b| {
        b.iter(|| extractor.extract(black_box(&views)).expect("images of the right size"));
    });
}

criterion_group! {
    name = features;
    config = Criterion::default().sample_size(10);
    targets = prepare, host, device, efficientnet_lite
}
criterion_main!(features);
