//! The flow (Section 3.1): latents, log-determinant, inverse, losses, a gradient and Adam.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use differnet_flow::{AdamConfig, Backend, Flow, FlowConfig, Trainer, nll};
use differnet_scoring::transform_scores;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use xtask_inputs::Vectors;

use crate::check::{Check, Measure};
use crate::host::{matrix, to_host, widened};

/// Sums in another order, multiplied by scales of up to e³ in every block.
const FORWARD: f64 = 1e-4;
/// The log-determinant of a graphics card: Vulkan lets each arctangent err by 4096 units in the last
/// place, and a log-determinant is the sum of thousands.
const GRAPHICS_LOG_DET: f64 = 1e-3;
/// A gradient passes the flow twice.
const GRADIENT: f64 = 1e-3;
/// Each update starts from the rounding of those before.
const ADAM: f64 = 1e-3;

pub(super) fn checks(golden: &Vectors, backend: &Backend) -> anyhow::Result<Vec<Check>> {
    let device = backend.device();
    let flow = read_flow(golden, device)?;
    let y = matrix(golden, "y", device)?; // [rows, features]
    let z = matrix(golden, "z", device)?; // [rows, features]
    let [rows, features] = y.dims();
    let vector = |name: &str| Ok::<_, anyhow::Error>(widened(&golden.values(name, [rows])?));
    let matrix =
        |name: &str| Ok::<_, anyhow::Error>(widened(&golden.values(name, [rows, features])?));

    let latents = flow.forward(y);
    let check_within = |tolerance, subject: &str, found: Vec<f64>, golden: Vec<f64>| {
        Check::of(format!("flow {subject}"), Measure::Mixed, &found, &golden, tolerance)
    };
    let check = |subject: &str, found, golden| check_within(FORWARD, subject, found, golden);
    let log_det = if backend.is_host() { FORWARD } else { GRAPHICS_LOG_DET };
    let mut checks = vec![
        check("z", to_host(latents.z.clone()), matrix("z")?),
        check_within(log_det, "log_det", to_host(latents.log_det.clone()), vector("log_det")?),
        check("inverse", to_host(flow.inverse(z)), matrix("inverse_of_z")?),
        check("nll", to_host(nll(&latents)), vector("nll")?),
        check("score", scores(latents.z), vector("score")?),
    ];
    checks.extend(gradient(&flow, golden, device)?);
    checks.push(adam(flow, golden, backend)?);
    Ok(checks)
}

/// The scores of latents, `[rows, features]`.
fn scores(latents: Tensor<2>) -> Vec<f64> {
    let [_, features] = latents.dims();
    let latents: Vec<f32> = latents.into_data().iter::<f32>().collect();
    transform_scores(&latents, features)
}

