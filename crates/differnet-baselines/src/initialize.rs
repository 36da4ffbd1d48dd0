//! Initial weights, drawn on the host.
//!
//! Burn would draw them from its own generator at first use, so modules are built with zeros and
//! filled here. Biases stay zero, means and variances of normalization layers as they are.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use crate::rng::{self, Purpose};

/// The distribution that a network's weights start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weights {
    /// Convolutions normal with variance 2 / fan-in, dense layers uniform on ±1/√fan-in, as wide
    /// residual networks are published.
    WideResidual,
    /// Normal with standard deviation 0.02 about 0, and about 1 for gains, as DCGAN.
    Dcgan,
    /// Uniform on ±√(6 / (fan-in + fan-out)), Glorot and Bengio's choice.
    Glorot,
}

/// `module` with weights drawn from `seed`; networks of one model differ in `network`.
pub(crate) fn draw<M: Module>(module: M, weights: Weights, seed: u64, network: u32) -> M {
    let first = u64::from(network) << 32;
    module.map(&mut Draw { weights, seed, next: first, path: Vec::new() })
}

struct Draw {
    weights: Weights,
    seed: u64,
    /// The stream of the next parameter.
    next: u64,
    /// Names of the field and of the structure that holds it, innermost last.
    path: Vec<(String, String)>,
}

impl Draw {
    /// Initial values of the parameter at the current path; `None` leaves it as it is.
    fn values(&self, shape: &[usize]) -> Option<Vec<f32>> {
        let (field, structure) = self.path.last().expect("a parameter is a field of a module");
        let count = shape.iter().product();
        let mut rng = rng::stream(self.seed, Purpose::Parameter, self.next);
        let mut normal = |mean: f32, deviation: f32| {
            let values = rng.normal(count);
            Some(values.into_iter().map(|value| mean + deviation * value).collect())
        };
        match (field.as_str(), self.weights) {
            ("gamma", Weights::Dcgan) => normal(1.0, 0.02),
            ("weight", Weights::Dcgan) => normal(0.0, 0.02),
            ("weight", weights) => {
                let (fan_in, fan_out) = fans(structure, shape);
                match (weights, structure.as_str()) {
                    (Weights::WideResidual, "Struct:Linear") => {
                        Some(rng.symmetric(1.0 / fan_in.sqrt(), count))
                    }
                    (Weights::WideResidual, _) => normal(0.0, (2.0 / fan_in).sqrt()),
                    _ => Some(rng.symmetric((6.0 / (fan_in + fan_out)).sqrt(), count)),
                }
            }
            _ => None,
        }
    }
}

impl ModuleMapper for Draw {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push((name.to_string(), container_type.to_string()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = self.values(&param.lazy_shape());
        self.next += 1;
        match values {
            None => param,
            Some(values) => param.map(|tensor| {
                let data = TensorData::new(values, tensor.shape());
                Tensor::from_data(data, &tensor.device())
            }),
        }
    }
}

/// Inputs that one output of the layer sums over, and outputs that one input reaches.
fn fans(structure: &str, shape: &[usize]) -> (f32, f32) {
    let taps: usize = shape[2..].iter().product();
    let (first, second) = ((shape[0] * taps) as f32, (shape[1] * taps) as f32);
    // Convolutions are stored as [outputs, inputs, ..], the others the other way round.
    if structure == "Struct:Conv2d" { (second, first) } else { (first, second) }
}

#[cfg(test)]
mod tests {
    use burn::nn::conv::{Conv2d, Conv2dConfig};
    use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Network {
        conv: Conv2d,
        norm: BatchNorm,
        dense: Linear,
    }

    fn network(weights: Weights, seed: u64, network: u32) -> Network {
        let device = Device::flex();
        let zeros = Initializer::Zeros;
        let module = Network {
            conv: Conv2dConfig::new([8, 200], [3, 3]).with_initializer(zeros.clone()).init(&device),
            norm: BatchNormConfig::new(200).init(&device),
            dense: LinearConfig::new(400, 25).with_initializer(zeros).init(&device),
        };
        draw(module, weights, seed, network)
    }

    fn values<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
        param.val().into_data().iter::<f32>().collect()
    }

    fn deviation(values: &[f32]) -> f32 {
        (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt()
    }

    #[test]
    fn weights_have_the_scale_of_their_scheme() {
        let wide = network(Weights::WideResidual, 1, 0);
        // 14400 values: a standard error of 0.6 %; the layer sums over 8 · 9 inputs.
        let scale = deviation(&values(&wide.conv.weight)) / (2.0_f32 / 72.0).sqrt();
        assert!((scale - 1.0).abs() < 0.03, "{scale}");
        let largest = values(&wide.dense.weight).iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(largest <= 0.05 && largest > 0.0499, "{largest}");

        let dcgan = network(Weights::Dcgan, 1, 0);
        let scale = deviation(&values(&dcgan.conv.weight)) / 0.02;
        assert!((scale - 1.0).abs() < 0.03, "{scale}");
        let gains: Vec<f32> = values(&dcgan.norm.gamma).iter().map(|gain| gain - 1.0).collect();
        assert!((deviation(&gains) / 0.02 - 1.0).abs() < 0.2);

        let glorot = network(Weights::Glorot, 1, 0);
        let bound = (6.0_f32 / (72.0 + 1800.0)).sqrt();
        let largest = values(&glorot.conv.weight).iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(largest <= bound && largest > 0.99 * bound, "{largest} of {bound}");
        assert!(values(glorot.dense.bias.as_ref().unwrap()).iter().all(|bias| *bias == 0.0));
    }

    #[test]
    fn seed_and_network_decide_the_weights() {
        let weights = |seed, index| values(&network(Weights::Glorot, seed, index).conv.weight);
        let reference = weights(1, 0);
        assert_eq!(reference, weights(1, 0));
        assert_ne!(reference, weights(2, 0));
        assert_ne!(reference, weights(1, 1));
    }
}
