//! Distributions of draws from a stream.
//!
//! Two ways to a bounded integer and two resolutions of [0, 1) exist, because results that are
//! published were drawn with each. All of them are exact in the arithmetic of every platform but
//! [`RandomStream::normal`], whose logarithm and cosine are the platform's, rounded to `f32`.

use rand_chacha::rand_core::Rng;

use crate::stream::RandomStream;

impl<G: Rng> RandomStream<G> {
    /// Uniform on `[0, 1)`, a multiple of 2⁻²⁴: exact in `f32`.
    pub fn unit(&mut self) -> f32 {
        (self.word() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform on `[0, 1)`, a multiple of 2⁻²³: 360 times it, rounded, stays below 360.
    pub fn coarse_unit(&mut self) -> f32 {
        (self.word() >> 9) as f32 / (1 << 23) as f32
    }

    /// Uniform on [`low`, `high`), of the resolution of [`Self::coarse_unit`].
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.coarse_unit()
    }

    /// `count` values uniform on `[-bound, bound)`.
    pub fn symmetric(&mut self, bound: f32, count: usize) -> Vec<f32> {
        // 24 random bits fill the mantissa, so every value is exact before scaling.
        (0..count).map(|_| (2.0 * self.unit() - 1.0) * bound).collect()
    }

    /// `count` standard normal values (Box and Muller, two at a time).
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            // In (0, 1], so that the logarithm stays finite.
            let u = ((self.long_word() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
            let turn = (self.long_word() >> 11) as f64 / (1_u64 << 53) as f64;
            let (angle, radius) = (turn * std::f64::consts::TAU, (-2.0 * u.ln()).sqrt());
            values.push((radius * angle.cos()) as f32);
            values.push((radius * angle.sin()) as f32);
        }
        values.truncate(count);
        values
    }

    /// Almost normal, with mean 0 and standard deviation 1: a sum of four uniform draws, the same on
    /// every platform.
    pub fn bell(&mut self) -> f32 {
        let sum: u32 = self.word().to_le_bytes().into_iter().map(u32::from).sum();
        // Four draws from 0 to 255: mean 510, variance 4 · (256² - 1) / 12.
        (sum as f32 - 510.0) / 147.800_54
    }

    /// Uniform on `0..bound`, by multiplication: the bias is below `bound / 2⁶⁴`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.long_word()) * bound as u128) >> 64) as usize
    }

