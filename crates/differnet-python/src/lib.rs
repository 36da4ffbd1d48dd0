//! Extension module of the Python package `differnet`: the crates' functions on Python's objects.
//!
//! A long call releases the interpreter's lock, computes on a pool of threads and ends with Ctrl-C
//! ([`interrupt`]). What needs no speed is Python and lies in `python/differnet`: conversions, checks that
//! name Python's remedies, scikit-learn's estimators.

mod calibrate;
mod error;
mod flow;
mod images;
mod interrupt;
mod json;
mod loaded;
mod metrics;
mod model;
mod progress;
mod report;
mod result;
mod rows;
mod scores;
mod train;

#[cfg(not(any(feature = "flex", feature = "wgpu", feature = "cuda")))]
compile_error!("enable one of the features flex, wgpu and cuda: there is no device otherwise");

/// Functions and classes that the package's Python part builds on.
#[pyo3::pymodule(gil_used = false)]
mod _differnet {
    #[pymodule_export]
    use crate::flow::{PyFlow, fit_flow, load_flow};
    #[pymodule_export]
    use crate::images::find_images;
    #[pymodule_export]
    use crate::metrics::{
        PixelEvaluation, auroc, average_precision, bootstrap_auroc, confusion,
        recall_at_zero_false_positives, roc_curve,
    };
    #[pymodule_export]
    use crate::model::{PyModel, load, load_bytes, read_header};
    #[pymodule_export]
    use crate::result::PyResultOf;
    #[pymodule_export]
    use crate::rows::{
        RowModel, fit_one_class_svm, fit_one_nearest_neighbour, load_one_class_svm,
        load_one_nearest_neighbour,
    };
    #[pymodule_export]
    use crate::scores::Results;
    #[pymodule_export]
    use crate::train::train;

    use pyo3::prelude::*;

    /// Adds the version.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
