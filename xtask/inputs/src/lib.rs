//! Inputs of developer commands of several packages: manifests of data sets, tensors in
//! safetensors files, random numbers.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod draws;
pub mod manifest;
mod vectors;

pub use draws::Draws;
pub use vectors::Vectors;
