//! A coupling block for scoring, on rows one after another: `[rows, features]`.

use std::borrow::Cow;

use differnet_files::Floats;
use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use pulp::{Arch, Simd, WithSimd};

use super::affine;
use super::dots;
use super::layer::Activation;

/// A fully connected layer.
#[derive(Debug)]
pub(crate) struct HostLayer {
    /// `[outputs, inputs]`
    weight: Floats,
    /// `[outputs]`
    bias: Floats,
    /// The weights once more, `[inputs, outputs]`, arranged for many rows.
    packed: Option<PackedMatrix>,
}

impl HostLayer {
    /// A layer that reads its weights where they lie: fast for a few rows, however many weights.
    pub(crate) fn in_place(weight: Floats, bias: Floats) -> Self {
        Self { weight, bias, packed: None }
    }

    /// A layer that reads a copy of its numbers: fast for many rows.
    pub(crate) fn packed(weight: Floats, bias: Floats) -> Self {
        let inputs = weight.len() / bias.len();
        let packed = PackedMatrix::pack_transposed(&weight, inputs, |count| vec![0.0; count]);
        // No half of the numbers may be a file's that was written over since.
        Self { weight, bias: bias.to_vec().into(), packed: Some(packed) }
    }

    /// `[outputs, inputs]`
    pub(crate) fn weight(&self) -> &Floats {
        &self.weight
    }

    /// `[outputs]`
    pub(crate) fn bias(&self) -> &Floats {
        &self.bias
    }

    /// The layer's output `[rows, outputs]` for `input`, `[rows, inputs]`; a row has the same bits alone
    /// and among others.
    fn forward(&self, input: &[f32], after: Activation) -> Vec<f32> {
        let Some(packed) = &self.packed else {
            return dots::linear(&self.weight, &self.bias, input, after);
        };
        let (inputs, outputs) = (packed.depth(), packed.columns());
        let rows = input.len() / inputs;
        let mut output = vec![0.0; rows * outputs];
        let input = Strided { values: input, stride: inputs };
        multiply(input, rows, packed, Sums::Replace, &mut output);
        Arch::new().dispatch(AddBias { bias: &self.bias, after, output: &mut output });
        output
    }
}

/// Bias and activation after a product.
struct AddBias<'a> {
    bias: &'a [f32],
    after: Activation,
    /// `[rows, outputs]`
    output: &'a mut [f32],
}

impl WithSimd for AddBias<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { bias, after, output } = self;
        for output in output.chunks_exact_mut(bias.len()) {
            let values = output.iter_mut().zip(bias);
            match after {
                Activation::Relu => values.for_each(|(v, bias)| *v = (*v + bias).max(0.0)),
                Activation::None => values.for_each(|(v, bias)| *v += bias),
            }
        }
    }
}

/// Weights of a [`CouplingBlock`](crate::coupling::CouplingBlock) as they lie in a file.
#[derive(Debug)]
pub(crate) struct HostBlockWeights {
    pub(crate) permutation: Vec<usize>,
    pub(crate) net1: Vec<HostLayer>,
    pub(crate) net2: Vec<HostLayer>,
}

impl HostBlockWeights {
    /// Maps rows `[rows, features]`, given their `condition`, one block closer to the latent space;
    /// adds to their `log_det`.
    pub(crate) fn forward(
        &self,
        y: &[f32],
        condition: &[f32],
        log_det: &mut [f64],
        alpha: f32,
    ) -> Vec<f32> {
        let (features, rows) = (self.permutation.len(), log_det.len());
        let (half1, half2) = self.permutation.split_at(features / 2);
        let permuted = |half: &[usize]| {
            let mut values = vec![0.0; rows * half.len()];
            let rows = values.chunks_exact_mut(half.len()).zip(y.chunks_exact(features));
            for (to, row) in rows {
                to.iter_mut().zip(half).for_each(|(to, &feature)| *to = row[feature]);
            }
            values
        };
        let (mut y1, mut y2) = (permuted(half1), permuted(half2)); // [rows, first], [rows, second]
        let raw = forward(&self.net1, &beside(&y1, condition, rows));
        affine::move_rows(&mut y2, &raw, log_det, alpha);
        let raw = forward(&self.net2, &beside(&y2, condition, rows));
        affine::move_rows(&mut y1, &raw, log_det, alpha);
        beside(&y1, &y2, rows).into_owned() // [rows, features]
    }

    /// Maps latents `z`, `[rows, features]`, given their `condition`, one block back towards the
    /// features.
    pub(crate) fn inverse(
        &self,
        z: &[f32],
        condition: &[f32],
        rows: usize,
        alpha: f32,
    ) -> Vec<f32> {
        let features = self.permutation.len();
        let first = features / 2;
        let part = |from: usize, to: usize| -> Vec<f32> {
            z.chunks_exact(features).flat_map(|row| &row[from..to]).copied().collect()
        };
        let (mut y1, mut y2) = (part(0, first), part(first, features)); // [rows, first], [rows, second]
        let raw = forward(&self.net2, &beside(&y2, condition, rows));
        affine::move_rows_back(&mut y1, &raw, rows, alpha);
        let raw = forward(&self.net1, &beside(&y1, condition, rows));
        affine::move_rows_back(&mut y2, &raw, rows, alpha);
        let permuted = beside(&y1, &y2, rows);
        let mut y = vec![0.0; z.len()];
        for (to, row) in y.chunks_exact_mut(features).zip(permuted.chunks_exact(features)) {
            self.permutation.iter().zip(row).for_each(|(&feature, value)| to[feature] = *value);
        }
        y // [rows, features]
    }

    /// The permutation as a file has it.
    pub(crate) fn indices(&self) -> Vec<i64> {
        self.permutation.iter().map(|&index| index as i64).collect()
    }
}

/// Two tables of `rows` rows side by side.
fn beside<'a>(left: &'a [f32], right: &[f32], rows: usize) -> Cow<'a, [f32]> {
    if right.is_empty() {
        return Cow::Borrowed(left);
    }
    let (first, second) = (left.len() / rows, right.len() / rows);
    let mut values = Vec::with_capacity(left.len() + right.len());
    for (left, right) in left.chunks_exact(first).zip(right.chunks_exact(second)) {
        values.extend_from_slice(left);
        values.extend_from_slice(right);
    }
    Cow::Owned(values)
}

/// Raw scales and shifts `[rows, 2 × moved]` from `input`, `[rows, read]`.
fn forward(layers: &[HostLayer], input: &[f32]) -> Vec<f32> {
    let (last, hidden) = layers.split_last().expect("a subnetwork has an output layer");
    let mut activation = Cow::Borrowed(input);
    for next in hidden {
        activation = Cow::Owned(next.forward(&activation, Activation::Relu));
    }
    last.forward(&activation, Activation::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_layers_compute_what_layers_in_place_do() {
        let values = |count: usize, step: f32| -> Vec<f32> {
            (0..count).map(|index| (index as f32 * step).sin()).collect()
        };
        for (inputs, outputs, rows) in [(37, 70, 14), (1, 1, 1), (96, 192, 9)] {
            let weight = || Floats::from(values(outputs * inputs, 0.7));
            let bias = || Floats::from(values(outputs, 0.3));
            let input = values(rows * inputs, 1.1);
            for after in [Activation::Relu, Activation::None] {
                let found = HostLayer::packed(weight(), bias()).forward(&input, after);
                let expected = HostLayer::in_place(weight(), bias()).forward(&input, after);
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-4, "{found}, {expected}");
                }
            }
        }
    }
}
