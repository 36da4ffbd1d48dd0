//! EfficientNet-Lite0 on the host processor: blocks fused row by row, all cores on one image.
//!
//! Channels lie side by side, so that a 1 × 1 convolution is a product of matrices. A band of output rows
//! expands only the input rows that it looks at, into a ring of as many rows as the kernel has: the
//! expanded channels, six times the block's input, never leave the processor's cache. Neighbouring bands
//! expand the rows between them twice; where maps are small, all rows are expanded first instead. Every
//! number is one sum in a fixed order, whatever the bands: the bits do not depend on the threads.

use rayon::prelude::*;

use super::depthwise::Depthwise;
use super::pointwise::{Activation, Pointwise};
use super::weights::{self, BlockWeights};
use super::{normalized, same_padding};
use crate::buffers::Buffers;
use crate::stages::StageMap;

/// Expanded maps up to this many values are expanded as a whole.
const WHOLE: usize = 1 << 20;
/// Bands of rows for each thread: more balance the load, fewer expand less twice.
const BANDS: usize = 2;

/// The network with its weights arranged for the host.
#[derive(Debug)]
pub struct HostEfficientNetLite {
    stem: Pointwise,
    stages: Vec<Vec<Block>>,
    buffers: Buffers,
}

/// Inverted residual block.
#[derive(Debug)]
struct Block {
    expand: Option<Pointwise>,
    depthwise: Depthwise,
    project: Pointwise,
}

/// Memory of a band, kept for the next one of the same block; what is read of it was written before.
#[derive(Debug, Default)]
struct Scratch {
    /// Rows of expanded channels with zeros at both ends, `[rows][padded width, channels]`.
    expanded: Vec<f32>,
    /// A row of the depthwise convolution's outputs.
    row: Vec<f32>,
}

impl Default for HostEfficientNetLite {
    fn default() -> Self {
        Self::new()
    }
}

impl HostEfficientNetLite {
    /// The network with its ImageNet weights.
    pub fn new() -> Self {
        let weights = weights::embedded();
        let block = |weights: &BlockWeights| Block {
            expand: weights.expand.as_ref().map(Pointwise::new),
            depthwise: Depthwise::new(&weights.depthwise, weights.stride),
            project: Pointwise::new(&weights.project),
        };
        let stages = weights.stages.iter().map(|blocks| blocks.iter().map(block).collect());
        let stem = Pointwise::new(&weights.stem);
        Self { stem, stages: stages.collect(), buffers: Buffers::default() }
    }

    /// The maps after `stages` (numbers from 1, rising) of an interleaved RGB image.
    ///
    /// # Panics
    /// If `pixels` is not `3 · height · width` long, a side is 0, or a stage is not one of the network's.
    pub fn maps(
        &self,
        pixels: &[u8],
        height: usize,
        width: usize,
        stages: &[usize],
    ) -> Vec<StageMap> {
        assert_eq!(pixels.len(), 3 * height * width, "pixels do not fit the shape");
        assert!(height > 0 && width > 0, "an image has pixels");
        let last = stages.iter().copied().max().unwrap_or(0);
        assert!(last <= self.stages.len(), "the network has {} stages", self.stages.len());
        let mut maps: Vec<StageMap> = Vec::with_capacity(stages.len());
        // Of the block before, unless it is the last of `maps`.
        let mut before = Some(self.stem(pixels, height, width));
        for (number, blocks) in (1..=last).zip(&self.stages) {
            for block in blocks {
                let entry = before.as_ref().or(maps.last()).expect("something came before");
                let map = block.forward(entry, &self.buffers);
                if let Some(StageMap { values, .. }) = before.replace(map) {
                    self.buffers.give(values);
                }
            }
            if stages.contains(&number) {
                maps.extend(before.take());
            }
        }
        if let Some(StageMap { values, .. }) = before {
            self.buffers.give(values);
        }
        maps
    }

    /// The first convolution: 3 × 3, stride 2, ReLU6.
    fn stem(&self, pixels: &[u8], height: usize, width: usize) -> StageMap {
        const KERNEL: usize = 3;
        let (rows, top) = same_padding(height, KERNEL, 2);
        let (columns, left) = same_padding(width, KERNEL, 2);
        let channels = self.stem.outputs();
        let levels: [f32; 256] = std::array::from_fn(|level| normalized(level as u8));
        let mut values = self.buffers.take(rows * columns * channels);
        let row_of = |(y, to): (usize, &mut [f32]), patches: &mut Vec<f32>| {
            patches.clear();
            patches.resize(columns * self.stem.inputs, 0.0);
            for (x, patch) in patches.chunks_exact_mut(self.stem.inputs).enumerate() {
                for (tap, to) in patch.chunks_exact_mut(3).enumerate() {
                    let (dy, dx) = (tap / KERNEL, tap % KERNEL);
                    let (at_y, at_x) =
                        ((2 * y + dy).wrapping_sub(top), (2 * x + dx).wrapping_sub(left));
                    if at_y < height && at_x < width {
                        let pixel = &pixels[3 * (at_y * width + at_x)..][..3];
                        for (to, &level) in to.iter_mut().zip(pixel) {
                            *to = levels[usize::from(level)];
                        }
                    }
                }
            }
            self.stem.forward(patches, Activation::Relu6, to);
        };
        let rows_of = values.par_chunks_exact_mut(columns * channels).enumerate();
        rows_of.for_each_init(Vec::new, |patches, row| row_of(row, patches));
        StageMap { height: rows, width: columns, channels, values }
    }
}

