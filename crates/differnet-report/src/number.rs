//! Numbers as people read them, alike in plots and documents.

use std::time::Duration;

/// A number with separated thousands and a true minus sign, as on the ticks.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::new();
    if value < 0.0 && digits.contains(|c: char| ('1'..='9').contains(&c)) {
        text.push('−');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

/// A single value, to about four digits: `12.34`, `1,234`, `1.234 × 10⁹`, `∞`.
pub(crate) fn short_number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude.is_infinite() {
        return String::from(if value > 0.0 { "∞" } else { "−∞" });
    }
    if magnitude == 0.0 {
        return String::from("0");
    }
    let power = magnitude.log10().floor() as i32;
    if (-3..5).contains(&power) {
        return number(value, (3 - power).max(0) as usize);
    }
    // Two steps, because 10^-power overflows for the smallest numbers.
    let mantissa = value / 10_f64.powi(power / 2) / 10_f64.powi(power - power / 2);
    format!("{} × 10{}", number(mantissa, 3), superscript(power))
}

/// The exponent of a power of ten.
pub(crate) fn superscript(exponent: i32) -> String {
    exponent
        .to_string()
        .chars()
        .map(|c| match c.to_digit(10) {
            Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
            None => '⁻',
        })
        .collect()
}

/// Share in percent with one decimal; a rest that rounding would hide is told: `> 99.9 %`.
///
/// Its blanks do not break lines. `whole` must not be 0.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    let percent = 100.0 * part as f64 / whole as f64;
    if part < whole && percent >= 99.95 {
        return String::from(">\u{a0}99.9\u{a0}%");
    }
    if part > 0 && percent < 0.05 {
        return String::from("<\u{a0}0.1\u{a0}%");
    }
    format!("{percent:.1}\u{a0}%")
}

/// A count with its noun, which takes an s for every count but 1: `1 image`, `1,200 images`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", number(count as f64, 0), if count == 1 { "" } else { "s" })
}

/// A duration in the two largest units that matter: `59 s`, `2 min 05 s`, `2 h 05 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_by_hand() {
        for (seconds, golden) in
            [(0.4, "0 s"), (59.6, "60 s"), (125.0, "2 min 05 s"), (7500.0, "2 h 05 min")]
        {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), golden);
        }
    }

    #[test]
    fn single_values_are_short() {
        assert_eq!(short_number(12.3456), "12.35");
        assert_eq!(short_number(-1234.5), "−1,234");
        assert_eq!(short_number(0.0), "0");
        assert_eq!(short_number(1.5e9), "1.500 × 10⁹");
        assert_eq!(short_number(5e-324), "4.941 × 10⁻³²⁴");
        assert_eq!(short_number(f64::INFINITY), "∞");
    }

    #[test]
    fn percentages_never_round_to_all_or_nothing() {
        assert_eq!(percent(19, 20), "95.0\u{a0}%");
        assert_eq!(percent(0, 7), "0.0\u{a0}%");
        assert_eq!(percent(7, 7), "100.0\u{a0}%");
        assert_eq!(percent(9_999, 10_000), ">\u{a0}99.9\u{a0}%");
        assert_eq!(percent(1, 10_000), "<\u{a0}0.1\u{a0}%");
    }

    #[test]
    fn counts_have_a_plural_and_separated_thousands() {
        assert_eq!(counted(1, "image"), "1 image");
        assert_eq!(counted(0, "image"), "0 images");
        assert_eq!(counted(1200, "image"), "1,200 images");
    }
}
