//! Names an image by what it holds, so that caches survive renaming and notice editing.

use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 of a file's bytes, or of the pixels that count in it (see
/// [`SeenImage`](crate::SeenImage)); displays as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_standard_sha_256() {
        // FIPS 180-2, appendix B.1.
        let golden = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(ContentHash::of(b"abc").to_string(), golden);
    }

    #[test]
    fn one_changed_byte_changes_the_hash() {
        assert_ne!(ContentHash::of(b"abc"), ContentHash::of(b"abd"));
    }
}
