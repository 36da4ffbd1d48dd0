//! Generated sample data set in the layout of MVTec AD: two textures and an object, each with four
//! kinds of defects and masks, for a first try without any photographs.
//!
//! Images vary the way real ones do: light, exposure, noise, pose, colour and the material itself.
//! Every pixel follows from the seed, whatever the machine.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod brushed_metal;
mod camera;
mod dataset;
mod error;
mod fabric;
mod hex_nut;
mod noise;
mod self_test_images;
mod shape;
mod shot;

pub use dataset::{SampleConfig, write_sample_dataset};
pub use error::SampleError;
pub use self_test_images::self_test_images;
