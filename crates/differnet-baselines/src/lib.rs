//! The competitors that the DifferNet paper compares itself with (Tables 1 and 2).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adgan;
mod dsebm;
mod error;
mod ganomaly;
mod geotrans;
mod images;
mod initialize;
mod model_file;
mod optimizer;
mod parameters;
mod potential;
mod progress;
mod range;
mod rng;
mod updates;

pub use adgan::{Adgan, AdganConfig};
pub use dsebm::{Dsebm, DsebmConfig, DsebmScore};
pub use error::BaselineError;
pub use ganomaly::{Ganomaly, GanomalyConfig};
pub use geotrans::{GeoTrans, GeoTransConfig, GeoTransScore};
pub use images::Images;
pub use model_file::read_metadata;
pub use progress::{FitCallback, FitProgress, Stage};
