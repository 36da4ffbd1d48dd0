//! Metadata and bytes of an ONNX file.

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message;

use crate::error::OnnxError;
use crate::messages::ModelProto;

/// The metadata and the bytes of an ONNX file.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxFile {
    /// Texts by name.
    pub metadata: BTreeMap<String, String>,
    /// The whole file.
    pub bytes: Vec<u8>,
}

impl OnnxFile {
    /// The file `path`.
    ///
    /// # Errors
    /// [`OnnxError::Io`] if it cannot be read, [`OnnxError::NotOnnx`] if it is no ONNX model.
    pub fn read(path: &Path) -> Result<Self, OnnxError> {
        let io = |source| OnnxError::Io { path: path.to_path_buf(), source };
        let bytes = std::fs::read(path).map_err(io)?;
        let not_onnx = |source| OnnxError::NotOnnx { path: path.to_path_buf(), source };
        let model = ModelProto::decode(&bytes[..]).map_err(not_onnx)?;
        let metadata = model.metadata_props.into_iter().map(|entry| (entry.key, entry.value));
        Ok(Self { metadata: metadata.collect(), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    #[test]
    fn metadata_come_back_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        let metadata = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())];
        let bytes = Graph::default().to_file("g", "", &metadata).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let file = OnnxFile::read(&path).unwrap();
        assert_eq!(file.metadata.into_iter().collect::<Vec<_>>(), metadata);
        assert_eq!(file.bytes, bytes);
        std::fs::write(&path, "no model").unwrap();
        let error = OnnxFile::read(&path).unwrap_err().to_string();
        assert!(error.contains("a.onnx is no ONNX model"), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(OnnxFile::read(&path), Err(OnnxError::Io { .. })));
    }
}