impl Block {
    /// `[h, w, inputs]` → `[h / stride, w / stride, outputs]`
    fn forward(&self, entry: &StageMap, buffers: &Buffers) -> StageMap {
        let Depthwise { kernel, stride, .. } = self.depthwise;
        let (height, top) = same_padding(entry.height, kernel, stride);
        let (width, left) = same_padding(entry.width, kernel, stride);
        let channels = self.project.outputs();
        let geometry = Geometry { entry, top, left, width, padded: (width - 1) * stride + kernel };
        let mut values = buffers.take(height * width * channels);
        let whole = entry.height * geometry.padded * self.depthwise.channels() <= WHOLE;
        let bands = rayon::current_num_threads() * BANDS;
        let rows = height.div_ceil(bands).max(1);
        if whole {
            let expanded = self.expanded(&geometry, buffers);
            let row_length = geometry.padded * self.depthwise.channels();
            let row = |(y, to): (usize, &mut [f32]), row: &mut Vec<f32>| {
                let rows = geometry.rows_under(y, kernel, stride);
                let rows: Vec<Option<&[f32]>> = rows
                    .map(|at| at.map(|at| &expanded[at * row_length..][..row_length]))
                    .collect();
                self.finish_row(&rows, &geometry, y, row, to);
            };
            let rows = values.par_chunks_exact_mut(width * channels).enumerate();
            rows.for_each_init(Vec::new, |scratch, to| row(to, scratch));
            buffers.give(expanded);
        } else {
            let bands = values.par_chunks_mut(rows * width * channels).enumerate();
            bands.for_each_init(Scratch::default, |scratch, (band, to)| {
                self.band(&geometry, band * rows, scratch, to);
            });
        }
        StageMap { height, width, channels, values }
    }

    /// All rows expanded, `[h][padded width, channels]`.
    fn expanded(&self, geometry: &Geometry<'_>, buffers: &Buffers) -> Vec<f32> {
        let row_length = geometry.padded * self.depthwise.channels();
        let mut expanded = buffers.take(geometry.entry.height * row_length);
        let rows = expanded.par_chunks_exact_mut(row_length).enumerate();
        rows.for_each(|(y, to)| self.expand_row(geometry, y, to));
        expanded
    }

    /// The output rows from `first` on, `to` holds.
    fn band(&self, geometry: &Geometry<'_>, first: usize, scratch: &mut Scratch, to: &mut [f32]) {
        let Depthwise { kernel, stride, .. } = self.depthwise;
        let row_length = geometry.padded * self.depthwise.channels();
        let Scratch { expanded, row } = scratch;
        expanded.resize(kernel * row_length, 0.0);
        let mut next = 0;
        let out_length = geometry.width * self.project.outputs();
        for (index, to) in to.chunks_exact_mut(out_length).enumerate() {
            let y = first + index;
            let under: Vec<Option<usize>> = geometry.rows_under(y, kernel, stride).collect();
            for at in under.iter().flatten().filter(|&&at| at >= next) {
                let slot = &mut expanded[at % kernel * row_length..][..row_length];
                self.expand_row(geometry, *at, slot);
            }
            next = under.iter().flatten().max().map_or(next, |last| last + 1);
            let rows: Vec<Option<&[f32]>> = under
                .iter()
                .map(|at| at.map(|at| &expanded[at % kernel * row_length..][..row_length]))
                .collect();
            self.finish_row(&rows, geometry, y, row, to);
        }
    }

    /// Input row `y` expanded into `to`, `[padded width, channels]`, with zeros at both ends.
    fn expand_row(&self, geometry: &Geometry<'_>, y: usize, to: &mut [f32]) {
        let entry = geometry.entry;
        let row = &entry.values[y * entry.width * entry.channels..][..entry.width * entry.channels];
        let channels = self.depthwise.channels();
        // What the padding leaves out on the right is not looked at.
        let width = entry.width.min(geometry.padded - geometry.left);
        let (before, to) = to.split_at_mut(geometry.left * channels);
        let (to, after) = to.split_at_mut(width * channels);
        before.fill(0.0);
        after.fill(0.0);
        let row = &row[..width * entry.channels];
        match &self.expand {
            Some(expand) => expand.forward(row, Activation::Relu6, to),
            None => to.copy_from_slice(row),
        }
    }

    /// Depthwise convolution, projection and residual of output row `y`.
    fn finish_row(
        &self,
        rows: &[Option<&[f32]>],
        geometry: &Geometry<'_>,
        y: usize,
        scratch: &mut Vec<f32>,
        to: &mut [f32],
    ) {
        scratch.resize(geometry.width * self.depthwise.channels(), 0.0);
        self.depthwise.row(rows, scratch);
        let entry = geometry.entry;
        let residual = self.depthwise.stride == 1 && entry.channels == self.project.outputs();
        let activation = if residual {
            let length = entry.width * entry.channels;
            Activation::Residual(&entry.values[y * length..][..length])
        } else {
            Activation::Linear
        };
        self.project.forward(scratch, activation, to);
    }
}

/// Geometry of a block's outputs on its inputs.
struct Geometry<'a> {
    entry: &'a StageMap,
    /// Rows of zeros above the first input row.
    top: usize,
    /// Columns of zeros before the first input column.
    left: usize,
    /// Columns of the output.
    width: usize,
    /// Columns of the input that the kernel looks at, with the padding.
    padded: usize,
}

impl Geometry<'_> {
    /// The input rows under the kernel at output row `y`; `None` outside the image.
    fn rows_under(
        &self,
        y: usize,
        kernel: usize,
        stride: usize,
    ) -> impl Iterator<Item = Option<usize>> {
        let (top, height) = (self.top, self.entry.height);
        (0..kernel).map(move |dy| (y * stride + dy).checked_sub(top).filter(|&at| at < height))
    }
}
