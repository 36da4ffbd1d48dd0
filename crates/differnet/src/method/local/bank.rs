//! A bank of places of good images: distance to the nearest (PatchCore, Roth et al. 2022).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use differnet_flow::AuxiliaryTensor;
use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use differnet_progress::Monitor;
use differnet_random::IndexStream;
use rayon::prelude::*;

use super::tables::{Tables, table};
use crate::error::Error;

/// Places that the bank is picked from.
pub(super) const CANDIDATES: usize = 60_000;
/// Rows that are compared with the bank by one task.
const BLOCK: usize = 28;
/// Distances of which the least is sought side by side.
const LANES: usize = 16;
/// Numbers of a random projection in which places are picked.
const PROJECTED: usize = 64;
/// Places whose distances one task keeps.
const TASK: usize = 4096;
/// Picked places between two looks at whether to stop.
const CHECK: usize = 50;

/// Remembered places.
#[derive(Debug)]
pub(super) struct Bank {
    /// `[count, width]`
    rows: Vec<f32>,
    /// ‖row‖²
    squares: Vec<f32>,
    /// `[width, count]`
    packed: PackedMatrix,
}

impl Bank {
    /// The bank of `size` of the `candidates`, `[count, width]`, by greedy k-centre: each is the one
    /// farthest from those before it.
    pub(super) fn fit(
        candidates: &[f32],
        width: usize,
        size: usize,
        seed: u64,
        monitor: &Monitor<'_>,
    ) -> Result<Self, Error> {
        let chosen = k_centre(candidates, width, size, seed, monitor)?;
        let row = |&at: &usize| &candidates[at * width..][..width];
        Ok(Self::new(chosen.iter().flat_map(row).copied().collect(), width))
    }

    fn new(rows: Vec<f32>, width: usize) -> Self {
        let packed = PackedMatrix::pack_transposed(&rows, width, |count| vec![0.0; count]);
        let square = |row: &[f32]| row.iter().map(|value| value * value).sum();
        let squares = rows.chunks_exact(width).map(square).collect();
        Self { rows, squares, packed }
    }

    /// The bank with up to `more` of the `rows`, `[count, width]`: each time the one farthest from all.
    pub(super) fn grown(
        &self,
        rows: &[f32],
        more: usize,
        monitor: &Monitor<'_>,
    ) -> Result<Self, Error> {
        let width = self.packed.depth();
        let distances = self.distances(rows).into_iter();
        let squares = distances.map(|distance| (distance * distance) as f32).collect();
        let chosen = farthest_first(rows, width, squares, more, monitor)?;
        let new = chosen.iter().flat_map(|&at| &rows[at * width..][..width]);
        Ok(Self::new(self.rows.iter().chain(new).copied().collect(), width))
    }

    /// The remembered places, `[count, width]`, and their width.
    pub(super) fn remembered(&self) -> (&[f32], usize) {
        (&self.rows, self.packed.depth())
    }

    /// Number of places.
    pub(super) fn count(&self) -> usize {
        self.squares.len()
    }

    /// The distance of each of the rows `[count, width]` to the nearest place of the bank.
    pub(super) fn distances(&self, rows: &[f32]) -> Vec<f64> {
        let (width, count) = (self.packed.depth(), self.count());
        let of_block = |products: &mut Vec<f32>, rows: &[f32]| -> Vec<f64> {
            let block = rows.len() / width;
            products.resize(block * count, 0.0);
            let left = Strided { values: rows, stride: width };
            multiply(left, block, &self.packed, Sums::Replace, products);
            let products = products.chunks_exact(count).zip(rows.chunks_exact(width));
            let nearest = products.map(|(products, row)| self.nearest(products, row));
            nearest.collect()
        };
        let blocks = rows.par_chunks(BLOCK * width);
        blocks.map_init(Vec::new, of_block).flatten_iter().collect()
    }

    /// The distance of `row` to the nearest place, given its `products` with all of them.
    fn nearest(&self, products: &[f32], row: &[f32]) -> f64 {
        // ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b, and ‖a‖² is the same for all b.
        let rest = |(product, square): (&f32, &f32)| square - 2.0 * product;
        let mut least = [f32::INFINITY; LANES];
        for (products, squares) in products.chunks(LANES).zip(self.squares.chunks(LANES)) {
            for (least, pair) in least.iter_mut().zip(products.iter().zip(squares)) {
                let rest = rest(pair);
                *least = if rest < *least { rest } else { *least };
            }
        }
        let least = least.into_iter().fold(f32::INFINITY, f32::min);
        let best = products.iter().zip(&self.squares).position(|pair| rest(pair) == least);
        let best = best.unwrap_or(0);
        // Term by term: the sum of large terms leaves nothing of a small distance.
        let place = &self.rows[best * row.len()..][..row.len()];
        let difference = |(a, b): (&f32, &f32)| f64::from(a - b) * f64::from(a - b);
        row.iter().zip(place).map(difference).sum::<f64>().sqrt()
    }

    /// The tables of the bank of the part numbered `number`.
    pub(super) fn tables(&self, number: usize) -> [AuxiliaryTensor; 1] {
        [table(name(number), &[self.count(), self.packed.depth()], &self.rows)]
    }

    /// The bank of the part numbered `number`, `[.., width]`, from the tables of a file; the reason if there
    /// is none.
    pub(super) fn load(number: usize, width: usize, tables: &Tables) -> Result<Self, String> {
        let (shape, rows) = tables.any(&name(number))?;
        if shape.len() != 2 || shape[0] == 0 || shape[1] != width {
            return Err(format!("its bank {number} does not fit its settings"));
        }
        Ok(Self::new(rows.to_vec(), width))
    }
}

