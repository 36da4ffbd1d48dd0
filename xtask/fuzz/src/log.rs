//! libFuzzer's log: how far it came, what it found, how much memory it took.

use std::path::PathBuf;

use xtask_fuzz::FINDING;

/// Code that inputs have reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// Edges of the control flow.
    pub(super) edges: u64,
    /// Edges by how often they are passed, and comparisons by how near they come.
    pub(super) features: u64,
    /// Inputs that reach all of it.
    pub(super) inputs: u64,
}

/// Contents of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) coverage: Coverage,
    /// Edges that there are.
    pub(super) all_edges: u64,
    /// Bytes in memory by the inputs tried until then.
    pub(super) memory: Vec<(u64, u64)>,
    /// Finding on the last input, if there is one.
    pub(super) finding: Option<String>,
    /// The file that holds it.
    pub(super) input: Option<PathBuf>,
}

impl Log {
    pub(super) fn read(text: &str) -> Self {
        let mut log = Self::default();
        for line in text.lines() {
            log.add(line);
        }
        log
    }

    fn add(&mut self, line: &str) {
        let after = |word: &str| Some(line.split_once(word)?.1);
        let number = |word: &str| {
            let digits = after(word)?.trim_start();
            let end = digits.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(digits.len());
            digits[..end].parse::<u64>().ok()
        };
        if let Some(tried) = line.starts_with('#').then(|| number("#")).flatten() {
            if let Some(edges) = number("cov: ") {
                let (features, inputs) = (number(" ft: "), number(" corp: "));
                let or_none = Option::unwrap_or_default;
                self.coverage =
                    Coverage { edges, features: or_none(features), inputs: or_none(inputs) };
            }
            self.memory.extend(number(" rss: ").map(|mebibytes| (tried, mebibytes << 20)));
        } else if let Some(finding) = line.strip_prefix(FINDING) {
            self.finding = Some(finding.to_owned());
        } else if let Some(input) = after("Test unit written to ") {
            self.input = Some(PathBuf::from(input.trim()));
        } else if let Some(finding) = after("SUMMARY: libFuzzer: ") {
            // What the target says of it is said before, and in more words.
            self.finding.get_or_insert_with(|| finding.to_owned());
        } else if line.starts_with("INFO: Loaded ") {
            self.all_edges = number("(").unwrap_or(0);
        }
    }

    /// Bytes in memory after a quarter of `cases`, and at the end.
    pub(super) fn early_and_late(&self, cases: u64) -> [u64; 2] {
        let late = self.memory.last().map_or(0, |&(_, bytes)| bytes);
        let early = self.memory.iter().find(|(tried, _)| 4 * tried >= cases);
        [early.map_or(late, |&(_, bytes)| bytes), late]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Seed: 7
INFO: Loaded 1 modules   (31234 inline 8-bit counters): 31234 [0x1, 0x2),
#2\tINITED cov: 100 ft: 120 corp: 2/9b exec/s: 0 rss: 40Mb
#64\tpulse  cov: 110 ft: 130 corp: 3/19b lim: 4 exec/s: 0 rss: 44Mb
#100\tNEW    cov: 119 ft: 140 corp: 4/29b lim: 4 exec/s: 0 rss: 45Mb L: 10/10 MS: 1 CrossOver-
finding: the error does not name the file: x
==77== ERROR: libFuzzer: deadly signal
artifact_prefix='found/'; Test unit written to found/crash-0123
SUMMARY: libFuzzer: deadly signal
";

    #[test]
    fn a_log_tells_coverage_memory_and_what_was_found() {
        let log = Log::read(LOG);
        assert_eq!(log.coverage, Coverage { edges: 119, features: 140, inputs: 4 });
        assert_eq!(log.all_edges, 31234);
        assert_eq!(log.early_and_late(200), [44 << 20, 45 << 20]);
        assert_eq!(log.finding.as_deref(), Some("the error does not name the file: x"));
        assert_eq!(log.input, Some(PathBuf::from("found/crash-0123")));
        let hangs = Log::read("SUMMARY: libFuzzer: timeout\n");
        assert_eq!(hangs.finding.as_deref(), Some("timeout"));
        assert_eq!(Log::read("#1\tDONE   cov: 5 ft: 5 corp: 1/1b rss: 9Mb\n").finding, None);
    }
}
