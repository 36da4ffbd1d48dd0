//! Errors on one line.

use std::any::Any;
use std::error::Error;

/// The message of `error` and those of its causes.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = on_one_line(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&on_one_line(&error.to_string()));
        cause = error.source();
    }
    text
}

/// The lines of `text` as one: some decoders' messages have several.
fn on_one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// What a panic said.
pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}
