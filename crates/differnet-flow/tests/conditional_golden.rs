//! A flow given conditions against vectors from a PyTorch implementation, on tensors and on the host.
//!
//! `xtask/golden/conditional.py` wrote `tests/golden/conditional.safetensors`: flows of 3 blocks, width 9,
//! condition 4, hidden 24, and what they make of 40 rows.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use differnet_flow::{
    AdamConfig, Backend, Flow, FlowConfig, FlowInput, HostFlow, TensorValues, Trainer, nll,
};
use safetensors::SafeTensors;

const FILE: &[u8] = include_bytes!("golden/conditional.safetensors");
const FEATURES: usize = 9;
const CONDITION: usize = 4;
/// Relative to the largest value: PyTorch sums in another order, and scales of up to e^1.9 multiply f32's
/// 1e-7 over 3 blocks.
const CLOSE: f32 = 1e-5;

/// The host processor.
fn host() -> Backend {
    Backend::Host(Device::flex())
}

fn golden() -> SafeTensors<'static> {
    SafeTensors::deserialize(FILE).unwrap()
}

fn floats(name: &str) -> Vec<f32> {
    values_of(&golden(), name)
}

fn values_of(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let (words, _) = tensors.tensor(name).unwrap().data().as_chunks::<4>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

fn matrix(name: &str, width: usize) -> Tensor<2> {
    let values = floats(name);
    let shape = [values.len() / width, width];
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn config() -> FlowConfig {
    let config = FlowConfig::new(FEATURES).with_condition(CONDITION).with_blocks(3);
    config.with_hidden(24).with_hidden_layers(1).with_clamp(1.9).with_output_scale(Some(0.1))
}

/// The flow whose tensors' names begin with `prefix`.
fn flow(prefix: &str) -> Flow {
    Flow::from_safetensors(&golden(), prefix, &config(), &Device::flex()).unwrap()
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

fn assert_close(name: &str, found: &[f32], golden: &[f32]) {
    assert_eq!(found.len(), golden.len(), "{name}");
    let largest = golden.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    assert!(largest > 1e-4, "{name}: values of 0 would prove nothing");
    for (found, golden) in found.iter().zip(golden) {
        assert!((found - golden).abs() <= CLOSE * largest, "{name}: {found}, golden {golden}");
    }
}

#[test]
fn latents_and_log_det_agree_on_both_paths() {
    let flow = flow("strong.");
    let latents = flow.given(matrix("condition", CONDITION)).forward(matrix("y", FEATURES));
    let log_det: Vec<f32> = latents.log_det.clone().into_data().try_into_vec().unwrap();
    assert_close("z", &values(latents.z.clone()), &floats("z"));
    assert_close("log_det", &log_det, &floats("log_det"));
    let found: Vec<f32> = nll(&latents).into_data().try_into_vec().unwrap();
    assert_close("nll", &found, &floats("nll"));

    let (rows, condition) = (floats("y"), floats("condition"));
    let latents = HostFlow::of(&flow).latents(FlowInput { rows: &rows, condition: &condition });
    assert_close("z on the host", &latents.z, &floats("z"));
    assert_close("log_det on the host", &narrow(&latents.log_det), &floats("log_det"));
    assert_close("nll on the host", &narrow(&latents.nll()), &floats("nll"));
}

#[test]
fn the_inverse_agrees_on_both_paths() {
    let (flow, golden) = (flow("strong."), floats("inverse_of_latents"));
    let given = flow.given(matrix("condition", CONDITION));
    assert_close("inverse", &values(given.inverse(matrix("latents", FEATURES))), &golden);
    let (rows, condition) = (floats("latents"), floats("condition"));
    let found = HostFlow::of(&flow).inverse(FlowInput { rows: &rows, condition: &condition });
    assert_close("inverse on the host", &found, &golden);
}

/// The gradients of a flow's parameters, as PyTorch has them: weights as `[outputs, inputs]`.
struct Parameters<'a> {
    gradients: &'a Gradients,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Parameters<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients).unwrap().swap_dims(0, D - 1);
        self.found.push(gradient.into_data().try_into_vec().unwrap());
    }
}

/// Names of the parameters and numbers of their inputs, in the flow's order; a bias has one.
fn parameters(flow: &Flow) -> Vec<(String, usize)> {
    let parameters = flow.tensors("").filter_map(|tensor| match tensor.values {
        TensorValues::F32(_) => {
            let inputs = if tensor.shape.len() == 2 { tensor.shape[1] } else { 1 };
            Some((tensor.name, inputs))
        }
        _ => None,
    });
    parameters.collect()
}

#[test]
fn gradients_of_tensors_agree_to_parameters_rows_and_condition() {
    let flow = flow("strong.").train();
    let y = matrix("y", FEATURES).autodiff().require_grad();
    let condition = matrix("condition", CONDITION).autodiff().require_grad();
    let loss = nll(&flow.given(condition.clone()).forward(y.clone())).mean() / FEATURES as f64; // [1]
    let found: Vec<f32> = loss.clone().into_data().try_into_vec().unwrap();
    assert_close("loss", &found, &floats("loss"));
    let gradients = loss.backward();
    assert_close("y", &values(y.grad(&gradients).unwrap()), &floats("gradient.y"));
    let to_condition = values(condition.grad(&gradients).unwrap());
    assert_close("condition", &to_condition, &floats("gradient.condition"));
    let mut visitor = Parameters { gradients: &gradients, found: Vec::new() };
    flow.visit(&mut visitor);
    let names = parameters(&flow);
    assert_eq!((visitor.found.len(), names.len()), (24, 24));
    for ((name, _), found) in names.iter().zip(&visitor.found) {
        assert_close(name, found, &floats(&format!("gradient.{name}")));
    }
}

#[test]
fn gradients_of_the_host_agree() {
    // The first moment is the gradient where it remembers nothing.
    let adam = AdamConfig::new().with_beta_1(0.0).with_weight_decay(0.0);
    let flow = flow("strong.");
    let names = parameters(&flow);
    let mut trainer = Trainer::new(flow, adam, &host());
    let (rows, condition) = (floats("y"), floats("condition"));
    let report = trainer.step(FlowInput { rows: &rows, condition: &condition }).unwrap();
    assert_close("loss", &[report.loss as f32], &floats("loss"));
    let mut bytes = Vec::new();
    trainer.write_checkpoint(&BTreeMap::new(), &mut bytes).unwrap();
    let moments = SafeTensors::deserialize(&bytes).unwrap();
    for (name, inputs) in names {
        let found = values_of(&moments, &format!("adam.first.{name}"));
        // A checkpoint has them as they are computed: weights as `[inputs, outputs]`.
        let outputs = found.len() / inputs;
        let found: Vec<f32> =
            (0..found.len()).map(|at| found[at % inputs * outputs + at / inputs]).collect();
        assert_close(&name, &found, &floats(&format!("gradient.{name}")));
    }
}

#[test]
fn a_training_with_shortened_gradients_agrees() {
    let fresh = flow("fresh.");
    let adam = AdamConfig::new()
        .with_learning_rate(2e-3)
        .with_beta_1(0.9)
        .with_beta_2(0.999)
        .with_epsilon(1e-8)
        .with_weight_decay(0.0)
        .with_max_gradient_norm(Some(0.05));
    let mut trainer = Trainer::new(fresh, adam, &host());
    let (rows, condition) = (floats("y"), floats("condition"));
    let input = FlowInput { rows: &rows, condition: &condition };
    // Each update starts from the rounding of those before; Adam divides by the size of gradients, so that
    // the sign of one that rounding decides moves a weight by the whole step of 2e-3.
    for golden in floats("adam_losses") {
        let report = trainer.step(input).unwrap();
        let deviation = (report.loss / f64::from(golden) - 1.0).abs();
        assert!(deviation < 1e-4, "update {}: {}, golden {golden}", report.step, report.loss);
    }
    let trained = trainer.flow();
    for tensor in trained.tensors("") {
        let TensorValues::F32(found) = tensor.values else { continue };
        let golden = floats(&format!("trained.{}", tensor.name));
        let before = floats(&format!("fresh.{}", tensor.name));
        let moved = |values: &[f32]| -> f32 {
            let squares = values.iter().zip(&golden).map(|(a, b)| (a - b).powi(2));
            squares.sum::<f32>().sqrt()
        };
        let (off, way) = (moved(&found), moved(&before));
        assert!(way > 1e-3 && off < 1e-2 * way, "{}: {off} off after {way}", tensor.name);
    }
}

#[test]
fn a_flow_starts_where_pytorch_starts_with_its_output_scale() {
    // Both draw uniformly up to 1/√inputs; the last layer's weights are a tenth of that, its bias is 0.
    let ours = config().init(1, &Device::flex());
    for tensor in ours.tensors("") {
        let TensorValues::F32(found) = tensor.values else { continue };
        let golden = floats(&format!("fresh.{}", tensor.name));
        let largest = |values: &[f32]| values.iter().fold(0.0_f32, |m, value| m.max(value.abs()));
        let (found, golden) = (largest(&found), largest(&golden));
        if tensor.name.ends_with(".1.bias") {
            assert_eq!((found, golden), (0.0, 0.0), "{}", tensor.name);
        } else {
            // The largest of 24 or more draws that are uniform up to a bound.
            assert!((found / golden - 1.0).abs() < 0.3, "{}: {found}, {golden}", tensor.name);
        }
    }
}