/// Name of a bank's table in a model file.
fn name(number: usize) -> String {
    format!("parts.{number}.bank")
}

/// Numbers of `size` of the `rows`, `[count, width]`, by greedy k-centre in a random projection; fewer if
/// rows repeat each other.
fn k_centre(
    rows: &[f32],
    width: usize,
    size: usize,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Vec<usize>, Error> {
    let points = projected(rows, width, seed);
    let first = &points[..PROJECTED];
    let to_first = |point: &[f32]| squared_distance(point, first);
    let squares = points.par_chunks_exact(PROJECTED).map(to_first).collect();
    let others = farthest_first(&points, PROJECTED, squares, size.saturating_sub(1), monitor)?;
    Ok([0].into_iter().chain(others).collect())
}

/// Numbers of up to `most` of the `points`, `[count, width]`: each is the one farthest from some known points,
/// to which `squares` are the squared distances, and from those before it; the first of equally far ones.
///
/// Distances only fall, so that old ones bound them: a point is compared with more of the chosen ones only
/// while it is the farthest by what is known of it.
fn farthest_first(
    points: &[f32],
    width: usize,
    squares: Vec<f32>,
    most: usize,
    monitor: &Monitor<'_>,
) -> Result<Vec<usize>, Error> {
    let point = |at: usize| &points[at * width..][..width];
    // Distances that are not negative rise with their bits.
    let numbered = (0..).zip(&squares).map(|(at, square)| (square.to_bits(), Reverse(at)));
    let mut bounds: BinaryHeap<(u32, Reverse<usize>)> = numbered.collect::<Vec<_>>().into();
    let mut compared = vec![0; squares.len()];
    let (mut chosen, mut centres) = (Vec::new(), Vec::new()); // centres: [chosen, width]
    while let Some((mut bits, Reverse(at))) = bounds.pop() {
        if bits == 0 || chosen.len() >= most {
            break;
        }
        if compared[at] == chosen.len() {
            chosen.push(at);
            centres.extend_from_slice(point(at));
            if chosen.len().is_multiple_of(CHECK) {
                monitor.cancel_token().check()?;
            }
            continue;
        }
        let next = bounds.peek().map_or(0, |(bits, _)| *bits);
        for centre in centres[compared[at] * width..].chunks_exact(width) {
            bits = bits.min(squared_distance(point(at), centre).to_bits());
            compared[at] += 1;
            if bits < next {
                break;
            }
        }
        bounds.push((bits, Reverse(at)));
    }
    Ok(chosen)
}

/// Rows `[count, width]` in a random projection, `[count, 64]`, which keeps distances about as they are.
fn projected(rows: &[f32], width: usize, seed: u64) -> Vec<f32> {
    let mut matrix = IndexStream::indexed(seed, b"bank projection ", 0).normal(width * PROJECTED);
    matrix.iter_mut().for_each(|value| *value /= (PROJECTED as f32).sqrt());
    let packed = PackedMatrix::new(&matrix, PROJECTED);
    let mut points = vec![0.0; rows.len() / width * PROJECTED];
    let blocks = rows.par_chunks(TASK * width).zip(points.par_chunks_mut(TASK * PROJECTED));
    blocks.for_each(|(rows, to)| {
        let left = Strided { values: rows, stride: width };
        multiply(left, rows.len() / width, &packed, Sums::Replace, to);
    });
    points
}

/// The squared distance of two points, summed in eight lanes.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += (a - b) * (a - b);
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_are_far_from_each_other_and_distances_exact() {
        // Three clusters on a line, of 40, 2 and 1 points.
        let mut values = vec![0.0_f32; 40];
        values.extend([100.0, 101.0, -300.0]);
        let rows: Vec<f32> = values.iter().flat_map(|x| [*x, 7.0]).collect();
        let bank = Bank::fit(&rows, 2, 3, 1, &Monitor::silent()).unwrap();
        let found: Vec<f32> = bank.rows.chunks_exact(2).map(|row| row[0]).collect();
        assert_eq!(found[..2], [0.0, -300.0]);
        assert!((100.0..=101.0).contains(&found[2]));
        // Equal points are remembered once: four places in all.
        let all = Bank::fit(&rows, 2, 9, 1, &Monitor::silent()).unwrap();
        assert_eq!(all.count(), 4);
        let distances = all.distances(&[0.0, 7.0, 103.0, 7.0, 0.0, 10.0]);
        assert_eq!(distances, [0.0, 2.0, 3.0]);
        // It grows by what is farthest, and not by what it knows.
        let rows = [500.0, 7.0, 0.0, 7.0, 40.0, 7.0];
        let grown = all.grown(&rows, 5, &Monitor::silent()).unwrap();
        assert_eq!(grown.rows[8..], [500.0, 7.0, 40.0, 7.0]);
    }

    #[test]
    fn the_nearest_of_many_places_is_found_wherever_it_stands() {
        // More places than are compared side by side, each the nearest of one row.
        let places: Vec<f32> = (0..43_u8).map(|at| f32::from(at * 5 % 43)).collect();
        let rows: Vec<f32> = places.iter().map(|place| place + 0.25).collect();
        assert_eq!(Bank::new(places, 1).distances(&rows), vec![0.25; 43]);
    }
}
