//! Axes with round ticks and short labels.

use crate::number::{number, superscript};

/// A labelled place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// In data units.
    pub(super) value: f64,
    /// Label of the tick.
    pub(super) label: String,
}

/// The range of one axis, its ticks and its title.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// Value at the left or lower end.
    pub(super) low: f64,
    /// Value at the right or upper end, above `low`.
    pub(super) high: f64,
    /// By rising value, within the range.
    pub(super) ticks: Vec<Tick>,
    /// Quantity and unit.
    pub(super) title: String,
    /// Labels count in this power of ten.
    exponent: i32,
}

impl Axis {
    /// An axis over exactly this range, with about `ticks` ticks.
    ///
    /// Very large and very small values are written in units of a power of ten, named behind
    /// `quantity` together with `unit`, so that no label is long.
    pub(super) fn new(quantity: &str, unit: &str, low: f64, high: f64, ticks: usize) -> Self {
        let step = round_step((high - low) / ticks as f64);
        let exponent = shared_exponent(low.abs().max(high.abs()));
        let title = match (exponent, unit) {
            (0, "") => quantity.to_owned(),
            (0, unit) => format!("{quantity} ({unit})"),
            (exponent, unit) => {
                let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
                format!("{quantity} (10{}{unit})", superscript(exponent))
            }
        };
        // A hair of slack keeps a tick that rounding moved just out of the range.
        let first = (low / step - 1e-6).ceil();
        let last = (high / step + 1e-6).floor();
        let mut axis = Self { low, high, ticks: Vec::new(), title, exponent };
        axis.ticks = (0..=(last - first) as usize)
            .map(|index| (first + index as f64) * step)
            .map(|value| Tick { value, label: axis.label(value, step) })
            .collect();
        axis
    }

    /// An axis on which every doubling takes the same room, in units of log₂, with a tick at each of
    /// `ticks`; these are positive and rise.
    pub(super) fn doubling(quantity: &str, low: f64, high: f64, ticks: &[f64]) -> Self {
        let tick = |&value: &f64| Tick { value: value.log2(), label: number(value, 0) };
        Self {
            low: low.log2(),
            high: high.log2(),
            ticks: ticks.iter().map(tick).collect(),
            title: quantity.to_owned(),
            exponent: 0,
        }
    }

    /// Label of a multiple of `step` on this axis.
    pub(super) fn label(&self, value: f64, step: f64) -> String {
        let power = 10_f64.powi(self.exponent);
        let decimals = (-(step / power).log10() - 1e-9).ceil().max(0.0) as usize;
        number(value / power, decimals)
    }

    /// Place of a value on the axis: 0 at the low end, 1 at the high end.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The smallest of 1, 2, 5 or 10 times a power of ten that is at least `step`.
pub(super) fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// Power of ten, a multiple of three, in which labels up to `magnitude` stay short; mostly 0.
fn shared_exponent(magnitude: f64) -> i32 {
    if magnitude == 0.0 || (1e-2..1e5).contains(&magnitude) {
        return 0;
    }
    (magnitude.log10() / 3.0).floor() as i32 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_labels_carry_just_enough_digits() {
        let axis = Axis::new("Rate", "", 0.0, 1.0, 5);
        assert_eq!(labels(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let axis = Axis::new("Update", "", 0.0, 9_500.0, 5);
        assert_eq!(labels(&axis), ["0", "2,000", "4,000", "6,000", "8,000"]);
        let axis = Axis::new("Loss", "nats", -1.3, 0.4, 4);
        assert_eq!(labels(&axis), ["−1.0", "−0.5", "0.0"]);
        assert_eq!(axis.title, "Loss (nats)");
    }

    #[test]
    fn huge_values_are_counted_in_a_power_of_ten() {
        let axis = Axis::new("Anomaly score", "nats", 0.0, 2.5e9, 5);
        assert_eq!(labels(&axis), ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]);
        assert_eq!(axis.title, "Anomaly score (10⁹ nats)");
    }

    #[test]
    fn doublings_take_the_same_room() {
        let axis = Axis::doubling("Images", 16.0, 1024.0, &[16.0, 32.0, 1024.0]);
        assert_eq!(labels(&axis), ["16", "32", "1,024"]);
        let shares: Vec<f64> = axis.ticks.iter().map(|tick| axis.share(tick.value)).collect();
        assert_eq!(shares, [0.0, 1.0 / 6.0, 1.0]);
    }

    #[test]
    fn steps_are_rounded_up() {
        assert_eq!(round_step(0.2), 0.2);
        assert_eq!(round_step(3.0), 5.0);
        assert_eq!(round_step(700.0), 1000.0);
    }
}
