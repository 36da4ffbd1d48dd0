//! Square RGB images of one size, as the networks take them.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::BaselineError;

/// Channels of an image: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// Square RGB images of one size: `[count, side, side, 3]` bytes, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    pixels: &'a [u8],
    side: usize,
}

impl<'a> Images<'a> {
    /// The images in `pixels`, each `side` × `side` pixels of 3 bytes.
    ///
    /// # Errors
    /// [`BaselineError::Pixels`] if `pixels` is no whole number of images.
    pub fn new(pixels: &'a [u8], side: usize) -> Result<Self, BaselineError> {
        let bytes = side * side * CHANNELS;
        if bytes == 0 || !pixels.len().is_multiple_of(bytes) {
            return Err(BaselineError::Pixels { bytes: pixels.len(), side });
        }
        Ok(Self { pixels, side })
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.pixels.len() / (self.side * self.side * CHANNELS)
    }

    /// Width and height of each image, in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The bytes of image `index`, `[side, side, 3]`.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn image(&self, index: usize) -> &'a [u8] {
        let bytes = self.side * self.side * CHANNELS;
        &self.pixels[index * bytes..][..bytes]
    }

    /// The images numbered `range`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn subimages(&self, range: Range<usize>) -> Self {
        let bytes = self.side * self.side * CHANNELS;
        Self { pixels: &self.pixels[range.start * bytes..range.end * bytes], side: self.side }
    }

    /// Checks that there are images and they have the size that a model wants.
    pub(crate) fn require(&self, side: usize) -> Result<(), BaselineError> {
        match (self.count(), self.side == side) {
            (0, _) => Err(BaselineError::NoImages),
            (_, false) => Err(BaselineError::Side { expected: side, found: self.side }),
            (_, true) => Ok(()),
        }
    }

    /// The images `indices` as the networks take them: `[indices, 3, side, side]` in [-1, 1].
    pub(crate) fn batch(&self, indices: &[usize], device: &Device) -> Tensor<4> {
        let mut values = Vec::with_capacity(indices.len() * self.side * self.side * CHANNELS);
        for &index in indices {
            append_planes(self.image(index), &mut values);
        }
        to_tensor(values, self.side, device)
    }
}

/// Appends an image `[pixels, 3]` as planes `[3, pixels]`, scaled to [-1, 1].
fn append_planes(image: &[u8], values: &mut Vec<f32>) {
    for channel in 0..CHANNELS {
        values.extend(image[channel..].iter().step_by(CHANNELS).map(|&byte| scaled(byte)));
    }
}

/// A byte on the scale of the networks: 0 to -1, 255 to 1, as a generator's tanh puts out.
pub(crate) fn scaled(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

/// A tensor `[count, 3, side, side]` of these values.
pub(crate) fn to_tensor(values: Vec<f32>, side: usize, device: &Device) -> Tensor<4> {
    let count = values.len() / (CHANNELS * side * side);
    Tensor::from_data(TensorData::new(values, [count, CHANNELS, side, side]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_planes_on_the_scale_of_the_networks() {
        let first = [0, 51, 255, 0, 51, 255, 0, 51, 255, 255, 51, 255];
        let second = [255; 12];
        let pixels = [first, second].concat();
        let images = Images::new(&pixels, 2).unwrap();
        assert_eq!((images.count(), images.side()), (2, 2));
        let batch = images.batch(&[1, 0], &Device::flex()); // [2, 3, 2, 2]
        let golden = TensorData::from([
            [[[1.0_f32, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]],
            [[[-1.0, -1.0], [-1.0, 1.0]], [[-0.6, -0.6], [-0.6, -0.6]], [[1.0, 1.0], [1.0, 1.0]]],
        ]);
        let tolerance = burn::tensor::Tolerance::absolute(1e-6);
        batch.into_data().assert_approx_eq::<f32>(&golden, tolerance);
    }

    #[test]
    fn a_part_of_an_image_is_an_error() {
        let error = Images::new(&[0; 13], 2).unwrap_err();
        assert_eq!(error.to_string(), "13 bytes do not fill RGB images of 2 × 2 pixels");
        assert!(Images::new(&[], 0).is_err());
    }

    #[test]
    fn no_images_and_images_of_another_size_are_refused() {
        let none = Images::new(&[], 2).unwrap();
        assert!(matches!(none.require(2), Err(BaselineError::NoImages)));
        let small = Images::new(&[0; 12], 2).unwrap();
        assert!(small.require(2).is_ok());
        let error = small.require(32).unwrap_err();
        assert_eq!(error.to_string(), "images are 2 pixels wide where the model takes 32");
    }
}
