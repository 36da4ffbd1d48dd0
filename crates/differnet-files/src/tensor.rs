//! Tensors with names, on their way into a file.

use std::borrow::Cow;

use safetensors::Dtype;

/// Name, shape and element type of a tensor in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// The element type.
    pub dtype: Dtype,
}

/// Tensor to be written, with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor<'a> {
    /// The name.
    pub name: String,
    /// The shape; its product is the number of values.
    pub shape: Vec<usize>,
    /// The values, row by row.
    pub values: TensorValues<'a>,
}

/// Values of a [`NamedTensor`].
#[derive(Debug, Clone, PartialEq)]
pub enum TensorValues<'a> {
    /// Single precision.
    F32(Cow<'a, [f32]>),
    /// Double precision.
    F64(Cow<'a, [f64]>),
    /// Integers.
    I64(Cow<'a, [i64]>),
}

impl<'a> NamedTensor<'a> {
    /// Tensor of single precision.
    pub fn floats(name: &str, shape: &[usize], values: &'a [f32]) -> Self {
        Self::new(name, shape, TensorValues::F32(Cow::Borrowed(values)))
    }

    /// Tensor of double precision.
    pub fn doubles(name: &str, shape: &[usize], values: &'a [f64]) -> Self {
        Self::new(name, shape, TensorValues::F64(Cow::Borrowed(values)))
    }

    fn new(name: &str, shape: &[usize], values: TensorValues<'a>) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), values }
    }

    /// Name, shape and element type.
    pub fn spec(&self) -> TensorSpec {
        let dtype = match self.values {
            TensorValues::F32(_) => Dtype::F32,
            TensorValues::F64(_) => Dtype::F64,
            TensorValues::I64(_) => Dtype::I64,
        };
        TensorSpec { name: self.name.clone(), shape: self.shape.clone(), dtype }
    }
}

impl TensorValues<'_> {
    /// Their number.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// The values in little-endian order.
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            return Cow::Borrowed(match self {
                Self::F32(values) => bytemuck::cast_slice(values),
                Self::F64(values) => bytemuck::cast_slice(values),
                Self::I64(values) => bytemuck::cast_slice(values),
            });
        }
        Cow::Owned(match self {
            Self::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::I64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        })
    }
}
