//! The fixed random permutation at the start of each block (Section 3.1.1).

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::rng::{self, Purpose};

/// Reorders features: feature `i` of the result is feature `indices[i]` of the input.
#[derive(Module, Debug)]
pub(crate) struct Permutation {
    indices: Param<Tensor<1, Int>>,
}

impl Permutation {
    /// The permutation of block `block` under `seed`.
    pub(crate) fn random(features: usize, seed: u64, block: usize, device: &Device) -> Self {
        let mut stream = rng::stream(seed, Purpose::Permutation, block as u64);
        let order = stream.permutation(features);
        Self::from_indices(order.into_iter().map(|index| index as i64).collect(), device)
    }

    /// The permutation with these `indices`, which must hold each of `0..len` once.
    pub(crate) fn from_indices(indices: Vec<i64>, device: &Device) -> Self {
        let shape = [indices.len()];
        let tensor = Tensor::from_data(TensorData::new(indices, shape), device);
        Self { indices: Param::initialized(ParamId::new(), tensor) }
    }

    /// Permutes the columns of `y`, `[batch, features]`.
    pub(crate) fn forward(&self, y: Tensor<2>) -> Tensor<2> {
        y.select(1, self.indices.val())
    }

    /// Undoes [`forward`](Self::forward).
    pub(crate) fn inverse(&self, y: Tensor<2>) -> Tensor<2> {
        // Sorting the indices tells where each feature went.
        y.select(1, self.indices.val().argsort(0))
    }

    /// The indices, on the host.
    pub(crate) fn to_indices(&self) -> Vec<i64> {
        let data = self.indices.val().into_data().convert::<i64>();
        data.try_into_vec().expect("the data were just converted to i64")
    }
}

/// Position where `indices` stops being a permutation: the first whose index is out of range or
/// was seen before.
pub(crate) fn first_fault(indices: &[i64]) -> Option<usize> {
    let mut seen = vec![false; indices.len()];
    indices.iter().position(|&index| {
        let slot = usize::try_from(index).ok().and_then(|index| seen.get_mut(index));
        slot.is_none_or(|slot| std::mem::replace(slot, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_undoes_forward() {
        let device = Device::flex();
        let permutation = Permutation::random(7, 3, 0, &device);
        let y = Tensor::<1, Int>::arange(0..14, &device).reshape([2, 7]).float(); // [2, 7]
        let back = permutation.inverse(permutation.forward(y.clone()));
        back.into_data().assert_eq(&y.into_data(), true);
    }

    #[test]
    fn forward_gathers_columns_by_index() {
        let device = Device::flex();
        let permutation = Permutation::from_indices(vec![2, 0, 1], &device);
        let y = Tensor::<2>::from_floats([[10.0, 11.0, 12.0]], &device);
        permutation
            .forward(y)
            .into_data()
            .assert_eq(&TensorData::from([[12.0_f32, 10.0, 11.0]]), true);
    }

    #[test]
    fn faults_are_found_where_they_stand() {
        for (indices, fault) in [
            (vec![1, 0, 2], None),
            (vec![0, 0, 2], Some(1)),
            (vec![0, 3, 1], Some(1)),
            (vec![-1, 0, 1], Some(0)),
            (vec![], None),
        ] {
            assert_eq!(first_fault(&indices), fault, "{indices:?}");
        }
    }
}
