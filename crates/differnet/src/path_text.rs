//! Paths in JSON: as text, and as bytes where the text does not have them all.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// A path as `path`, and as `path_bytes` if it is not UTF-8.
///
/// `path` has U+FFFD for what is no text; `path_bytes` is the Base64 of the operating system's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Path))]
pub struct PathText {
    /// The image's file or name, U+FFFD for what is no text.
    path: String,
    /// The Base64 of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

impl PathText {
    /// The path as text, U+FFFD for what is none.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// The Base64 of the operating system's bytes of a path that is not UTF-8; `None` for other paths.
    pub fn bytes_of(path: &Path) -> Option<String> {
        match path.to_str() {
            Some(_) => None,
            None => Some(STANDARD.encode(path.as_os_str().as_encoded_bytes())),
        }
    }

    /// The path that `text` was made of; `bytes` is what [`bytes_of`](Self::bytes_of) gave.
    ///
    /// Where the operating system's names are not made of bytes, or the bytes are damaged, the text alone counts.
    pub fn to_path(text: &str, bytes: Option<&str>) -> PathBuf {
        #[cfg(unix)]
        if let Some(bytes) = bytes.and_then(|bytes| STANDARD.decode(bytes).ok()) {
            use std::os::unix::ffi::OsStringExt;
            return std::ffi::OsString::from_vec(bytes).into();
        }
        #[cfg(not(unix))]
        let _ = bytes;
        text.into()
    }

    /// Serializes a path as text, U+FFFD for what is none: for `#[serde(serialize_with)]`.
    ///
    /// # Errors
    /// Those of `serializer`.
    pub fn serialize_lossy<S: Serializer>(
        path: impl AsRef<Path>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&lossy(path.as_ref()))
    }
}

impl From<&Path> for PathText {
    fn from(path: &Path) -> Self {
        Self { path: lossy(path), path_bytes: Self::bytes_of(path) }
    }
}

impl From<&str> for PathText {
    fn from(path: &str) -> Self {
        Self { path: path.to_owned(), path_bytes: None }
    }
}

impl fmt::Display for PathText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)
    }
}

/// Serializes paths as `files`, and as `files_bytes`, null for each that is UTF-8, if some is not: for
/// `#[serde(flatten, serialize_with)]`.
///
/// # Errors
/// Those of `serializer`.
pub(crate) fn serialize_files<S: Serializer>(
    paths: &[impl AsRef<Path>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Files {
        files: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        files_bytes: Option<Vec<Option<String>>>,
    }
    let files = paths.iter().map(|path| lossy(path.as_ref())).collect();
    let bytes: Vec<Option<String>> =
        paths.iter().map(|path| PathText::bytes_of(path.as_ref())).collect();
    let files_bytes = bytes.iter().any(Option::is_some).then_some(bytes);
    Files { files, files_bytes }.serialize(serializer)
}

fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn bytes_are_there_where_the_text_is_not_all() {
        let odd = Path::new(OsStr::from_bytes(b"a\xff.png"));
        let json = |path: &Path| serde_json::to_value(PathText::from(path)).expect("plain data");
        let golden = serde_json::json!({"path": "a\u{fffd}.png", "path_bytes": "Yf8ucG5n"});
        assert_eq!(json(odd), golden);
        assert_eq!(json(Path::new("ä.png")), serde_json::json!({"path": "ä.png"}));
        for path in [odd, Path::new("ä.png")] {
            let text = path.to_string_lossy();
            assert_eq!(PathText::to_path(&text, PathText::bytes_of(path).as_deref()), path);
        }
        let mut text = Vec::new();
        let serializer = &mut serde_json::Serializer::new(&mut text);
        serialize_files(&[odd, Path::new("b")], serializer).expect("memory");
        let golden = "{\"files\":[\"a\u{fffd}.png\",\"b\"],\"files_bytes\":[\"Yf8ucG5n\",null]}";
        assert_eq!(String::from_utf8(text).expect("JSON"), golden);
    }
}
