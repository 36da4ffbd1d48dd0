//! Fitting is a function of images, settings and seed; it can be watched and cancelled.

use std::sync::Mutex;

use differnet_baselines::{Adgan, BaselineError, Dsebm, Ganomaly, GeoTrans, Images};
use differnet_progress::{CancelToken, Monitor, Progress, Stage};

use crate::fixture::{Competitor, Kind, SIDE, images};

fn scores_after<M: Competitor>(seed: u64) -> Vec<f64> {
    let (train, test) = (images(Kind::Stripes, 8, 1), images(Kind::Blob, 3, 2));
    let (train, test) = (Images::new(&train, SIDE).unwrap(), Images::new(&test, SIDE).unwrap());
    M::fit(3, &train, seed, &Monitor::silent()).unwrap().scores(&test).unwrap()
}

fn depends_on_the_seed_alone<M: Competitor>() {
    let first = scores_after::<M>(1);
    assert_eq!(first.len(), 3);
    assert_eq!(first, scores_after::<M>(1));
    assert_ne!(first, scores_after::<M>(2));
}

#[test]
fn the_seed_decides_geotrans() {
    depends_on_the_seed_alone::<GeoTrans>();
}

#[test]
fn the_seed_decides_ganomaly() {
    depends_on_the_seed_alone::<Ganomaly>();
}

#[test]
fn the_seed_decides_dsebm() {
    depends_on_the_seed_alone::<Dsebm>();
}

#[test]
fn the_seed_decides_adgan() {
    depends_on_the_seed_alone::<Adgan>();
}

/// An image's score is the same whatever images are scored with it.
fn scores_each_image_by_itself<M: Competitor>() {
    let (train, test) = (images(Kind::Stripes, 8, 1), images(Kind::Blob, 3, 2));
    let train = Images::new(&train, SIDE).unwrap();
    let model = M::fit(3, &train, 1, &Monitor::silent()).unwrap();
    let together = model.scores(&Images::new(&test, SIDE).unwrap()).unwrap();
    let last = Images::new(&test[2 * SIDE * SIDE * 3..], SIDE).unwrap();
    let alone = model.scores(&last).unwrap()[0];
    // Another batch size may sum in another order.
    assert!((together[2] - alone).abs() <= 1e-4 * alone.abs(), "{} and {alone}", together[2]);
}

#[test]
fn a_score_does_not_depend_on_the_other_images() {
    scores_each_image_by_itself::<GeoTrans>();
    scores_each_image_by_itself::<Ganomaly>();
    scores_each_image_by_itself::<Dsebm>();
    scores_each_image_by_itself::<Adgan>();
}

fn can_be_cancelled<M: Competitor>() {
    let train = images(Kind::Stripes, 8, 1);
    let train = Images::new(&train, SIDE).unwrap();
    let (seen, cancel) = (Mutex::new(Vec::new()), CancelToken::new());
    let observer = |progress: &Progress| {
        assert!(progress.loss.is_some_and(f64::is_finite));
        seen.lock().unwrap().push((progress.stage, progress.done, progress.total));
        if progress.done == 2 {
            cancel.cancel();
        }
    };
    let fitted = M::fit(9, &train, 1, &Monitor::new(&observer, &cancel));
    assert!(matches!(fitted, Err(BaselineError::Cancelled(_))));
    assert_eq!(seen.into_inner().unwrap(), [(Stage::Fitting, 1, 9), (Stage::Fitting, 2, 9)]);
}

#[test]
fn every_training_can_be_cancelled() {
    can_be_cancelled::<GeoTrans>();
    can_be_cancelled::<Ganomaly>();
    can_be_cancelled::<Dsebm>();
    can_be_cancelled::<Adgan>();
}

#[test]
fn the_calibration_of_geotrans_can_be_cancelled() {
    let train = images(Kind::Stripes, 2, 1);
    let train = Images::new(&train, SIDE).unwrap();
    let (last, cancel) = (Mutex::new(None), CancelToken::new());
    let observer = |progress: &Progress| {
        *last.lock().unwrap() = Some((progress.stage, progress.done, progress.total));
        if progress.stage == Stage::BatchStatistics {
            cancel.cancel();
        }
    };
    let fitted = GeoTrans::fit(1, &train, 1, &Monitor::new(&observer, &cancel));
    assert!(matches!(fitted, Err(BaselineError::Cancelled(_))));
    // Two images under the first of 72 transforms.
    assert_eq!(last.into_inner().unwrap(), Some((Stage::BatchStatistics, 2, 144)));
}

fn refuses<M: Competitor>() {
    let none = Images::new(&[], SIDE).unwrap();
    assert!(matches!(M::fit(1, &none, 1, &Monitor::silent()), Err(BaselineError::NoImages)));
    let pixels = [0; 32 * 32 * 3];
    let large = Images::new(&pixels, 32).unwrap();
    let fitted = M::fit(1, &large, 1, &Monitor::silent());
    assert!(matches!(fitted, Err(BaselineError::Side { expected: SIDE, found: 32 })));
    let train = images(Kind::Stripes, 2, 1);
    let fitted = M::fit(0, &Images::new(&train, SIDE).unwrap(), 1, &Monitor::silent());
    assert!(matches!(fitted, Err(BaselineError::Config { name: "updates", .. })));
}

#[test]
fn wrong_images_and_settings_are_refused() {
    refuses::<GeoTrans>();
    refuses::<Ganomaly>();
    refuses::<Dsebm>();
    refuses::<Adgan>();
}
