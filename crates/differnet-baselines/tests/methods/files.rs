//! Models come back from their files as they were, and damaged files are refused.

use std::fs;
use std::path::Path;

use differnet_baselines::{Adgan, BaselineError, Dsebm, Ganomaly, GeoTrans, Images};
use differnet_files::{FileError, read_metadata};
use differnet_progress::Monitor;

use crate::fixture::{Competitor, Kind, SIDE, images};

fn fitted<M: Competitor>() -> M {
    let train = images(Kind::Stripes, 6, 1);
    M::fit(2, &Images::new(&train, SIDE).unwrap(), 1, &Monitor::silent()).unwrap()
}

fn comes_back<M: Competitor>() {
    let folder = tempfile::tempdir().unwrap();
    let (path, again) = (folder.path().join("a.model"), folder.path().join("b.model"));
    let model = fitted::<M>();
    model.save(&path).unwrap();
    let loaded = M::load(&path).unwrap();
    let test = images(Kind::Blob, 3, 2);
    let test = Images::new(&test, SIDE).unwrap();
    assert_eq!(model.scores(&test).unwrap(), loaded.scores(&test).unwrap());
    assert_eq!(read_metadata(&path).unwrap()["part"], "ring");
    // Equal models have equal files, and no other file is left.
    model.save(&again).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn geotrans_comes_back_from_its_file() {
    comes_back::<GeoTrans>();
}

#[test]
fn ganomaly_comes_back_from_its_file() {
    comes_back::<Ganomaly>();
}

#[test]
fn dsebm_comes_back_from_its_file() {
    comes_back::<Dsebm>();
}

#[test]
fn adgan_comes_back_from_its_file() {
    comes_back::<Adgan>();
}

/// The error of loading a file of these bytes.
fn error_of(bytes: &[u8], path: &Path) -> BaselineError {
    fs::write(path, bytes).unwrap();
    Dsebm::load(path, &burn::tensor::Device::flex()).unwrap_err()
}

#[test]
fn damaged_files_are_refused_with_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.model");
    Competitor::save(&fitted::<Dsebm>(), &path).unwrap();
    let bytes = fs::read(&path).unwrap();

    let mut altered = bytes.clone();
    let last = altered.len() - 3;
    altered[last] ^= 1;
    let error = error_of(&altered, &path);
    assert!(matches!(error, BaselineError::File(FileError::Checksum { .. })), "{error}");
    assert!(error.to_string().contains("ring.model"));

    for length in [0, 7, 100, bytes.len() - 1] {
        let error = error_of(&bytes[..length], &path);
        let told = matches!(
            error,
            BaselineError::File(FileError::Header { .. } | FileError::Length { .. })
        );
        assert!(told && error.to_string().contains("ring.model"), "{length}: {error}");
    }
    let missing = Dsebm::load(&folder.path().join("none"), &burn::tensor::Device::flex());
    assert!(matches!(missing, Err(BaselineError::File(FileError::Io { .. }))));
}

#[test]
fn a_model_of_another_method_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring.model");
    Competitor::save(&fitted::<Ganomaly>(), &path).unwrap();
    let error = Dsebm::load(&path, &burn::tensor::Device::flex()).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, BaselineError::File(FileError::Metadata { .. })), "{message}");
    assert!(message.contains("\"ganomaly\""), "{message}");
}
