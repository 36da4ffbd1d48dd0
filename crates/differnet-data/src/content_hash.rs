//! Names an image by what it holds, so that caches survive renaming and notice editing.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes of a file that are in memory at once.
const PART: usize = 1 << 16;

/// SHA-256 of a file's bytes, or of the pixels that count in it (see
/// [`MaskedInput`](crate::MaskedInput)); displays as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash of the file `path`, however long; it is not held in memory.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut digest = Sha256::new();
        let mut part = vec![0; PART];
        loop {
            match file.read(&mut part) {
                Ok(0) => return Ok(Self(digest.finalize().into())),
                Ok(length) => digest.update(&part[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Digest of images' contents, whatever their order: 32 hexadecimal digits.
    pub fn digest_of(hashes: &[Self]) -> String {
        let mut hashes = hashes.to_vec();
        hashes.sort();
        let mut digest = Sha256::new();
        for hash in hashes {
            digest.update(hash.0);
        }
        digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
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
    fn a_file_has_the_hash_of_its_bytes() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let golden = ContentHash::of(&std::fs::read(&path).unwrap());
        assert_eq!(ContentHash::of_file(&path).unwrap(), golden);
        assert!(ContentHash::of_file(Path::new("missing")).is_err());
    }

    #[test]
    fn one_changed_byte_changes_the_hash() {
        assert_ne!(ContentHash::of(b"abc"), ContentHash::of(b"abd"));
    }
}
