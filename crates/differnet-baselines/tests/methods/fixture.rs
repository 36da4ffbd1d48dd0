//! Striped images, some of them spoiled, and what every method can do with them.

use std::path::Path;

use burn::tensor::Device;
use differnet_baselines::{
    Adgan, AdganConfig, BaselineError, Dsebm, DsebmConfig, FittedModel, Ganomaly, GanomalyConfig,
    GeoTrans, GeoTransConfig, Images, PixelScorer,
};
use differnet_progress::Monitor;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Width and height of the images.
pub(crate) const SIDE: usize = 16;

/// Kind of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Soft upright stripes of any phase.
    Stripes,
    /// The same with a bright blob.
    Blob,
}

/// `count` images, `[count, SIDE, SIDE, 3]`.
pub(crate) fn images(kind: Kind, count: usize, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut pixels = Vec::with_capacity(count * SIDE * SIDE * 3);
    for _ in 0..count {
        let phase = below(&mut rng, 8) as f32;
        let (x, y) = (4 + below(&mut rng, 8), 4 + below(&mut rng, 8));
        for row in 0..SIDE {
            for column in 0..SIDE {
                let wave = ((column as f32 + phase) * std::f32::consts::TAU / 8.0).sin();
                let noise = below(&mut rng, 9) as f32 - 4.0;
                let inside = row.abs_diff(y) < 3 && column.abs_diff(x) < 3;
                // Light from above tells a quarter turn from a half.
                let light = 20.0 - 2.5 * row as f32;
                let value = match kind {
                    Kind::Blob if inside => 250.0,
                    _ => 110.0 + light + 50.0 * wave + noise,
                };
                pixels.extend([value as u8, (0.9 * value) as u8, (0.8 * value) as u8]);
            }
        }
    }
    pixels
}

fn below(rng: &mut impl Rng, bound: u64) -> usize {
    (rng.next_u64() % bound) as usize
}

/// Interface that the tests ask of every method alike.
pub(crate) trait Competitor: Sized {
    /// Fits a network small enough for a test.
    fn fit(
        updates: usize,
        images: &Images<'_>,
        seed: u64,
        monitor: &Monitor<'_>,
    ) -> Result<Self, BaselineError>;
    fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError>;
    fn save(&self, path: &Path) -> Result<(), BaselineError>;
    fn load(path: &Path) -> Result<Self, BaselineError>;
}

macro_rules! method {
    ($model:ty, $config:expr) => {
        impl Competitor for $model {
            fn fit(
                updates: usize,
                images: &Images<'_>,
                seed: u64,
                monitor: &Monitor<'_>,
            ) -> Result<Self, BaselineError> {
                $config.with_updates(updates).fit(images, seed, &Device::flex(), monitor)
            }

            fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError> {
                PixelScorer::scores(self, images)
            }

            fn save(&self, path: &Path) -> Result<(), BaselineError> {
                FittedModel::save(self, path, &[("part".to_string(), "ring".to_string())].into())
            }

            fn load(path: &Path) -> Result<Self, BaselineError> {
                Self::load(path, &Device::flex())
            }
        }
    };
}

method!(GeoTrans, GeoTransConfig::new().with_side(SIDE).with_widening(1).with_batch_size(72));
method!(
    Ganomaly,
    GanomalyConfig::new()
        .with_side(SIDE)
        .with_channels(8)
        .with_latent(8)
        .with_batch_size(16)
        // Few updates have to do.
        .with_learning_rate(2e-3)
);
method!(
    Dsebm,
    DsebmConfig::new().with_side(SIDE).with_channels(8).with_outputs(32).with_batch_size(16)
);
method!(
    Adgan,
    AdganConfig::new()
        .with_side(SIDE)
        .with_channels(8)
        .with_latent(8)
        .with_batch_size(16)
        .with_starts(4)
        .with_learning_rate(2e-3)
        .with_adaptation(0.0)
);
