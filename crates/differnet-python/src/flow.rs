//! Normalizing flows of `differnet-flow` on tables of numbers.

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::path::PathBuf;
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};
use differnet::DeviceChoice;
use differnet::progress::{Progress, Stage};
use differnet_flow::{
    AdamConfig, Fit, FitConfig, Flow, FlowConfig, FlowInput, HostFlow, HostLatents, TrainError,
    save_host_flows,
};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::error::{Class, of_differnet, of_flow, of_train, value_error};
use crate::interrupt::{self, thread_count};
use crate::rows::Table;

/// A fitted flow.
#[pyclass(frozen, module = "differnet._differnet", name = "Flow")]
pub(crate) struct PyFlow {
    flow: HostFlow,
    /// The same as tensors, made when it is inverted first.
    tensors: OnceLock<Flow>,
    threads: usize,
}

/// Conditions, `[rows, condition]`; none where the flow has none.
type Condition<'py> = Option<PyReadonlyArray2<'py, f32>>;

impl PyFlow {
    fn new(flow: HostFlow, threads: usize) -> Self {
        Self { flow, tensors: OnceLock::new(), threads }
    }

    /// The conditions of `rows` rows.
    fn condition(&self, condition: &Condition<'_>, rows: usize) -> PyResult<Vec<f32>> {
        let width = self.flow.config().condition;
        let table = condition.as_ref().map(Table::new);
        match table {
            None if width == 0 => Ok(Vec::new()),
            Some(table) if table.features == width && table.values.len() == rows * width => {
                Ok(table.values)
            }
            _ => Err(value_error(format!(
                "this flow takes a condition of the shape [{rows}, {width}]: give condition= so, or none if \
                 the width is 0"
            ))),
        }
    }

    fn check_width(&self, table: &Table) -> PyResult<()> {
        let (features, found) = (self.flow.features(), table.features);
        if features == found {
            return Ok(());
        }
        Err(value_error(format!(
            "the flow was fitted to {features} features, the rows have {found}"
        )))
    }

    /// Latents and log-determinants of rows.
    fn latents(
        &self,
        py: Python<'_>,
        rows: &PyReadonlyArray2<'_, f32>,
        condition: &Condition<'_>,
    ) -> PyResult<HostLatents> {
        let table = Table::new(rows);
        self.check_width(&table)?;
        let condition = self.condition(condition, table.values.len() / table.features)?;
        interrupt::run(py, self.threads, None, |_| {
            self.flow.latents(FlowInput { rows: &table.values, condition: &condition })
        })
    }

    /// Runs `invert` with the flow as tensors on a device and returns its result, `[rows, features]`.
    fn inverted<'py>(
        &self,
        py: Python<'py>,
        condition: Vec<f32>,
        invert: impl FnOnce(&Flow, Option<Tensor<2>>, &Device) -> Tensor<2> + Send,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let backend = DeviceChoice::first().open().map_err(of_differnet)?;
        let device = backend.device();
        let width = self.flow.config().condition;
        let values = interrupt::run(py, self.threads, None, |_| {
            let flow = self.tensors.get_or_init(|| self.flow.to_flow(device));
            let rows = condition.len().checked_div(width);
            let condition = rows
                .map(|rows| Tensor::from_data(TensorData::new(condition, [rows, width]), device));
            invert(flow, condition, device).into_data().iter::<f32>().collect::<Vec<f32>>()
        })?;
        table(py, values, self.flow.features())
    }
}

