//! Flows with a condition: a density for every condition, on every path.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use differnet_flow::{
    AdamConfig, Backend, BatchOrder, FitConfig, Flow, FlowConfig, FlowInput, HostFlow,
    TensorValues, Trainer, fit, nll,
};

/// Enlarges every parameter, which pushes the log-scales into the clamp's curved range.
struct Enlarge(f64);

impl ModuleMapper for Enlarge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor * self.0)
    }
}

fn host() -> Backend {
    Backend::Host(Device::flex())
}

fn values(rows: usize, width: usize, step: f32) -> Vec<f32> {
    let value = |i: usize| ((i * i) as f32 * 0.37 + i as f32 * step).sin() * 2.0;
    (0..rows * width).map(value).collect()
}

fn tensor(values: &[f32], width: usize) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [values.len() / width, width]);
    Tensor::from_data(data, &Device::flex())
}

/// A flow of `features` given 3 values, with strong scales.
fn flow(features: usize, hidden_layers: usize) -> Flow {
    let config = FlowConfig::new(features)
        .with_condition(3)
        .with_blocks(3)
        .with_hidden(16)
        .with_hidden_layers(hidden_layers);
    config.init(2, &Device::flex()).map(&mut Enlarge(1.5))
}

fn floats(flow: &Flow) -> Vec<f32> {
    let floats = flow.tensors("").filter_map(|tensor| match tensor.values {
        TensorValues::F32(values) => Some(values.into_owned()),
        _ => None,
    });
    floats.collect::<Vec<_>>().concat()
}

#[test]
fn inverse_undoes_forward_given_the_condition() {
    for (features, hidden_layers) in [(2, 0), (3, 1), (8, 1), (7, 3)] {
        let (flow, y) =
            (flow(features, hidden_layers), tensor(&values(20, features, 1.3), features));
        let condition = tensor(&values(20, 3, 0.9), 3);
        let z = flow.given(condition.clone()).forward(y.clone()).z;
        assert_eq!(z.dims(), [20, features]);
        // Six moves with scales of up to e³ multiply f32's 1e-7.
        let close = Tolerance::absolute(1e-3);
        let back = flow.given(condition.clone()).inverse(z.clone());
        back.into_data().assert_approx_eq::<f32>(&y.clone().into_data(), close);
        // Another condition leads elsewhere.
        let elsewhere = flow.given(condition + 0.5).inverse(z) - y;
        assert!(elsewhere.abs().max().into_scalar::<f32>() > 0.05);
    }
}

#[test]
fn log_det_is_that_of_the_jacobian_to_the_features() {
    for features in [2, 5] {
        let flow = flow(features, 1);
        let condition = tensor(&[0.4, -1.0, 0.7], 3);
        let given = flow.given(condition);
        let y = tensor(&values(1, features, 1.3), features);
        let jacobian: Vec<Vec<f64>> = (0..features)
            .map(|output| {
                let y = y.clone().autodiff().require_grad();
                let z = given.forward(y.clone()).z.narrow(1, output, 1); // [1, 1]
                let gradient = y.grad(&z.backward()).unwrap(); // [1, features]
                gradient.into_data().iter::<f64>().collect()
            })
            .collect();
        let found = f64::from(given.forward(y).log_det.into_scalar::<f32>());
        let expected = determinant(&jacobian).abs().ln();
        assert!(expected.abs() > 0.05, "a log-determinant near 0 would prove nothing");
        assert!((found - expected).abs() < 1e-5, "{found}, Jacobian {expected}");
    }
}

/// By Laplace's expansion along the first row.
fn determinant(matrix: &[Vec<f64>]) -> f64 {
    let [first, rest @ ..] = matrix else { return 1.0 };
    let minor = |column: usize| -> Vec<Vec<f64>> {
        let without = |row: &Vec<f64>| [&row[..column], &row[column + 1..]].concat();
        rest.iter().map(without).collect()
    };
    let signs = [1.0, -1.0].into_iter().cycle();
    first
        .iter()
        .zip(signs)
        .enumerate()
        .map(|(i, (v, sign))| sign * v * determinant(&minor(i)))
        .sum()
}

#[test]
fn each_condition_has_a_density_that_integrates_to_one() {
    let flow = flow(2, 1);
    // A grid of 0.1 over ±20 misses less than 1e-3 of a density whose scales are of order 1.
    let steps = 400;
    let at = |i: usize| (i as f32 + 0.5) * 0.1 - 20.0;
    let grid: Vec<f32> = (0..steps * steps).flat_map(|i| [at(i / steps), at(i % steps)]).collect();
    let density = |condition: [f32; 3]| {
        let condition = tensor(&condition.repeat(steps * steps), 3);
        flow.given(condition).log_likelihood(tensor(&grid, 2)).exp() * 0.01
    };
    let (one, other) = (density([0.3, -0.2, 1.0]), density([-1.0, 0.5, 0.0]));
    for density in [&one, &other] {
        let total = density.clone().sum().into_scalar::<f32>();
        assert!((total - 1.0).abs() < 1e-2, "{total}");
    }
    // They share no more than part of their mass.
    assert!((one - other).abs().sum().into_scalar::<f32>() > 0.2);
}

