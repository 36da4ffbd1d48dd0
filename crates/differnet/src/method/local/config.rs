//! Settings of the methods on local features.

use differnet_features::{Backbone, PLACE};
use differnet_flow::{AdamConfig, FlowConfig};
use serde::{Deserialize, Serialize};

use super::plan::{DensityPlan, FlowTraining, ImageScoreRule, PartPlan, Plan, ViewPlan};
use super::ranges::{require_bank, require_most, require_pixels, require_stages, require_view};
use super::tiles::Tiles;
use crate::config::{require, require_count};
use crate::error::Error;
use crate::method::flow_settings;
use crate::preset::Preset;

/// Pixels of an image as the network sees it, unless another number is given.
const PIXELS: usize = 448 * 448;
/// The same of larger images, where the number follows that of their own.
const MOST_PIXELS: usize = 640 * 640;
/// Share of a tile that its neighbours see as well, unless another is given.
const TILE_OVERLAP: f64 = 0.125;
/// Stages that are looked at, unless others are given: those with a cell every 8 and every 16 pixels.
fn stages_seen(backbone: Backbone) -> Vec<usize> {
    match backbone {
        Backbone::AlexNet | Backbone::EfficientNetLite0 => vec![3, 4, 5],
        Backbone::ResNet18 | Backbone::ResNet50 | Backbone::WideResNet50 => vec![2, 3],
        Backbone::Vgg16 => vec![3, 4],
    }
}

/// Stages that the coarse flow sees, unless others are given: the last ones.
fn coarse_stages(backbone: Backbone) -> Vec<usize> {
    match backbone {
        Backbone::AlexNet | Backbone::Vgg16 => vec![4, 5],
        Backbone::EfficientNetLite0 => vec![4, 5, 6],
        Backbone::ResNet18 | Backbone::ResNet50 | Backbone::WideResNet50 => vec![3, 4],
    }
}

/// `stages`, or the default for `backbone` if they are that for `before`.
fn stages_for(stages: Vec<usize>, before: Backbone, backbone: Backbone) -> Vec<usize> {
    if stages == stages_seen(before) { stages_seen(backbone) } else { stages }
}

/// Side of the neighbourhoods of most views.
const NEIGHBOURS: usize = 3;
/// Side of the neighbourhoods of coarse views.
const COARSE_NEIGHBOURS: usize = 5;

/// With fewer good images than this, flows would learn them by heart.
pub(in crate::method) const FEW_IMAGES: usize = 64;
/// Least noise and most updates then; the coarse flow is left out.
const FEW_NOISE: f64 = 0.3;
const FEW_UPDATES: usize = 400;

/// Settings of the normalizing flows of local features, given their place.
///
/// The features of a place are stages of a network, whitened. Three judges look at them: a flow
/// of fine features and one of coarse features, whose condition is the place (CFLOW-AD, Gudovskiy et al.
/// 2022), and a bank of remembered places (PatchCore, Roth et al. 2022), which also makes the map. Their
/// values are standardised at each place by those of good images, and summed. Every number holds for all
/// data sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalFlowConfig {
    /// Pixels of an image, or of each of its tiles, as the network sees it, about: sides keep the image's
    /// aspect and are multiples of 32. `None` for those that half of the training images have at least, from
    /// 448 × 448 to 640 × 640; the settings of a trained model have the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<usize>,
    /// Columns and rows of tiles that an image is seen in.
    pub tiles: Tiles,
    /// Share of a tile that neighbours have in common, about: whole multiples of 32 pixels, at least one.
    pub tile_overlap: f64,
    /// Stages of the network that the fine flow and the bank see, from 1, rising.
    pub stages: Vec<usize>,
    /// Principal components of a place's features that they see.
    pub components: usize,
    /// Stages that the coarse flow sees; none for no such flow.
    pub coarse_stages: Vec<usize>,
    /// Principal components that the coarse flow sees.
    pub coarse_components: usize,
    /// Coupling blocks of the coarse flow.
    pub coarse_blocks: usize,
    /// Places that the bank remembers; 0 for no bank.
    pub bank: usize,
    /// Adam's step size at the end; from [`AdamConfig::learning_rate`] it follows half a cosine.
    pub final_learning_rate: f64,
    /// Places per update.
    pub batch_size: usize,
    /// Updates of each flow, at least; at most 400 with fewer than 64 images.
    pub updates: usize,
    /// Least number of times that a flow sees each place, of those of 448 × 448 pixels: many images need more
    /// updates.
    pub passes: usize,
    /// Standard deviation of Gaussian noise added to whitened features in training; at least 0.3 with
    /// fewer than 64 images.
    pub noise: f64,
    /// The optimizer.
    #[serde(flatten)]
    pub adam: AdamConfig,
    /// The fine flow; its width is that of the components.
    #[serde(
        flatten,
        serialize_with = "flow_settings::write",
        deserialize_with = "flow_settings::read"
    )]
    pub flow: FlowConfig,
}

