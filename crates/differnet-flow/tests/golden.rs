//! The flow against vectors from a PyTorch implementation.
//!
//! `tests/golden/flow.safetensors` holds a flow of 3 blocks, width 768, hidden 48, and what it makes
//! of 16 rows of features; `tests/golden/README.md` says how it was made.

#![allow(clippy::unwrap_used)]

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use differnet_flow::{AdamConfig, Backend, FileError, Flow, FlowConfig, FlowError, Trainer, nll};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

const FILE: &[u8] = include_bytes!("golden/flow.safetensors");

/// PyTorch sums in another order; scales of up to e³ multiply f32's 1e-7 over 3 blocks.
const CLOSE: f64 = 1e-4;

/// The host processor.
fn host() -> Backend {
    Backend::Host(Device::flex())
}

fn golden() -> SafeTensors<'static> {
    SafeTensors::deserialize(FILE).unwrap()
}

fn floats(name: &str) -> Vec<f32> {
    let tensors = golden();
    let (words, _) = tensors.tensor(name).unwrap().data().as_chunks::<4>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

fn matrix(name: &str) -> Tensor<2> {
    let shape: [usize; 2] = golden().tensor(name).unwrap().shape().try_into().unwrap();
    Tensor::from_data(TensorData::new(floats(name), shape), &Device::flex())
}

/// The file also holds inputs and results beside the flow's own tensors.
fn flow() -> Flow {
    let tensors = golden();
    let own = tensors.tensors().into_iter().filter(|(name, _)| name.starts_with("blocks."));
    let own: Vec<(String, TensorView<'_>)> = own.collect();
    let bytes = safetensors::serialize(own, None).unwrap();
    let own = SafeTensors::deserialize(&bytes).unwrap();
    let config = FlowConfig::new(768).with_blocks(3).with_hidden(48);
    Flow::from_safetensors(&own, "", &config, &Device::flex()).unwrap()
}

fn assert_close(found: TensorData, golden: &[f32]) {
    let golden = TensorData::new(golden.to_vec(), found.shape().clone());
    found.assert_approx_eq::<f32>(&golden, Tolerance::absolute(CLOSE));
}

#[test]
fn latents_log_det_and_nll_agree() {
    let latents = flow().forward(matrix("y"));
    assert_close(latents.z.clone().into_data(), &floats("z"));
    assert_close(latents.log_det.clone().into_data(), &floats("log_det"));
    // Sums of 768 squares reach several hundred, so this one is relative.
    let nll = nll(&latents).into_data();
    for (found, golden) in nll.iter::<f32>().zip(floats("nll")) {
        assert!((found / golden - 1.0).abs() < CLOSE as f32, "{found}, golden {golden}");
    }
}

#[test]
fn the_inverse_agrees() {
    assert_close(flow().inverse(matrix("z")).into_data(), &floats("inverse_of_z"));
}

#[test]
fn extra_tensors_are_refused() {
    let config = FlowConfig::new(768).with_blocks(3).with_hidden(48);
    let error = Flow::from_safetensors(&golden(), "", &config, &Device::flex()).unwrap_err();
    assert!(
        matches!(error, FlowError::File(FileError::UnexpectedTensor { name }) if name == "adam_losses")
    );
}

#[test]
fn loss_and_weight_gradient_agree() {
    let flow = flow().train();
    let y = matrix("y").autodiff();
    let loss = nll(&flow.forward(y)).mean() / 768.0; // [1]
    assert_close(loss.clone().into_data(), &floats("loss"));

    /// Finds the gradient of the parameter number `index`.
    struct Find<'a> {
        gradients: &'a burn::tensor::Gradients,
        index: usize,
        found: Option<Vec<f32>>,
    }
    impl ModuleVisitor for Find<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.index == 0 {
                let gradient = param.val().grad(self.gradients).unwrap();
                let gradient = gradient.swap_dims(0, D - 1); // [outputs, inputs], as in PyTorch
                self.found = Some(gradient.into_data().try_into_vec().unwrap());
            }
            self.index = self.index.wrapping_sub(1);
        }
    }
    // Block 1, second subnetwork, layer 3: 16 parameters a block, 8 a subnetwork, 2 a layer.
    let gradients = loss.backward();
    let mut find = Find { gradients: &gradients, index: 16 + 8 + 2 * 3, found: None };
    flow.visit(&mut find);
    let (found, golden) = (find.found.unwrap(), floats("grad.blocks.1.net2.3.weight"));
    let largest = golden.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (found, golden) in found.iter().zip(&golden) {
        assert!((found - golden).abs() < 1e-4 * largest, "{found}, golden {golden}");
    }
}

#[test]
fn adam_losses_agree() {
    let mut trainer = Trainer::new(flow(), AdamConfig::new(), &host());
    let rows = floats("y");
    for golden in floats("adam_losses") {
        let report = trainer.step(&rows).unwrap();
        let deviation = (report.loss / f64::from(golden) - 1.0).abs();
        assert!(deviation < 1e-3, "update {}: {}, golden {golden}", report.step, report.loss);
    }
}
