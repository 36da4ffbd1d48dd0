//! The class `Model`.

use std::path::PathBuf;
use std::sync::Arc;

use differnet::export::{ExportConfig, ExportInput};
use differnet::{DeviceChoice, Model, Runtime, SelfTest};
use pyo3::exceptions::{PyFileExistsError, PyFileNotFoundError, PyIsADirectoryError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::calibrate::{self, Rule};
use crate::error::{Class, of_differnet, of_io, value_error};
use crate::images::{Image, good_images, images};
use crate::interrupt::{self, thread_count};
use crate::json;
use crate::loaded::Loaded;
use crate::report;
use crate::result::PyResultOf;
use crate::scores::{Results, Wanted};
use crate::train::Files;

/// A method fitted to good images, with all that is needed to judge new ones.
#[pyclass(frozen, module = "differnet", name = "Model")]
pub(crate) struct PyModel(Arc<Loaded>);

impl PyModel {
    pub(crate) fn new(model: Model, threads: usize) -> Self {
        Self(Arc::new(Loaded::new(model, threads)))
    }

    /// Runs quick `work` on the model at once, and returns its result.
    fn read<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Model) -> PyResult<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| self.0.read(work))
    }
}

/// Tells whether unusable images give their exceptions as results.
fn yields_errors(on_error: &str) -> PyResult<bool> {
    match on_error {
        "raise" => Ok(false),
        "yield" => Ok(true),
        other => {
            Err(value_error(format!("on_error must be \"raise\" or \"yield\", found \"{other}\"")))
        }
    }
}

#[pymethods]
impl PyModel {
    /// The result of one image: a path, an array, a PIL image, or the bytes of a file.
    fn score(&self, py: Python<'_>, image: &Bound<'_, PyAny>) -> PyResult<PyResultOf> {
        let image = Image::new(image, 0)?;
        let (header, score) = interrupt::run(py, self.0.threads(), None, |_| {
            self.0.read(|model| {
                let score = model.score(image.input()).map_err(of_differnet)?;
                Ok((model.header().clone(), score))
            })
        })??;
        Ok(PyResultOf::new(&header, &image, &score, Some(self.0.clone())))
    }

    /// The result of each image, in order; `batch_size` images are in memory at a time.
    #[pyo3(signature = (images, *, batch_size = 16, on_error = "raise"))]
    fn scores(
        &self,
        images: &Bound<'_, PyAny>,
        batch_size: usize,
        on_error: &str,
    ) -> PyResult<Results> {
        self.results(images, Wanted::Scores, batch_size, on_error)
    }

    /// As `scores`, each result with its map.
    #[pyo3(signature = (images, *, batch_size = 4, on_error = "raise"))]
    fn maps(
        &self,
        images: &Bound<'_, PyAny>,
        batch_size: usize,
        on_error: &str,
    ) -> PyResult<Results> {
        self.results(images, Wanted::Maps, batch_size, on_error)
    }