#[test]
fn the_host_computes_what_tensors_do_with_the_same_bits_for_a_row_alone() {
    // Odd halves, widths that no tile divides, and more rows than go through at once.
    for (features, condition, hidden, rows) in [(9, 3, 20, 150), (2, 1, 1, 1), (101, 32, 70, 33)] {
        let config = FlowConfig::new(features)
            .with_condition(condition)
            .with_blocks(3)
            .with_hidden(hidden)
            .with_hidden_layers(1);
        let flow = config.init(4, &Device::flex());
        let (y, c) = (values(rows, features, 1.3), values(rows, condition, 0.9));
        let expected = flow.given(tensor(&c, condition)).forward(tensor(&y, features));
        let host = HostFlow::of(&flow);
        let found = host.latents(FlowInput { rows: &y, condition: &c });
        let close = |found: TensorData, expected: Vec<f32>| {
            let expected = TensorData::new(expected, found.shape().clone());
            found.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-4));
        };
        close(expected.z.clone().into_data(), found.z.clone());
        let narrow = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        close(expected.log_det.clone().into_data(), narrow(&found.log_det));
        // Half the norms of up to 101 values of order 1: relative to a hundred.
        let nlls = narrow(&found.nll()).iter().map(|nll| nll / 100.0).collect();
        close((nll(&expected) / 100.0).into_data(), nlls);
        assert_eq!((found.energy().len(), found.nll().len()), (rows, rows));
        let (energy, nll) = (found.energy()[0], found.nll()[0]);
        assert_eq!(energy - found.log_det[0], nll);
        for (row, (y, c)) in y.chunks(features).zip(c.chunks(condition)).enumerate() {
            let alone = host.latents(FlowInput { rows: y, condition: c });
            assert_eq!(alone.z, found.z[row * features..][..features]);
            assert_eq!(alone.log_det, found.log_det[row..][..1]);
        }
    }
}

#[test]
fn the_host_draws_what_tensors_do() {
    // No condition and few rows; a condition and more rows than go through at once.
    for (features, condition, hidden, rows) in [(300, 0, 64, 5), (9, 3, 20, 150), (2, 1, 1, 1)] {
        let config = FlowConfig::new(features)
            .with_condition(condition)
            .with_blocks(3)
            .with_hidden(hidden)
            .with_hidden_layers(1);
        let flow = config.init(4, &Device::flex()).map(&mut Enlarge(1.2));
        let host = HostFlow::of(&flow);
        let c = values(rows, condition, 0.9);
        let found = host.sample(rows, &c, 7);
        let expected = match condition {
            0 => flow.sample(rows, 7, &Device::flex()),
            _ => flow.given(tensor(&c, condition)).sample(7),
        };
        let close = Tolerance::rel_abs(1e-4, 1e-4);
        TensorData::new(found.clone(), [rows, features])
            .assert_approx_eq::<f32>(&expected.into_data(), close);
        // A row has the same bits alone and among others, and comes back.
        let latents = host.latents(FlowInput { rows: &found, condition: &c });
        let back = host.inverse(FlowInput { rows: &latents.z, condition: &c });
        TensorData::new(back, [rows, features])
            .assert_approx_eq::<f32>(&TensorData::new(found, [rows, features]), close);
        let last = |values: &[f32], width: usize| values[(rows - 1) * width..].to_vec();
        let (z, c) = (last(&latents.z, features), last(&c, condition));
        let alone = host.inverse(FlowInput { rows: &z, condition: &c });
        let all =
            host.inverse(FlowInput { rows: &latents.z, condition: &values(rows, condition, 0.9) });
        assert_eq!(alone, last(&all, features));
    }
}

