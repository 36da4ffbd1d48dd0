//! Inspection data sets: layouts, decoding, PIL-exact resizing and transforms, and a generated sample.
