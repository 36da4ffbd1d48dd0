//! A model of local features as a graph of ONNX.

use differnet_features::{Backbone, NetworkDescription, PLACE, SIDE_STEP};
use differnet_onnx::flow::Condition;
use differnet_onnx::map::MapSizes;
use differnet_onnx::places::{self, AffineMap, CellFit};
use differnet_onnx::resize::resize;
use differnet_onnx::{Graph, Side, Size, Value, bank, gaussians, map, score};
use differnet_scoring::gaussian_half_kernel;

use super::image_score::SIGMA;
use super::input::layout;
use super::parts::Density;
use super::plan::{ImageScoreRule, POSITION, Plan};
use super::scorer::LocalModel;
use super::tiles::Tiles;
use crate::export::network::stage_maps;
use crate::export::{ExportInput, GraphEntry, GraphResult, RESIZED};

/// Sines of a coordinate in the positional encoding.
const WAVES: usize = POSITION / 4;

impl LocalModel {
    /// The model's part of a graph; the reason if there is none.
    pub(super) fn graph(
        &self,
        graph: &mut Graph,
        entry: &GraphEntry<'_>,
    ) -> Result<GraphResult, String> {
        if self.plan.tiles != Tiles::ONE {
            let tiles = self.plan.tiles;
            return Err(format!("it sees images in {tiles} tiles: train without tiles"));
        }
        let seen = match entry.input {
            ExportInput::Image => seen_size(graph, &self.plan, entry.size),
            ExportInput::Seen => known_seen_size(&self.plan, entry.size)?,
        };
        let levels = match entry.input {
            ExportInput::Image => {
                let resized = resize(graph, entry.levels, entry.size, seen);
                graph.name(RESIZED, resized);
                resized
            }
            ExportInput::Seen => entry.levels,
        };
        let grid = seen.divided(graph, PLACE);
        let features = self.features(graph, entry.require_network()?, levels, grid);
        let values = self.values(graph, &features, grid); // [n, 1, h, w] each
        let sum = self.sum(graph, &values, grid);
        let score = match self.plan.image_score {
            ImageScoreRule::Top => score::top_percent(graph, sum, grid),
            ImageScoreRule::Largest => score::largest(graph, sum),
        };
        let image = match entry.input {
            ExportInput::Image => Some(entry.size),
            ExportInput::Seen => None,
        };
        let kernel = gaussian_half_kernel(SIGMA);
        let sizes = MapSizes { grid, seen, image };
        let map = map::map(graph, values[self.plan.map_part], sizes, &kernel);
        let mean_features = graph.mean(features[0], &[2]); // [n, components]
        Ok(GraphResult { score, map: Some(map), mean_features: Some(mean_features) })
    }

    /// Features `[n, components, places]` of each view.
    fn features(
        &self,
        graph: &mut Graph,
        network: &NetworkDescription,
        levels: Value,
        grid: Size,
    ) -> Vec<Value> {
        let (backbone, stages) = (self.plan.backbone, self.plan.stages());
        let maps = stage_maps(graph, network, levels, &stages);
        let views = self.views.iter().map(|view| {
            let (neighbours, wanted, matrix, offset) = view.description();
            let known = stages.iter().zip(&maps).filter(|(stage, _)| wanted.contains(stage));
            let maps: Vec<Value> = known
                .map(|(&stage, &map)| {
                    places::on_grid(graph, map, neighbours, cell_fit(backbone, stage), grid)
                })
                .collect();
            places::whitened(graph, &maps, AffineMap { matrix, offset })
        });
        views.collect()
    }

    /// Values of the places by each part, averaged over neighbours.
    fn values(&self, graph: &mut Graph, features: &[Value], grid: Size) -> Vec<Value> {
        let mut positions = None;
        let mut values = Vec::with_capacity(self.parts.parts.len());
        for (view, density) in &self.parts.parts {
            let features = features[*view];
            let found = match density {
                Density::Flow(number) => {
                    let values = positions.unwrap_or_else(|| {
                        places::positions(graph, grid, WAVES) //
                    });
                    positions = Some(values);
                    let condition = Condition { values, width: POSITION };
                    let flows = self.parts.flows.as_ref().expect("a part is a flow");
                    flows.energy(*number, graph, features, Some(condition))
                }
                Density::Bank { bank, place_weight } => {
                    let rows = places::as_rows(graph, features);
                    let rows = if *place_weight == 0.0 {
                        rows
                    } else {
                        let place = places::coordinates(graph, grid, *place_weight as f32);
                        places::beside(graph, rows, place)
                    };
                    let (remembered, width) = bank.remembered();
                    bank::distances(graph, rows, remembered, width)
                }
                Density::Gaussians(fitted) => {
                    let rows = places::as_rows(graph, features);
                    let (means, factors, width) = fitted.description();
                    gaussians::distances(graph, rows, means, factors, width)
                }
            };
            values.push(places::smoothed(graph, found, grid));
        }
        values
    }

    /// The sum of the parts' values, standardised where the model does so.
    fn sum(&self, graph: &mut Graph, values: &[Value], grid: Size) -> Value {
        let mut sum = None;
        for (part, &values) in values.iter().enumerate() {
            let values = match self.scales.get(part) {
                Some(scale) => score::standardised(graph, values, scale.description(), grid),
                None => values,
            };
            sum = Some(sum.map_or(values, |sum| graph.add(sum, values)));
        }
        sum.expect("a model has a part")
    }
}

/// Returns the [`CellFit`] of a stage's map to the grid of places.
fn cell_fit(backbone: Backbone, stage: usize) -> CellFit {
    let stride = backbone.cell_stride(stage);
    match backbone {
        // Without padding, AlexNet has a cell less than fit into the image.
        Backbone::AlexNet if stride < PLACE => CellFit::Finer,
        Backbone::AlexNet => CellFit::Coarser,
        _ if stride <= PLACE => CellFit::Whole(PLACE / stride),
        _ => CellFit::Coarser,
    }
}

/// The size of an image as the network sees it.
fn seen_size(graph: &mut Graph, plan: &Plan, image: Size) -> Size {
    match (plan.square, image) {
        (false, Size { height: Side::Known(height), width: Side::Known(width) }) => {
            known(plan, (width as u32, height as u32))
        }
        (false, image) => Size::fitted(graph, image, plan.pixels, SIDE_STEP),
        (true, _) => known(plan, (1, 1)),
    }
}

fn known(plan: &Plan, dimensions: (u32, u32)) -> Size {
    let layout = layout(plan, dimensions);
    Size::known(layout.down.total(), layout.across.total())
}

/// The size of what the network sees, where that goes in.
fn known_seen_size(plan: &Plan, size: Size) -> Result<Size, String> {
    let expected = known(plan, (1, 1));
    match size {
        Size { height: Side::Known(height), width: Side::Known(width) } => {
            let fits = known(plan, (width as u32, height as u32)) == size;
            let remedy = || {
                format!(
                    "its network does not see images of {width} × {height} pixels: name another size"
                )
            };
            if fits { Ok(size) } else { Err(remedy()) }
        }
        _ if plan.square => Ok(expected),
        size => Ok(size),
    }
}
