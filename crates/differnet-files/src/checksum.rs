//! Checksum of a safetensors file's content.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::error::FileError;

/// Metadata key under which a file keeps the checksum of all the rest.
pub const CHECKSUM_KEY: &str = "differnet_files.checksum";

/// Checksum of a file: the sum of the CRC-32 of each named part, in whatever order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checksum(u32);

impl Checksum {
    /// The checksum of `metadata` but for that of the checksum itself.
    pub(crate) fn of(metadata: &BTreeMap<String, String>) -> Self {
        let mut checksum = Self::default();
        let others = metadata.iter().filter(|(key, _)| *key != CHECKSUM_KEY);
        others.for_each(|(key, value)| checksum.add(key, value.as_bytes()));
        checksum
    }

    /// Adds the part `name`.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(name.as_bytes());
        hasher.update(bytes);
        self.0 = self.0.wrapping_add(hasher.finalize());
    }

    /// The checksum of the parts of both.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// Tells whether this is the checksum in `metadata`, those of the file `path`.
    pub(crate) fn check(
        self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), FileError> {
        match metadata.get(CHECKSUM_KEY) {
            None => Err(FileError::MissingMetadata { key: CHECKSUM_KEY.into() }),
            Some(expected) if self.to_string() == *expected => Ok(()),
            Some(_) => Err(FileError::Checksum { path: path.to_path_buf() }),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_parts_does_not_matter_and_every_byte_does() {
        let of = |parts: &[(&str, &[u8])]| {
            let mut checksum = Checksum::default();
            parts.iter().for_each(|(name, bytes)| checksum.add(name, bytes));
            checksum
        };
        let golden = of(&[("a", b"12"), ("b", b"3")]);
        assert_eq!(of(&[("b", b"3"), ("a", b"12")]), golden);
        assert_eq!(of(&[("a", b"12")]).plus(of(&[("b", b"3")])), golden);
        assert_ne!(of(&[("a", b"12"), ("b", b"2")]), golden);
        assert_ne!(of(&[("c", b"12"), ("b", b"3")]), golden);
        // CRC-32 of "123456789" is the check value of the polynomial.
        assert_eq!(of(&[("1234", b"56789")]).to_string(), "cbf43926");
    }
}
