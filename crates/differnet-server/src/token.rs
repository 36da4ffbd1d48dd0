//! Authentication of clients by a bearer token, compared in constant time.

use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::ServerError;

/// Longest token, bytes.
const LONGEST: usize = 4096;

/// A secret that requests have to know. Only its hash is kept.
#[derive(Clone)]
pub struct Token {
    hash: [u8; 32],
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token")
    }
}

impl Token {
    /// The token in the file `path`: its only line.
    ///
    /// # Errors
    /// [`ServerError::Io`] if it cannot be read, [`ServerError::Token`] if it holds no token.
    pub fn read(path: &Path) -> Result<Self, ServerError> {
        let text = std::fs::read(path)
            .map_err(|source| ServerError::Io { path: path.to_path_buf(), source })?;
        let token = text.trim_ascii();
        let usable = (1..=LONGEST).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic);
        if !usable {
            return Err(ServerError::Token { path: path.to_path_buf() });
        }
        Ok(Self { hash: hash(token) })
    }

    /// Tells whether `given` is this token. Takes as long for any `given` of a length: what is compared
    /// are hashes, whose bits tell nothing of where two texts differ.
    pub(crate) fn admits(&self, given: &[u8]) -> bool {
        self.hash.ct_eq(&hash(given)).into()
    }
}

fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_of_printable_characters() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let read = |text: &[u8]| {
            std::fs::write(&path, text).expect("written");
            Token::read(&path)
        };
        let token = read(b"s3cret\r\n").expect("a token");
        assert!(token.admits(b"s3cret"));
        for other in [&b"s3cre"[..], b"s3cret ", b"", b"S3cret"] {
            assert!(!token.admits(other));
        }
        assert!(!format!("{token:?}").contains("s3cret"));
        for text in [&b""[..], b"\n", b"two words", b"two\nlines", &[b'a'; 4097], b"\xff\xfe"] {
            assert!(matches!(read(text), Err(ServerError::Token { .. })));
        }
        assert!(matches!(Token::read(folder.path()), Err(ServerError::Io { .. })));
    }
}