/// The flow of the reference; its file also holds inputs and results.
pub(super) fn read_flow(golden: &Vectors, device: &Device) -> anyhow::Result<Flow> {
    let tensors = golden.tensors()?;
    let own = tensors.tensors().into_iter().filter(|(name, _)| name.starts_with("blocks."));
    let own: Vec<(String, TensorView<'_>)> = own.collect();
    let config = config_of(&own)?;
    let bytes = safetensors::serialize(own, None)?;
    Ok(Flow::from_safetensors(&SafeTensors::deserialize(&bytes)?, "", &config, device)?)
}

/// The hyperparameters that the tensors' shapes tell; the clamp is the paper's.
fn config_of(tensors: &[(String, TensorView<'_>)]) -> anyhow::Result<FlowConfig> {
    let find = |wanted: &str| {
        let found = tensors.iter().find(|(name, _)| name == wanted);
        let (_, tensor) =
            found.with_context(|| format!("no `{wanted}` among the flow's tensors"))?;
        tensor.shape().first().copied().with_context(|| format!("`{wanted}` has no dimension"))
    };
    let part = |name: &str, index: usize| name.split('.').nth(index).map(String::from);
    let blocks: BTreeSet<_> = tensors.iter().map(|(name, _)| part(name, 1)).collect();
    let first = tensors.iter().filter(|(name, _)| name.starts_with("blocks.0.net1."));
    let layers: BTreeSet<_> = first.map(|(name, _)| part(name, 3)).collect();
    Ok(FlowConfig::new(find("blocks.0.permutation")?)
        .with_blocks(blocks.len())
        .with_hidden(find("blocks.0.net1.0.bias")?)
        .with_hidden_layers(layers.len().saturating_sub(1)))
}

/// The loss, and its gradient to each parameter that the reference has one of.
fn gradient(flow: &Flow, golden: &Vectors, device: &Device) -> anyhow::Result<Vec<Check>> {
    let device = device.clone().autodiff();
    let y = matrix(golden, "y", &device)?; // [rows, features]
    let features = flow.features() as f64;
    let flow = flow.clone().train();
    let loss = nll(&flow.forward(y)).mean() / features; // [1]
    let golden_loss = widened(&golden.values("loss", [1])?);
    let found = to_host(loss.clone().inner());
    let mut checks = vec![Check::of("flow loss", Measure::Relative, &found, &golden_loss, FORWARD)];

    let gradients = loss.backward();
    let names = golden.names_under("grad.");
    ensure!(!names.is_empty(), "flow.safetensors has no gradient `grad.…`");
    for name in names {
        let index = parameter_index(&name, &flow.config())
            .with_context(|| format!("`grad.{name}` names no weight of the flow"))?;
        let mut find = FindGradient { gradients: &gradients, index, found: None };
        flow.visit(&mut find);
        let found = find.found.with_context(|| format!("`{name}` has no gradient"))?;
        let golden = golden.values(&format!("grad.{name}"), [0, 0])?;
        ensure!(found.len() == golden.len(), "`grad.{name}` has the wrong size");
        let subject = format!("flow gradient of {name}");
        let golden = widened(&golden);
        checks.push(Check::of(subject, Measure::RelativeNorm, &found, &golden, GRADIENT));
    }
    Ok(checks)
}

/// Position of the weight `blocks.K.netN.LAYER.weight` among the parameters, in the flow's order.
fn parameter_index(name: &str, config: &FlowConfig) -> Option<usize> {
    let [_, block, net, layer, "weight"] = name.split('.').collect::<Vec<_>>()[..] else {
        return None;
    };
    let net = ["net1", "net2"].iter().position(|known| *known == net)?;
    let (block, layer): (usize, usize) = (block.parse().ok()?, layer.parse().ok()?);
    let layers = config.hidden_layers + 1;
    // Each layer has a weight and a bias, in this order.
    (block < config.blocks && layer < layers).then_some(2 * ((2 * block + net) * layers + layer))
}

/// Finds the gradient of one parameter, in PyTorch's layout.
struct FindGradient<'a> {
    gradients: &'a Gradients,
    /// Parameters yet to pass; wraps once the one wanted has passed.
    index: usize,
    found: Option<Vec<f64>>,
}

impl ModuleVisitor for FindGradient<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.index == 0 {
            let gradient = param.val().grad(self.gradients);
            // Burn keeps weights as [inputs, outputs], PyTorch as [outputs, inputs].
            self.found = gradient.map(|gradient| to_host(gradient.swap_dims(0, D - 1)));
        }
        self.index = self.index.wrapping_sub(1);
    }
}

/// The loss before each of the reference's updates, on all rows at once.
fn adam(flow: Flow, golden: &Vectors, backend: &Backend) -> anyhow::Result<Check> {
    let rows = golden.values("y", [0, flow.features()])?;
    let losses = widened(&golden.values("adam_losses", [0])?);
    let mut trainer = Trainer::new(flow, AdamConfig::new(), backend);
    let mut found = Vec::with_capacity(losses.len());
    for _ in &losses {
        found.push(trainer.step(&rows)?.loss);
    }
    Ok(Check::of("flow Adam losses", Measure::Relative, &found, &losses, ADAM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_block_by_block() {
        let config = FlowConfig::new(8).with_blocks(2);
        // 4 layers of weight and bias a subnetwork, 2 subnetworks a block.
        assert_eq!(parameter_index("blocks.0.net1.0.weight", &config), Some(0));
        assert_eq!(parameter_index("blocks.1.net2.3.weight", &config), Some(16 + 8 + 6));
        for name in
            ["blocks.2.net1.0.weight", "blocks.0.net3.0.weight", "y", "blocks.0.net1.0.bias"]
        {
            assert_eq!(parameter_index(name, &config), None, "{name}");
        }
    }
}
