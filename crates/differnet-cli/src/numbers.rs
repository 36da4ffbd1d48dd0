//! Numbers as people write and read them: ranges of arguments, durations.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

pub(crate) use differnet_report::duration;

/// Largest count that an argument may be: more than anyone needs, less than overflows.
const MOST: usize = 1_000_000;

/// A whole number from 1 to a million.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=MOST).contains(&count) => Ok(count),
        _ => Err(format!("give a whole number from 1 to {MOST}")),
    }
}

/// A whole number from 0 to a million.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count <= MOST => Ok(count),
        _ => Err(format!("give a whole number from 0 to {MOST}")),
    }
}

/// An address and a port to listen on; of a name its IPv4 address, if it has one.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok();
    let found = found.and_then(|addresses| addresses.min_by_key(SocketAddr::is_ipv6));
    found.ok_or_else(|| {
        "give an address and a port, such as 127.0.0.1:8080 or localhost:8080".to_owned()
    })
}

/// Seconds, from a millisecond to a day.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=86_400.0).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err("give seconds from 0.001 to 86400".to_owned()),
    }
}

/// Bytes: a number with B, KB, MB, GB or TB, powers of a thousand; without a unit bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "give a size such as 500MB or 10GB".to_owned();
    let text = text.trim().to_ascii_uppercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1.0,
        "K" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.trim_end().parse().map_err(|_| wrong())?;
    let bytes = number * factor;
    if (0.0..=1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// A number that is neither infinite nor NaN.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("give a number such as 0.5 or 2e-4".to_owned()),
    }
}

/// A number above 0 and below 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    match finite(text) {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("give a number above 0 and below 1, such as 0.01".to_owned()),
    }
}

/// A number from 0 upwards.
pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    match finite(text) {
        Ok(number) if number >= 0.0 => Ok(number),
        _ => Err("give a number from 0 upwards, such as 250".to_owned()),
    }
}

/// As [`finite`], in single precision.
pub(crate) fn finite_f32(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("give a number such as 0.15".to_owned()),
    }
}

/// A seed: from 0 to 2⁶³ − 1, because TOML has no larger numbers.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    match text.parse::<i64>().map(u64::try_from) {
        Ok(Ok(seed)) => Ok(seed),
        _ => Err(format!("give a whole number from 0 to {}", i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        for text in ["0", "-1", "1.5", "ten", "", "1000001", "99999999999999999999"] {
            assert!(positive(text).is_err(), "{text}");
        }
        assert_eq!(positive("1000000"), Ok(1_000_000));
        assert_eq!(count("0"), Ok(0));
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["0", "-1", "NaN", "inf", "86401", "1e300"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for text in ["NaN", "inf", "-inf", "1e999", "1,5"] {
            assert!(finite(text).is_err() && finite_f32(text).is_err(), "{text}");
        }
        assert!(finite_f32("1e39").is_err());
        for (text, bytes) in [
            ("0", 0),
            ("7", 7),
            ("1.5KB", 1500),
            ("10 GB", 10_000_000_000),
            ("2t", 2_000_000_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "1GiB", "1 MB 2", "NaN", "inf", "1e30"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(seed("9223372036854775807"), Ok(i64::MAX as u64));
        assert!(seed("9223372036854775808").is_err() && seed("-1").is_err());
    }
}