/// Rows as an array.
fn table(py: Python<'_>, values: Vec<f32>, features: usize) -> PyResult<Bound<'_, PyArray2<f32>>> {
    let rows = values.len() / features;
    PyArray1::from_vec(py, values).reshape([rows, features])
}

#[pymethods]
impl PyFlow {
    /// log p(row) of each row, in nats.
    #[pyo3(signature = (rows, condition = None))]
    fn log_prob<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, f32>,
        condition: Condition<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let latents = self.latents(py, &rows, &condition)?;
        let constant = self.flow.features() as f64 / 2.0 * TAU.ln();
        Ok(PyArray1::from_iter(py, latents.nll().into_iter().map(|nll| -nll - constant)))
    }

    /// Latents of rows, and log|det ∂z/∂row| of each.
    #[pyo3(signature = (rows, condition = None))]
    #[expect(clippy::type_complexity, reason = "two arrays")]
    fn transform<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'_, f32>,
        condition: Condition<'_>,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f64>>)> {
        let HostLatents { z, log_det } = self.latents(py, &rows, &condition)?;
        Ok((table(py, z, self.flow.features())?, PyArray1::from_vec(py, log_det)))
    }

    /// The rows whose latents are given.
    #[pyo3(signature = (latents, condition = None))]
    fn inverse<'py>(
        &self,
        py: Python<'py>,
        latents: PyReadonlyArray2<'_, f32>,
        condition: Condition<'_>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let Table { values, features } = Table::new(&latents);
        self.check_width(&Table { values: Vec::new(), features })?;
        let rows = values.len() / features;
        let condition = self.condition(&condition, rows)?;
        self.inverted(py, condition, move |flow, condition, device| {
            let latents = Tensor::from_data(TensorData::new(values, [rows, features]), device);
            match condition {
                Some(condition) => flow.given(condition).inverse(latents),
                None => flow.inverse(latents),
            }
        })
    }

    /// Draws from the density.
    #[pyo3(signature = (rows, seed, condition = None))]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        rows: usize,
        seed: u64,
        condition: Condition<'_>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let condition = self.condition(&condition, rows)?;
        self.inverted(py, condition, move |flow, condition, device| match condition {
            Some(condition) => flow.given(condition).sample(seed),
            None => flow.sample(rows, seed, device),
        })
    }

    /// Writes the file `path`; a complete one or none.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let flows = std::slice::from_ref(&self.flow);
        py.detach(|| save_host_flows(flows, &path, &BTreeMap::new(), &[]))
            .map_err(|error| of_flow(&error))
    }

    /// Hyperparameters: features, condition, blocks, hidden, hidden_layers, clamp.
    #[getter]
    fn config(&self) -> (usize, usize, usize, usize, usize, f64) {
        let config = self.flow.config();
        let FlowConfig { features, condition, blocks, hidden, hidden_layers, clamp, .. } = config;
        (features, condition, blocks, hidden, hidden_layers, clamp)
    }
}

/// Fits a flow to rows.
#[pyfunction]
#[pyo3(signature = (rows, condition, *, blocks, hidden, hidden_layers, clamp, updates, batch_size,
    learning_rate, noise, seed, threads = None, progress = None))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn fit_flow(
    py: Python<'_>,
    rows: PyReadonlyArray2<'_, f32>,
    condition: Condition<'_>,
    blocks: usize,
    hidden: usize,
    hidden_layers: usize,
    clamp: f64,
    updates: u64,
    batch_size: usize,
    learning_rate: f64,
    noise: f64,
    seed: u64,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyFlow> {
    let threads = thread_count(threads)?;
    let Table { values, features } = Table::new(&rows);
    let condition = condition.as_ref().map(Table::new);
    let width = condition.as_ref().map_or(0, |table| table.features);
    let condition = condition.map(|table| table.values).unwrap_or_default();
    let config = FlowConfig::new(features)
        .with_blocks(blocks)
        .with_hidden(hidden)
        .with_hidden_layers(hidden_layers)
        .with_clamp(clamp)
        .with_condition(width);
    let adam =
        AdamConfig::new().with_learning_rate(learning_rate).with_max_gradient_norm(Some(1.0));
    let settings = FitConfig::new(updates)
        .with_batch_size(batch_size)
        .with_seed(seed)
        .with_adam(adam)
        .with_noise((noise != 0.0).then_some(noise));
    let backend = DeviceChoice::first().open().map_err(of_differnet)?;
    let fitted = interrupt::run(py, threads, progress, |monitor| -> PyResult<HostFlow> {
        let input = FlowInput { rows: &values, condition: &condition };
        let fit =
            || -> Result<Fit<'_>, TrainError> { Fit::new(&config, input, &settings, &backend) };
        let mut fit = fit().map_err(|error| of_train(&error))?;
        for report in &mut fit {
            let report = report.map_err(|error| of_train(&error))?;
            let (done, total) = (report.step as usize, updates as usize);
            let progress = Progress::new(Stage::Training, done, total);
            let reported = monitor.report(Progress { loss: Some(report.loss), ..progress });
            reported.map_err(|error| Class::Differnet.error(error.to_string()))?;
        }
        Ok(HostFlow::of(&fit.into_flow()))
    })??;
    Ok(PyFlow::new(fitted, threads))
}

/// The flow in the file `path`.
#[pyfunction]
#[pyo3(signature = (path, threads = None))]
pub(crate) fn load_flow(py: Python<'_>, path: PathBuf, threads: Option<usize>) -> PyResult<PyFlow> {
    let threads = thread_count(threads)?;
    let loaded = py.detach(|| HostFlow::load_all(&path)).map_err(|error| of_flow(&error))?;
    let mut flows = loaded.0.into_iter();
    match (flows.next(), flows.next()) {
        (Some(flow), None) => Ok(PyFlow::new(flow, threads)),
        _ => Err(Class::Model.error(format!("{} does not hold one flow", path.display()))),
    }
}
