//! How much memory this process has taken.

use std::fs;

/// Largest resident memory of this process so far, in 10⁶ bytes; `None` where the system does not
/// tell (everywhere but on Linux).
pub(crate) fn peak_mb() -> Option<f64> {
    parse(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The line `VmHWM: 1234 kB`, whose kB are 1024 bytes.
fn parse(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_its_unit() {
        let status = "Name:\txtask\nVmPeak:\t  2000 kB\nVmHWM:\t  1000000 kB\nVmRSS:\t   10 kB\n";
        assert_eq!(parse(status), Some(1024.0));
        assert_eq!(parse("Name:\txtask\n"), None);
        assert_eq!(parse("VmHWM:\tmuch\n"), None);
    }
}
