//! One update by tensor operations and automatic differentiation, on any device (Section 3.1.2).

use std::mem;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::adam::Update;
use crate::error::TrainError;
use crate::flow::Flow;
use crate::input::FlowInput;
use crate::loss::training_loss;

/// Reason why every parameter has a gradient.
const TAKES_PART: &str = "every parameter of a flow takes part in its loss";

/// Running means of a parameter's gradient and of its square, flattened, on the flow's device.
#[derive(Debug, Clone)]
pub(crate) struct TensorMoments {
    pub(crate) first: Tensor<1>,
    pub(crate) second: Tensor<1>,
}

/// One Adam update of `flow` on `input`; returns the loss of before.
///
/// Moments are in the flow's order. A loss or a gradient that is not finite changes nothing.
pub(crate) fn step(
    flow: &mut Flow,
    moments: &mut [TensorMoments],
    input: FlowInput<'_>,
    update: Update,
    step: u64,
) -> Result<f64, TrainError> {
    let device = flow.device().autodiff();
    let rows = flow.widths().rows_of(input);
    let data = TensorData::new(input.rows.to_vec(), [rows, flow.features()]);
    let y = Tensor::from_data(data, &device); // [batch, features]
    let loss = training_loss(&flow.given_values(input.condition, &device).forward(y)); // [1]
    let value = f64::from(loss.clone().into_scalar::<f32>());
    if !value.is_finite() {
        return Err(TrainError::NonFiniteLoss { step });
    }
    let gradients = loss.backward();
    let norm = gradient_norm(flow, &gradients);
    if !norm.is_finite() {
        return Err(TrainError::NonFiniteGradient { step });
    }
    let factor = if update.clips() { update.clipping(norm) } else { 1.0 };
    let mut adam = Adam { gradients, factor, moments: moments.iter_mut(), update };
    let blocks = mem::take(&mut flow.blocks);
    flow.blocks = blocks.into_iter().map(|block| block.map(&mut adam)).collect();
    Ok(value)
}

/// The norm of the gradient to all parameters together.
fn gradient_norm(flow: &Flow, gradients: &Gradients) -> f64 {
    struct Squares<'a> {
        gradients: &'a Gradients,
        sum: Option<Tensor<1>>,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.gradients).expect(TAKES_PART);
            let square = gradient.square().sum(); // [1]
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
    let mut squares = Squares { gradients, sum: None };
    flow.visit(&mut squares);
    let sum = squares.sum.expect("a flow has parameters");
    f64::from(sum.into_scalar::<f32>()).sqrt()
}

/// Updates every float parameter of a module, in the module's own order.
struct Adam<'a, M: Iterator<Item = &'a mut TensorMoments>> {
    gradients: Gradients,
    /// On every gradient.
    factor: f64,
    moments: M,
    update: Update,
}

impl<'a, M: Iterator<Item = &'a mut TensorMoments>> ModuleMapper for Adam<'a, M> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let TensorMoments { first, second } =
            self.moments.next().expect("there are moments for every parameter");
        param.map(|weight| {
            let gradient = weight.grad_remove(&mut self.gradients);
            let gradient = gradient.expect(TAKES_PART).mul_scalar(self.factor);
            let weight = weight.inner();
            let shape = weight.shape();
            let weight = weight.flatten::<1>(0, D - 1); // [count]
            let gradient = gradient.flatten::<1>(0, D - 1); // [count]
            let updated = self.update.apply_to_tensor(weight, gradient, first, second);
            updated.reshape(shape).autodiff().require_grad()
        })
    }
}