#[test]
fn samples_are_draws_from_the_density_given_each_condition() {
    let flow = flow(4, 1);
    let condition = tensor(&values(5000, 3, 0.9), 3);
    let given = flow.given(condition);
    let samples = given.sample(9);
    assert_eq!(samples.dims(), [5000, 4]);
    samples.clone().into_data().assert_eq(&given.sample(9).into_data(), true);
    let z: Vec<f32> = given.forward(samples).z.into_data().try_into_vec().unwrap();
    let mean = z.iter().sum::<f32>() / z.len() as f32;
    let variance = z.iter().map(|z| z * z).sum::<f32>() / z.len() as f32;
    // Four standard errors of 20,000 draws: 4/√n and 4·√(2/n).
    assert!(mean.abs() < 0.0283 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
}

/// Rows around (2c, −c), deviation 0.3, for `c` within ±1; rows and conditions.
fn around_the_condition(rows: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let plain = FlowConfig::new(2).with_blocks(1).with_output_scale(Some(0.0)).with_hidden(1);
    let normal = plain.init(0, &Device::flex()).sample(rows, seed, &Device::flex()).into_data();
    let condition: Vec<f32> = (0..rows).map(|i| (i as f32 * 0.618).fract() * 2.0 - 1.0).collect();
    let normal = normal.as_slice::<f32>().unwrap();
    let centre = |i: usize| condition[i / 2] * [2.0, -1.0][i % 2];
    let rows = normal.iter().enumerate().map(|(i, value)| centre(i) + 0.3 * value).collect();
    (rows, condition)
}

fn local_adam() -> AdamConfig {
    AdamConfig::new()
        .with_learning_rate(3e-3)
        .with_beta_1(0.9)
        .with_beta_2(0.999)
        .with_epsilon(1e-8)
        .with_weight_decay(0.0)
        .with_max_gradient_norm(Some(1.0))
}

#[test]
fn training_learns_how_rows_depend_on_their_condition() {
    let config = FlowConfig::new(2)
        .with_condition(1)
        .with_blocks(4)
        .with_hidden(32)
        .with_hidden_layers(1)
        .with_output_scale(Some(0.1));
    let settings = FitConfig::new(600).with_batch_size(256).with_seed(1).with_adam(local_adam());
    let (rows, condition) = around_the_condition(4096, 11);
    let input = FlowInput { rows: &rows, condition: &condition };
    let flow = fit(&config, input, &settings, &host()).unwrap();
    let (rows, condition) = around_the_condition(4096, 12);
    let input = FlowInput { rows: &rows, condition: &condition };
    let fresh = Trainer::new(flow.clone(), local_adam(), &host()).loss(input);
    // Per feature and without the constant. Rows alone have deviations 1.19 and 0.65 and are
    // correlated: their best Gaussian has a loss of about 0.
    let entropy = 0.5 + 0.3_f64.ln();
    assert!((entropy - 0.03..entropy + 0.05).contains(&fresh), "{fresh}, entropy {entropy}");
    for c in [-0.8, 0.5] {
        let samples = flow.given(tensor(&[c; 2000], 1)).sample(3).mean_dim(0).into_data(); // [1, 2]
        // Four standard errors of a mean are 0.027; the rest is what the flow has not learned.
        samples
            .assert_approx_eq::<f32>(&TensorData::from([[2.0 * c, -c]]), Tolerance::absolute(0.08));
    }
}

#[test]
fn an_interrupted_training_gives_the_same_bytes() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let config = FlowConfig::new(5).with_condition(2).with_blocks(2).with_hidden(32);
    let config = config.with_hidden_layers(1).with_output_scale(Some(0.1));
    let (rows, condition) = (values(400, 5, 0.9), values(400, 2, 0.4));
    let train = |trainer: &mut Trainer, updates: std::ops::Range<u64>| {
        let mut order = BatchOrder::new(3, 400, 150);
        for update in updates {
            let batch = order.batch(update);
            let gather = |table: &[f32], width: usize| -> Vec<f32> {
                batch.iter().flat_map(|&row| &table[row * width..][..width]).copied().collect()
            };
            let (rows, condition) = (gather(&rows, 5), gather(&condition, 2));
            trainer.set_learning_rate(1e-3 / (update + 1) as f64);
            trainer.step(FlowInput { rows: &rows, condition: &condition }).unwrap();
        }
    };
    let start = || Trainer::new(config.init(3, &device), local_adam(), &host());
    let mut whole = start();
    train(&mut whole, 0..12);
    let mut interrupted = start();
    train(&mut interrupted, 0..5);
    interrupted.save_checkpoint(&path, &BTreeMap::new()).unwrap();
    let (mut resumed, _) = Trainer::load_checkpoint(&path, &host()).unwrap();
    assert_eq!(resumed.config(), interrupted.config());
    assert_eq!(resumed.flow().config(), config);
    train(&mut resumed, 5..12);
    let bytes = |trainer: &Trainer| {
        let mut bytes = Vec::new();
        trainer.write_checkpoint(&BTreeMap::new(), &mut bytes).unwrap();
        bytes
    };
    assert_eq!(bytes(&resumed), bytes(&whole));
}

