//! Tables of the caller's that live in a flow's file, beside the flow.

use safetensors::Dtype;

use crate::error::FlowError;
use crate::tensor_file::{TensorSource, TensorSpec};

/// What the names of companions begin with in a file.
const PREFIX: &str = "companions.";

/// A table of the caller's that lives in a flow's file, beside the flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    /// Its name; `companions.NAME` in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row; all finite.
    pub values: Vec<f32>,
}

impl Companion {
    pub(crate) fn spec(&self) -> TensorSpec {
        let name = format!("{PREFIX}{}", self.name);
        TensorSpec { name, shape: self.shape.clone(), dtype: Dtype::F32 }
    }
}

/// Whether a tensor of this name is a companion.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Every companion of a file, sorted by name.
pub(crate) fn read_all(source: &mut impl TensorSource) -> Result<Vec<Companion>, FlowError> {
    let mut companions = Vec::new();
    for name in source.names() {
        let (Some(own), Some((shape, _))) = (name.strip_prefix(PREFIX), source.info(&name)) else {
            continue;
        };
        let name = own.to_owned();
        let table = Companion { name, shape, values: Vec::new() };
        let values = source.floats(&table.spec())?;
        companions.push(Companion { values, ..table });
    }
    Ok(companions)
}
