//! Methods on local features: what each place of an image looks like, in one pass of a network.
//!
//! A method is a [`plan`]: views of the features, and parts that judge places by them.

mod bank;
mod config;
mod export;
mod fit;
mod flow_fits;
mod gathered;
mod gaussians;
mod image_score;
mod input;
mod learning;
mod parts;
mod place_scale;
mod place_view;
mod plan;
mod ranges;
mod scorer;
mod tables;
mod tiles;
mod update;
mod view;

pub use config::{LocalFlowConfig, PadimConfig, PatchCoreConfig};
pub use place_view::{PlaceFeatures, PlaceView};
pub use tiles::Tiles;

pub(super) use config::FEW_IMAGES;
pub(crate) use fit::fit;
pub(crate) use scorer::load;
