//! Fuzz targets: what reads input from outside, and what must hold of the way it is received.
//!
//! A [`Target`] is run by libFuzzer in the program `fuzz-targets`, and without it by tests, which replay the
//! corpus, and by `cargo xtask fuzz --input`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod corpus;
mod http;
mod images;
mod manifests;
mod model_bytes;
mod model_seeds;
mod models;
mod repair;
mod stub;
mod subject;
mod target;
mod trace;

pub use corpus::{corpus_files, corpus_folder, dictionary};
pub use repair::repair;
pub use subject::{Reception, Subject};
pub use target::{Target, Tested};
pub use trace::{Trace, Traced};

/// The environment variable that names the target of `fuzz-targets`.
pub const TARGET: &str = "DIFFERNET_FUZZ_TARGET";
/// The environment variable that names the file of its [`Trace`].
pub const TRACE: &str = "DIFFERNET_FUZZ_TRACE";
/// Prefix of the line that reports a finding.
pub const FINDING: &str = "finding: ";
