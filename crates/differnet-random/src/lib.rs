//! Keyed random streams: portable draws on the host that depend on seed, purpose and item alone.
//!
//! Every random number of the project comes from here. A stream has a key of its own, so adding a
//! draw to one changes none in another, and ChaCha gives the same bits on every platform. Burn's
//! generators belong to the process and are shared by every thread in it: nothing uses them.
//!
//! ```
//! use differnet_random::RandomStream;
//!
//! let mut stream = RandomStream::indexed(1, b"example weights ", 0);
//! let weights = stream.normal(4);
//! assert_eq!(weights, RandomStream::indexed(1, b"example weights ", 0).normal(4));
//! assert_ne!(weights, RandomStream::indexed(1, b"example weights ", 1).normal(4));
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod batch_order;
mod distributions;
mod stream;

pub use batch_order::BatchOrder;
pub use stream::{IndexStream, ItemStream, RandomStream};
