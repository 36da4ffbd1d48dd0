//! Weights that nothing was learned with: by a formula that other languages can follow.

use crate::backbone::Backbone;
use crate::pretrained_weights::PretrainedWeights;

impl PretrainedWeights {
    /// Pseudo-random weights of all stages of `backbone`, as `xtask/golden/torchvision_stages.py` draws them.
    ///
    /// Each value is a hash of `seed`, its tensor's name and its position: uniform, with variance 2 / fan-in
    /// for convolutions, about 1 for scales and variances of batch norms and about 0 for the rest. Maps of such
    /// networks stay finite, and tests need no file.
    ///
    /// # Panics
    /// If the network's weights are compiled in.
    pub fn untrained(backbone: Backbone, seed: u64) -> Self {
        assert!(!backbone.is_embedded(), "{backbone} has weights");
        let name = format!("untrained, seed {seed}");
        let values = |name: &str, shape: &[usize]| {
            let (centre, reach) = distribution(name, shape);
            let key = fnv1a(name.as_bytes()) ^ seed;
            let value = |at| (centre + reach * uniform(key, at)) as f32;
            Ok((0..shape.iter().product::<usize>() as u64).map(value).collect())
        };
        Self::collect(backbone, backbone.stages(), name, values).expect("finite, positive values")
    }
}

/// Centre and half-width of the values of a tensor.
fn distribution(name: &str, shape: &[usize]) -> (f64, f64) {
    if let [_, fan_in @ ..] = shape
        && !fan_in.is_empty()
    {
        return (0.0, (6.0 / fan_in.iter().product::<usize>() as f64).sqrt());
    }
    match name.rsplit_once('.') {
        Some((_, "running_var")) => (1.0, 0.5),
        Some((_, "weight")) => (1.0, 0.25),
        _ => (0.0, 0.25),
    }
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Value number `at` of the stream `key` of SplitMix64 (Steele et al. 2014), in [-1, 1) with 24 bits.
fn uniform(key: u64, at: u64) -> f64 {
    let mut x = key.wrapping_add((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    (x >> 40) as f64 / f64::from(1 << 23) - 1.0
}
