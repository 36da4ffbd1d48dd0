//! The competitors of the DifferNet paper (Section 4.3), each fitted to good images alone.
//!
//! A method looks at rows of features ([`RowScorer`]: [`OneNearestNeighbour`], [`OneClassSvm`]) or
//! at the pixels of small images ([`PixelScorer`]: the networks [`GeoTrans`], [`Ganomaly`],
//! [`Dsebm`] and [`Adgan`], on a Burn device) and gives each a score that is larger the less it
//! looks like what the method was fitted to. This crate knows nothing of image files and data sets;
//! the crate `differnet` feeds it and turns scores into verdicts.
//!
//! ```
//! use differnet_baselines::{OneNearestNeighbourConfig, RowScorer, Rows};
//! use differnet_progress::Monitor;
//!
//! let values: Vec<f32> = (0..200).map(|i| (i as f32 * 0.7).sin()).collect(); // [100, 2]
//! let rows = Rows::new(&values, 2)?;
//! let model = OneNearestNeighbourConfig::default().fit(&rows, &Monitor::silent())?;
//!
//! let scores = model.scores(&Rows::new(&[0.5, 0.5, 9.0, 9.0], 2)?);
//! assert!(scores[0] < scores[1]);
//! # Ok::<(), differnet_baselines::BaselineError>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adgan;
mod batch_norm;
mod distances;
mod dsebm;
mod error;
mod ganomaly;
mod geotrans;
mod images;
mod initialize;
mod model_file;
mod network_file;
mod one_class_svm;
mod one_nearest_neighbour;
mod optimizer;
mod parameters;
mod potential;
mod range;
mod rng;
mod rows;
mod scorer;
mod standardizer;
mod updates;
mod whitening;

pub use adgan::{Adgan, AdganConfig};
pub use dsebm::{Dsebm, DsebmConfig, DsebmScore};
pub use error::BaselineError;
pub use ganomaly::{Ganomaly, GanomalyConfig};
pub use geotrans::{GeoTrans, GeoTransConfig, GeoTransScore};
pub use images::Images;
pub use one_class_svm::{Gamma, OneClassSvm, OneClassSvmConfig};
pub use one_nearest_neighbour::{OneNearestNeighbour, OneNearestNeighbourConfig};
pub use rows::Rows;
pub use scorer::{FittedModel, PixelScorer, RowScorer, Scorer};
pub use whitening::Whitening;
