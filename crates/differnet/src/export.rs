//! Export of a model as a graph of ONNX, for programs that do not embed this one.
//!
//! The graph takes pixels and gives score, map, p-value and verdict; it computes what [`Model::score`] and
//! [`Model::map`](crate::Model::map) do, up to rounding, for images of any size.

pub(crate) mod flow;
pub(crate) mod network;
mod record;
pub(crate) mod rows;

use std::path::Path;

use differnet_features::{IMAGE_SIZE, NetworkDescription};
use differnet_files::write_atomically;
pub use differnet_onnx::OnnxFile;
use differnet_onnx::guard::{self, Accepted, Property};
use differnet_onnx::{Dimension, Element, Graph, Size, Value, score};
use differnet_scoring::{Thresholds, to_single_precision};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::input_guard::{AcceptedRange, InputProperty};
use crate::model::Model;
pub use record::{ExportRecord, ExportSelfTest};

/// Name of what the network sees, within a graph.
pub(crate) const RESIZED: &str = "resized";

/// Settings of an exported graph: its input and its scoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExportConfig {
    /// Input of the graph.
    pub input: ExportInput,
    /// Width and height of every image, for runtimes that want to know them beforehand; `None` for any.
    pub size: Option<(u32, u32)>,
    /// Transforms that a score averages, of methods that turn images; `None` for the model's own number.
    pub transforms: Option<usize>,
}

/// Input of an exported graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportInput {
    /// Images as they are: the graph resizes them.
    #[default]
    Image,
    /// Images that were resized to what the network sees, to [`Model::seen_size`], as Pillow resizes bilinearly.
    Seen,
}

/// Input of a method's part of a graph.
#[derive(Debug, Clone, Copy)]
pub struct GraphEntry<'a> {
    /// Levels 0 to 255 of images as they are, or of what the network sees: floats `[n, 3, h, w]`.
    pub levels: Value,
    /// Their height and width.
    pub size: Size,
    /// Kind of input: images as they are, or as the network sees them.
    pub input: ExportInput,
    /// Transforms that a score averages.
    pub transforms: usize,
    /// The network that the model sees images by; `None` if it has none.
    pub network: Option<&'a NetworkDescription>,
}

impl GraphEntry<'_> {
    /// The network; the reason if there is none.
    pub(crate) fn require_network(&self) -> Result<&NetworkDescription, String> {
        self.network.ok_or_else(|| "it has no network".to_owned())
    }
}

/// Output of a method's part of a graph.
#[derive(Debug, Clone, Copy)]
pub struct GraphResult {
    /// `[n]`
    pub score: Value,
    /// `[n, h, w]`; `None` if the graph says nothing of places.
    pub map: Option<Value>,
    /// Mean features of each image, `[n, features]`; `None` if the guard does not look at them.
    pub mean_features: Option<Value>,
}