    /// Writes the model to the file `path`; a complete file or none.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.read(py, |model| model.save(&path).map_err(of_differnet))
    }

    /// Writes the model as a graph of ONNX to the file `path`; a complete file or none.
    #[pyo3(signature = (path, *, size = None, resized = false, transforms = None))]
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        size: Option<(u32, u32)>,
        resized: bool,
        transforms: Option<usize>,
    ) -> PyResult<()> {
        let input = if resized { ExportInput::Seen } else { ExportInput::Image };
        let config = ExportConfig { input, size, transforms };
        interrupt::run(py, self.0.threads(), None, |_| {
            self.0.read(|model| model.export(&path, &config).map_err(of_differnet))
        })?
    }

    /// Sets the threshold.
    #[pyo3(signature = (good = None, *, false_alarm_rate = None, confidence = None, unsure_rate = None,
        defects = None, cost_escape = None, cost_false_alarm = None, defect_share = None, append = false,
        reset = false))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn calibrate<'py>(
        &self,
        py: Python<'py>,
        good: Option<&Bound<'py, PyAny>>,
        false_alarm_rate: Option<f64>,
        confidence: Option<f64>,
        unsure_rate: Option<f64>,
        defects: Option<&Bound<'py, PyAny>>,
        cost_escape: Option<f64>,
        cost_false_alarm: Option<f64>,
        defect_share: Option<f64>,
        append: bool,
        reset: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rates = (false_alarm_rate, confidence, unsure_rate);
        let costs = (cost_escape, cost_false_alarm, defect_share);
        let rule = Rule::new(rates, costs, append, reset)?;
        let good = good.map(good_images).transpose()?.map(Files::new).transpose()?;
        let defects = defects.map(images).transpose()?;
        let summary = interrupt::run(py, self.0.threads(), None, |monitor| {
            self.0.write(|model| {
                calibrate::calibrate(
                    model,
                    rule,
                    good.as_ref(),
                    defects.as_deref(),
                    append,
                    monitor,
                )
            })
        })??;
        json::to_python(py, &summary)
    }

    /// Judges images and writes an HTML report; returns what was found, in numbers.
    #[pyo3(signature = (images, out, *, title = None, maps = true, overwrite = false))]
    fn report<'py>(
        &self,
        py: Python<'py>,
        images: &Bound<'py, PyAny>,
        out: PathBuf,
        title: Option<&str>,
        maps: bool,
        overwrite: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if out.exists() && !overwrite {
            let out = out.display();
            return Err(PyFileExistsError::new_err(format!(
                "{out} exists: name another file, or add overwrite=True"
            )));
        }
        let images = self::images(images)?;
        let summary = interrupt::run(py, self.0.threads(), None, |monitor| {
            self.0.read(|model| report::report(model, &images, &out, title, maps, monitor))
        })??;
        json::to_python(py, &summary)
    }

    /// Takes new good images into the model; returns how many, and the thresholds before and since.
    #[pyo3(signature = (images, *, progress = None))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        images: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let files = Files::new(good_images(images)?)?;
        let addition = interrupt::run(py, self.0.threads(), progress, |monitor| {
            self.0.write(|model| model.update(files.paths(), monitor.clone()).map_err(of_differnet))
        })??;
        json::to_python(py, &serde_json::json!(addition))
    }

    /// Scores the model's own test images again; raises `ModelError` if they score otherwise than where it
    /// was trained.
    #[pyo3(signature = (*, tolerance = None))]
    fn verify(&self, py: Python<'_>, tolerance: Option<f64>) -> PyResult<f64> {
        let tolerance = tolerance.unwrap_or(SelfTest::TOLERANCE);
        interrupt::run(py, self.0.threads(), None, |_| {
            self.0.read(|model| {
                let Some(test) = &model.header().self_test else {
                    return Err(Class::Model.error(
                        "the model carries no self-test: train it again to have one".to_owned(),
                    ));
                };
                let deviation = test.run(model).map_err(of_differnet)?.deviation;
                // NaN agrees with nothing.
                if deviation <= tolerance {
                    return Ok(deviation);
                }
                Err(Class::Model.error(format!(
                    "the model does not score as it did where it was trained: deviation {deviation:.1e}, \
                     tolerance {tolerance:.1e}; copy it again, or train it on this kind of machine"
                )))
            })
        })?
    }

    /// Scores from here on are defects.
    #[getter]
    fn threshold(&self, py: Python<'_>) -> PyResult<f64> {
        self.read(py, |model| Ok(model.header().thresholds().defect))
    }

    /// Scores from here on, up to the threshold, are unsure; None if none are.
    #[getter]
    fn unsure_threshold(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |model| Ok(model.header().thresholds().unsure))
    }

    /// Values that the maps of most good images stay below; None without maps.
    #[getter]
    fn map_threshold(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |model| Ok(model.header().map_threshold))
    }

    /// The method's name.
    #[getter]
    fn method(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.read(py, |model| Ok(model.header().config.method.method().name()))
    }

    /// Unit of the scores; None where they have none.
    #[getter]
    fn unit(&self, py: Python<'_>) -> PyResult<Option<&'static str>> {
        self.read(py, |model| Ok(model.header().config.method.method().unit()))
    }

    /// Description of the model: method, settings, images, thresholds.
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let header = self.read(py, |model| {
            Ok(serde_json::to_value(model.header()).expect("a header is plain data"))
        })?;
        json::to_python(py, &header)
    }

    /// True if `close` was called.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        py.detach(|| self.0.is_closed())
    }

    /// Forgets the model and its memory; nothing can be asked of it afterwards.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, PyTuple>) {
        self.close(py);
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let text = |model: &Model| {
            let (header, threshold) = (model.header(), model.header().thresholds().defect);
            let method = header.config.method.method();
            let images = header.training_images;
            Ok(format!(
                "Model(method='{method}', training_images={images}, threshold={threshold:.4})"
            ))
        };
        self.read(py, text).unwrap_or_else(|_| "Model(closed)".to_owned())
    }

    /// The bytes of the model's file.
    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.read(py, file_bytes)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// A pickle holds the model's file, which is read like any other.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let load = py.import("differnet._differnet")?.getattr("load_bytes")?;
        let threads = Some(self.0.threads()).filter(|threads| *threads > 0);
        let arguments = (self.__bytes__(py)?, threads).into_pyobject(py)?;
        Ok((load, arguments.into_any()))
    }
}

