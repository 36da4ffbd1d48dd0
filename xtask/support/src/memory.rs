//! Memory of processes; Linux alone tells.

use std::fs;

/// Largest resident memory of this process so far, in 10⁶ bytes; `None` where the system does not
/// tell.
pub fn peak_mb() -> Option<f64> {
    peak().map(|bytes| bytes as f64 / 1e6)
}

/// Largest resident memory of this process so far, bytes; `None` where the system does not tell.
pub fn peak() -> Option<u64> {
    field(&status("self")?, "VmHWM")
}

/// Resident memory of the process `id`, or of this one as `self`, bytes; `None` where the system does
/// not tell.
pub fn resident(id: &str) -> Option<u64> {
    field(&status(id)?, "VmRSS")
}

fn status(id: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{id}/status")).ok()
}

/// A line like `VmHWM: 1234 kB`, whose kB are 1024 bytes.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_its_unit() {
        let status = "Name:\txtask\nVmPeak:\t  2000 kB\nVmHWM:\t  1000000 kB\nVmRSS:\t   10 kB\n";
        assert_eq!(field(status, "VmHWM"), Some(1_024_000_000));
        assert_eq!(field(status, "VmRSS"), Some(10_240));
        assert_eq!(field("Name:\txtask\n", "VmHWM"), None);
        assert_eq!(field("VmHWM:\tmuch\n", "VmHWM"), None);
    }
}
