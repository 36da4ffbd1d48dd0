//! The likelihood's gradient to the input image (Section 3.3), through the flow and the extractor,
//! by automatic differentiation throughout and by the host's own extractor, and its maps.

use anyhow::Context;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use differnet_data::Transform;
use differnet_features::{AlexNet, Backbone, Extractor, FEATURES, IMAGE_SIZE, normalize};
use differnet_flow::{Flow, nll};
use differnet_scoring::{AnomalyMap, MapAverage};
use xtask_inputs::Vectors;

use crate::check::{Check, Measure};
use crate::flow::read_flow;
use crate::host::{to_host, widened};
use crate::images::GoldenImages;

/// The image that the reference took the gradient of, upright.
const IMAGE: &str = "rgb_448x448.png";
/// Relative error of the likelihood: that of the features, multiplied by the flow.
const NLL: f64 = 1e-3;
/// Relative error of the gradient: ReLU and pooling switch where values tie.
const GRADIENT: f64 = 1e-2;
/// Largest lack of a map's correlation with the reference to 1.
const MAP: f64 = 1e-3;
/// Standard deviation of the reference's blur, pixels.
const SIGMA: f64 = 3.0;
/// Angles that the reference's averaged map was made from, degrees.
const ANGLES: [f32; 4] = [0.0, 90.0, 180.0, 270.0];

pub(super) fn checks(
    images: &GoldenImages,
    flow: &Vectors,
    golden: &Vectors,
    device: &Device,
) -> anyhow::Result<Vec<Check>> {
    let device = device.clone().autodiff();
    let flow = read_flow(flow, &device)?.no_grad();
    let extractor = AlexNet::new(&device).no_grad();
    let view = images.get(IMAGE)?.view(&Transform::IDENTITY);
    let input = normalize(&[view.as_raw()], IMAGE_SIZE, &device).require_grad(); // [1, 3, 448, 448]

    let nll = nll(&flow.forward(extractor.forward(input.clone()))).sum(); // [1]
    let gradient = input.grad(&nll.backward()).context("no gradient reached the input")?;

    let golden_nll = widened(&golden.values("nll_0_degrees", [1])?);
    let size = IMAGE_SIZE;
    let golden_map = widened(&golden.values("map_0_degrees", [size, size])?);
    let golden_average = widened(&golden.values("map_4_rotations", [size, size])?);
    let golden = widened(&golden.values("input_gradient_0_degrees", [3, size, size])?);
    let found = to_host(nll.inner());
    let mut upstream = |features: &[f32]| nll_gradient(&flow, features, &device);
    let views = ANGLES.map(|degrees| Transform { degrees, ..Transform::IDENTITY });
    let views = views.iter().map(|view| images.get(IMAGE).map(|image| image.view(view)));
    let views = views.collect::<Result<Vec<_>, _>>()?;
    let pixels: Vec<&[u8]> = views.iter().map(|view| view.as_raw().as_slice()).collect();
    let host = Extractor::on_host(Backbone::AlexNet)
        .extract_with_gradients(&pixels, &mut upstream)?
        .gradients;
    let gradients = host.chunks_exact(3 * size * size);
    let maps: Vec<_> =
        gradients.map(|gradient| AnomalyMap::of_gradient(gradient, size, SIGMA)).collect();
    let mut average = MapAverage::new(size);
    maps.iter().zip(ANGLES).for_each(|(map, degrees)| average.add(map, degrees));
    let check = |subject: &str, measure, found: &[f32], golden: &[f64], tolerance| {
        Check::of(format!("localization {subject}"), measure, &widened(found), golden, tolerance)
    };
    Ok(vec![
        Check::of("localization nll", Measure::Relative, &found, &golden_nll, NLL),
        Check::of(
            "localization input gradient (device)",
            Measure::RelativeNorm,
            &to_host(gradient),
            &golden,
            GRADIENT,
        ),
        check(
            "input gradient (host)",
            Measure::RelativeNorm,
            &host[..3 * size * size],
            &golden,
            GRADIENT,
        ),
        check("map", Measure::Decorrelation, maps[0].values(), &golden_map, MAP),
        check(
            "map, 4 rotations",
            Measure::Decorrelation,
            average.mean().values(),
            &golden_average,
            MAP,
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
