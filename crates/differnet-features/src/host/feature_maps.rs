//! A batch of feature maps in channels-last order with a zero border, the layout of the host path.

use rayon::prelude::*;

use crate::buffers::Buffers;
use crate::stages::StageMap;

thread_local! {
    /// Memory of maps that this thread dropped.
    static FREE: Buffers = Buffers::default();
}

/// Feature maps `[images, height, width, channels]`, each surrounded by a border of zeros so that
/// convolutions read past the edge without branching.
#[derive(Debug, Default)]
pub(crate) struct FeatureMaps {
    data: Vec<f32>,
    pub(crate) images: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    border: usize,
    stored_width: usize,
    stored_height: usize,
}

/// The zeros around a map: `before` rows and columns in front of it, at least `after` behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Border {
    pub(crate) before: usize,
    pub(crate) after: usize,
}

impl Border {
    pub(crate) const NONE: Border = Border { before: 0, after: 0 };
}

/// Consecutive rows of one image's map, borrowed for writing.
pub(crate) struct Strip<'a> {
    pub(crate) image: usize,
    /// First row of the strip within the map.
    pub(crate) row: usize,
    /// Rows in the strip; the last strip of a map may have fewer.
    pub(crate) rows: usize,
    data: &'a mut [f32],
    row_length: usize,
    offset: usize,
}

impl Strip<'_> {
    /// The values of column `x` onwards in row `y` of the strip.
    #[inline(always)]
    pub(crate) fn pixels_mut(&mut self, y: usize, x: usize, channels: usize) -> &mut [f32] {
        let start = y * self.row_length + self.offset + x * channels;
        &mut self.data[start..]
    }
}

impl FeatureMaps {
    /// Maps for values that have none yet: every one within the border has to be written.
    pub(crate) fn unwritten(
        images: usize,
        height: usize,
        width: usize,
        channels: usize,
        border: Border,
    ) -> Self {
        let mut maps = Self::stored(images, height, width, channels, border);
        let row_length = maps.row_stride();
        let (first, last) = (border.before, border.before + height);
        let (left, right) = (border.before * channels, (border.before + width) * channels);
        for (row, values) in maps.data.chunks_exact_mut(row_length).enumerate() {
            if (first..last).contains(&(row % maps.stored_height)) {
                values[..left].fill(0.0);
                values[right..].fill(0.0);
            } else {
                values.fill(0.0);
            }
        }
        maps
    }

    /// Maps for values that have none yet, nor has the border: every one has to be written.
    pub(crate) fn stored(
        images: usize,
        height: usize,
        width: usize,
        channels: usize,
        border: Border,
    ) -> Self {
        let stored_height = height + border.before + border.after;
        let stored_width = width + border.before + border.after;
        let count = images * stored_height * stored_width * channels;
        Self {
            data: FREE.with(|free| free.take(count)),
            images,
            height,
            width,
            channels,
            border: border.before,
            stored_width,
            stored_height,
        }
    }

    /// The values of borderless maps, `[images, height, width, channels]`.
    pub(crate) fn into_values(mut self) -> Vec<f32> {
        debug_assert_eq!((self.stored_height, self.stored_width), (self.height, self.width));
        std::mem::take(&mut self.data)
    }

    /// The only image's maps without their border.
    pub(crate) fn to_stage_map(&self) -> StageMap {
        let (height, width, channels) = (self.height, self.width, self.channels);
        let row = |y: usize| &self.stored_from(0, y + self.border, self.border)[..width * channels];
        let values = (0..height).flat_map(row).copied().collect();
        StageMap { height, width, channels, values }
    }

    /// Values between one stored row and the next.
    pub(crate) fn row_stride(&self) -> usize {
        self.stored_width * self.channels
    }

    /// Everything from the stored (bordered) position `(y, x)` of `image` to the image's end.
    #[inline(always)]
    pub(crate) fn stored_from(&self, image: usize, y: usize, x: usize) -> &[f32] {
        let image_length = self.stored_height * self.row_stride();
        let start = image * image_length + y * self.row_stride() + x * self.channels;
        &self.data[start..(image + 1) * image_length]
    }

    /// The channels of pixel `(y, x)` of `image`, border not counted.
    #[inline(always)]
    pub(crate) fn pixel(&self, image: usize, y: usize, x: usize) -> &[f32] {
        &self.stored_from(image, y + self.border, x + self.border)[..self.channels]
    }

    /// Every stored row with its image and its number, for parallel writing: the border, too, may be given
    /// values.
    pub(crate) fn stored_rows_mut(
        &mut self,
    ) -> impl ParallelIterator<Item = (usize, usize, &mut [f32])> {
        let (row_length, height) = (self.row_stride(), self.stored_height);
        let rows = self.data.par_chunks_exact_mut(row_length).enumerate();
        rows.map(move |(row, values)| (row / height, row % height, values))
    }

    /// Splits every map into strips of `rows` rows, in order, for parallel writing.
    pub(crate) fn strips_mut(&mut self, rows: usize) -> Vec<Strip<'_>> {
        let row_length = self.row_stride();
        let image_length = self.stored_height * row_length;
        let (height, border, channels) = (self.height, self.border, self.channels);
        let mut strips = Vec::with_capacity(self.images * height.div_ceil(rows));
        for (image, data) in self.data.chunks_mut(image_length).enumerate() {
            let inside = &mut data[border * row_length..(border + height) * row_length];
            for (index, data) in inside.chunks_mut(rows * row_length).enumerate() {
                strips.push(Strip {
                    image,
                    row: index * rows,
                    rows: data.len() / row_length,
                    data,
                    row_length,
                    offset: border * channels,
                });
            }
        }
        strips
    }
}

impl Drop for FeatureMaps {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // A thread that ends has no memory to keep.
        let _ = FREE.try_with(|free| free.give(data));
    }
}

/// Maps of shape `[images, height, width, channels]` without border, for tests.
#[cfg(test)]
pub(crate) fn fill(
    shape: [usize; 4],
    value: impl Fn(usize, usize, usize, usize) -> f32,
) -> FeatureMaps {
    bordered(shape, Border::NONE, value)
}

/// The same with a border.
#[cfg(test)]
pub(crate) fn bordered(
    [images, height, width, channels]: [usize; 4],
    border: Border,
    value: impl Fn(usize, usize, usize, usize) -> f32,
) -> FeatureMaps {
    let mut maps = FeatureMaps::unwritten(images, height, width, channels, border);
    for mut strip in maps.strips_mut(1) {
        let (image, y) = (strip.image, strip.row);
        for x in 0..width {
            for (channel, to) in strip.pixels_mut(0, x, channels)[..channels].iter_mut().enumerate()
            {
                *to = value(image, y, x, channel);
            }
        }
    }
    maps
}
