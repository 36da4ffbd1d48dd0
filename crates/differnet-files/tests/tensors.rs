//! Safetensors files: what is written is read back bit for bit, and every damage is named.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use differnet_files::{
    CHECKSUM_KEY, Dtype, FileError, MappedTensors, NamedTensor, SafeTensors, TensorFile,
    TensorSource, TensorSpec, TensorValues, read_metadata, save_tensors, write_tensors,
};
use tempfile::TempDir;

/// A tensor of each type, of which the last is longer than a chunk of the search for bad values.
fn tensors() -> Vec<NamedTensor<'static>> {
    let long: Vec<f32> = (0..3000).map(|at| (at as f32 * 0.37).sin()).collect();
    let tensor = |name: &str, shape: &[usize], values| NamedTensor {
        name: name.into(),
        shape: shape.to_vec(),
        values,
    };
    vec![
        tensor("order", &[3], TensorValues::I64(Cow::Owned(vec![2, -1, i64::MAX]))),
        tensor("means", &[2, 2], TensorValues::F64(Cow::Owned(vec![0.1, -2.0, 1e300, 0.0]))),
        tensor("empty", &[0, 4], TensorValues::F32(Cow::Owned(vec![]))),
        tensor("long", &[3000], TensorValues::F32(Cow::Owned(long))),
    ]
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("name".to_owned(), "bottle".to_owned())])
}

fn saved(tensors: &[NamedTensor<'static>]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.safetensors");
    save_tensors(&path, &metadata(), || tensors.iter().cloned()).unwrap();
    (folder, path)
}

/// Reads everything and verifies.
fn read(path: &Path) -> Result<Vec<f32>, FileError> {
    let mut file = TensorFile::open(path)?;
    file.integers("order", &[3])?;
    file.doubles("means", &[2, 2])?;
    file.floats("empty", &[0, 4])?;
    let long = file.floats("long", &[3000])?;
    file.verify()?;
    Ok(long)
}

#[test]
fn tensors_and_metadata_come_back_bit_for_bit() {
    let tensors = tensors();
    let (folder, path) = saved(&tensors);
    let mut mapped = MappedTensors::open(&path).unwrap();
    mapped.verify().unwrap();
    assert_eq!(mapped.names(), ["empty", "long", "means", "order"]);
    assert_eq!(mapped.integers("order", &[3]).unwrap(), [2, -1, i64::MAX]);
    assert_eq!(mapped.doubles("means", &[2, 2]).unwrap(), [0.1, -2.0, 1e300, 0.0]);
    let long = mapped.mapped(&tensors[3].spec()).unwrap();
    assert!(long.are_mapped());
    assert_eq!(*long, *read(&path).unwrap());
    assert_eq!(tensors[3].values, TensorValues::F32(Cow::Borrowed(&long)));
    assert_eq!(read_metadata(&path).unwrap(), metadata());
    assert_eq!(mapped.metadata(), metadata());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing partial remains");
}

#[test]
fn files_are_safetensors_and_equal_content_gives_equal_bytes() {
    let (_folder, path) = saved(&tensors());
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("means").unwrap().shape(), [2, 2]);
    let mut source = &file;
    assert_eq!(source.doubles("means", &[2, 2]).unwrap()[0], 0.1);
    // A checksum among the metadata is no part of the content.
    let mut metadata = metadata();
    metadata.insert(CHECKSUM_KEY.into(), "00000000".into());
    let mut again = Vec::new();
    write_tensors(&metadata, tensors, &mut again).unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn every_turned_bit_is_found() {
    let (_folder, path) = saved(&tensors());
    let whole = fs::read(&path).unwrap();
    let text = whole.windows(6).position(|window| window == b"bottle").unwrap();
    let data = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    // Metadata, an integer, a double, and the last float.
    for at in [text, data, data + 24, whole.len() - 4] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(read(&path), Err(FileError::Checksum { .. })), "byte {at}");
        let mapped = MappedTensors::open(&path).unwrap();
        assert!(matches!(mapped.verify(), Err(FileError::Checksum { .. })), "byte {at}");
    }
    let mut bytes = whole.clone();
    let key = whole.windows(CHECKSUM_KEY.len()).position(|w| w == CHECKSUM_KEY.as_bytes()).unwrap();
    bytes[key] = b'D';
    fs::write(&path, bytes).unwrap();
    let message = format!("metadata lack the key {CHECKSUM_KEY:?}");
    assert_eq!(read(&path).unwrap_err().to_string(), message);
}

