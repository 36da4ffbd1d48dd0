//! Record of an exported file: the model, its thresholds, and images to test a runtime with.

use std::io::{BufRead, BufReader};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use differnet_data::{ImageInput, RgbImage};
use differnet_onnx::{OPSET, OnnxFile};
use differnet_samples::self_test_images;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ExportConfig, ExportInput};
use crate::calibration::Calibration;
use crate::error::Error;
use crate::input_guard::InputProperty;
use crate::model::Model;
use crate::score::ScoreConfig;

/// Version of the record's meaning, and of the graph's inputs and outputs.
const FORMAT: u32 = 1;
/// Name of the metadata that hold the record.
const KEY: &str = "differnet";
/// Seed of the test images.
const SEED: u64 = 1;
/// Sides of the test images of a graph that takes any size: no multiples of anything, and not square.
const SIDES: (u32, u32) = (97, 85);
/// Pixels up to which all test images are kept, else one.
const FEW_PIXELS: u32 = 1 << 16;

/// Record that an exported file carries in its metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportRecord {
    format: u32,
    /// Version of the program.
    pub version: String,
    /// SHA-256 of the model file, hexadecimal.
    pub model: String,
    /// Name of the method.
    pub method: String,
    /// Unit of the scores; `None` where they have none.
    pub unit: Option<String>,
    /// Default of the graph's threshold.
    pub threshold: f64,
    /// Default of the threshold of doubt; `None` if nothing is unsure.
    pub unsure_threshold: Option<f64>,
    /// Threshold of the map: pixels at or above it form regions; `None` without maps.
    pub map_threshold: Option<f64>,
    /// Calibration of the threshold after training; `None` if there was none.
    pub calibration: Option<Calibration>,
    /// Settings of the export.
    pub config: ExportConfig,
    /// Names of the properties that can keep an image from getting a verdict on a part.
    pub guard: Vec<String>,
    /// Images, and their scores by this program.
    pub self_test: Vec<ExportSelfTest>,
}

/// An image, and its score by the program that exported the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportSelfTest {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Levels `[3, height, width]`, in base64.
    pub levels: String,
    /// The score.
    pub score: f64,
}

impl ExportRecord {
    /// The record of `model`, exported by `config`.
    pub(super) fn of(model: &Model, config: &ExportConfig) -> Result<Self, Error> {
        let header = model.header();
        let (method, thresholds) = (header.config.method.method(), header.thresholds());
        let looked_at =
            |property| property == InputProperty::Features || config.input == ExportInput::Image;
        let properties = header.input_guard.ranges().iter().map(|range| range.property);
        let guard = properties.filter(|property| looked_at(*property));
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: digest(model)?,
            method: method.name().to_owned(),
            unit: method.unit().map(str::to_owned),
            threshold: thresholds.defect,
            unsure_threshold: thresholds.unsure,
            map_threshold: header.map_threshold,
            calibration: header.calibration.clone(),
            config: *config,
            guard: guard.map(|property| property.name().to_owned()).collect(),
            self_test: self_test(model, config)?,
        })
    }

    /// The record in `file`; `path` only appears in messages.
    ///
    /// # Errors
    /// [`Error::OtherOnnx`] if it has none, or one of another version.
    pub fn read(file: &OnnxFile, path: &Path) -> Result<Self, Error> {
        let other = |reason: String| Error::OtherOnnx { path: path.to_path_buf(), reason };
        let text = file.metadata.get(KEY);
        let text = text.ok_or_else(|| other("differnet did not write it".to_owned()))?;
        /// Read first: other formats have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |error: serde_json::Error| other(format!("its record is damaged ({error})"));
        let Format { format } = serde_json::from_str(text).map_err(damaged)?;
        if format != FORMAT {
            return Err(other(format!("it has format {format}, this program writes {FORMAT}")));
        }
        serde_json::from_str(text).map_err(damaged)
    }

    /// The record as metadata, and what other programs look for there by itself.
    pub(super) fn metadata(&self) -> Vec<(String, String)> {
        let text = |value: &dyn ToString| value.to_string();
        let json = serde_json::to_string(self).expect("a record is plain data");
        let entries = [
            (KEY, Some(json)),
            ("differnet.method", Some(self.method.clone())),
            ("differnet.model_sha256", Some(self.model.clone())),
            ("differnet.threshold", Some(text(&self.threshold))),
            ("differnet.unsure_threshold", self.unsure_threshold.as_ref().map(|x| text(x))),
            ("differnet.map_threshold", self.map_threshold.as_ref().map(|x| text(x))),
            ("differnet.guard", Some(self.guard.join(", "))),
        ];
        let given =
            |(key, value): (&str, Option<String>)| value.map(|value| (key.to_owned(), value));
        entries.into_iter().filter_map(given).collect()
    }

    /// Describes the graph in words.
    pub(super) fn documentation(&self) -> String {
        let Self { method, .. } = self;
        let taken = match self.config.input {
            ExportInput::Image => "images as they are",
            ExportInput::Seen => "images resized to what the network sees",
        };
        format!(
            "DifferNet, method {method}, operator set {OPSET}. image: {taken}, uint8 RGB [n, 3, h, w]. threshold, \
             unsure_threshold: scores from there on are defects, or unsure. score [n], p_value [n]: NaN without \
             good images to tell from. map [n, h, w]. verdict [n]: 0 ok, 1 unsure, 2 defect, 3 invalid."
        )
    }
}

