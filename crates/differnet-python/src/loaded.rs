//! A model that Python's objects share, open or closed.

use std::sync::{PoisonError, RwLock};

use differnet::Model;
use pyo3::prelude::*;

use crate::error::value_error;

/// A model, until it is closed, and the number of threads that it computes with.
///
/// Its lock is never waited for with the interpreter's lock held: what holds it may need that one.
#[derive(Debug)]
pub(crate) struct Loaded {
    model: RwLock<Option<Model>>,
    threads: usize,
}

impl Loaded {
    pub(crate) fn new(model: Model, threads: usize) -> Self {
        Self { model: RwLock::new(Some(model)), threads }
    }

    /// The number of threads to compute with; 0 for one a core.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `work` on the model and returns its result.
    ///
    /// # Errors
    /// `ValueError` if the model is closed.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Model) -> PyResult<T>) -> PyResult<T> {
        let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
        work(model.as_ref().ok_or_else(closed)?)
    }

    /// As [`Self::read`], of a model that `work` changes.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&mut Model) -> PyResult<T>) -> PyResult<T> {
        let mut model = self.model.write().unwrap_or_else(PoisonError::into_inner);
        work(model.as_mut().ok_or_else(closed)?)
    }

    /// Forgets the model.
    pub(crate) fn close(&self) {
        *self.model.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Tells whether the model is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.model.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

fn closed() -> PyErr {
    value_error("the model is closed: load it again with differnet.load")
}
