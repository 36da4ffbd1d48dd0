//! The subnetwork of a coupling block: fully connected layers with ReLU between (Section 3.1.1).

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::rng::{self, Purpose};

/// Widths of a subnetwork's layers, input first, output last.
pub(crate) fn widths(
    input: usize,
    hidden: usize,
    hidden_layers: usize,
    output: usize,
) -> Vec<usize> {
    let mut widths = vec![input];
    widths.resize(1 + hidden_layers, hidden);
    widths.push(output);
    widths
}

/// Regresses raw scales and shifts, side by side, for one half of the features from the other.
#[derive(Module, Debug)]
pub(crate) struct Subnet {
    pub(crate) layers: Vec<Linear>,
}

impl Subnet {
    /// A subnetwork with these layer `widths`, its parameters drawn from `seed`.
    ///
    /// `output_scale` multiplies the last layer's weights and sets its bias to zero.
    /// `first_parameter` numbers its parameters within the flow: each has a stream of its own, so
    /// that a draw never depends on another layer's size.
    pub(crate) fn random(
        widths: &[usize],
        output_scale: Option<f64>,
        seed: u64,
        first_parameter: usize,
        device: &Device,
    ) -> Self {
        let layers = widths.windows(2).enumerate().map(|(layer, width)| {
            let (input, output) = (width[0], width[1]);
            // PyTorch's default for a fully connected layer, weight and bias alike.
            let bound = 1.0 / (input as f32).sqrt();
            let draw = |parameter: usize, count: usize| {
                let index = (first_parameter + 2 * layer + parameter) as u64;
                rng::stream(seed, Purpose::Parameter, index).symmetric(bound, count)
            };
            let (mut weight, mut bias) = (draw(0, input * output), draw(1, output));
            if let (Some(scale), true) = (output_scale, layer + 2 == widths.len()) {
                weight.iter_mut().for_each(|weight| *weight *= scale as f32);
                bias.fill(0.0);
            }
            linear(weight, bias, device)
        });
        Self { layers: layers.collect() }
    }

    /// Raw scales and shifts `[batch, 2 × moved]` from `input`, `[batch, read]`.
    pub(crate) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let (last, hidden) = self.layers.split_last().expect("a subnetwork has an output layer");
        let mut activation = input;
        for layer in hidden {
            activation = relu(layer.forward(activation)); // [batch, hidden]
        }
        last.forward(activation) // [batch, 2 × moved]
    }
}

/// A layer from its weight, `[input, output]` row by row, and its bias.
pub(crate) fn linear(weight: Vec<f32>, bias: Vec<f32>, device: &Device) -> Linear {
    let output = bias.len();
    let input = weight.len() / output;
    Linear {
        weight: Param::from_data(TensorData::new(weight, [input, output]), device),
        bias: Some(Param::from_data(TensorData::new(bias, [output]), device)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_agrees_with_a_calculation_by_hand() {
        let device = Device::flex();
        let subnet = Subnet {
            layers: vec![
                linear(vec![1.0, -1.0], vec![0.5, 0.0], &device), // [1, 2]
                linear(vec![2.0, 3.0], vec![1.0], &device),       // [2, 1]
            ],
        };
        let input = Tensor::<2>::from_floats([[1.0], [-2.0]], &device); // [2, 1]
        // relu([1.5, -1]) · [2, 3] + 1 = 4; relu([-1.5, 2]) · [2, 3] + 1 = 7.
        let golden = TensorData::from([[4.0_f32], [7.0]]);
        subnet.forward(input).into_data().assert_eq(&golden, true);
    }

    #[test]
    fn initial_values_fill_the_interval_that_pytorch_draws_from() {
        let subnet = Subnet::random(&[16, 400, 2], None, 1, 0, &Device::flex());
        for (layer, bound) in subnet.layers.iter().zip([0.25_f32, 0.05]) {
            let weight = layer.weight.val().into_data();
            let largest =
                weight.as_slice::<f32>().unwrap().iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            assert!(largest <= bound && largest > 0.98 * bound, "{largest} of {bound}");
        }
    }

    #[test]
    fn the_last_layer_alone_starts_smaller() {
        let random = |scale| {
            let subnet = Subnet::random(&[3, 5, 4], scale, 1, 0, &Device::flex());
            subnet.layers.into_iter().map(|layer| {
                let values = |data: TensorData| data.try_into_vec::<f32>().unwrap();
                let bias = layer.bias.unwrap().val().into_data();
                [values(layer.weight.val().into_data()), values(bias)]
            })
        };
        let (plain, scaled): (Vec<_>, Vec<_>) =
            (random(None).collect(), random(Some(0.25)).collect());
        assert_eq!(plain[0], scaled[0]);
        let quarter: Vec<f32> = plain[1][0].iter().map(|weight| weight / 4.0).collect();
        assert_eq!(scaled[1], [quarter, vec![0.0; 4]]);
    }
}
