//! Methods on local features: what each place of an image looks like, in one pass of EfficientNet-Lite0.

mod config;
mod fit;
mod input;
mod scorer;
mod top;

pub use config::LocalFlowConfig;

pub(crate) use fit::fit;
pub(crate) use scorer::load;
