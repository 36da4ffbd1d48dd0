//! Model files: what is written is read back, and what is wrong with others is named.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use differnet_baselines::{
    BaselineError, FittedModel, OneClassSvm, OneClassSvmConfig, OneNearestNeighbour,
    OneNearestNeighbourConfig, Rows,
};
use differnet_files::{FileError, SafeTensors};
use differnet_progress::Monitor;
use tempfile::TempDir;

const FEATURES: usize = 3;

fn values() -> Vec<f32> {
    (0..90).map(|at| (at as f32 * 0.73).sin() * if at % 3 == 0 { 10.0 } else { 1.0 }).collect()
}

fn neighbour() -> OneNearestNeighbour {
    let config = OneNearestNeighbourConfig { components: 2 };
    let values = values();
    let rows = Rows::new(&values, FEATURES).unwrap();
    config.fit(&rows, &Monitor::silent()).unwrap()
}

fn svm() -> OneClassSvm {
    let config = OneClassSvmConfig { nu: 0.3, ..OneClassSvmConfig::default() };
    let values = values();
    let rows = Rows::new(&values, FEATURES).unwrap();
    config.fit(&rows, 0, &Monitor::silent()).unwrap()
}

/// A folder with a file of the model.
fn saved(model: &dyn FittedModel) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let metadata = BTreeMap::from([("mine".to_owned(), "kept".to_owned())]);
    model.save(&path, &metadata).unwrap();
    (folder, path)
}

#[test]
fn a_model_survives_its_file_and_equal_models_have_equal_files() {
    let (model, (folder, path)) = (neighbour(), saved(&neighbour()));
    assert_eq!(OneNearestNeighbour::load(&path).unwrap(), model);
    assert_eq!(fs::read(&path).unwrap(), fs::read(saved(&neighbour()).1).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    let (model, (_folder, path)) = (svm(), saved(&svm()));
    assert_eq!(OneClassSvm::load(&path).unwrap(), model);
    let bytes = fs::read(&path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["mine"], "kept");
}

/// Errors of both methods for the file.
fn refused(path: &Path) -> [String; 2] {
    [
        OneNearestNeighbour::load(path).unwrap_err().to_string(),
        OneClassSvm::load(path).unwrap_err().to_string(),
    ]
}

#[test]
fn files_of_another_method_are_refused() {
    let (_folder, path) = saved(&neighbour());
    let error = OneClassSvm::load(&path).unwrap_err();
    assert!(matches!(error, BaselineError::File(FileError::Metadata { .. })));
    assert!(error.to_string().contains("\"1nn\""), "{error}");
}

#[test]
fn damaged_files_are_refused() {
    let (_folder, path) = saved(&svm());
    let whole = fs::read(&path).unwrap();
    for at in [whole.len() - 1, whole.len() / 2, 200] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(&path, &bytes).unwrap();
        let error = OneClassSvm::load(&path).unwrap_err();
        assert!(error.to_string().contains("model.safetensors"), "{error}");
    }
    for length in [0, 7, 100, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        for error in refused(&path) {
            let told = ["is not a safetensors file", "bytes where its header promises"];
            assert!(told.iter().any(|part| error.contains(part)), "{length}: {error}");
            assert!(error.contains("model.safetensors"), "{error}");
        }
    }
    fs::remove_file(&path).unwrap();
    for error in refused(&path) {
        assert!(error.contains("cannot access"), "{error}");
    }
}

#[test]
fn a_failed_save_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    // The name is taken by a folder.
    let path = folder.path().join("model");
    fs::create_dir(&path).unwrap();
    let error = neighbour().save(&path, &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, BaselineError::File(FileError::Io { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
