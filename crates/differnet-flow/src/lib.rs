//! Normalizing flow of affine coupling blocks: density estimation on rows of features.
