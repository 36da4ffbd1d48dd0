//! Fitting is a function of images, settings and seed; it can be watched and stopped.

use std::ops::ControlFlow;

use differnet_baselines::{Adgan, BaselineError, Dsebm, Ganomaly, GeoTrans, Images, Stage};

use crate::fixture::{Kind, Method, SIDE, go_on, images};

fn scores_after<M: Method>(seed: u64) -> Vec<f64> {
    let (train, test) = (images(Kind::Stripes, 8, 1), images(Kind::Blob, 3, 2));
    let (train, test) = (Images::new(&train, SIDE).unwrap(), Images::new(&test, SIDE).unwrap());
    M::fit(3, &train, seed, &mut go_on()).unwrap().unwrap().scores(&test).unwrap()
}

fn depends_on_the_seed_alone<M: Method>() {
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
fn scores_each_image_by_itself<M: Method>() {
    let (train, test) = (images(Kind::Stripes, 8, 1), images(Kind::Blob, 3, 2));
    let train = Images::new(&train, SIDE).unwrap();
    let model = M::fit(3, &train, 1, &mut go_on()).unwrap().unwrap();
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

fn can_be_stopped<M: Method>() {
    let train = images(Kind::Stripes, 8, 1);
    let train = Images::new(&train, SIDE).unwrap();
    let mut seen = Vec::new();
    let fitted = M::fit(9, &train, 1, &mut |progress| {
        seen.push((progress.stage, progress.done, progress.total));
        if progress.done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(fitted.unwrap().is_none());
    assert_eq!(seen, [(Stage::Training, 1, 9), (Stage::Training, 2, 9)]);
}

#[test]
fn progress_can_stop_every_training() {
    can_be_stopped::<GeoTrans>();
    can_be_stopped::<Ganomaly>();
    can_be_stopped::<Dsebm>();
    can_be_stopped::<Adgan>();
}

fn refuses<M: Method>() {
    let none = Images::new(&[], SIDE).unwrap();
    assert!(matches!(M::fit(1, &none, 1, &mut go_on()), Err(BaselineError::NoImages)));
    let pixels = [0; 32 * 32 * 3];
    let large = Images::new(&pixels, 32).unwrap();
    let fitted = M::fit(1, &large, 1, &mut go_on());
    assert!(matches!(fitted, Err(BaselineError::Side { expected: SIDE, found: 32 })));
    let train = images(Kind::Stripes, 2, 1);
    let fitted = M::fit(0, &Images::new(&train, SIDE).unwrap(), 1, &mut go_on());
    assert!(matches!(fitted, Err(BaselineError::Config { name: "updates", .. })));
}

#[test]
fn wrong_images_and_settings_are_refused() {
    refuses::<GeoTrans>();
    refuses::<Ganomaly>();
    refuses::<Dsebm>();
    refuses::<Adgan>();
}