#[test]
fn values_that_are_not_finite_are_named_whatever_the_source() {
    for (position, value) in [(0, f32::NAN), (1024, f32::INFINITY), (2999, f32::NEG_INFINITY)] {
        let mut tensors = tensors();
        let TensorValues::F32(values) = &mut tensors[3].values else { panic!("floats") };
        values.to_mut()[position] = value;
        let (_folder, path) = saved(&tensors);
        let message =
            format!("tensor \"long\" holds a value that is not finite, at position {position}");
        assert_eq!(read(&path).unwrap_err().to_string(), message);
        let mapped = MappedTensors::open(&path).unwrap();
        assert_eq!(mapped.verify().unwrap_err().to_string(), message);
    }
    let mut tensors = tensors();
    tensors[1].values = TensorValues::F64(Cow::Owned(vec![0.0, 1.0, f64::NAN, 2.0]));
    let (_folder, path) = saved(&tensors);
    let message = "tensor \"means\" holds a value that is not finite, at position 2";
    assert_eq!(read(&path).unwrap_err().to_string(), message);
}

#[test]
fn another_shape_or_type_and_missing_tensors_are_named() {
    let (_folder, path) = saved(&tensors());
    let mut file = TensorFile::open(&path).unwrap();
    for (found, message) in [
        (
            file.floats("long", &[30, 100]).map(drop),
            "tensor \"long\" has shape [3000], expected [30, 100]",
        ),
        (file.floats("means", &[2, 2]).map(drop), "tensor \"means\" holds F64, expected F32"),
        (file.integers("means", &[2, 2]).map(drop), "tensor \"means\" holds F64, expected I64"),
        (file.doubles("order", &[3]).map(drop), "tensor \"order\" holds I64, expected F64"),
        (file.floats("short", &[1]).map(drop), "tensor \"short\" is missing"),
        (file.bytes("short").map(drop), "tensor \"short\" is missing"),
    ] {
        assert_eq!(found.unwrap_err().to_string(), message);
    }
    let mapped = MappedTensors::open(&path).unwrap();
    let spec = TensorSpec { name: "order".into(), shape: vec![3], dtype: Dtype::F32 };
    let message = "tensor \"order\" holds I64, expected F32";
    assert_eq!(mapped.mapped(&spec).unwrap_err().to_string(), message);
}

#[test]
fn files_that_are_no_safetensors_are_named_with_the_reason() {
    let (folder, path) = saved(&tensors());
    let whole = fs::read(&path).unwrap();
    let cases: [(Vec<u8>, &str); 6] = [
        (vec![], "is not a safetensors file: it is shorter than 8 bytes"),
        (vec![0xFF; 64], "is not a safetensors file: its header does not fit"),
        (whole[..40].to_vec(), "is not a safetensors file: its header does not fit"),
        ([&[2, 0, 0, 0, 0, 0, 0, 0][..], b"[}"].concat(), "is not a safetensors file: "),
        (whole[..whole.len() - 1].to_vec(), "bytes where its header promises"),
        ([&whole[..], b"x"].concat(), "bytes where its header promises"),
    ];
    for (bytes, message) in cases {
        fs::write(&path, bytes).unwrap();
        let error = TensorFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("file.safetensors"), "{error}");
        assert_eq!(MappedTensors::open(&path).unwrap_err().to_string(), error);
    }
    let missing = folder.path().join("missing");
    assert!(
        matches!(TensorFile::open(&missing), Err(FileError::Io { path, .. }) if path == missing)
    );
    let nowhere = folder.path().join("missing/file");
    let refused = save_tensors(&nowhere, &metadata(), tensors);
    assert!(matches!(refused, Err(FileError::Io { path, .. }) if path == nowhere));
}