impl Model {
    /// Writes the model as a graph of ONNX to `path`; a complete file or none.
    ///
    /// # Errors
    /// [`Error::NotExportable`] if operators of the standard cannot express the model;
    /// [`Error::Io`] if the file cannot be written.
    pub fn export(&self, path: impl AsRef<Path>, config: &ExportConfig) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = self.onnx(config)?;
        let io = |source| Error::Io { path: path.to_path_buf(), source };
        write_atomically(path, &bytes).map_err(io)
    }

    /// The bytes of the file that [`Self::export`] writes: the same for the same model and program.
    ///
    /// # Errors
    /// As [`Self::export`].
    pub fn onnx(&self, config: &ExportConfig) -> Result<Vec<u8>, Error> {
        let header = self.header();
        let method = header.config.method.method();
        let reason = |reason: String| Error::NotExportable { method, reason };
        if let Some((width, height)) = config.size.filter(|(width, height)| width.min(height) == &0)
        {
            let found = format!("{width}x{height}");
            return Err(Error::Config { name: "size", expected: "at least 1x1", found });
        }
        if config.transforms == Some(0) {
            let found = "0".to_owned();
            return Err(Error::Config { name: "transforms", expected: "at least 1", found });
        }
        if header.regions.is_some() {
            let text = "its regions depend on the size of an image: cut images to the region, and train on \
                        those";
            return Err(reason(text.into()));
        }
        if let Some(depth) = header.depth {
            let text =
                format!("its training images have samples of {depth} bits, and the graph takes 8");
            return Err(reason(text));
        }
        let record = ExportRecord::of(self, config)?;
        let mut graph = Graph::default();
        let sides = match config.size {
            Some((width, height)) => [height, width].map(|side| Dimension::Known(side as usize)),
            None => [Dimension::Named("h"), Dimension::Named("w")],
        };
        let [height, width] = sides;
        let images = Dimension::Named("n");
        let shape = [images, Dimension::Known(3), height, width];
        let pixels = graph.input("image", Element::Uint8, &shape);
        let thresholds = header.thresholds();
        let Thresholds { defect, unsure } = thresholds;
        let threshold = graph.input_with_default("threshold", to_single_precision(defect));
        let unsure = to_single_precision(unsure.unwrap_or(f64::MAX));
        let unsure = graph.input_with_default("unsure_threshold", unsure);
        let size = match config.size {
            Some((width, height)) => Size::known(height as usize, width as usize),
            None => Size::of(&mut graph, pixels),
        };
        let levels = graph.cast(pixels, Element::Float);
        let network = header.config.backbone.map(|backbone| self.runtime().description(backbone));
        let network = network.transpose()?;
        let entry = GraphEntry {
            levels,
            size,
            input: config.input,
            transforms: self.export_transforms(config),
            network: network.as_ref(),
        };
        let found = self.scorer().export(&mut graph, &entry, header).map_err(reason)?;
        let GraphResult { score, map, .. } = found;
        let p_value = score::p_value(&mut graph, score, header.reference_scores());
        let verdict = score::verdicts(&mut graph, score, threshold, unsure);
        let (p_value, verdict) = match self.accepted(&mut graph, &entry, &found) {
            None => (p_value, verdict),
            Some(accepted) => (
                guard::guarded_p_values(&mut graph, p_value, accepted),
                guard::guarded_verdicts(&mut graph, verdict, accepted),
            ),
        };
        graph.output("score", score, Element::Float, &[images]);
        if let Some(map) = map {
            graph.output("map", map, Element::Float, &[images, height, width]);
        }
        graph.output("p_value", p_value, Element::Float, &[images]);
        graph.output("verdict", verdict, Element::Int64, &[images]);
        let documentation = record.documentation();
        Ok(graph.to_file("differnet", &documentation, &record.metadata())?)
    }

    /// Computes whether the model's guard accepts each image, as far as the graph sees the image.
    fn accepted(
        &self,
        graph: &mut Graph,
        entry: &GraphEntry<'_>,
        found: &GraphResult,
    ) -> Option<Value> {
        let header = self.header();
        let means = Some(&header.feature_means).filter(|means| !means.is_empty());
        let distance = found.mean_features.zip(means).map(|(features, means)| {
            guard::feature_distance(graph, features, means, &header.feature_deviations)
        });
        let image = match entry.input {
            ExportInput::Image => Some((entry.levels, entry.size)),
            ExportInput::Seen => None,
        };
        let accepted = |range: &AcceptedRange| {
            let (low, high) = range.accepted();
            let property = match range.property {
                InputProperty::Aspect => Property::Aspect,
                InputProperty::Brightness => Property::Brightness,
                InputProperty::Red => Property::Red,
                InputProperty::Blue => Property::Blue,
                InputProperty::Contrast => Property::Contrast,
                InputProperty::Sharpness => Property::Sharpness,
                InputProperty::Features => Property::Features,
            };
            Accepted { property, low, high }
        };
        let ranges: Vec<Accepted> = header.input_guard.ranges().iter().map(accepted).collect();
        guard::accepted(graph, guard::Seen { image, distance }, &ranges)
    }

    /// Tells whether an exported graph of the model gives maps.
    pub fn exports_map(&self) -> bool {
        self.header().config.method.method().looks_at_places()
    }

    /// Width and height of an image of width and height `size` as the network sees it.
    pub fn seen_size(&self, size: (u32, u32)) -> (u32, u32) {
        let side = IMAGE_SIZE as u32;
        self.scorer().seen_size(size).unwrap_or((side, side))
    }

    /// Transforms that a score of the exported graph averages.
    pub(crate) fn export_transforms(&self, config: &ExportConfig) -> usize {
        let own = self.score_config().transforms;
        config.transforms.map_or(own, |transforms| transforms.clamp(1, own))
    }
}
