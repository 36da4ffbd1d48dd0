//! Invariants of every flow: it is a bijection, and its log-determinant is its Jacobian's.

#![allow(clippy::unwrap_used)]

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use differnet_flow::{Flow, FlowConfig, FlowError, NamedTensor, TensorValues};

/// Enlarges every parameter, which pushes the log-scales into the clamp's curved range.
struct Enlarge(f64);

impl ModuleMapper for Enlarge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor * self.0)
    }
}

fn rows(count: usize, features: usize) -> Tensor<2> {
    let value = |i: usize| ((i * i) as f32 * 0.37 + i as f32 * 1.3).sin() * 2.0;
    let values = (0..count * features).map(value).collect();
    Tensor::from_data(TensorData::new(values, [count, features]), &Device::flex())
}

fn bits(flow: &Flow) -> Vec<u32> {
    let bits = |tensor: NamedTensor<'_>| -> Vec<u32> {
        match tensor.values {
            TensorValues::F32(values) => values.iter().map(|value| value.to_bits()).collect(),
            TensorValues::I64(values) => values.iter().map(|&index| index as u32).collect(),
            TensorValues::F64(_) => unreachable!("a flow has no such tensor"),
        }
    };
    flow.tensors("").flat_map(bits).collect()
}

#[test]
fn inverse_undoes_forward_at_the_papers_size() {
    let flow = FlowConfig::new(768).init(1, &Device::flex());
    let y = rows(3, 768);
    let back = flow.inverse(flow.forward(y.clone()).z);
    back.into_data().assert_approx_eq::<f32>(&y.into_data(), Tolerance::absolute(1e-4));
}

#[test]
fn inverse_undoes_forward_for_odd_and_tiny_widths_with_strong_scales() {
    for features in [2, 3, 7] {
        let config = FlowConfig::new(features).with_blocks(3).with_hidden(16);
        let flow = config.init(2, &Device::flex()).map(&mut Enlarge(1.5));
        let y = rows(20, features);
        let back = flow.inverse(flow.forward(y.clone()).z);
        back.into_data().assert_approx_eq::<f32>(&y.into_data(), Tolerance::absolute(1e-4));
    }
}

#[test]
fn log_det_equals_that_of_the_autodiff_jacobian() {
    for features in [2, 5, 6] {
        let config = FlowConfig::new(features).with_blocks(4).with_hidden(24);
        // With twice the weights, determinants of some Jacobians lose four digits to rounding.
        let flow = config.init(3, &Device::flex()).map(&mut Enlarge(1.5));
        for row in 0..4 {
            let y = rows(4, features).narrow(0, row, 1); // [1, features]
            let jacobian: Vec<Vec<f64>> = (0..features)
                .map(|output| {
                    let y = y.clone().autodiff().require_grad();
                    let z = flow.forward(y.clone()).z.narrow(1, output, 1); // [1, 1]
                    let gradient = y.grad(&z.backward()).unwrap(); // [1, features]
                    gradient.into_data().iter::<f64>().collect()
                })
                .collect();
            let found = flow.forward(y).log_det.into_scalar::<f32>();
            let expected = log_abs_det(jacobian);
            assert!(expected.abs() > 0.05, "a log-determinant near 0 would prove nothing");
            assert!((f64::from(found) - expected).abs() < 1e-5, "{found}, Jacobian {expected}");
        }
    }
}

/// Gaussian elimination with partial pivoting.
fn log_abs_det(mut matrix: Vec<Vec<f64>>) -> f64 {
    let mut log_det = 0.0;
    for column in 0..matrix.len() {
        let pivot = (column..matrix.len())
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))
            .unwrap();
        matrix.swap(column, pivot);
        let (above, below) = matrix.split_at_mut(column + 1);
        let pivot = &above[column];
        log_det += pivot[column].abs().ln();
        for row in below {
            let factor = row[column] / pivot[column];
            row.iter_mut().zip(pivot).for_each(|(value, pivot)| *value -= factor * pivot);
        }
    }
    log_det
}

#[test]
fn the_likelihood_of_a_plane_integrates_to_one() {
    let config = FlowConfig::new(2).with_blocks(3).with_hidden(16);
    let flow = config.init(4, &Device::flex()).map(&mut Enlarge(1.5));
    // A grid of 0.1 over ±20 misses less than 1e-3 of a density whose scales are of order 1.
    let steps = 400;
    let at = |i: usize| (i as f32 + 0.5) * 0.1 - 20.0;
    let grid: Vec<f32> = (0..steps * steps).flat_map(|i| [at(i / steps), at(i % steps)]).collect();
    let grid = Tensor::from_data(TensorData::new(grid, [steps * steps, 2]), &Device::flex());
    let total = flow.log_likelihood(grid).exp().sum().into_scalar::<f32>() * 0.01;
    assert!((total - 1.0).abs() < 1e-2, "{total}");
}

#[test]
fn samples_map_to_standard_normal_latents() {
    let flow = FlowConfig::new(4).with_blocks(3).with_hidden(16).init(5, &Device::flex());
    let samples = flow.sample(5000, 9, &Device::flex());
    assert_eq!(samples.dims(), [5000, 4]);
    let z: Vec<f32> = flow.forward(samples).z.into_data().try_into_vec().unwrap();
    let mean = z.iter().sum::<f32>() / z.len() as f32;
    let variance = z.iter().map(|z| z * z).sum::<f32>() / z.len() as f32;
    // Four standard errors of 20,000 draws: 4/√n and 4·√(2/n).
    assert!(mean.abs() < 0.0283 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
}

#[test]
fn samples_and_weights_are_functions_of_the_seed() {
    let config = FlowConfig::new(5).with_blocks(2).with_hidden(8);
    let device = Device::flex();
    let flow = config.init(7, &device);
    assert_eq!(bits(&flow), bits(&config.init(7, &device)));
    assert_ne!(bits(&flow), bits(&config.init(8, &device)));
    let sample = |seed| flow.sample(3, seed, &device).into_data();
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
}

#[test]
fn the_papers_flow_has_172_077_056_parameters() {
    assert_eq!(FlowConfig::new(768).parameters(), 172_077_056);
    let config = FlowConfig::new(5).with_blocks(2).with_hidden(8).with_hidden_layers(1);
    // net1: (2+1)·8 + (8+1)·6 = 78; net2: (3+1)·8 + (8+1)·4 = 68; two blocks.
    assert_eq!(config.parameters(), 292);
    assert_eq!(config.init(1, &Device::flex()).num_params(), 292);
}

#[test]
fn a_flow_knows_its_configuration() {
    let config =
        FlowConfig::new(5).with_blocks(2).with_hidden(8).with_hidden_layers(1).with_clamp(1.9);
    let flow = config.init(1, &Device::flex());
    assert_eq!(flow.config(), config);
    assert_eq!(flow.features(), 5);
}

#[test]
fn hyperparameters_out_of_range_are_named() {
    let config = || FlowConfig::new(4);
    for (config, message) in [
        (FlowConfig::new(1), "features must be between 2 and 1048576, found 1"),
        (config().with_blocks(0), "blocks must be between 1 and 1024, found 0"),
        (config().with_hidden(0), "hidden must be between 1 and 1048576, found 0"),
        (config().with_hidden_layers(65), "hidden_layers must be at most 64, found 65"),
        (config().with_clamp(0.0), "clamp must be positive and finite, found 0"),
        (config().with_clamp(f64::NAN), "clamp must be positive and finite, found NaN"),
    ] {
        let error = config.validate().unwrap_err();
        assert!(matches!(error, FlowError::Config { .. }));
        assert_eq!(error.to_string(), message);
    }
}
