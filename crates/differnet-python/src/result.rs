//! Result of scoring one image.

use std::sync::Arc;

use differnet::prediction::ScorePrediction;
use differnet::scoring::{AnomalyMap, Verdict};
use differnet::{Header, ImageScore};
use differnet_data::ContentHash;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::error::{Class, of_differnet, value_error};
use crate::images::Image;
use crate::interrupt;
use crate::loaded::Loaded;

/// Score of one image, what follows from it, and where the image looks wrong.
#[pyclass(frozen, module = "differnet", name = "Result")]
pub(crate) struct PyResultOf {
    found: ScorePrediction,
    has_path: bool,
    hash: ContentHash,
    /// Model and image from which a map can still be made.
    source: Option<(Arc<Loaded>, Image)>,
    map: PyOnceLock<Py<PyArray2<f32>>>,
}

impl PyResultOf {
    /// Creates the result of `image` from its `score`; with `model`, a map is made when it is asked for.
    pub(crate) fn new(
        header: &Header,
        image: &Image,
        score: &ImageScore,
        model: Option<Arc<Loaded>>,
    ) -> Self {
        let name = image.input().name();
        Self {
            found: ScorePrediction::new(name, header, &header.thresholds(), score),
            has_path: image.path().is_some(),
            hash: score.hash,
            source: model.map(|model| (model, image.clone())),
            map: PyOnceLock::new(),
        }
    }

    /// The same with its map.
    pub(crate) fn with_map(self, py: Python<'_>, map: AnomalyMap) -> PyResult<Self> {
        self.map.set(py, array(py, map)?).expect("a new result has no map");
        Ok(self)
    }
}

/// The map's values, `[height, width]`, without a copy.
fn array(py: Python<'_>, map: AnomalyMap) -> PyResult<Py<PyArray2<f32>>> {
    let shape = [map.height(), map.width()];
    Ok(PyArray1::from_slice(py, map.values()).reshape(shape)?.unbind())
}

#[pymethods]
impl PyResultOf {
    /// The image's file; None for an image from memory.
    #[getter]
    fn path(&self) -> Option<&str> {
        self.has_path.then_some(self.found.path.as_str())
    }

    #[getter]
    fn method(&self) -> &'static str {
        self.found.method.name()
    }

    /// Anomaly score, in the method's unit; larger is less like good images.
    #[getter]
    fn score(&self) -> f64 {
        self.found.score
    }

    /// Scores from here on are defects.
    #[getter]
    fn threshold(&self) -> f64 {
        self.found.threshold
    }

    /// The share of good parts that score as high; None if the model cannot tell.
    #[getter]
    fn p_value(&self) -> Option<f64> {
        self.found.p_value
    }

    /// "ok", "unsure", "defect", or "invalid" for an image that does not look like those of training.
    #[getter]
    fn verdict(&self) -> &'static str {
        match self.found.verdict {
            Verdict::Ok => "ok",
            Verdict::Unsure => "unsure",
            Verdict::Defect => "defect",
            Verdict::Invalid => "invalid",
        }
    }

    /// Reason for an invalid verdict; None for a valid image.
    #[getter]
    fn reason(&self) -> Option<&str> {
        self.found.reason.as_deref()
    }

    /// Number of transforms that the score averages.
    #[getter]
    fn transforms(&self) -> usize {
        self.found.transforms
    }

    /// Column and row of the most anomalous pixel; None if the method does not know without a map.
    #[getter]
    fn peak(&self) -> Option<(u32, u32)> {
        self.found.peak.map(|[x, y]| (x, y))
    }

    /// A value for each pixel of the upright image, float32 [height, width]; larger is more anomalous.
    #[getter]
    fn map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        if let Some(map) = self.map.get(py) {
            return Ok(map.bind(py).clone());
        }
        let Some((model, image)) = &self.source else {
            return Err(value_error(
                "this result does not keep its image: ask for maps with model.maps(images), or score the \
                 image alone",
            ));
        };
        let threads = model.threads();
        let found = interrupt::run(py, threads, None, |_| {
            model.read(|model| model.map(image.input()).map_err(of_differnet))
        })??;
        if found.score.hash != self.hash {
            let path = &self.found.path;
            return Err(Class::Image.error(format!(
                "{path} has changed since it was scored: score it again before asking for its map"
            )));
        }
        let map = array(py, found.map)?;
        Ok(self.map.get_or_init(py, || map).bind(py).clone())
    }

    /// The fields of `differnet score --json`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(py);
        fields.set_item("path", self.path())?;
        fields.set_item("method", self.method())?;
        fields.set_item("score", self.score())?;
        fields.set_item("threshold", self.threshold())?;
        fields.set_item("p_value", self.p_value())?;
        fields.set_item("verdict", self.verdict())?;
        if let Some(reason) = self.reason() {
            fields.set_item("reason", reason)?;
        }
        fields.set_item("transforms", self.transforms())?;
        fields.set_item("peak", self.peak())?;
        Ok(fields)
    }

    fn __repr__(&self) -> String {
        let (score, threshold, verdict) = (self.score(), self.threshold(), self.verdict());
        format!("Result(score={score:.4}, threshold={threshold:.4}, verdict='{verdict}')")
    }
}
