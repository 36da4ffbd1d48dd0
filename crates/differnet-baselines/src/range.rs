//! Ranges of settings.

use std::fmt::Display;

use crate::error::BaselineError;

/// Largest count in the settings: stops absurd allocations for damaged files, nothing sensible.
const MOST: usize = 1_000_000;

/// Checks that `allowed` says so.
///
/// # Errors
/// [`BaselineError::Config`] with the name, the range and the value.
pub(crate) fn check<T: Display + Copy>(
    name: &'static str,
    value: T,
    expected: &'static str,
    allowed: impl FnOnce(T) -> bool,
) -> Result<(), BaselineError> {
    if allowed(value) {
        return Ok(());
    }
    Err(BaselineError::Config { name, expected, found: value.to_string() })
}

/// Checks that networks that halve images take this width and height.
pub(crate) fn side(side: usize, multiple: usize) -> Result<(), BaselineError> {
    let expected = match multiple {
        4 => "a multiple of 4 from 8 to 256",
        8 => "a multiple of 8 from 8 to 256",
        _ => "a power of two from 8 to 256",
    };
    check("side", side, expected, |side| {
        let fits = if multiple <= 8 { side % multiple == 0 } else { side.is_power_of_two() };
        fits && (8..=256).contains(&side)
    })
}

/// Checks that there is at least one and no absurd number.
pub(crate) fn count(name: &'static str, count: usize) -> Result<(), BaselineError> {
    check(name, count, "from 1 to 1000000", |count| (1..=MOST).contains(&count))
}

/// Checks that the value is finite and positive.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), BaselineError> {
    check(name, value, "finite and positive", |value| value.is_finite() && value > 0.0)
}

/// Checks that the value is finite and at least 0.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<(), BaselineError> {
    check(name, value, "finite, at least 0", |value| value.is_finite() && value >= 0.0)
}

/// Checks that the value can be a decay of a running mean.
pub(crate) fn decay(name: &'static str, value: f64) -> Result<(), BaselineError> {
    check(name, value, "in [0, 1)", |value| (0.0..1.0).contains(&value))
}
