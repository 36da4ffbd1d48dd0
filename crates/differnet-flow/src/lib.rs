//! Normalizing flow of affine coupling blocks: density estimation on rows of features.
//!
//! The flow of the DifferNet paper (Section 3.1) on its own: a bijection from feature vectors `y`
//! to latents `z` that training makes standard normal. It knows nothing of images; any `[n, d]`
//! table of numbers with `d ≥ 2` will do.
//!
//! ```
//! use burn::tensor::{Device, Tensor, TensorData};
//! use differnet_flow::{Backend, FitConfig, FlowConfig, fit};
//!
//! let rows: Vec<f32> = (0..200).map(|i| (i as f32 * 0.7).sin()).collect(); // [100, 2]
//! let backend = Backend::Host(Device::flex());
//! let config = FlowConfig::new(2).with_blocks(2).with_hidden(16);
//! let flow = fit(&config, &rows, &FitConfig::new(20), &backend)?;
//!
//! let y = Tensor::<2>::from_data(TensorData::new(rows, [100, 2]), backend.device());
//! assert_eq!(flow.log_likelihood(y).dims(), [100]);
//! # Ok::<(), differnet_flow::TrainError>(())
//! ```
//!
//! With a [`condition`](FlowConfig::condition) it is the density p(y | c): [`Flow::given`] on tensors,
//! [`FlowInput`] on slices.
//!
//! Start reading at [`Flow`] and its [`FlowConfig`], then [`Trainer`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod adam;
mod auxiliary;
mod backend;
mod checkpoint;
mod conditional;
mod coupling;
mod error;
mod fit;
mod flow;
mod flow_file;
mod host;
mod host_flow;
mod input;
mod input_gradient;
mod io;
mod loss;
mod noise;
mod permutation;
mod rng;
mod soft_clamp;
mod subnet;
mod tensor_step;
mod trainer;

pub use adam::AdamConfig;
pub use auxiliary::AuxiliaryTensor;
pub use backend::Backend;
pub use conditional::ConditionalFlow;
pub use differnet_files::{FileError, NamedTensor, TensorValues};
pub use differnet_random::BatchOrder;
pub use error::{FlowError, TrainError};
pub use fit::{Fit, FitConfig, fit};
pub use flow::{Flow, FlowConfig, Latents};
pub use flow_file::{load_auxiliary, load_flows, save_auxiliary, save_flows, save_host_flows};
pub use host_flow::{BlockWeights, HostFlow, HostLatents, LayerWeights};
pub use input::FlowInput;
pub use input_gradient::InputGradient;
pub use loss::nll;
pub use noise::{UpdateDraws, add_noise};
pub use soft_clamp::soft_clamp;
pub use trainer::{StepReport, Trainer};
