//! Rows of the kernel matrix, computed when asked for and kept as far as memory allows.

use std::ops::Range;

use super::kernel::Kernel;
use crate::distances::Points;

/// Rows that are computed at once where all can be kept: sooner or later all are asked for, and one
/// by one they would wait for memory.
const BLOCK: usize = 32;
/// Rows that are computed at once where not all can be kept: as many as one pass over the points in
/// memory gives without taking longer.
const SMALL_BLOCK: usize = 8;
/// Bytes that kept rows may take: those of all 8000 rows of the default
/// [`max_rows`](super::OneClassSvmConfig::max_rows).
const BYTES: usize = 256_000_000;

/// The kernel matrix `[points, points]`, a few blocks of rows at a time.
pub(super) struct KernelCache<'a> {
    kernel: &'a Kernel,
    points: &'a Points,
    /// Rows of a block.
    height: usize,
    /// `None` for those that are not kept.
    blocks: Vec<Option<Block>>,
    kept: usize,
    /// Most blocks kept.
    capacity: usize,
    /// Counts the uses of rows.
    clock: u64,
}

struct Block {
    /// `[rows of the block, points]`, in single precision.
    values: Vec<f32>,
    /// Time of the last use.
    used: u64,
}

impl<'a> KernelCache<'a> {
    /// The kernel of all pairs of `points`.
    pub(super) fn new(kernel: &'a Kernel, points: &'a Points) -> Self {
        Self::with_room(kernel, points, BYTES / 4)
    }

    /// The same, with room for so many values, at least for two blocks.
    fn with_room(kernel: &'a Kernel, points: &'a Points, room: usize) -> Self {
        let count = points.count();
        let rows = room / count.max(1);
        let height = if count <= rows { BLOCK } else { SMALL_BLOCK };
        let blocks = (0..count.div_ceil(height)).map(|_| None).collect();
        let capacity = (rows / height).max(2);
        Self { kernel, points, height, blocks, kept: 0, capacity, clock: 0 }
    }

    /// Number of points.
    pub(super) fn count(&self) -> usize {
        self.points.count()
    }

    /// The kernel of the point numbered `row` with every point, `[points]`.
    pub(super) fn row(&mut self, row: usize) -> &[f32] {
        self.pair(row, row).0
    }

    /// The rows numbered `i` and `j`.
    pub(super) fn pair(&mut self, i: usize, j: usize) -> (&[f32], &[f32]) {
        self.provide(i / self.height);
        self.provide(j / self.height);
        (self.kept_row(i), self.kept_row(j))
    }

    fn kept_row(&self, row: usize) -> &[f32] {
        let block = self.blocks[row / self.height].as_ref().expect("the block was just provided");
        &block.values[row % self.height * self.count()..][..self.count()]
    }

    /// Computes a block unless it is kept; of the others, the one not used for longest makes room.
    fn provide(&mut self, index: usize) {
        self.clock += 1;
        if let Some(block) = &mut self.blocks[index] {
            block.used = self.clock;
            return;
        }
        if self.kept == self.capacity {
            let used = |block: &Option<Block>| block.as_ref().map_or(u64::MAX, |block| block.used);
            let oldest = (0..self.blocks.len()).min_by_key(|&at| used(&self.blocks[at]));
            self.blocks[oldest.expect("there is a block for every row")] = None;
            self.kept -= 1;
        }
        let range = index * self.height..((index + 1) * self.height).min(self.count());
        self.blocks[index] = Some(Block { values: self.compute(range), used: self.clock });
        self.kept += 1;
    }

    /// The rows numbered `range`.
    fn compute(&self, range: Range<usize>) -> Vec<f32> {
        let count = self.count();
        let parts = self.points.map_blocks(self.points, range.clone(), |columns, distances| {
            let values = distances.iter().map(|&distance| self.kernel.of(distance) as f32);
            (columns, values.collect::<Vec<f32>>())
        });
        let mut values = vec![0.0; range.len() * count];
        for (columns, part) in parts {
            for (row, part) in values.chunks_exact_mut(count).zip(part.chunks_exact(columns.len()))
            {
                row[columns.clone()].copy_from_slice(part);
            }
        }
        for (row, diagonal) in values.chunks_exact_mut(count).zip(range) {
            row[diagonal] = 1.0;
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distances::squared_distance;

    #[test]
    fn rows_agree_with_the_definition_whether_or_not_they_were_pushed_out() {
        let values = (0..150 * 3).map(|at| (at as f64 * 0.7).sin()).collect();
        let (points, kernel) = (Points::new(values, 3), Kernel { gamma: 0.8 });
        let all = KernelCache::with_room(&kernel, &points, 150 * 150);
        assert_eq!((all.height, all.blocks.len()), (BLOCK, 5));
        let mut cache = KernelCache::with_room(&kernel, &points, 149 * 150);
        assert_eq!((cache.height, cache.blocks.len(), cache.capacity), (SMALL_BLOCK, 19, 18));
        cache.capacity = 2;
        for (i, j) in [(0, 149), (33, 64), (149, 0), (64, 64), (1, 31)] {
            let (a, b) = cache.pair(i, j);
            for (row, kernels) in [(i, a), (j, b)] {
                for (at, &found) in kernels.iter().enumerate() {
                    let distance = squared_distance(points.point(row), points.point(at));
                    // Half a unit in the last place of a number up to 1.
                    assert!((f64::from(found) - kernel.of(distance)).abs() < 6e-8);
                }
                assert_eq!(kernels[row], 1.0);
            }
            assert!(cache.kept <= 2);
        }
    }
}
