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

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod multiply;
mod packed_matrix;
mod tiles;

pub use multiply::{Sums, multiply};
pub use packed_matrix::PackedMatrix;
pub use tiles::{Block, COLUMNS, Interleaved, ROWS, Strided, Tile, TileRows, Visit, for_each_tile};
