//! Metrics of `differnet-eval` on arrays; the Python part of the package checks and converts them.

use differnet_eval::{
    BootstrapConfig, Interval, MetricError, PixelEvaluation as Pixels, auroc as auroc_of,
    average_precision as average_precision_of, bootstrap_auroc as bootstrap_auroc_of,
    confusion as confusion_of, recall_at_zero_false_positives as recall_of,
    roc_curve as roc_curve_of,
};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::error::{of_metric, value_error};
use crate::json;

type Scores<'py> = PyReadonlyArray1<'py, f64>;
type Labels<'py> = PyReadonlyArray1<'py, bool>;
type Curve<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// Computes `metric` of copies of scores and labels, without the interpreter's lock.
fn of_copies<T: Send>(
    py: Python<'_>,
    scores: &Scores<'_>,
    defects: &Labels<'_>,
    metric: impl FnOnce(&[f64], &[bool]) -> Result<T, MetricError> + Send,
) -> PyResult<T> {
    let scores: Vec<f64> = scores.as_array().iter().copied().collect();
    let defects: Vec<bool> = defects.as_array().iter().copied().collect();
    py.detach(|| metric(&scores, &defects)).map_err(|error| of_metric(&error))
}

#[pyfunction]
pub(crate) fn auroc(py: Python<'_>, scores: Scores<'_>, defects: Labels<'_>) -> PyResult<f64> {
    of_copies(py, &scores, &defects, auroc_of)
}

#[pyfunction]
pub(crate) fn average_precision(
    py: Python<'_>,
    scores: Scores<'_>,
    defects: Labels<'_>,
) -> PyResult<f64> {
    of_copies(py, &scores, &defects, average_precision_of)
}

#[pyfunction]
pub(crate) fn recall_at_zero_false_positives(
    py: Python<'_>,
    scores: Scores<'_>,
    defects: Labels<'_>,
) -> PyResult<f64> {
    of_copies(py, &scores, &defects, recall_of)
}

#[pyfunction]
pub(crate) fn bootstrap_auroc(
    py: Python<'_>,
    scores: Scores<'_>,
    defects: Labels<'_>,
    resamples: usize,
    confidence: f64,
    seed: u64,
) -> PyResult<(f64, f64)> {
    let config = BootstrapConfig { resamples, confidence, seed };
    let Interval { lower, upper } = of_copies(py, &scores, &defects, |scores, defects| {
        bootstrap_auroc_of(scores, defects, &config)
    })?;
    Ok((lower, upper))
}

/// Good and defective images, called right and wrong at a threshold.
#[pyfunction]
pub(crate) fn confusion<'py>(
    py: Python<'py>,
    scores: Scores<'_>,
    defects: Labels<'_>,
    threshold: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let counts = of_copies(py, &scores, &defects, |scores, defects| {
        confusion_of(scores, defects, threshold)
    })?;
    json::to_python(py, &serde_json::to_value(counts).expect("plain data"))
}

/// False positive rates, true positive rates and thresholds.
#[pyfunction]
pub(crate) fn roc_curve<'py>(
    py: Python<'py>,
    scores: Scores<'_>,
    defects: Labels<'_>,
) -> PyResult<Curve<'py>> {
    let points = of_copies(py, &scores, &defects, roc_curve_of)?.points;
    Ok((
        PyArray1::from_iter(py, points.iter().map(|point| point.false_positive_rate)),
        PyArray1::from_iter(py, points.iter().map(|point| point.true_positive_rate)),
        PyArray1::from_iter(py, points.iter().map(|point| point.threshold)),
    ))
}

/// Pixel metrics, one map at a time.
#[pyclass(module = "differnet.metrics", name = "PixelEvaluation")]
#[derive(Default)]
pub(crate) struct PixelEvaluation(Pixels);

#[pymethods]
impl PixelEvaluation {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Counts one image; pixels that are ignored are neither good nor defective.
    #[pyo3(signature = (map, mask, ignored = None))]
    fn add(
        &mut self,
        py: Python<'_>,
        map: PyReadonlyArray2<'_, f32>,
        mask: PyReadonlyArray2<'_, bool>,
        ignored: Option<PyReadonlyArray2<'_, bool>>,
    ) -> PyResult<()> {
        let width = map.shape()[1];
        for other in [Some(&mask), ignored.as_ref()].into_iter().flatten() {
            if map.shape() != other.shape() {
                return Err(value_error(format!(
                    "a map of {:?} but a mask of {:?}: bring both to the same height and width",
                    map.shape(),
                    other.shape()
                )));
            }
        }
        let bools = |mask: &PyReadonlyArray2<'_, bool>| -> Vec<bool> {
            mask.as_array().iter().copied().collect()
        };
        let map: Vec<f32> = map.as_array().iter().copied().collect();
        let (mask, ignored) = (bools(&mask), ignored.as_ref().map(bools));
        let pixels = &mut self.0;
        let added = py.detach(|| match &ignored {
            Some(ignored) => pixels.add_without(&map, &mask, ignored, width),
            None => pixels.add(&map, &mask, width),
        });
        added.map_err(|error| of_metric(&error))
    }

    /// The metrics of the images so far.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let metrics = py.detach(|| self.0.metrics()).map_err(|error| of_metric(&error))?;
        json::to_python(py, &serde_json::to_value(metrics).expect("plain data"))
    }
}
