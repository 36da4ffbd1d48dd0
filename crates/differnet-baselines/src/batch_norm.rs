//! Batch-norm re-estimation: statistics of the training images under the final weights.
//!
//! In training a batch-norm layer keeps a running mean of what it sees, which weighs the last ten or
//! so batches. Each of those was seen under other weights, and a layer's error changes the input of
//! the next: after few updates, or with large steps, the network that scores is not the one that
//! was trained. One more pass over the training images, without an update, gives every batch the
//! same weight and all of them the same weights of the network.

use burn::module::Module;
use burn::nn::BatchNorm;

/// `network` for use, its `norms` with the statistics of `batches`: the means over the batches of
/// each batch's mean and variance.
///
/// `forward` sends a batch through the network; batches are on a device that records gradients.
pub(crate) fn reestimate<M: Module, B>(
    mut network: M,
    norms: impl Fn(&mut M) -> Vec<&mut BatchNorm>,
    batches: impl IntoIterator<Item = B>,
    forward: impl Fn(&M, B),
) -> M {
    for (index, batch) in batches.into_iter().enumerate() {
        for norm in norms(&mut network) {
            // With weight 1 the first batch replaces what was there; with weight 1 / k batch k
            // makes the mean of the k - 1 before into that of k.
            norm.momentum = 1.0 / (index + 1) as f64;
        }
        forward(&network, batch);
    }
    network.valid()
}

#[cfg(test)]
mod tests {
    use burn::nn::BatchNormConfig;
    use burn::tensor::{Device, Tensor, TensorData, Tolerance};

    use super::*;

    #[derive(Module, Debug)]
    struct Network {
        first: BatchNorm,
        second: BatchNorm,
    }

    /// A layer that multiplies by `gamma`, and another.
    fn network(gamma: f32) -> Network {
        let device = Device::flex();
        let mut first = BatchNormConfig::new(1).init(&device);
        first.gamma = first.gamma.map(|ones| ones * gamma);
        Network { first, second: BatchNormConfig::new(1).init(&device) }.train()
    }

    fn forward(network: &Network, batch: Tensor<2>) {
        network.second.forward(network.first.forward(batch));
    }

    fn norms(network: &mut Network) -> Vec<&mut BatchNorm> {
        vec![&mut network.first, &mut network.second]
    }

    fn batch(values: [f32; 2]) -> Tensor<2> {
        Tensor::from_floats([[values[0]], [values[1]]], &Device::flex().autodiff())
    }

    fn check(norm: &BatchNorm, mean: f32, variance: f32) {
        // The layer adds 1e-5 to a variance.
        let tolerance = Tolerance::absolute(1e-3);
        let golden = |value| TensorData::from([value]);
        norm.running_mean.value().into_data().assert_approx_eq::<f32>(&golden(mean), tolerance);
        norm.running_var.value().into_data().assert_approx_eq::<f32>(&golden(variance), tolerance);
    }

    #[test]
    fn every_batch_counts_the_same_and_nothing_before_counts() {
        let network = network(3.0);
        // What training leaves behind.
        forward(&network, batch([100.0, 900.0]));
        // Means 2, 4 and 9, variances 1, 4 and 1; the second layer sees ±3 three times.
        let batches = [batch([1.0, 3.0]), batch([2.0, 6.0]), batch([8.0, 10.0])];
        let network = reestimate(network, norms, batches, forward);
        check(&network.first, 5.0, 2.0);
        check(&network.second, 0.0, 9.0);
    }

    #[test]
    fn a_single_batch_is_answered_as_in_training() {
        let network = network(3.0);
        let values = [1.0, 3.0];
        let trained = network.second.forward(network.first.forward(batch(values)));
        let network = reestimate(network, norms, [batch(values)], forward);
        let alone = Tensor::<2>::from_floats([[1.0]], &Device::flex());
        let answer = network.second.forward(network.first.forward(alone));
        let golden = trained.slice([0..1, 0..1]).into_data();
        answer.into_data().assert_approx_eq::<f32>(&golden, Tolerance::absolute(1e-4));
    }
}