impl PyModel {
    fn results(
        &self,
        images: &Bound<'_, PyAny>,
        wanted: Wanted,
        batch_size: usize,
        on_error: &str,
    ) -> PyResult<Results> {
        if batch_size == 0 {
            return Err(value_error("batch_size must be at least 1, found 0"));
        }
        let images = crate::images::listed(images)?;
        Results::new(self.0.clone(), &images, wanted, batch_size, yields_errors(on_error)?)
    }
}

/// The bytes of the file that `model` would be stored in.
pub(crate) fn file_bytes(model: &Model) -> PyResult<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().map_err(temporary)?;
    model.save(file.path()).map_err(of_differnet)?;
    std::fs::read(file.path()).map_err(temporary)
}

/// The exception for a temporary file that cannot be used.
pub(crate) fn temporary(error: std::io::Error) -> PyErr {
    of_io(&error, format!("cannot use the folder for temporary files: {error}"))
}

/// The model in the file `path`.
#[pyfunction]
#[pyo3(signature = (path, *, threads = None, verify = false))]
pub(crate) fn load(
    py: Python<'_>,
    path: PathBuf,
    threads: Option<usize>,
    verify: bool,
) -> PyResult<PyModel> {
    let threads = thread_count(threads)?;
    if !path.exists() {
        let path = path.display();
        return Err(PyFileNotFoundError::new_err(format!(
            "no model file {path}: name a file that Model.save or `differnet train` wrote"
        )));
    }
    if path.is_dir() {
        let path = path.display();
        return Err(PyIsADirectoryError::new_err(format!("{path} is a folder: name a model file")));
    }
    let model = interrupt::run(py, threads, None, |_| {
        let runtime = Runtime::open(DeviceChoice::first())?;
        if verify { Model::load_verified(&path, &runtime) } else { Model::load_on(&path, &runtime) }
    })?;
    Ok(PyModel::new(model.map_err(of_differnet)?, threads))
}

/// The model in the bytes of its file.
#[pyfunction]
#[pyo3(signature = (bytes, threads = None))]
pub(crate) fn load_bytes(
    py: Python<'_>,
    bytes: &Bound<'_, PyBytes>,
    threads: Option<usize>,
) -> PyResult<PyModel> {
    let file = tempfile::NamedTempFile::new().map_err(temporary)?;
    std::fs::write(file.path(), bytes.as_bytes()).map_err(temporary)?;
    load(py, file.path().to_path_buf(), threads, false)
}

/// The header of the model file `path`, without its numbers.
#[pyfunction]
pub(crate) fn read_header<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    if !path.exists() {
        let path = path.display();
        return Err(PyFileNotFoundError::new_err(format!("no model file {path}")));
    }
    let header = py.detach(|| differnet::Header::read(&path)).map_err(of_differnet)?;
    let header = serde_json::to_value(&header).expect("a header is plain data");
    json::to_python(py, &header)
}
