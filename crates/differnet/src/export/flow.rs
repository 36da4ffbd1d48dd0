//! A flow as operators.

use differnet_flow::{BlockWeights, HostFlow, LayerWeights};
use differnet_onnx::flow::{self, Condition, Coupling, Dense};
use differnet_onnx::{Graph, Value};

/// Energy ‖z‖²/2 of each row of `features`, `[.., features, rows]`, nats.
pub(crate) fn energy(
    graph: &mut Graph,
    features: Value,
    condition: Option<Condition>,
    flow: &HostFlow,
) -> Value {
    let blocks = flow.blocks().map(|block: BlockWeights<'_>| Coupling {
        permutation: block.permutation,
        net1: dense(block.net1),
        net2: dense(block.net2),
    });
    flow::energy(graph, features, condition, blocks, flow.config().clamp)
}

fn dense(layers: Vec<LayerWeights<'_>>) -> Vec<Dense<'_>> {
    let layer = |LayerWeights { weight, bias }| Dense { weight, bias };
    layers.into_iter().map(layer).collect()
}
