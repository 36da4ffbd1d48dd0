//! The likelihood's gradient with respect to what went in (Section 3.3).

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

use crate::flow::Flow;
use crate::input::FlowInput;
use crate::loss::nll;

/// Negative log-likelihood of rows and its gradient to them.
#[derive(Debug, Clone, PartialEq)]
pub struct InputGradient {
    /// Negative log-likelihood of each row (Eq. 4, without its constant), nats.
    pub nll: Vec<f32>,
    /// `∂nll/∂y` of each row, row-major `[rows, features]`, nats per unit of each feature.
    pub gradient: Vec<f32>,
}

impl Flow {
    /// The gradient of each row's negative log-likelihood with respect to the row.
    ///
    /// # Panics
    /// If `input` does not have the flow's widths, or is empty.
    pub fn input_gradient<'a>(&self, input: impl Into<FlowInput<'a>>) -> InputGradient {
        let input = input.into();
        let rows = self.widths().rows_of(input);
        assert!(rows > 0, "there must be a row");
        let flow = self.clone().no_grad().train();
        let device = self.device().autodiff();
        let data = TensorData::new(input.rows.to_vec(), [rows, self.features()]);
        let y = Tensor::from_data(data, &device).require_grad(); // [rows, features]
        let nll = nll(&flow.given_values(input.condition, &device).forward(y.clone())); // [rows]
        // A row's likelihood depends on no other row: the sum's gradient holds each row's own.
        let gradients = nll.clone().sum().backward();
        let gradient = y.grad(&gradients).expect("the likelihood depends on every row");
        let values = |data: TensorData| {
            let data = data.convert::<f32>();
            data.try_into_vec().expect("the data were just converted to f32")
        };
        InputGradient { nll: values(nll.into_data()), gradient: values(gradient.into_data()) }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use crate::flow::FlowConfig;
    use crate::input::FlowInput;

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        for condition in [&[][..], &[0.5, -1.0]] {
            the_gradient_is_that_of_finite_differences_given(condition);
        }
    }

    fn the_gradient_is_that_of_finite_differences_given(condition: &[f32]) {
        let config = FlowConfig::new(5).with_blocks(3).with_hidden(16);
        let flow = config.with_condition(condition.len() / 2).init(3, &Device::flex());
        let rows: Vec<f32> = (0..10).map(|i| (i as f32 * 0.9).sin() * 2.0).collect(); // [2, 5]
        let at = flow.input_gradient(FlowInput { rows: &rows, condition });
        // Small enough for the curvature, large enough for f32's rounding.
        let step = 1e-2;
        for index in 0..rows.len() {
            let shifted = |by: f32| {
                let mut rows = rows.clone();
                rows[index] += by;
                flow.input_gradient(FlowInput { rows: &rows, condition }).nll[index / 5]
            };
            let difference = (shifted(step) - shifted(-step)) / (2.0 * step);
            assert!((difference - at.gradient[index]).abs() < 2e-2, "{index}: {difference}");
        }
    }
}
