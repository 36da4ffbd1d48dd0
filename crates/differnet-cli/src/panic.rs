//! A fault of the program itself becomes an error like any other.
//!
//! Image decoders may panic on hostile files; the data crate turns that into an error of its own,
//! so no panic may print anything before it is known to be a fault.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Mutex;

use anyhow::anyhow;

/// Message of the last panic.
static MESSAGE: Mutex<String> = Mutex::new(String::new());

/// Keeps what panics say instead of printing it.
pub(crate) fn keep_message() {
    set_hook(Box::new(|info| {
        if let Ok(mut message) = MESSAGE.lock() {
            *message = info.to_string();
        }
    }));
}

/// The result of `run`; a panic is an error with its message.
pub(crate) fn guard<T>(run: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    // The program ends after a panic, so that no broken state can be seen.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let message = MESSAGE.lock().map(|message| message.clone()).unwrap_or_default();
        Err(anyhow!("{message}").context("a fault in the program, please report it"))
    })
}
