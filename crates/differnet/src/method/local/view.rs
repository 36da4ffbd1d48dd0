//! A view of an image's places: chosen stages, averaged over neighbours, whitened.

use differnet_baselines::{Rows, Whitening};
use differnet_features::{Backbone, Places, StageMap};
use differnet_flow::AuxiliaryTensor;
use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use differnet_progress::Monitor;
use rayon::prelude::*;

use super::input::SeenMaps;
use super::plan::{Plan, ViewPlan};
use super::tables::{Tables, table};
use crate::error::Error;

/// Rows that are whitened by one task.
const BLOCK: usize = 64;

/// Features of places as rows of numbers that parts judge.
#[derive(Debug)]
pub(super) struct View {
    plan: ViewPlan,
    /// Numbers of a place before whitening.
    channels: usize,
    whitening: Whitening,
    /// `[channels, components]`
    packed: PackedMatrix,
}

impl View {
    /// The view whose means, deviations and principal components are those of `images`.
    pub(super) fn fit(
        plan: &Plan,
        view: &ViewPlan,
        images: &[SeenMaps],
        monitor: &Monitor<'_>,
    ) -> Result<Self, Error> {
        let (stages, channels) = (plan.stages(), view.channels(plan.backbone));
        let mut values = Vec::new();
        for seen in images {
            let places = view.places(&stages, seen);
            let rows = places.values.chunks_exact(channels).zip(&seen.grid.counts);
            rows.filter(|(_, counts)| **counts).for_each(|(row, _)| values.extend_from_slice(row));
        }
        let rows = Rows::new(&values, channels)?;
        let whitening = match view.components {
            Some(components) => Whitening::fit(&rows, components, monitor)?,
            None => Whitening::diagonal(&rows)?,
        };
        Ok(Self::new(view, channels, whitening))
    }

    fn new(plan: &ViewPlan, channels: usize, whitening: Whitening) -> Self {
        let take = |count| vec![0.0; count];
        let packed = PackedMatrix::pack_transposed(&whitening.matrix, channels, take);
        Self { plan: plan.clone(), channels, whitening, packed }
    }

    /// Numbers of a place.
    pub(super) fn components(&self) -> usize {
        self.whitening.offset.len()
    }

    /// Neighbourhood, stages, and the whitening: W, `[components, channels]`, and b.
    pub(super) fn description(&self) -> (usize, &[usize], &[f32], &[f32]) {
        let Whitening { matrix, offset } = &self.whitening;
        (self.plan.neighbours, &self.plan.stages, matrix, offset)
    }

    /// The places of an image, row-major `[places, components]`.
    pub(super) fn rows(&self, stages: &[usize], seen: &SeenMaps) -> Vec<f32> {
        let places = self.plan.places(stages, seen);
        let (channels, components) = (places.channels, self.components());
        let mut whitened = vec![0.0; places.values.len() / channels * components];
        let blocks = places.values.par_chunks(BLOCK * channels);
        blocks.zip(whitened.par_chunks_mut(BLOCK * components)).for_each(|(rows, to)| {
            let left = Strided { values: rows, stride: channels };
            multiply(left, rows.len() / channels, &self.packed, Sums::Replace, to);
            for row in to.chunks_exact_mut(components) {
                row.iter_mut().zip(&self.whitening.offset).for_each(|(x, offset)| *x += offset);
            }
        });
        whitened
    }

    /// The tables of the view numbered `number`.
    pub(super) fn tables(&self, number: usize) -> [AuxiliaryTensor; 2] {
        let Whitening { matrix, offset } = &self.whitening;
        [
            table(names(number)[0].clone(), &[offset.len(), self.channels], matrix),
            table(names(number)[1].clone(), &[offset.len()], offset),
        ]
    }

    /// The view numbered `number` from the tables of a file; the reason if there is none.
    pub(super) fn load(
        plan: &ViewPlan,
        backbone: Backbone,
        number: usize,
        tables: &Tables,
    ) -> Result<Self, String> {
        let [matrix, offset] = names(number);
        let channels = plan.channels(backbone);
        let most = plan.components.unwrap_or(channels);
        let (shape, matrix) = tables.any(&matrix)?;
        let fine = shape.len() == 2 && (1..=most).contains(&shape[0]) && shape[1] == channels;
        if !fine {
            return Err(format!("its view {number} does not fit its settings"));
        }
        let offset = tables.shaped(&offset, &shape[..1])?;
        Ok(Self::new(
            plan,
            channels,
            Whitening { matrix: matrix.to_vec(), offset: offset.to_vec() },
        ))
    }
}

impl ViewPlan {
    /// The places that the view sees of an image, of which the maps after `stages` are known.
    pub(super) fn places(&self, stages: &[usize], seen: &SeenMaps) -> Places {
        let known = stages.iter().zip(&seen.maps);
        let maps = known.filter(|(stage, _)| self.stages.contains(stage)).map(|(_, map)| map);
        let maps: Vec<&StageMap> = maps.collect();
        Places::of(&maps, self.neighbours, seen.grid.height, seen.grid.width)
    }
}

/// Names of the whitening's tables in a model file.
fn names(number: usize) -> [String; 2] {
    ["matrix", "offset"].map(|name| format!("views.{number}.{name}"))
}