#[test]
fn a_file_brings_the_flow_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.safetensors");
    let flow = flow(5, 1);
    flow.save(&path, &BTreeMap::new(), &[]).unwrap();
    let (loaded, _) = Flow::load(&path, &Device::flex()).unwrap();
    assert_eq!((loaded.config(), floats(&loaded)), (flow.config(), floats(&flow)));
    let (hosts, _) = HostFlow::load_all(&path).unwrap();
    let (rows, condition) = (values(10, 5, 0.9), values(10, 3, 0.4));
    let input = FlowInput { rows: &rows, condition: &condition };
    assert_eq!(hosts[0].latents(input), HostFlow::of(&flow).latents(input));
    assert_eq!(floats(&hosts[0].to_flow(&Device::flex())), floats(&flow));
}

#[test]
fn an_output_scale_of_zero_starts_as_a_permutation() {
    let config = FlowConfig::new(5).with_condition(2).with_hidden(8).with_output_scale(Some(0.0));
    let flow = config.init(1, &Device::flex());
    let (y, condition) = (tensor(&values(3, 5, 1.3), 5), tensor(&values(3, 2, 0.4), 2));
    let latents = flow.given(condition).forward(y.clone());
    latents.log_det.into_data().assert_eq(&TensorData::from([0.0_f32; 3]), true);
    latents.z.sort(1).into_data().assert_eq(&y.sort(1).into_data(), true);
}

#[test]
fn a_clipped_gradient_moves_weights_as_far_as_its_norm_allows() {
    let config = FlowConfig::new(4).with_condition(1).with_blocks(2).with_hidden(8);
    let flow = config.with_hidden_layers(1).init(1, &Device::flex());
    // The first update moves each weight by lr · g / (|g| + ε): with ε far above every g, all of
    // them together by lr · ‖g‖ / ε.
    let adam = |norm| {
        let adam = AdamConfig::new().with_weight_decay(0.0).with_epsilon(1e3);
        adam.with_learning_rate(1e4).with_max_gradient_norm(norm)
    };
    let (rows, condition) = (values(200, 4, 1.3), values(200, 1, 0.4));
    let moved = |norm| {
        let mut trainer = Trainer::new(flow.clone(), adam(norm), &host());
        trainer.step(FlowInput { rows: &rows, condition: &condition }).unwrap();
        let (before, after) = (floats(&flow), floats(&trainer.flow()));
        let squares = before.iter().zip(&after).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt() / 10.0
    };
    let norm = moved(None);
    assert!(norm > 0.1, "{norm}");
    assert!((moved(Some(norm / 4.0)) / norm - 0.25).abs() < 1e-3);
    assert_eq!(moved(Some(norm * 1.1)), norm);
}

#[test]
fn conditions_of_the_wrong_width_are_refused() {
    let config = FlowConfig::new(2).with_condition(3).with_blocks(1).with_hidden(4);
    let mut trainer = Trainer::new(config.init(1, &Device::flex()), local_adam(), &host());
    for (rows, condition, message) in [
        (&[1.0; 4][..], &[][..], "0 values are no condition of 3 for each of 2 rows"),
        (&[1.0; 4], &[1.0; 5], "5 values are no condition of 3 for each of 2 rows"),
        (
            &[1.0; 2],
            &[1.0, f32::NAN, 0.0],
            "the condition of row 0 holds a value that is not finite, at column 1",
        ),
    ] {
        let input = FlowInput { rows, condition };
        assert_eq!(trainer.step(input).unwrap_err().to_string(), message);
    }
    assert_eq!(trainer.steps(), 0);
    for (config, message) in [
        (
            config.clone().with_condition(1 << 21),
            "condition must be at most 1048576, found 2097152",
        ),
        (config.with_output_scale(Some(-1.0)), "output_scale must be finite, at least 0, found -1"),
    ] {
        assert_eq!(config.validate().unwrap_err().to_string(), message);
    }
}

#[test]
#[should_panic(expected = "this flow has a condition")]
fn a_flow_with_a_condition_must_be_given_it() {
    flow(2, 1).forward(tensor(&[0.0; 2], 2));
}

#[test]
#[should_panic(expected = "this flow has no condition")]
fn a_flow_without_a_condition_cannot_be_given_one() {
    FlowConfig::new(2).with_hidden(4).init(1, &Device::flex()).given(tensor(&[0.0; 2], 2));
}

#[test]
#[should_panic(expected = "2 conditions for 1 rows")]
fn each_row_has_a_condition() {
    flow(2, 1).given(tensor(&[0.0; 6], 3)).forward(tensor(&[0.0; 2], 2));
}

#[test]
#[should_panic(expected = "each row must have a condition of 3 values")]
fn each_row_of_the_host_has_a_condition() {
    HostFlow::of(&flow(2, 1)).latents(&[0.0; 2]);
}
