//! The coupling block: each half of the features scales and shifts the other (Section 3.1.1, Eq. 1).

use burn::module::Module;
use burn::tensor::Tensor;

use crate::permutation::Permutation;
use crate::soft_clamp::soft_clamp;
use crate::subnet::Subnet;

/// Permutes its input, then moves each half by amounts regressed from the other half (Eq. 1).
///
/// The second half moves first; the first half is then moved by the second's new values. A
/// condition, where there is one, is read beside either half: `[s, t] = net([half, c])`.
#[derive(Module, Debug)]
pub(crate) struct CouplingBlock {
    pub(crate) permutation: Permutation,
    /// Reads the first half and moves the second.
    pub(crate) net1: Subnet,
    /// Reads the moved second half and moves the first.
    pub(crate) net2: Subnet,
    /// α of Eq. 2.
    pub(crate) clamp: f64,
}

/// Output of a coupling block.
pub(crate) struct Transformed {
    /// `[batch, features]`
    pub(crate) output: Tensor<2>,
    /// `log|det ∂output/∂input|`, `[batch, 1]`
    pub(crate) log_det: Tensor<2>,
}

impl CouplingBlock {
    /// Maps features `[batch, features]` one block closer to the latent space.
    ///
    /// `condition`: `[batch, condition]`
    pub(crate) fn forward(&self, y: Tensor<2>, condition: Option<&Tensor<2>>) -> Transformed {
        let affine = |net, read| self.affine(net, read, condition);
        let [y1, y2] = split_halves(self.permutation.forward(y)); // [batch, first], [batch, second]
        let Affine { s: s1, t: t1 } = affine(&self.net1, y1.clone()); // both [batch, second]
        let z2 = y2 * s1.clone().exp() + t1;
        let Affine { s: s2, t: t2 } = affine(&self.net2, z2.clone()); // both [batch, first]
        let z1 = y1 * s2.clone().exp() + t2;
        // Each step's Jacobian is triangular with diagonal exp(s), so log|det| is the sum of s.
        let log_det = s1.sum_dim(1) + s2.sum_dim(1); // [batch, 1]
        Transformed { output: Tensor::cat(vec![z1, z2], 1), log_det } // [batch, features]
    }

    /// Maps `z`, `[batch, features]`, one block back towards the features.
    pub(crate) fn inverse(&self, z: Tensor<2>, condition: Option<&Tensor<2>>) -> Tensor<2> {
        let affine = |net, read| self.affine(net, read, condition);
        let [z1, z2] = split_halves(z); // [batch, first], [batch, second]
        let Affine { s: s2, t: t2 } = affine(&self.net2, z2.clone()); // both [batch, first]
        let y1 = (z1 - t2) * s2.neg().exp();
        let Affine { s: s1, t: t1 } = affine(&self.net1, y1.clone()); // both [batch, second]
        let y2 = (z2 - t1) * s1.neg().exp();
        self.permutation.inverse(Tensor::cat(vec![y1, y2], 1)) // [batch, features]
    }

    /// Clamped log-scales and shifts regressed from `read`, `[batch, read]`, and the condition.
    fn affine(&self, net: &Subnet, read: Tensor<2>, condition: Option<&Tensor<2>>) -> Affine {
        let input = match condition {
            Some(condition) => Tensor::cat(vec![read, condition.clone()], 1), // [batch, read + condition]
            None => read,
        };
        let output = net.forward(input); // [batch, 2 × moved]
        let moved = output.dims()[1] / 2;
        Affine {
            s: soft_clamp(output.clone().narrow(1, 0, moved), self.clamp), // [batch, moved]
            t: output.narrow(1, moved, moved),                             // [batch, moved]
        }
    }
}

/// Log-scales `s` and shifts `t`, both `[batch, moved]`.
struct Affine {
    s: Tensor<2>,
    t: Tensor<2>,
}

/// The first ⌊d/2⌋ columns and the rest: the second half is the wider one when `d` is odd.
fn split_halves(y: Tensor<2>) -> [Tensor<2>; 2] {
    let [_, features] = y.dims();
    let first = features / 2;
    [y.clone().narrow(1, 0, first), y.narrow(1, first, features - first)]
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, Tolerance};

    use super::*;
    use crate::subnet::linear;

    /// Two features, swapped first; net1 gives s = σ(y1), t = 1 and net2 gives s = 0, t = 2·z2.
    fn block() -> CouplingBlock {
        let device = Device::flex();
        let net = |weight: Vec<f32>, bias: Vec<f32>| Subnet {
            layers: vec![linear(weight, bias, &device)], // [1, 2]
        };
        CouplingBlock {
            permutation: Permutation::from_indices(vec![1, 0], &device),
            net1: net(vec![1.0, 0.0], vec![0.0, 1.0]),
            net2: net(vec![0.0, 2.0], vec![0.0, 0.0]),
            clamp: 3.0,
        }
    }

    #[test]
    fn forward_agrees_with_eq_1_by_hand() {
        // y = (5, 3) is swapped to y1 = 3, y2 = 5. s1 = σ₃(3) = 1.5, z2 = 5·e^1.5 + 1,
        // z1 = 3 + 2·z2, log_det = 1.5.
        let y = Tensor::<2>::from_floats([[5.0, 3.0]], &Device::flex());
        let transformed = block().forward(y, None);
        let z2 = 5.0 * 1.5_f32.exp() + 1.0;
        let golden = TensorData::from([[3.0 + 2.0 * z2, z2]]);
        transformed.output.into_data().assert_approx_eq::<f32>(&golden, Tolerance::absolute(1e-5));
        let golden = TensorData::from([[1.5_f32]]);
        transformed.log_det.into_data().assert_approx_eq::<f32>(&golden, Tolerance::absolute(1e-6));
    }

    #[test]
    fn inverse_undoes_forward() {
        let y = Tensor::<2>::from_floats([[5.0, 3.0], [-1.0, 0.5]], &Device::flex());
        let block = block();
        let back = block.inverse(block.forward(y.clone(), None).output, None);
        back.into_data().assert_approx_eq::<f32>(&y.into_data(), Tolerance::absolute(1e-5));
    }

    #[test]
    fn the_second_half_takes_the_odd_feature() {
        let y = Tensor::<2>::zeros([4, 5], &Device::flex());
        let [first, second] = split_halves(y);
        assert_eq!((first.dims(), second.dims()), ([4, 2], [4, 3]));
    }

    #[test]
    fn a_condition_is_read_beside_the_half_that_is_read() {
        let device = Device::flex();
        // net1 reads [y1, c] and gives s = 0, t = 2·y1 + 3·c; net2 gives nothing.
        let block = CouplingBlock {
            permutation: Permutation::from_indices(vec![0, 1], &device),
            net1: Subnet { layers: vec![linear(vec![0.0, 2.0, 0.0, 3.0], vec![0.0; 2], &device)] },
            net2: Subnet { layers: vec![linear(vec![0.0; 4], vec![0.0; 2], &device)] },
            clamp: 3.0,
        };
        let y = Tensor::<2>::from_floats([[5.0, 7.0]], &device);
        let condition = Tensor::<2>::from_floats([[10.0]], &device);
        let found = block.forward(y, Some(&condition)).output;
        found.into_data().assert_eq(&TensorData::from([[5.0_f32, 7.0 + 10.0 + 30.0]]), true);
    }
}
