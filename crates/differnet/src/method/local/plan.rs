//! Plan of a method on local features: views of the features, and parts that judge places.

use differnet_features::Backbone;
use differnet_flow::{AdamConfig, FlowConfig};

use super::input::layout;
use super::tiles::Tiles;

/// Sines and cosines that tell where a place lies.
pub(super) const POSITION: usize = 32;

/// Share of the updates, and of the step size, by which fitted flows go on.
const CONTINUED: f64 = 0.25;

/// A method on local features, before its fit.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The network whose stages are seen.
    pub(super) backbone: Backbone,
    /// Pixels of a tile of an image as the network sees it, about.
    pub(super) pixels: usize,
    pub(super) tiles: Tiles,
    /// Share of a tile that neighbours have in common, about.
    pub(super) overlap: f64,
    /// Whether images are squeezed into squares; else they keep their aspect.
    pub(super) square: bool,
    pub(super) views: Vec<ViewPlan>,
    pub(super) parts: Vec<PartPlan>,
    /// Whether the values of each part are standardised at each place by those of good images.
    pub(super) standardised: bool,
    pub(super) image_score: ImageScoreRule,
    /// The part whose values make the map.
    pub(super) map_part: usize,
}

/// Features of a place, as some parts see them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ViewPlan {
    /// Stages of the network, from 1, rising.
    pub(super) stages: Vec<usize>,
    /// Side of the neighbourhood that features are averaged over, in cells of their own map; odd.
    pub(super) neighbours: usize,
    /// Principal components that are kept, whitened; `None` for z-scored features as they are.
    pub(super) components: Option<usize>,
}

/// One judge of places.
#[derive(Debug, Clone)]
pub(crate) struct PartPlan {
    /// Number of the view that it sees.
    pub(super) view: usize,
    pub(super) density: DensityPlan,
}

/// Density or distance of the features of a place.
#[derive(Debug, Clone)]
pub(crate) enum DensityPlan {
    /// By a normalizing flow given the place.
    Flow(FlowTraining),
    /// By the distance to the nearest of some places of good images.
    Bank {
        /// Places that are remembered.
        size: usize,
        /// Weight of half the image, in standard deviations of a feature; 0 to ignore where a place lies.
        place_weight: f64,
    },
    /// By a Gaussian at each place.
    Gaussians,
}

/// A flow and its training.
#[derive(Debug, Clone)]
pub(crate) struct FlowTraining {
    /// Its width is that of the view.
    pub(super) flow: FlowConfig,
    pub(super) adam: AdamConfig,
    pub(super) final_learning_rate: f64,
    /// Places per update.
    pub(super) batch_size: usize,
    pub(super) updates: usize,
    /// Standard deviation of Gaussian noise added to whitened features.
    pub(super) noise: f64,
}

/// From the values of places to the score of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ImageScoreRule {
    /// The mean of the largest 1 %.
    Top,
    /// The largest.
    Largest,
}

impl Plan {
    /// Every stage that some view sees, rising.
    pub(super) fn stages(&self) -> Vec<usize> {
        let mut stages: Vec<usize> =
            self.views.iter().flat_map(|view| view.stages.iter().copied()).collect();
        stages.sort_unstable();
        stages.dedup();
        stages
    }

    /// The last stage that some view sees.
    pub(in crate::method) fn last_stage(&self) -> usize {
        self.stages().last().copied().unwrap_or(0)
    }

    /// Places of an image, where all images are squeezed into squares of one size.
    pub(super) fn square_places(&self) -> usize {
        let (height, width) = layout(self, (1, 1)).grid();
        height * width
    }

    /// The plan of going on with flows that were fitted by this one: a quarter of the updates, in smaller steps.
    pub(super) fn continued(&self) -> Self {
        let continued = |part: &PartPlan| match &part.density {
            DensityPlan::Flow(own) => {
                let updates = (own.updates as f64 * CONTINUED).ceil() as usize;
                let own = own.continued(updates, CONTINUED);
                PartPlan { density: DensityPlan::Flow(own), ..*part }
            }
            DensityPlan::Bank { .. } | DensityPlan::Gaussians => part.clone(),
        };
        Self { parts: self.parts.iter().map(continued).collect(), ..self.clone() }
    }

    /// Updates of all flows together.
    pub(super) fn updates(&self) -> usize {
        let updates = |part: &PartPlan| match &part.density {
            DensityPlan::Flow(training) => training.updates,
            DensityPlan::Bank { .. } | DensityPlan::Gaussians => 0,
        };
        self.parts.iter().map(updates).sum()
    }
}

impl ViewPlan {
    /// Numbers of a place before whitening.
    pub(super) fn channels(&self, backbone: Backbone) -> usize {
        backbone.place_channels(&self.stages)
    }
}

impl FlowTraining {
    /// The hyperparameters of the flow of rows of `components`.
    pub(super) fn config(&self, components: usize) -> FlowConfig {
        FlowConfig { features: components, condition: POSITION, ..self.flow.clone() }
    }

    /// The training of a flow that goes on: so many `updates`, at the share `step` of the step size.
    pub(super) fn continued(&self, updates: usize, step: f64) -> Self {
        let learning_rate = self.adam.learning_rate * step;
        Self { adam: AdamConfig { learning_rate, ..self.adam.clone() }, updates, ..self.clone() }
    }

    /// Adam's step size for update number `update`, from 0.
    pub(super) fn learning_rate_at(&self, update: usize) -> f64 {
        let share = update as f64 / self.updates as f64;
        let weight = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        self.final_learning_rate + (self.adam.learning_rate - self.final_learning_rate) * weight
    }
}
