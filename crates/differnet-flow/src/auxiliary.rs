//! Auxiliary tensors: a caller's tables that live in a flow's file, beside the flow.

use differnet_files::{FileError, NamedTensor, TensorSource};

/// Prefix of the names of auxiliary tensors in a file.
const PREFIX: &str = "auxiliary.";

/// Auxiliary tensor: a table of the caller's that lives in a flow's file, beside the flow.
#[derive(Debug, Clone, PartialEq)]
pub struct AuxiliaryTensor {
    /// Its name; `auxiliary.NAME` in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row; all finite.
    pub values: Vec<f32>,
}

impl AuxiliaryTensor {
    /// The tensor as it stands in the file.
    pub(crate) fn tensor(&self) -> NamedTensor<'_> {
        NamedTensor::floats(&format!("{PREFIX}{}", self.name), &self.shape, &self.values)
    }
}

/// Tells whether a tensor of this name is an auxiliary one.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Every auxiliary tensor of a file, sorted by name.
pub(crate) fn read_all(source: &mut impl TensorSource) -> Result<Vec<AuxiliaryTensor>, FileError> {
    let mut tensors = Vec::new();
    for full in source.names() {
        let (Some(name), Some((shape, _))) = (full.strip_prefix(PREFIX), source.info(&full)) else {
            continue;
        };
        let (name, values) = (name.to_owned(), source.floats(&full, &shape)?);
        tensors.push(AuxiliaryTensor { name, shape, values });
    }
    Ok(tensors)
}