/// The SHA-256 of the file that `model` is stored in.
fn digest(model: &Model) -> Result<String, Error> {
    let temporary = |source| Error::Io { path: std::env::temp_dir(), source };
    let file = tempfile::NamedTempFile::new().map_err(temporary)?;
    model.save(file.path())?;
    let mut sha = Sha256::new();
    // Saving renames: the handle is of the file before.
    let saved = std::fs::File::open(file.path()).map_err(temporary)?;
    let mut reader = BufReader::with_capacity(1 << 20, saved);
    loop {
        let chunk = reader.fill_buf().map_err(temporary)?;
        if chunk.is_empty() {
            break;
        }
        sha.update(chunk);
        let read = chunk.len();
        reader.consume(read);
    }
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Test images, and their scores by `model` as the graph has them.
fn self_test(model: &Model, config: &ExportConfig) -> Result<Vec<ExportSelfTest>, Error> {
    let (width, height) = match (config.size, config.input) {
        (Some(size), _) => size,
        (None, ExportInput::Image) => SIDES,
        (None, ExportInput::Seen) => model.seen_size(SIDES),
    };
    let name = Path::new("self-test");
    let few = if width * height <= FEW_PIXELS { usize::MAX } else { 1 };
    let files = self_test_images(SEED, width, height);
    let images = files.iter().take(few).map(|png| model.runtime().limits.decode_bytes(png, name));
    let images = images.collect::<Result<Vec<RgbImage>, _>>();
    let images = images.map_err(|source| Error::ImageChanged { source })?;
    let inputs: Vec<_> = images.iter().map(|image| ImageInput::Pixels { name, image }).collect();
    let transforms = model.export_transforms(config);
    let scoring = ScoreConfig { transforms, ..model.score_config() };
    let scores = model.score_batch_uncached(&inputs, &scoring)?;
    let case = |(image, score): (&RgbImage, Result<crate::ImageScore, _>)| {
        let score = score.map_err(|source| Error::ImageChanged { source })?.score;
        // Infinity would not survive the record's JSON.
        let score = score.clamp(-f64::MAX, f64::MAX);
        let pixels = image.as_raw();
        let planes = (0..3).flat_map(|color| pixels.iter().skip(color).step_by(3).copied());
        let levels = STANDARD.encode(planes.collect::<Vec<u8>>());
        Ok(ExportSelfTest { width, height, levels, score })
    };
    images.iter().zip(scores).map(case).collect()
}
