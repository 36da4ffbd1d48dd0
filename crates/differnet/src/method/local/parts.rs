//! Fitted parts: flows, banks and Gaussians that judge the places of an image.

use std::borrow::Cow;

use burn::tensor::{Tensor, TensorData};
use differnet_flow::FlowInput;
use differnet_scoring::transform_scores;
use rayon::prelude::*;

use super::bank::Bank;
use super::gaussians::PlaceGaussians;
use super::image_score::smoothed;
use super::input::{Grid, positions};
use super::plan::POSITION;
use crate::method::flows::{Flows, tensor_scores};

/// Fitted parts of a model, each with the view that it sees.
#[derive(Debug)]
pub(super) struct Parts {
    /// `None` if no part is a flow.
    pub(super) flows: Option<Flows>,
    pub(super) parts: Vec<(usize, Density)>,
}

/// A fitted judge of places.
#[derive(Debug)]
pub(super) enum Density {
    /// The flow of this number.
    Flow(usize),
    Bank {
        bank: Bank,
        place_weight: f64,
    },
    Gaussians(PlaceGaussians),
}

impl Parts {
    /// The values of an image's places by each part, averaged over 3 × 3 neighbours, given the rows of
    /// each view.
    pub(super) fn values(&self, views: &[Vec<f32>], grid: &Grid) -> Vec<Vec<f32>> {
        let condition = positions(grid.shape());
        let values = self.parts.par_iter().map(|(view, density)| {
            let rows = &views[*view];
            let values = match density {
                Density::Flow(number) => self.energy(*number, rows, &condition),
                Density::Bank { bank, place_weight } => {
                    bank.distances(&with_place(rows, grid.shape(), *place_weight))
                }
                Density::Gaussians(gaussians) => gaussians.distances(rows),
            };
            let values = smoothed(&values, &grid.counts, grid.width);
            values.into_iter().map(|value| value as f32).collect()
        });
        values.collect()
    }

    /// ‖z‖²/2 of each place by the flow of a number, nats; infinite where a latent overflowed.
    fn energy(&self, number: usize, rows: &[f32], condition: &[f32]) -> Vec<f64> {
        let flows = self.flows.as_ref().expect("a part is a flow");
        let count = condition.len() / POSITION;
        let width = rows.len() / count;
        if let Some(flow) = flows.on_host().get(number) {
            let latents = flow.latents(FlowInput { rows, condition });
            return transform_scores(&latents.z, width);
        }
        let tensor = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [count, values.len() / count]);
            Tensor::<2>::from_data(data, flows.device())
        };
        let flow = flows.tensors()[number].given(tensor(condition));
        tensor_scores(flow.forward(tensor(rows)).z)
    }
}

/// Rows with the coordinates of their places as two more numbers; as they are with a weight of 0.
fn with_place(rows: &[f32], shape: (usize, usize), weight: f64) -> Cow<'_, [f32]> {
    if weight == 0.0 {
        return Cow::Borrowed(rows);
    }
    let places = shape.0 * shape.1;
    let rows = rows.chunks_exact(rows.len() / places).enumerate();
    let placed = rows.flat_map(|(place, row)| {
        row.iter().copied().chain(place_coordinates(place, shape, weight))
    });
    placed.collect()
}

/// Numbers of a row of `width` with the coordinates of its place; without them if `weight` is 0.
pub(super) fn placed_width(width: usize, weight: f64) -> usize {
    if weight == 0.0 { width } else { width + 2 }
}

/// Column and row of a place, from -1 to 1, times `weight`.
pub(super) fn place_coordinates(
    place: usize,
    (height, width): (usize, usize),
    weight: f64,
) -> [f32; 2] {
    let part = |at: usize, count: usize| {
        weight as f32 * (2.0 * at as f32 / (count - 1).max(1) as f32 - 1.0)
    };
    [part(place % width, width), part(place / width, height)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_join_the_rows() {
        assert_eq!(*with_place(&[1.0, 2.0], (1, 2), 0.0), [1.0, 2.0]);
        assert_eq!(*with_place(&[1.0, 2.0], (1, 2), 5.0), [1.0, -5.0, -5.0, 2.0, 5.0, -5.0]);
    }
}
