//! The paper's method: normalizing flows on multi-scale features under several transforms.

mod config;
mod export;
mod feature_buffer;
mod fit;
mod maps;
mod rounds;
mod row_scores;
mod scales;
mod scorer;
mod validation_loss;

pub use config::DifferNetConfig;
pub use row_scores::row_scores;

pub(crate) use fit::fit;
pub(crate) use scorer::load;
