//! Features with the gradient to the input (Section 3.4) beside features alone, on the processor.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use differnet_features::{Backbone, Extractor, IMAGE_SIZE};

/// Images of one call.
const IMAGES: u64 = 8;

/// A smooth texture, interleaved RGB, different for each `seed`.
fn texture(seed: u64) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(3 * IMAGE_SIZE * IMAGE_SIZE);
    for y in 0..IMAGE_SIZE {
        for x in 0..IMAGE_SIZE {
            for pitch in [0.03, 0.11, 0.29] {
                let wave =
                    (x as f32 + seed as f32).sin() + (x as f32 * 0.05 + y as f32 * pitch).sin();
                pixels.push((127.5 + 60.0 * wave) as u8);
            }
        }
    }
    pixels
}

/// The gradient of half the squared norm: as cheap as an upstream gradient can be.
fn gradients(c: &mut Criterion) {
    let extractor = Extractor::on_host(Backbone::AlexNet);
    let views: Vec<Vec<u8>> = (0..IMAGES).map(texture).collect();
    let views: Vec<&[u8]> = views.iter().map(Vec::as_slice).collect();
    let mut group = c.benchmark_group("gradients/host");
    group.throughput(Throughput::Elements(IMAGES));
    group.bench_function("features", |b| {
        b.iter(|| extractor.extract(black_box(&views)).expect("images of the right size"));
    });
    group.bench_function("features and gradients", |b| {
        b.iter(|| {
            let found = extractor.extract_with_gradients(black_box(&views), &mut <[f32]>::to_vec);
            found.expect("images of the right size")
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = gradients
}
criterion_main!(benches);
