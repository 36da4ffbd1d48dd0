//! Products of matrices on the host, in tiles that fit the vector registers.
//!
//! A general product arranges both factors for the cache every time. Where a network computes, the weights,
//! or what many rows of weights are multiplied with, are arranged once ([`Panels`]), and each panel stays in
//! the cache while all rows pass it ([`multiply`]).
//!
//! Every element is one sum in the order of the depth, so that it depends neither on the tile that it
//! falls into nor on the number of threads.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod left;
mod multiply;
mod panels;
mod tiles;

pub use left::{Interleaved, Left, Rows, Strided};
pub use multiply::{Sums, multiply};
pub use panels::Panels;
pub use tiles::{COLUMNS, ROWS};
