//! One update by tensor operations and automatic differentiation, on any device (Section 3.1.2).

use std::mem;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::adam::Update;
use crate::error::TrainError;
use crate::flow::Flow;
use crate::loss::training_loss;

/// Running means of a parameter's gradient and of its square, flattened, on the flow's device.
#[derive(Debug, Clone)]
pub(crate) struct TensorMoments {
    pub(crate) first: Tensor<1>,
    pub(crate) second: Tensor<1>,
}

/// One Adam update of `flow` on `rows`, `[batch, features]`; returns the loss of before.
///
/// Moments are in the flow's order. A loss that is not finite changes nothing.
pub(crate) fn step(
    flow: &mut Flow,
    moments: &mut [TensorMoments],
    rows: &[f32],
    update: Update,
    step: u64,
) -> Result<f64, TrainError> {
    let features = flow.features();
    let data = TensorData::new(rows.to_vec(), [rows.len() / features, features]);
    let y = Tensor::from_data(data, &flow.device().autodiff()); // [batch, features]
    let loss = training_loss(&flow.forward(y)); // [1]
    let value = f64::from(loss.clone().into_scalar::<f32>());
    if !value.is_finite() {
        return Err(TrainError::NonFiniteLoss { step });
    }
    let mut adam = Adam { gradients: loss.backward(), moments: moments.iter_mut(), update };
    let blocks = mem::take(&mut flow.blocks);
    flow.blocks = blocks.into_iter().map(|block| block.map(&mut adam)).collect();
    Ok(value)
}

/// Updates every float parameter of a module, in the module's own order.
struct Adam<'a, M: Iterator<Item = &'a mut TensorMoments>> {
    gradients: Gradients,
    moments: M,
    update: Update,
}

impl<'a, M: Iterator<Item = &'a mut TensorMoments>> ModuleMapper for Adam<'a, M> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let TensorMoments { first, second } =
            self.moments.next().expect("there are moments for every parameter");
        param.map(|weight| {
            let gradient = weight.grad_remove(&mut self.gradients);
            let gradient = gradient.expect("every parameter of a flow takes part in its loss");
            let weight = weight.inner();
            let shape = weight.shape();
            let weight = weight.flatten::<1>(0, D - 1); // [count]
            let gradient = gradient.flatten::<1>(0, D - 1); // [count]
            let updated = self.update.apply_to_tensor(weight, gradient, first, second);
            updated.reshape(shape).autodiff().require_grad()
        })
    }
}
