//! Reference tensors on a device, and results on the host in the precision of comparisons.

use burn::tensor::{Device, Tensor, TensorData};
use xtask_inputs::Vectors;

/// The tensor `name` of the reference, of two dimensions, on `device`.
pub(crate) fn matrix(golden: &Vectors, name: &str, device: &Device) -> anyhow::Result<Tensor<2>> {
    let (values, shape) = golden.shaped::<2>(name)?;
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

/// The values of a tensor on the host, in double precision.
pub(crate) fn to_host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// `values` in double precision, in which deviations are computed.
pub(crate) fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
