//! Matrix products on the host, in tiles that fit the vector registers.
//!
//! A general matrix product packs both factors for the cache every time, and writes its result to
//! memory for others to read again. Where a network computes, the weights are packed once
//! ([`PackedMatrix`]), and [`for_each_tile`] hands on each part of the result while it is in the
//! innermost cache, so that an epilogue (a bias, an activation) costs no second pass. [`multiply`] is
//! the plain product.
//!
//! Every element is one sum in the order of the depth, so that it depends neither on the tile that it
//! falls into nor on the number of threads.
//!
//! ```
//! use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
//!
//! let right = PackedMatrix::new(&[1.0, 2.0, 3.0, 4.0], 2); // [2, 2]
//! let left = Strided { values: &[10.0, 1.0], stride: 2 }; // [1, 2]
//! let mut product = [0.0; 2]; // [1, 2]
//! multiply(left, 1, &right, Sums::Replace, &mut product);
//! assert_eq!(product, [13.0, 24.0]);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod multiply;
mod packed_matrix;
mod tiles;

pub use multiply::{Sums, multiply};
pub use packed_matrix::PackedMatrix;
pub use tiles::{Block, COLUMNS, Interleaved, ROWS, Strided, Tile, TileRows, Visit, for_each_tile};
