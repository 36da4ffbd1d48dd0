//! The competitors through their public interface.

#![allow(clippy::unwrap_used)]

mod detection;
mod files;
mod fitting;
mod fixture;