    /// Uniform on `0..bound` without bias: draws again where a remainder would favour small numbers.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below_unbiased(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let excess = (u64::MAX % bound + 1) % bound;
        loop {
            let draw = self.long_word();
            if draw <= u64::MAX - excess {
                return (draw % bound) as usize;
            }
        }
    }

    /// Puts `items` in random order (Fisher and Yates), by [`Self::below`].
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// The numbers `0..count` in random order (Fisher and Yates), by [`Self::below_unbiased`].
    pub fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below_unbiased(last + 1));
        }
        order
    }

    /// `count` of the numbers `0..total`, each set of them equally likely, in rising order; all if
    /// there are not so many.
    pub fn subsample(&mut self, total: usize, count: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..total).collect();
        if count < total {
            // The first steps of a Fisher-Yates shuffle.
            for at in 0..count {
                let other = at + self.below_unbiased(total - at);
                numbers.swap(at, other);
            }
            numbers.truncate(count);
            numbers.sort_unstable();
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::stream::{IndexStream, RandomStream};

    fn stream(index: u64) -> IndexStream {
        RandomStream::indexed(7, b"distributions   ", index)
    }

    #[test]
    fn draws_keep_their_bits() {
        // Trained weights, splits and intervals that are published hang on these.
        let mut item = RandomStream::of_item(7, "split/mtd", b"item");
        item.word();
        assert_eq!(item.coarse_unit(), 0.346_915_25);
        assert_eq!(item.uniform(-2.0, 3.0), -0.379_405_74);
        assert_eq!(item.bell(), -0.372_123_15);
        assert_eq!(item.below(1000), 527);
        let mut items: Vec<usize> = (0..10).collect();
        RandomStream::of_item(7, "split/mtd", b"item").shuffle(&mut items);
        assert_eq!(items, [7, 8, 2, 0, 6, 9, 5, 4, 1, 3]);

        let of = |purpose, index| RandomStream::indexed(7, purpose, index);
        let symmetric = of(b"flow parameter  ", 2).symmetric(0.5, 3);
        assert_eq!(symmetric, [-0.254_843_83, -0.067_745_09, 0.465_746_82]);
        let symmetric = of(b"base parameter  ", 4).symmetric(0.5, 3);
        assert_eq!(symmetric, [0.247_639_78, 0.184_069_34, -0.250_861_64]);
        let normal = of(b"flow sample     ", 0).normal(3);
        assert_eq!(normal, [0.293_255, 0.811_062, -0.022_684_248]);
        let permutation = of(b"flow permutation", 2).permutation(10);
        assert_eq!(permutation, [5, 2, 8, 7, 4, 3, 6, 9, 1, 0]);
        let mut stream = of(b"flow difference ", 9);
        let below: Vec<usize> = (0..4).map(|_| stream.below_unbiased(1000)).collect();
        assert_eq!(below, [638, 212, 558, 412]);
        let subsample = of(b"base subsample  ", 0).subsample(100, 8);
        assert_eq!(subsample, [26, 30, 49, 59, 69, 70, 74, 81]);
        let mut stream = of(b"base interpolate", 4);
        assert_eq!([stream.unit(), stream.unit()], [0.888_067_66, 0.408_666_2]);
    }

    #[test]
    fn uniform_values_fill_their_interval() {
        // Four standard errors of a mean of 20,000: 4 · √(1/12) / √20000 = 0.0082.
        for draw in [IndexStream::unit, IndexStream::coarse_unit] {
            let mut stream = stream(0);
            let values: Vec<f32> = (0..20_000).map(|_| draw(&mut stream)).collect();
            assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
            let mean = values.iter().sum::<f32>() / 20_000.0;
            assert!((mean - 0.5).abs() < 0.0082, "mean {mean}");
        }
        let values = stream(1).symmetric(0.5, 20_000);
        assert!(values.iter().all(|value| (-0.5..0.5).contains(value)));
        let mean = values.iter().sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.0082, "mean {mean}");
        let smallest = values.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(smallest < -0.499, "smallest {smallest}");
    }

    #[test]
    fn normal_values_have_mean_zero_and_variance_one() {
        let mut bells = stream(2);
        let bell = (0..20_001).map(|_| bells.bell()).collect();
        for values in [stream(3).normal(20_001), bell] {
            assert_eq!(values.len(), 20_001);
            let mean = values.iter().sum::<f32>() / 20_001.0;
            let variance = values.iter().map(|v| v * v).sum::<f32>() / 20_001.0;
            // Four standard errors: 4 / √n and 4 · √(2 / n).
            assert!(mean.abs() < 0.0283, "mean {mean}");
            assert!((variance - 1.0).abs() < 0.04, "variance {variance}");
        }
    }

    #[test]
    fn every_order_of_three_is_about_equally_likely() {
        let shuffled = |stream: &mut IndexStream| {
            let mut items = vec![0, 1, 2];
            stream.shuffle(&mut items);
            items
        };
        let draws: [fn(&mut IndexStream) -> Vec<usize>; 2] = [shuffled, |s| s.permutation(3)];
        for draw in draws {
            let mut counts = BTreeMap::new();
            let mut stream = stream(4);
            for _ in 0..6000 {
                *counts.entry(draw(&mut stream)).or_insert(0) += 1;
            }
            assert_eq!(counts.len(), 6);
            // Five standard deviations around 1000: 5 · √(6000 · 1/6 · 5/6) = 144.
            assert!(counts.values().all(|count| (856..=1144).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn every_pair_out_of_four_is_about_equally_likely() {
        let mut counts = BTreeMap::new();
        let mut stream = stream(5);
        for _ in 0..6000 {
            *counts.entry(stream.subsample(4, 2)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Five standard deviations around 1000: 5 · √(6000 · 1/6 · 5/6) = 144.
        assert!(counts.values().all(|count| (856..=1144).contains(count)), "{counts:?}");
        assert_eq!(stream.subsample(5, 9), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        stream(6).shuffle(&mut items);
        for mut items in [items, stream(7).permutation(100)] {
            assert_ne!(items, (0..100).collect::<Vec<_>>());
            items.sort_unstable();
            assert_eq!(items, (0..100).collect::<Vec<_>>());
        }
    }
}
