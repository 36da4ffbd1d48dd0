//! DifferNet defect detection: train, save, load and score with a Detector.
mod feature_source;
pub use feature_source::{FeatureSource, ImageFeatures, TransformChoice};
