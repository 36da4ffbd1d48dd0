//! ONNX graphs: messages, a builder, and the parts of the methods as standard operators.
//!
//! A [`Graph`] is built operator by operator. Modules add one part each: [`resize`], [`network`],
//! [`places`], [`flow`], [`bank`], [`gaussians`], [`rotate`], [`map`], [`guard`], [`score`]; who calls them joins them to a
//! model. Everything is in operator set 13, and what operators of that age do differently from runtime to
//! runtime is not used: resizing and interpolation are products with matrices, which the graph computes from the
//! size of its input.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bank;
mod error;
mod file;
pub mod flow;
pub mod gaussians;
mod graph;
pub mod guard;
pub mod map;
pub mod matrices;
mod messages;
pub mod network;
mod operators;
pub mod places;
pub mod resize;
pub mod rotate;
pub mod score;
mod sides;

pub use error::OnnxError;
pub use file::OnnxFile;
pub use graph::{Dimension, Element, Graph, OPSET, Value};
pub use sides::{Side, Size};
