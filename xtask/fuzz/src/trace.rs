//! A file that says how many inputs a process has tried and which it is at: all that is left of it if it
//! dies, as when its stack overflows.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use crate::subject::Reception;

/// Bytes before the input: how many were accepted, how many refused, and the input's length.
const HEAD: usize = 24;

/// Writes the file.
#[derive(Debug)]
pub struct Trace {
    file: File,
    counts: [u64; 2],
}

/// Contents of a trace file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Inputs that were accepted.
    pub accepted: u64,
    /// Inputs that were refused.
    pub refused: u64,
    /// The input that was tried last.
    pub input: Vec<u8>,
}

impl Trace {
    /// Begins the file `path`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut trace = Self { file: File::create(path)?, counts: [0; 2] };
        trace.begin(&[])?;
        Ok(trace)
    }

    /// Notes that `input` is tried next.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin(&mut self, input: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEAD + input.len());
        for count in [self.counts[0], self.counts[1], input.len() as u64] {
            bytes.extend(count.to_le_bytes());
        }
        bytes.extend(input);
        self.write(&bytes)
    }

    /// Notes what came of it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn end(&mut self, reception: Reception) -> io::Result<()> {
        self.counts[reception as usize] += 1;
        let counts = self.counts.map(u64::to_le_bytes).concat();
        self.write(&counts)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(bytes)
    }
}

impl Traced {
    /// Reads the file `path`; `None` if it holds no trace.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let bytes = std::fs::read(path)?;
        let count = |at: usize| {
            let eight = bytes.get(8 * at..8 * at + 8)?;
            Some(u64::from_le_bytes(eight.try_into().ok()?))
        };
        let traced = || {
            let (accepted, refused, length) = (count(0)?, count(1)?, count(2)?);
            let input = bytes.get(HEAD..)?.get(..usize::try_from(length).ok()?)?.to_vec();
            Some(Self { accepted, refused, input })
        };
        Ok(traced())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_tells_the_counts_and_the_last_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        let mut trace = Trace::create(&path).unwrap();
        trace.begin(b"a longer input").unwrap();
        trace.end(Reception::Accepted).unwrap();
        trace.begin(b"short").unwrap();
        let traced = Traced::read(&path).unwrap().unwrap();
        assert_eq!(traced, Traced { accepted: 1, refused: 0, input: b"short".to_vec() });
        trace.end(Reception::Refused).unwrap();
        assert_eq!(Traced::read(&path).unwrap().unwrap().refused, 1);
        std::fs::write(&path, [1, 2, 3]).unwrap();
        assert_eq!(Traced::read(&path).unwrap(), None);
    }
}
