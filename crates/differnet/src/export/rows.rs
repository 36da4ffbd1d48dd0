//! Rows of features under each transform of an image, and the average of their scores, as part of a graph.

use differnet_data::Transform;
use differnet_features::{Backbone, IMAGE_SIZE, NetworkDescription, SCALES};
use differnet_onnx::resize::resize;
use differnet_onnx::{Graph, Side, Size, Value, rotate, score};
use differnet_scoring::Average;

use super::network::stage_maps;
use super::{ExportInput, GraphEntry, GraphResult, RESIZED};
use crate::header::Header;

/// The graph of a method that scores rows: `scores` gives those of features `[n · transforms, features]`, as
/// `[n · transforms]`.
pub(crate) fn rows_graph(
    graph: &mut Graph,
    entry: &GraphEntry<'_>,
    header: &Header,
    backbone: Backbone,
    scores: impl FnOnce(&mut Graph, Value) -> Value,
) -> Result<GraphResult, String> {
    let square = Size::known(IMAGE_SIZE, IMAGE_SIZE);
    let levels = match entry.input {
        ExportInput::Image => {
            let resized = resize(graph, entry.levels, entry.size, square);
            graph.name(RESIZED, resized);
            resized
        }
        ExportInput::Seen => {
            require_square(entry.size)?;
            entry.levels
        }
    };
    let transforms = header.config.transform_config().fixed(entry.transforms);
    require_rotations(&transforms)?;
    let turned = turned(graph, levels, &transforms); // [n · transforms, 3, 448, 448]
    let network = entry.require_network()?;
    let features = features(graph, backbone, network, turned); // [n · transforms, features]
    let of_transforms = scores(graph, features); // [n · transforms]
    let shape = graph.ints(&[-1, transforms.len() as i64]);
    let of_transforms = graph.reshape(of_transforms, shape);
    let score = averaged(graph, of_transforms, transforms.len(), header.config.average); // [n]
    let width = backbone.features() as i64;
    let shape = graph.ints(&[-1, transforms.len() as i64, width]);
    let features = graph.reshape(features, shape);
    let mean_features = Some(graph.mean(features, &[1])); // [n, features]
    Ok(GraphResult { score, map: None, mean_features })
}

fn require_square(size: Size) -> Result<(), String> {
    let side = |side: Side| matches!(side, Side::Known(IMAGE_SIZE) | Side::Computed(_));
    if side(size.height) && side(size.width) {
        return Ok(());
    }
    Err(format!("its network sees images of {IMAGE_SIZE} × {IMAGE_SIZE} pixels: name that size"))
}

fn require_rotations(transforms: &[Transform]) -> Result<(), String> {
    if transforms.iter().all(|transform| transform.brightness == 1.0 && transform.contrast == 1.0) {
        return Ok(());
    }
    Err("its transforms change brightness and contrast: export it with one transform".to_owned())
}

/// Images `[n, 3, 448, 448]` under each transform, `[n · transforms, 3, 448, 448]`.
fn turned(graph: &mut Graph, levels: Value, transforms: &[Transform]) -> Value {
    if transforms.iter().all(Transform::is_identity) && transforms.len() == 1 {
        return levels;
    }
    let walks: Vec<_> = transforms
        .iter()
        .map(|transform| {
            let side = IMAGE_SIZE as u32;
            let walk = differnet_data::rotation_walk(side, side, transform.degrees);
            rotate::Walk { start: walk.start, column: walk.column, line: walk.line }
        })
        .collect();
    rotate::rotated(graph, levels, IMAGE_SIZE, &walks)
}

/// Features `[images, features]` of levels `[images, 3, 448, 448]`.
fn features(
    graph: &mut Graph,
    backbone: Backbone,
    network: &NetworkDescription,
    levels: Value,
) -> Value {
    let mut means = Vec::new();
    for scale in SCALES {
        let side = IMAGE_SIZE as i64;
        let step = side / scale as i64;
        // The first pixel of each block, whatever a runtime takes "nearest" for.
        let ends = graph.ints(&[side, side]);
        let sampled = if step == 1 { levels } else { graph.slice(levels, ends, &[2, 3], step) };
        for map in stage_maps(graph, network, sampled, backbone.pooled_stages()) {
            let map = match backbone.mean_pool() {
                Some((side, stride)) => graph.max_pool(map, side, stride, 0),
                None => map,
            };
            means.push(graph.mean(map, &[2, 3])); // [images, channels]
        }
    }
    graph.concat(&means, 1)
}

/// The average over the last axis of scores `[.., count]`.
pub(crate) fn averaged(graph: &mut Graph, scores: Value, count: usize, average: Average) -> Value {
    match average {
        Average::Mean => graph.mean(scores, &[1]),
        Average::GeometricMean => score::geometric_mean(graph, scores),
        Average::InterquartileMean => score::interquartile_mean(graph, scores, count),
    }
}