/// Settings of PatchCore (Roth et al. 2022) on stages of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatchCoreConfig {
    /// Pixels of an image, or of each of its tiles, as the network sees it, about: sides keep the image's
    /// aspect and are multiples of 32.
    pub pixels: usize,
    /// As [`LocalFlowConfig::tiles`].
    pub tiles: Tiles,
    /// As [`LocalFlowConfig::tile_overlap`].
    pub tile_overlap: f64,
    /// Stages of the network that are looked at, from 1, rising.
    pub stages: Vec<usize>,
    /// Places that are remembered, picked from 60,000 by greedy k-centre.
    pub bank: usize,
    /// Weight of half the image, in standard deviations of a feature; 0 to ignore where a place lies.
    pub place_weight: f64,
}

/// Settings of PaDiM (Defard et al. 2021) on stages of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PadimConfig {
    /// Pixels of an image, or of each of its tiles, as the network sees it: every image is squeezed into
    /// a square.
    pub pixels: usize,
    /// As [`LocalFlowConfig::tiles`].
    pub tiles: Tiles,
    /// As [`LocalFlowConfig::tile_overlap`].
    pub tile_overlap: f64,
    /// Stages of the network that are looked at, from 1, rising.
    pub stages: Vec<usize>,
    /// Principal components of a place's features.
    pub components: usize,
}

impl LocalFlowConfig {
    /// The settings of a preset; all presets have the same.
    pub fn preset(_: Preset) -> Self {
        Self {
            pixels: None,
            tiles: Tiles::ONE,
            tile_overlap: TILE_OVERLAP,
            stages: stages_seen(Backbone::EfficientNetLite0),
            components: 128,
            coarse_stages: coarse_stages(Backbone::EfficientNetLite0),
            coarse_components: 96,
            coarse_blocks: 4,
            bank: 2500,
            final_learning_rate: 1e-5,
            batch_size: 512,
            updates: 1500,
            passes: 4,
            noise: 0.05,
            adam: AdamConfig::new()
                .with_learning_rate(2e-3)
                .with_beta_1(0.9)
                .with_beta_2(0.999)
                .with_epsilon(1e-8)
                .with_weight_decay(0.0)
                .with_max_gradient_norm(Some(1.0)),
            flow: FlowConfig::new(flow_settings::WIDTH)
                .with_blocks(6)
                .with_hidden(192)
                .with_hidden_layers(1)
                .with_clamp(1.9)
                .with_output_scale(Some(0.1)),
        }
    }

    /// The settings for the network `backbone`, where they stand at the defaults for `before`.
    pub(in crate::method) fn for_backbone(self, before: Backbone, backbone: Backbone) -> Self {
        let stages = stages_for(self.stages, before, backbone);
        if self.coarse_stages == coarse_stages(before) {
            return Self { stages, coarse_stages: coarse_stages(backbone), ..self };
        }
        Self { stages, ..self }
    }

    /// The settings for images of so many pixels, where the number that the network sees is not given.
    pub(in crate::method) fn for_areas(self, mut areas: Vec<usize>) -> Self {
        areas.sort_unstable();
        let usual = areas.get(areas.len() / 2).copied().unwrap_or(PIXELS);
        let own = (usual as f64 / self.tiles.area(self.tile_overlap)) as usize;
        Self { pixels: self.pixels.or(Some(own.clamp(PIXELS, MOST_PIXELS))), ..self }
    }

