//! Sources of tensors: a file, a mapped file, or bytes in memory.

use safetensors::{Dtype, SafeTensors};

use crate::error::FileError;
use crate::tensor::TensorSpec;

/// Source of tensors: a file or bytes in memory.
pub trait TensorSource {
    /// Every tensor's name, sorted.
    fn names(&self) -> Vec<String>;

    /// Shape and element type of a tensor; `None` if there is none of that name.
    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)>;

    /// The raw little-endian bytes of a tensor.
    ///
    /// # Errors
    /// [`FileError`] if there is none of that name, or the file cannot be read.
    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileError>;

    /// The finite values of the `f32` tensor of this name and shape.
    ///
    /// # Errors
    /// [`FileError`] that names the tensor and what is wrong with it.
    fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FileError> {
        self.check(name, shape, Dtype::F32)?;
        let bytes = self.bytes(name)?;
        let (words, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        finite(name, values.iter().position(|value| !value.is_finite()))?;
        Ok(values)
    }

    /// The finite values of the `f64` tensor of this name and shape.
    ///
    /// # Errors
    /// As [`floats`](Self::floats).
    fn doubles(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>, FileError> {
        self.check(name, shape, Dtype::F64)?;
        let bytes = self.bytes(name)?;
        let (words, _) = bytes.as_chunks::<8>();
        let values: Vec<f64> = words.iter().map(|word| f64::from_le_bytes(*word)).collect();
        finite(name, values.iter().position(|value| !value.is_finite()))?;
        Ok(values)
    }

    /// The values of the `i64` tensor of this name and shape.
    ///
    /// # Errors
    /// As [`floats`](Self::floats).
    fn integers(&mut self, name: &str, shape: &[usize]) -> Result<Vec<i64>, FileError> {
        self.check(name, shape, Dtype::I64)?;
        let bytes = self.bytes(name)?;
        let (words, _) = bytes.as_chunks::<8>();
        Ok(words.iter().map(|word| i64::from_le_bytes(*word)).collect())
    }

    /// Checks that the tensor is there and of this shape and type.
    ///
    /// # Errors
    /// [`FileError`] that names the tensor and what is wrong with it.
    fn check(&self, name: &str, shape: &[usize], dtype: Dtype) -> Result<(), FileError> {
        let Some((found, found_dtype)) = self.info(name) else {
            return Err(FileError::MissingTensor { name: name.into() });
        };
        if found_dtype != dtype {
            let (expected, found) = (format!("{dtype:?}"), format!("{found_dtype:?}"));
            return Err(FileError::Dtype { name: name.into(), expected, found });
        }
        if found != shape {
            return Err(FileError::Shape { name: name.into(), expected: shape.to_vec(), found });
        }
        Ok(())
    }

    /// Checks that the tensor is there and as `spec` says.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    fn check_spec(&self, spec: &TensorSpec) -> Result<(), FileError> {
        self.check(&spec.name, &spec.shape, spec.dtype)
    }
}

/// Checks that no value of the tensor `name` is at fault.
fn finite(name: &str, fault: Option<usize>) -> Result<(), FileError> {
    match fault {
        Some(position) => Err(FileError::NonFinite { name: name.into(), position }),
        None => Ok(()),
    }
}

impl TensorSource for &SafeTensors<'_> {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            SafeTensors::names(self).iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    fn info(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        self.tensor(name).ok().map(|view| (view.shape().to_vec(), view.dtype()))
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        let view = self.tensor(name);
        Ok(view.map_err(|_| FileError::MissingTensor { name: name.into() })?.data().to_vec())
    }
}
