//! Tables of numbers, `[rows, features]`, and the competitors that look at them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use differnet::baselines::{
    BaselineError, Gamma, OneClassSvm, OneClassSvmConfig, OneNearestNeighbour,
    OneNearestNeighbourConfig, RowScorer, Rows,
};
use numpy::{PyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::error::of_baseline;
use crate::interrupt::{self, thread_count};

/// A copy of a table, so that Python may change its own.
pub(crate) struct Table {
    pub(crate) values: Vec<f32>,
    pub(crate) features: usize,
}

impl Table {
    pub(crate) fn new(rows: &PyReadonlyArray2<'_, f32>) -> Self {
        let values = rows.as_array().iter().copied().collect();
        Self { values, features: rows.shape()[1] }
    }
}

/// A fitted competitor.
#[pyclass(frozen, module = "differnet._differnet", name = "RowModel")]
pub(crate) struct RowModel {
    scorer: Box<dyn RowScorer>,
    threads: usize,
}

#[pymethods]
impl RowModel {
    /// The score of each row; larger is less like the rows that it was fitted to.
    fn scores<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let table = Table::new(&rows);
        let scores = interrupt::run(py, self.threads, None, |_| {
            Rows::new(&table.values, table.features).map(|rows| self.scorer.scores(&rows))
        })?;
        Ok(PyArray1::from_vec(py, scores.map_err(|error| of_baseline(&error))?))
    }

    /// The score of each training row as if it had not been fitted to; `rows` are all of them.
    fn training_scores<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let table = Table::new(&rows);
        let scores = interrupt::run(py, self.threads, None, |monitor| {
            let rows = Rows::new(&table.values, table.features)?;
            let score = |row: usize| {
                monitor.cancel_token().check()?;
                Ok(self.scorer.training_scores(&rows, row..row + 1)[0])
            };
            (0..rows.count())
                .into_par_iter()
                .map(score)
                .collect::<Result<Vec<f64>, BaselineError>>()
        })?;
        Ok(PyArray1::from_vec(py, scores.map_err(|error| of_baseline(&error))?))
    }

    /// Width of the rows that it was fitted to.
    #[getter]
    fn features(&self) -> usize {
        self.scorer.features()
    }

    /// Writes the file `path`; a complete one or none.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.scorer.save(&path, &BTreeMap::new())).map_err(|error| of_baseline(&error))
    }
}

/// Fits a one-class support vector machine.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn fit_one_class_svm(
    py: Python<'_>,
    rows: PyReadonlyArray2<'_, f32>,
    nu: f64,
    gamma: Option<f64>,
    tolerance: f64,
    max_rows: usize,
    seed: u64,
    threads: Option<usize>,
) -> PyResult<RowModel> {
    let gamma = gamma.map_or(Gamma::Scale, Gamma::Fixed);
    let config = OneClassSvmConfig { nu, gamma, tolerance, max_rows };
    let (table, threads) = (Table::new(&rows), thread_count(threads)?);
    let model = interrupt::run(py, threads, None, |monitor| {
        config.fit(&Rows::new(&table.values, table.features)?, seed, monitor)
    })?;
    let model = model.map_err(|error| of_baseline(&error))?;
    Ok(RowModel { scorer: Box::new(model), threads })
}

/// Fits one nearest neighbour.
#[pyfunction]
pub(crate) fn fit_one_nearest_neighbour(
    py: Python<'_>,
    rows: PyReadonlyArray2<'_, f32>,
    components: usize,
    threads: Option<usize>,
) -> PyResult<RowModel> {
    let config = OneNearestNeighbourConfig { components };
    let (table, threads) = (Table::new(&rows), thread_count(threads)?);
    let model = interrupt::run(py, threads, None, |monitor| {
        config.fit(&Rows::new(&table.values, table.features)?, monitor)
    })?;
    let model = model.map_err(|error| of_baseline(&error))?;
    Ok(RowModel { scorer: Box::new(model), threads })
}

/// The one-class support vector machine in the file `path`.
#[pyfunction]
#[pyo3(signature = (path, threads = None))]
pub(crate) fn load_one_class_svm(path: PathBuf, threads: Option<usize>) -> PyResult<RowModel> {
    let model = OneClassSvm::load(&path).map_err(|error| of_baseline(&error))?;
    Ok(RowModel { scorer: Box::new(model), threads: thread_count(threads)? })
}

/// The nearest neighbours in the file `path`.
#[pyfunction]
#[pyo3(signature = (path, threads = None))]
pub(crate) fn load_one_nearest_neighbour(
    path: PathBuf,
    threads: Option<usize>,
) -> PyResult<RowModel> {
    let model = OneNearestNeighbour::load(&path).map_err(|error| of_baseline(&error))?;
    Ok(RowModel { scorer: Box::new(model), threads: thread_count(threads)? })
}