    /// Pixels that the network sees; the default of all methods where the images have not been seen.
    fn pixels_or_default(&self) -> usize {
        self.pixels.unwrap_or(PIXELS)
    }

    /// The method for a number of good images, those held back included.
    pub(in crate::method) fn plan(&self, backbone: Backbone, images: usize) -> Plan {
        let few = images < FEW_IMAGES;
        // More pixels show the same parts, not more of them.
        let pixels =
            self.pixels_or_default().min(PIXELS) as f64 * self.tiles.area(self.tile_overlap);
        let places = images * (pixels as usize / (PLACE * PLACE));
        let updates = self.updates.max((self.passes * places).div_ceil(self.batch_size));
        let training = |flow: FlowConfig| {
            DensityPlan::Flow(FlowTraining {
                flow,
                adam: self.adam.clone(),
                final_learning_rate: self.final_learning_rate,
                batch_size: self.batch_size,
                updates: if few { updates.min(FEW_UPDATES) } else { updates },
                noise: if few { self.noise.max(FEW_NOISE) } else { self.noise },
            })
        };
        let mut views = vec![ViewPlan {
            stages: self.stages.clone(),
            neighbours: NEIGHBOURS,
            components: Some(self.components),
        }];
        let mut parts = vec![PartPlan { view: 0, density: training(self.flow.clone()) }];
        if !self.coarse_stages.is_empty() && !few {
            views.push(ViewPlan {
                stages: self.coarse_stages.clone(),
                neighbours: COARSE_NEIGHBOURS,
                components: Some(self.coarse_components),
            });
            let flow = FlowConfig { blocks: self.coarse_blocks, ..self.flow.clone() };
            parts.push(PartPlan { view: 1, density: training(flow) });
        }
        if self.bank > 0 {
            let density = DensityPlan::Bank { size: self.bank, place_weight: 0.0 };
            parts.push(PartPlan { view: 0, density });
        }
        Plan {
            backbone,
            pixels: self.pixels_or_default(),
            tiles: self.tiles,
            overlap: self.tile_overlap,
            square: false,
            views,
            // The bank's, if there is one.
            map_part: parts.len() - 1,
            parts,
            standardised: true,
            image_score: ImageScoreRule::Top,
        }
    }

    /// Checks every range.
    pub(crate) fn validate(&self, backbone: Backbone) -> Result<(), Error> {
        require_count("batch_size", self.batch_size)?;
        require_count("updates", self.updates)?;
        require_most("passes", self.passes, 1000, "at most 1000")?;
        require_count("blocks", self.flow.blocks)?;
        require_count("hidden", self.flow.hidden)?;
        require_most("hidden", self.flow.hidden, 8192, "at most 8192")?;
        require_count("coarse_blocks", self.coarse_blocks)?;
        require_pixels(self.pixels_or_default(), self.tiles, self.tile_overlap)?;
        let fine = (&self.stages[..], self.components);
        require_view(["stages", "components"], fine, backbone)?;
        if !self.coarse_stages.is_empty() {
            let names = ["coarse_stages", "coarse_components"];
            require_view(names, (&self.coarse_stages, self.coarse_components), backbone)?;
        }
        require_bank(self.bank, 0)?;
        let last = self.final_learning_rate;
        require("final_learning_rate", last, last > 0.0, "positive")?;
        require("noise", self.noise, self.noise >= 0.0, "at least 0")?;
        let flow = FlowConfig { features: self.components, ..self.flow.clone() };
        flow_settings::validate(&self.adam, &flow)
    }
}

impl Default for PatchCoreConfig {
    fn default() -> Self {
        Self {
            pixels: PIXELS,
            tiles: Tiles::ONE,
            tile_overlap: TILE_OVERLAP,
            stages: stages_seen(Backbone::EfficientNetLite0),
            bank: 2500,
            place_weight: 0.0,
        }
    }
}

impl PatchCoreConfig {
    /// The default settings for features of `backbone`.
    pub fn for_network(backbone: Backbone) -> Self {
        Self { stages: stages_seen(backbone), ..Self::default() }
    }

