//! Training from Python.

use std::path::{Path, PathBuf};

use differnet::{BadImagePolicy, Config, DeviceChoice, Error, Preset, Runtime, Training};
use differnet_data::{Area, DecodeLimits, Regions, RegionsError, with_causes};
use differnet_features::{Backbone, PretrainedWeights};
use image::ImageFormat;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySequence};
use tempfile::TempDir;

use crate::error::{of_differnet, value_error, warn};
use crate::images::{Image, good_images};
use crate::interrupt::{self, thread_count};
use crate::model::{PyModel, temporary};

/// Files of images; those from memory lie in a folder that is deleted with this.
pub(crate) struct Files {
    paths: Vec<PathBuf>,
    _folder: Option<TempDir>,
}

impl Files {
    /// Files of `images`, pixels without loss.
    pub(crate) fn new(images: Vec<Image>) -> PyResult<Self> {
        let needs_folder = images.iter().any(|image| image.path().is_none());
        let folder = needs_folder.then(TempDir::new).transpose().map_err(temporary)?;
        let place = |name: &Path, ending: &str| {
            let folder = folder.as_ref().expect("made for images from memory");
            folder.path().join(format!("{}.{ending}", name.display()))
        };
        let file = |image: Image| match image {
            Image::File(path) => Ok(path),
            Image::Encoded { name, bytes } => {
                let path = place(&name, "image");
                std::fs::write(&path, bytes).map_err(temporary)?;
                Ok(path)
            }
            Image::Pixels { name, image } => {
                let path = place(&name, "bmp");
                image.save_with_format(&path, ImageFormat::Bmp).map_err(|error| {
                    value_error(format!("{} cannot be stored: {error}", name.display()))
                })?;
                Ok(path)
            }
        };
        let paths = images.into_iter().map(file).collect::<PyResult<Vec<_>>>()?;
        Ok(Self { paths, _folder: folder })
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

/// Trains a model on the good images `images`.
#[pyfunction]
#[pyo3(signature = (images, settings, *, weights = None, roi = None, ignore = None, checkpoints = None,
    skip_bad = false, progress = None, threads = None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn train(
    py: Python<'_>,
    images: &Bound<'_, PyAny>,
    settings: &Bound<'_, PyDict>,
    weights: Option<PathBuf>,
    roi: Option<PathBuf>,
    ignore: Option<PathBuf>,
    checkpoints: Option<PathBuf>,
    skip_bad: bool,
    progress: Option<&Bound<'_, PyAny>>,
    threads: Option<usize>,
) -> PyResult<PyModel> {
    let threads = thread_count(threads)?;
    let config = config(py, settings)?;
    let weights = weights.map(|file| loaded(config.backbone, &file)).transpose()?;
    let regions = regions(roi.as_deref(), ignore.as_deref())?;
    let method = config.method.method();
    if checkpoints.is_some() && !method.is_resumable() {
        return Err(value_error(format!(
            "the method {method} has no checkpoints: leave them out, or choose method=\"local-flow\" or \
             \"differnet\""
        )));
    }
    let files = Files::new(good_images(images)?)?;
    let trained = interrupt::run(py, threads, progress, |monitor| {
        let mut runtime = Runtime::open(DeviceChoice::first())?;
        if let Some(weights) = weights {
            runtime = runtime.with_weights(weights);
        }
        let training = Training {
            checkpoints: checkpoints.as_deref(),
            bad_images: if skip_bad { BadImagePolicy::Skip } else { BadImagePolicy::Refuse },
            regions: regions.as_ref(),
            monitor: monitor.clone(),
            ..Training::new(&config, &runtime)
        };
        let trained = training.run(files.paths())?;
        training.remove_checkpoints()?;
        Ok(trained.model)
    })?;
    Ok(PyModel::new(trained.map_err(of_differnet)?, threads))
}

/// The settings in a dict: those of its method and preset, changed by what else it has; the preset `paper`
/// alone means the paper's method.
fn config(py: Python<'_>, settings: &Bound<'_, PyDict>) -> PyResult<Config> {
    let mut table = toml::Table::new();
    for (name, value) in settings {
        table.insert(name.extract::<String>()?, toml_value(&name, &value)?);
    }
    let preset = table.get("preset").and_then(|name| name.clone().try_into::<Preset>().ok());
    let preset = preset.unwrap_or(Preset::Quick);
    let base = Config::preset(preset.method(), Preset::Quick);
    let text = toml::to_string(&table).expect("a table of numbers and texts");
    let config = Config::from_toml(&text, &base).map_err(of_differnet)?;
    config.validate().map_err(of_differnet)?;
    let method = config.method.method();
    if preset != Preset::Quick && !preset.changes(method) {
        let text = format!(
            "the method {method} has one set of settings, and no preset changes it: preset=\"paper\" alone, or \
             method=\"differnet\" with a preset, trains by the paper's method"
        );
        warn(py, &text)?;
    }
    Ok(config)
}

/// A setting's value.
fn toml_value(name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<toml::Value> {
    // A bool of Python is an int, too.
    if let Ok(value) = value.extract::<bool>() {
        return Ok(toml::Value::Boolean(value));
    }
    if let Ok(value) = value.extract::<i64>() {
        return Ok(toml::Value::Integer(value));
    }
    if let Ok(value) = value.extract::<f64>() {
        return Ok(toml::Value::Float(value));
    }
    if let Ok(value) = value.extract::<String>() {
        return Ok(toml::Value::String(value));
    }
    let kind = value.get_type().name()?;
    if let Ok(values) = value.cast::<PySequence>() {
        let values = values.try_iter()?.map(|value| toml_value(name, &value?));
        return Ok(toml::Value::Array(values.collect::<PyResult<_>>()?));
    }
    Err(PyTypeError::new_err(format!(
        "setting {name} must be a number, a string, a bool or a list of such, found {kind}"
    )))
}

/// The weights of a network that is not compiled in.
fn loaded(backbone: Option<Backbone>, file: &Path) -> PyResult<PretrainedWeights> {
    match backbone {
        Some(backbone) if !backbone.is_embedded() => PretrainedWeights::read(backbone, file)
            .map_err(|error| of_differnet(Error::Features(error))),
        _ => Err(value_error(
            "weights are for backbone=\"resnet18\", \"resnet50\", \"wide-resnet50-2\" or \"vgg16\": those of \
             other networks are compiled in, those of a model in its file",
        )),
    }
}

/// The regions that count; `None` if all of an image does.
fn regions(roi: Option<&Path>, ignore: Option<&Path>) -> PyResult<Option<Regions>> {
    if roi.is_none() && ignore.is_none() {
        return Ok(None);
    }
    let limits = DecodeLimits::default();
    let area = |file: Option<&Path>| -> Result<Option<Area>, RegionsError> {
        file.map(|path| Area::load(path, &limits)).transpose()
    };
    let load = || Regions::new(area(roi)?, area(ignore)?);
    load().map(Some).map_err(|error| value_error(with_causes(&error)))
}
