//! The likelihood's gradient to the input image (Section 3.4), through the flow and the extractor:
//! by automatic differentiation throughout, and by the host's own extractor.

use anyhow::Context;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use differnet_data::Transform;
use differnet_features::{AlexNet, Extractor, FEATURES, IMAGE_SIZE, normalize};
use differnet_flow::{Flow, nll};

use super::check::{Check, Measure};
use super::flow::read_flow;
use super::images::GoldenImages;
use super::vectors::{Vectors, to_host, widened};

/// The image that the reference took the gradient of, upright.
const IMAGE: &str = "rgb_448x448.png";
/// Relative error of the likelihood: that of the features, multiplied by the flow.
const NLL: f64 = 1e-3;
/// Relative error of the gradient: ReLU and pooling switch where values tie.
const GRADIENT: f64 = 1e-2;

pub(super) fn checks(
    images: &GoldenImages,
    flow: &Vectors,
    golden: &Vectors,
) -> anyhow::Result<Vec<Check>> {
    let device = Device::flex().autodiff();
    let flow = read_flow(flow, &device)?.no_grad();
    let extractor = AlexNet::new(&device).no_grad();
    let view = images.get(IMAGE)?.view(&Transform::IDENTITY);
    let input = normalize(&[view.as_raw()], IMAGE_SIZE, &device).require_grad(); // [1, 3, 448, 448]

    let nll = nll(&flow.forward(extractor.forward(input.clone()))).sum(); // [1]
    let gradient = input.grad(&nll.backward()).context("no gradient reached the input")?;

    let golden_nll = widened(&golden.values("nll_0_degrees", [1])?);
    let size = IMAGE_SIZE;
    let golden = widened(&golden.values("input_gradient_0_degrees", [3, size, size])?);
    let found = to_host(nll.inner());
    let mut upstream = |features: &[f32]| nll_gradient(&flow, features, &device);
    let host = Extractor::on_host().extract_with_gradients(&[view.as_raw()], &mut upstream)?;
    Ok(vec![
        Check::of("localization nll", Measure::Relative, &found, &golden_nll, NLL),
        Check::of(
            "localization input gradient",
            Measure::RelativeNorm,
            &to_host(gradient),
            &golden,
            GRADIENT,
        ),
        Check::of(
            "localization input gradient (host)",
            Measure::RelativeNorm,
            &widened(&host.gradients),
            &golden,
            GRADIENT,
        ),
    ])
}

/// The likelihood's gradient to features `[images, 768]`.
fn nll_gradient(flow: &Flow, features: &[f32], device: &Device) -> Vec<f32> {
    let shape = [features.len() / FEATURES, FEATURES];
    let rows = Tensor::<2>::from_data(TensorData::new(features.to_vec(), shape), device);
    let rows = rows.require_grad();
    let nll = nll(&flow.forward(rows.clone())).sum(); // [1]
    let gradient = rows.grad(&nll.backward()).expect("the likelihood depends on every feature");
    gradient.into_data().iter::<f32>().collect()
}