    /// As [`LocalFlowConfig::for_backbone`].
    pub(in crate::method) fn for_backbone(self, before: Backbone, backbone: Backbone) -> Self {
        Self { stages: stages_for(self.stages, before, backbone), ..self }
    }

    pub(in crate::method) fn plan(&self, backbone: Backbone) -> Plan {
        let stages = self.stages.clone();
        let density = DensityPlan::Bank { size: self.bank, place_weight: self.place_weight };
        Plan {
            backbone,
            pixels: self.pixels,
            tiles: self.tiles,
            overlap: self.tile_overlap,
            square: false,
            views: vec![ViewPlan { stages, neighbours: NEIGHBOURS, components: None }],
            parts: vec![PartPlan { view: 0, density }],
            standardised: false,
            image_score: ImageScoreRule::Largest,
            map_part: 0,
        }
    }

    /// Checks every range.
    pub(crate) fn validate(&self, backbone: Backbone) -> Result<(), Error> {
        require_pixels(self.pixels, self.tiles, self.tile_overlap)?;
        require_stages("stages", &self.stages, backbone)?;
        require_bank(self.bank, 1)?;
        let weight = self.place_weight;
        require("place_weight", weight, weight >= 0.0, "at least 0")
    }
}

impl Default for PadimConfig {
    fn default() -> Self {
        Self {
            pixels: PIXELS,
            tiles: Tiles::ONE,
            tile_overlap: TILE_OVERLAP,
            stages: stages_seen(Backbone::EfficientNetLite0),
            components: 64,
        }
    }
}

impl PadimConfig {
    /// As [`LocalFlowConfig::for_backbone`].
    pub(in crate::method) fn for_backbone(self, before: Backbone, backbone: Backbone) -> Self {
        Self { stages: stages_for(self.stages, before, backbone), ..self }
    }

    pub(in crate::method) fn plan(&self, backbone: Backbone) -> Plan {
        let (stages, components) = (self.stages.clone(), Some(self.components));
        Plan {
            backbone,
            pixels: self.pixels,
            tiles: self.tiles,
            overlap: self.tile_overlap,
            square: true,
            views: vec![ViewPlan { stages, neighbours: NEIGHBOURS, components }],
            parts: vec![PartPlan { view: 0, density: DensityPlan::Gaussians }],
            standardised: false,
            image_score: ImageScoreRule::Largest,
            map_part: 0,
        }
    }

    /// Checks every range.
    pub(crate) fn validate(&self, backbone: Backbone) -> Result<(), Error> {
        require_pixels(self.pixels, self.tiles, self.tile_overlap)?;
        require_view(["stages", "components"], (&self.stages, self.components), backbone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_those_that_half_of_the_images_have_within_bounds() {
        let preset = LocalFlowConfig::preset(Preset::Quick);
        let seen = |config: &LocalFlowConfig, areas: &[usize]| {
            config.clone().for_areas(areas.to_vec()).pixels
        };
        assert_eq!(seen(&preset, &[900_000, 1, 300_000]), Some(300_000));
        assert_eq!(seen(&preset, &[10, 20, 30]), Some(448 * 448));
        assert_eq!(seen(&preset, &[810_000; 3]), Some(640 * 640));
        // Two tiles side by side that share an eighth are 1.875 tiles wide.
        let tiled = LocalFlowConfig { tiles: Tiles { columns: 2, rows: 1 }, ..preset.clone() };
        assert_eq!(seen(&tiled, &[600_000]), Some(320_000));
        let given = LocalFlowConfig { pixels: Some(4096), ..preset };
        assert_eq!(seen(&given, &[810_000]), Some(4096));
    }

    #[test]
    fn more_pixels_make_no_more_updates() {
        let updates = |pixels| {
            let config =
                LocalFlowConfig { pixels: Some(pixels), ..LocalFlowConfig::preset(Preset::Quick) };
            config.plan(Backbone::EfficientNetLite0, 761).updates()
        };
        // Two flows of 4 · 761 · 784 / 512 updates.
        assert_eq!(updates(448 * 448), 2 * 4662);
        assert_eq!(updates(640 * 640), updates(448 * 448));
    }
}
