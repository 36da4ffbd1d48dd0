//! Epilogues of convolutions: the last step on their sums, in registers, before they are written.

use super::feature_maps::FeatureMaps;
use super::lanes::Lanes;

/// Place of a map's value.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) image: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
    /// The first of the neighbouring channels.
    pub(crate) channel: usize,
}

/// Epilogue of a convolution; forward and backward passes differ here.
pub(crate) trait Epilogue: Sync {
    /// Applies the epilogue to `sum` at `place`.
    fn apply(&self, sum: Lanes, place: Place) -> Lanes;
}

/// ReLU(sum + bias), bias `[channels]`.
#[derive(Debug)]
pub(crate) struct BiasRelu(pub(crate) Vec<f32>);

impl Epilogue for BiasRelu {
    #[inline(always)]
    fn apply(&self, sum: Lanes, place: Place) -> Lanes {
        (sum + Lanes::load(&self.0[place.channel..])).max(Lanes::ZERO)
    }
}

/// The sum as it is.
pub(crate) struct Sum;

impl Epilogue for Sum {
    #[inline(always)]
    fn apply(&self, sum: Lanes, _: Place) -> Lanes {
        sum
    }
}

/// ReLU's gradient: the sum where ReLU's output, the given maps, is above zero; zero elsewhere.
pub(crate) struct WhereActive<'a>(pub(crate) &'a FeatureMaps);

impl Epilogue for WhereActive<'_> {
    #[inline(always)]
    fn apply(&self, sum: Lanes, place: Place) -> Lanes {
        let output = self.0.pixel(place.image, place.y, place.x);
        sum.where_positive(Lanes::load(&output[place.channel..]))
    }
}
