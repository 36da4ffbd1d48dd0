//! Errors of the libraries as Python's exceptions: the class tells the kind, the message the remedy.

use std::error::Error as StdError;
use std::ffi::CString;
use std::io::{self, ErrorKind};

use differnet::Error;
use differnet::baselines::BaselineError;
use differnet_data::{DatasetError, ImageError, with_causes};
use differnet_eval::MetricError;
use differnet_features::FeatureError;
use differnet_flow::{FlowError, TrainError};
use pyo3::exceptions::{
    PyFileNotFoundError, PyIsADirectoryError, PyOSError, PyPermissionError, PyRuntimeError,
    PyUserWarning, PyValueError,
};
use pyo3::prelude::*;

/// An exception class that the Python part of the package defines.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Class {
    /// The base of the others.
    Differnet,
    /// An image that cannot be used.
    Image,
    /// A model file that cannot be used.
    Model,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Differnet => "DiffernetError",
            Self::Image => "ImageError",
            Self::Model => "ModelError",
        }
    }

    /// The exception with this message.
    pub(crate) fn error(self, message: String) -> PyErr {
        Python::attach(|py| {
            let make = || py.import("differnet._errors")?.getattr(self.name())?.call1((message,));
            make().map_or_else(|error| error, PyErr::from_value)
        })
    }
}

/// Warns of what may not be meant (`UserWarning`), where Python called.
pub(crate) fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    let text = CString::new(text).expect("texts of ours have no NUL");
    // The caller of the wrapper in `__init__.py`.
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 2)
}

/// A `ValueError` with this message.
pub(crate) fn value_error(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

/// The exception for what `differnet` says.
pub(crate) fn of_differnet(error: Error) -> PyErr {
    let message = with_causes(&error);
    match error {
        Error::Image(error) | Error::ImageChanged { source: error } => of_image(&error),
        Error::BadImages { .. } => Class::Image.error(message),
        Error::Io { source, .. } => of_io(&source, message),
        Error::Model { .. }
        | Error::BaselineModel { .. }
        | Error::NotAModel { .. }
        | Error::OtherExtractor { .. }
        | Error::Deviates { .. }
        | Error::OtherCheckpoint { .. } => Class::Model.error(message),
        Error::Config { .. }
        | Error::ConfigText { .. }
        | Error::TooFewImages { .. }
        | Error::NothingNew { .. }
        | Error::Score(_)
        | Error::Train(_)
        | Error::Features(FeatureError::NoWeights { .. } | FeatureError::Weights { .. }) => {
            value_error(message)
        }
        Error::Cancelled(_) => PyRuntimeError::new_err(message),
        _ => Class::Differnet.error(message),
    }
}

/// The exception for an image that cannot be used; a file that is not there is Python's own.
pub(crate) fn of_image(error: &ImageError) -> PyErr {
    let message = error.with_causes();
    match error {
        ImageError::Io { source, .. } => of_io(source, message),
        ImageError::Depth { .. } => Python::attach(|py| {
            let error = Class::Image.error(message);
            error.value(py).setattr("invalid", true).map_or_else(|failed| failed, |()| error)
        }),
        _ => Class::Image.error(message),
    }
}

/// The exception for a folder of images that cannot be used.
pub(crate) fn of_dataset(error: &DatasetError) -> PyErr {
    let message = with_causes(error);
    match error {
        DatasetError::Missing { .. } => PyFileNotFoundError::new_err(message),
        DatasetError::Read { source, .. } => of_io(source, message),
        _ => value_error(message),
    }
}

/// The exception for rows or settings that a flow cannot be fitted to.
pub(crate) fn of_train(error: &TrainError) -> PyErr {
    let message = with_causes(error);
    match error {
        TrainError::NonFiniteLoss { .. } | TrainError::NonFiniteGradient { .. } => {
            Class::Differnet.error(format!(
                "{message}: scale the rows to a standard deviation of about 1, or lower learning_rate"
            ))
        }
        TrainError::NonFiniteRow { .. } | TrainError::NonFiniteCondition { .. } => {
            value_error(format!("{message}: drop such rows or fill them in (numpy.nan_to_num)"))
        }
        _ => value_error(message),
    }
}

/// The exception for a flow's file.
pub(crate) fn of_flow(error: &FlowError) -> PyErr {
    let message = with_causes(error);
    match error {
        FlowError::Config { .. } => value_error(message),
        _ => of_cause(error, message),
    }
}

/// The exception for a competitor on rows.
pub(crate) fn of_baseline(error: &BaselineError) -> PyErr {
    let message = with_causes(error);
    match error {
        BaselineError::Config { .. } | BaselineError::NoRows | BaselineError::RowWidth { .. } => {
            value_error(message)
        }
        BaselineError::NonFiniteRow { .. } => {
            value_error(format!("{message}: drop such rows or fill them in (numpy.nan_to_num)"))
        }
        BaselineError::File(_) | BaselineError::Value { .. } => of_cause(error, message),
        _ => Class::Differnet.error(message),
    }
}

/// The exception for metrics.
pub(crate) fn of_metric(error: &MetricError) -> PyErr {
    value_error(error.to_string())
}

/// The exception for what the operating system says.
pub(crate) fn of_io(error: &io::Error, message: String) -> PyErr {
    match error.kind() {
        ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
        ErrorKind::PermissionDenied => PyPermissionError::new_err(message),
        ErrorKind::IsADirectory => PyIsADirectoryError::new_err(message),
        _ => PyOSError::new_err(message),
    }
}

/// The exception for a file: the operating system's if that is the cause, else the file's content is.
fn of_cause(error: &(dyn StdError + 'static), message: String) -> PyErr {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return of_io(error, message);
        }
        cause = error.source();
    }
    Class::Model.error(message)
}
