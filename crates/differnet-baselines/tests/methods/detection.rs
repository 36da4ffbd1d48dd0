//! Spoiled images score above good ones: a score with the wrong sign would fail all of these.

use differnet_baselines::{Adgan, Dsebm, DsebmConfig, DsebmScore, Ganomaly, GeoTrans, Images};
use differnet_eval::auroc;
use differnet_progress::Monitor;

use crate::fixture::{Competitor, Kind, SIDE, images};

fn separation(good: &[f64], spoiled: &[f64]) -> f64 {
    let defects: Vec<bool> =
        (0..good.len() + spoiled.len()).map(|index| index >= good.len()).collect();
    auroc(&[good, spoiled].concat(), &defects).unwrap()
}

/// AUROC of stripes with a blob against others without, after fitting stripes.
fn detects<M: Competitor>(updates: usize) -> f64 {
    let train = images(Kind::Stripes, 48, 1);
    let (good, spoiled) = (images(Kind::Stripes, 24, 2), images(Kind::Blob, 24, 3));
    let train = Images::new(&train, SIDE).unwrap();
    let model = M::fit(updates, &train, 5, &Monitor::silent()).unwrap();
    let scores = |pixels: &[u8]| model.scores(&Images::new(pixels, SIDE).unwrap()).unwrap();
    separation(&scores(&good), &scores(&spoiled))
}

#[test]
fn geotrans_scores_spoiled_images_higher() {
    let auroc = detects::<GeoTrans>(60);
    assert!(auroc > 0.8, "{auroc}");
}

#[test]
fn ganomaly_scores_spoiled_images_higher() {
    let auroc = detects::<Ganomaly>(150);
    assert!(auroc > 0.8, "{auroc}");
}

#[test]
fn adgan_scores_spoiled_images_higher() {
    let auroc = detects::<Adgan>(200);
    assert!(auroc > 0.8, "{auroc}");
}

#[test]
fn both_scores_of_dsebm_are_higher_for_spoiled_images() {
    let train = images(Kind::Stripes, 48, 1);
    let (good, spoiled) = (images(Kind::Stripes, 24, 2), images(Kind::Blob, 24, 3));
    let train = Images::new(&train, SIDE).unwrap();
    let model: Dsebm = Competitor::fit(150, &train, 5, &Monitor::silent()).unwrap();
    for score in [DsebmScore::Energy, DsebmScore::Reconstruction] {
        let scores =
            |pixels: &[u8]| model.scores_by(&Images::new(pixels, SIDE).unwrap(), score).unwrap();
        let auroc = separation(&scores(&good), &scores(&spoiled));
        assert!(auroc > 0.8, "{score:?}: {auroc}");
    }
    assert_eq!(DsebmConfig::new().score, DsebmScore::Reconstruction);
}
