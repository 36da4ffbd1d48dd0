//! The public path from image files to a stored model of the other methods, on a few generated images.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use differnet::progress::{CancelToken, Monitor, Progress, Stage};
use differnet::scoring::{Average, Verdict, predicted_threshold};
use differnet::{
    Config, DeviceChoice, Error, Header, Method, Model, Preset, Runtime, ScoreConfig, Training,
};
use differnet_data::{ContentHash, Dataset, Layout};
use differnet_features::FeatureCache;
use differnet_samples::{SampleConfig, write_sample_dataset};

/// Images and their cache.
struct Setup {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
    defects: Vec<PathBuf>,
}

impl Setup {
    fn new() -> Self {
        Self::of(10)
    }

    /// So many images to train on, and some defects.
    fn of(train: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("data");
        let sample =
            SampleConfig { seed: 1, size: 128, train, test_good: 1, test_defect_per_kind: 1 };
        let categories = write_sample_dataset(&root, &sample).expect("writable");
        let layout = Layout::Mvtec { category: Some(categories[0].clone()) };
        let data = Dataset::load(&root, &layout, 0).expect("a valid data set");
        let images = data.train.into_iter().map(|sample| sample.image).collect();
        let defects = data.test.into_iter().filter(|sample| sample.defect.is_some());
        Self { defects: defects.map(|sample| sample.image).collect(), images, folder }
    }

    fn runtime(&self) -> Runtime {
        let cache = FeatureCache::new(self.folder.path().join("cache"));
        Runtime::open(DeviceChoice::Flex).expect("the processor").with_cache(Some(cache))
    }

    fn fit(&self, config: &Config, images: &[PathBuf]) -> Model {
        Training::new(config, &self.runtime()).run(images).expect("a fit").model
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("model.differnet")
    }

    fn bytes(&self, model: &Model) -> Vec<u8> {
        model.save(self.model()).expect("writable");
        fs::read(self.model()).expect("readable")
    }
}

fn scores(model: &Model, files: &[PathBuf]) -> Vec<f64> {
    let score = |score: Result<differnet::ImageScore, Error>| {
        let score = score.expect("usable images");
        assert_eq!(score.transform_scores.len(), model.score_config().transforms);
        let verdict = Verdict::of(score.score, model.header().threshold);
        assert_eq!(score.verdict, verdict);
        score.score
    };
    model.scores(files).map(score).collect()
}

/// Two transforms of each image, seed 7; networks are as small as they can be.
fn tiny(method: Method) -> Config {
    let transforms = if method.looks_at_places() { 1 } else { 2 };
    let base = Config {
        seed: 7,
        transforms,
        score_transforms: transforms,
        ..Config::preset(method, Preset::Quick)
    };
    let small = match method {
        Method::GeoTrans => "side = 8\nwidening = 1\nupdates = 2\nbatch_size = 16",
        Method::Ganomaly => "side = 16\nchannels = 4\nlatent = 4\nupdates = 2\nbatch_size = 4",
        Method::Dsebm => "side = 8\nchannels = 4\noutputs = 8\nupdates = 2\nbatch_size = 4",
        Method::Adgan => {
            "side = 8\nchannels = 4\nlatent = 4\nupdates = 2\nbatch_size = 4\nstarts = 2\nsteps = 1"
        }
        Method::LocalFlow => {
            "pixels = 50176\ncomponents = 16\nbank = 500\nupdates = 60\npasses = 0\nbatch_size = 64\n\
             hidden = 16\nblocks = 2"
        }
        Method::PatchCore => "pixels = 50176\nbank = 200",
        Method::Padim => "pixels = 50176\ncomponents = 16",
        _ => "",
    };
    Config::from_toml(small, &base).expect("its settings")
}

const BASELINES: [Method; 2] = [Method::OneNearestNeighbour, Method::OneClassSvm];
const LOCAL: [Method; 3] = [Method::LocalFlow, Method::PatchCore, Method::Padim];
const NETWORKS: [Method; 4] = [Method::GeoTrans, Method::Ganomaly, Method::Dsebm, Method::Adgan];

#[test]
fn the_same_images_give_the_same_bytes_whatever_their_names_and_order() {
    let setup = Setup::new();
    let renamed = tempfile::tempdir().expect("a temporary folder");
    let mut images = Vec::new();
    for (index, image) in setup.images.iter().enumerate() {
        let path = renamed.path().join(format!("{}.png", 100 - index));
        fs::copy(image, &path).expect("writable");
        images.push(path);
    }
    for method in Method::ALL.into_iter().filter(|&method| method != Method::DifferNet) {
        let first = setup.bytes(&setup.fit(&tiny(method), &setup.images));
        assert!(setup.bytes(&setup.fit(&tiny(method), &images)) == first, "{method}");
        let other = Config { seed: 8, ..tiny(method) };
        assert!(setup.bytes(&setup.fit(&other, &images)) != first, "{method}");
    }
}

#[test]
fn a_model_survives_its_file() {
    let setup = Setup::new();
    for method in Method::ALL.into_iter().filter(|&method| method != Method::DifferNet) {
        let model = setup.fit(&tiny(method), &setup.images);
        let bytes = setup.bytes(&model);
        let loaded = Model::load_on(&setup.model(), &setup.runtime()).expect("its own file");
        assert_eq!(loaded.header(), model.header());
        let header = Header::read(&setup.model()).expect("its own file");
        assert_eq!(&header, model.header());
        assert_eq!(header.config.method.method(), method);
        let held_back = if method.looks_at_places() { 0 } else { 1 };
        assert_eq!(header.training_images, 10 - held_back);
        assert_eq!(header.held_back_images, held_back);
        assert_eq!(header.cross_validated, method.looks_at_places());
        assert_eq!(scores(&loaded, &setup.defects), scores(&model, &setup.defects));
        let map = loaded.map(&setup.defects[0]);
        if loaded.localizes() {
            assert!(method.looks_at_places());
            let of_model = model.map(&setup.defects[0]).expect("a map");
            assert_eq!(map.expect("a map").map.values(), of_model.map.values());
        } else {
            assert!(matches!(map, Err(Error::NoMaps { .. })));
        }
        assert_eq!(header.extractor.is_none(), NETWORKS.contains(&method));
        assert!(setup.bytes(&loaded) == bytes, "{method}: another file");
    }
}

#[test]
fn places_of_images_that_were_held_back_are_learnt_from_once_they_are_judged() {
    let setup = Setup::of(64);
    // Every place of 64 images of 6 × 6.
    let small = "pixels = 9216\nbank = 2304";
    let config = Config::from_toml(small, &tiny(Method::PatchCore)).expect("its settings");
    let model = setup.fit(&config, &setup.images);
    let header = model.header();
    assert!((1..=6).contains(&header.held_back_images), "{}", header.held_back_images);
    assert_eq!(header.training_images + header.held_back_images, 64);
    assert_eq!(header.reference_scores().map(<[f64]>::len), Some(header.held_back_images));
    let hashes: Vec<_> =
        setup.images.iter().map(|image| ContentHash::of_file(image).expect("readable")).collect();
    assert!(hashes.iter().all(|hash| header.has_seen(hash)));
    // They were judged by other images' places, and are remembered now.
    assert!(header.good_scores.iter().all(|score| *score > 0.1), "{:?}", header.good_scores);
    let again = scores(&model, &setup.images);
    // Half precision moves them a little.
    assert!(again.iter().all(|score| *score < 0.01), "{again:?}");
}

#[test]
fn defects_score_above_the_held_back_images() {
    let setup = Setup::new();
    for method in BASELINES.into_iter().chain(LOCAL) {
        let model = setup.fit(&tiny(method), &setup.images);
        let scores = scores(&model, &setup.defects);
        let good = &model.header().good_scores;
        assert_eq!(model.header().held_back_scores(), Some(&**good));
        assert_eq!(good.len(), if method.looks_at_places() { 10 } else { 1 });
        let threshold = if method.looks_at_places() {
            predicted_threshold(good, 0.95).expect("there are scores")
        } else {
            good[0].next_up()
        };
        assert_eq!(model.header().threshold, threshold);
        let pairs = scores.iter().flat_map(|score| good.iter().map(move |good| score > good));
        let above = pairs.filter(|above| *above).count();
        assert!(above * 4 >= scores.len() * good.len() * 3, "{method}: {scores:?} above {good:?}");
    }
}

#[test]
fn without_held_back_images_the_threshold_comes_from_training_images() {
    let setup = Setup::new();
    for method in Method::ALL.into_iter().filter(|&method| method != Method::DifferNet) {
        let model = setup.fit(&tiny(method), &setup.images[..3]);
        let summary = model.header();
        assert_eq!((summary.training_images, summary.held_back_images), (3, 0));
        assert_eq!(summary.good_scores.len(), 3);
        // Each training row is its own nearest neighbour; that must not make the threshold 0.
        if method == Method::OneNearestNeighbour {
            assert!(summary.good_scores[0] > 0.1, "{:?}", summary.good_scores);
        }
    }
}

#[test]
fn new_good_images_are_taken_in_without_the_old_ones() {
    let setup = Setup::new();
    let runtime = setup.runtime();
    for method in [Method::LocalFlow, Method::PatchCore] {
        let mut model = setup.fit(&tiny(method), &setup.images[..6]);
        let before = scores(&model, &setup.defects);
        // Images like those that are said to be good now, and others that stay what they were.
        let (new, later) = setup.defects.split_at(2);
        let addition = model.update(new, Monitor::silent()).expect("new images");
        assert_eq!(addition.images, 2);
        assert_eq!(model.header().threshold, addition.threshold);
        let predicted = predicted_threshold(&model.header().good_scores, 0.95);
        assert_eq!(addition.threshold, predicted.expect("there are scores"), "{method}");
        let after = scores(&model, &setup.defects);
        assert!(after[0] < before[0] && after[1] < before[1], "{method}: {before:?} {after:?}");
        assert!(after.iter().all(|score| score.is_finite()));
        assert_eq!((model.header().training_images, model.header().good_scores.len()), (8, 8));
        let bytes = setup.bytes(&model);
        let loaded = Model::load_on(&setup.model(), &runtime).expect("its own file");
        assert_eq!(scores(&loaded, later), after[2..]);
        let again = model.update(new, Monitor::silent()).expect_err("nothing new");
        assert!(matches!(again, Error::NothingNew { images: 2 }), "{again}");
        assert!(setup.bytes(&model) == bytes, "changed by an update that failed");
    }
    let mut model = setup.fit(&tiny(Method::Padim), &setup.images[..4]);
    let error = model.update(&setup.defects, Monitor::silent()).expect_err("no update");
    assert!(matches!(error, Error::NoUpdate { method: Method::Padim }), "{error}");
}

#[test]
fn what_a_method_cannot_do_is_an_error() {
    let setup = Setup::new();
    let model = setup.fit(&tiny(Method::OneClassSvm), &setup.images);
    let refused = |config: ScoreConfig| {
        let mut scores = model.scores_with(&setup.defects, config);
        let error = scores.next().expect("a result").expect_err("no such scoring");
        assert!(scores.next().is_none(), "scored after an error");
        error.to_string()
    };
    let base = model.score_config();
    let error = refused(ScoreConfig { average: Average::GeometricMean, ..base });
    assert!(error.contains("setting average must be mean"), "{error}");
    let error = refused(ScoreConfig { transforms: 0, ..base });
    assert!(error.contains("no transforms"), "{error}");
}

/// Fits the local flow with checkpoints, stopping after `stop` updates; also the first update that was made.
fn fit_until(setup: &Setup, config: &Config, stop: usize) -> (Result<Model, Error>, usize) {
    let (cancel, first) = (CancelToken::new(), AtomicUsize::new(usize::MAX));
    let observer = |progress: &Progress| {
        if progress.stage == Stage::Training {
            first.fetch_min(progress.done, Ordering::Relaxed);
            if progress.done >= stop {
                cancel.cancel();
            }
        }
    };
    let (runtime, checkpoints) = (setup.runtime(), setup.folder.path().join("checkpoints"));
    let training = Training {
        checkpoints: Some(&checkpoints),
        monitor: Monitor::new(&observer, &cancel),
        ..Training::new(config, &runtime)
    };
    let outcome = training.run(&setup.images).map(|trained| trained.model);
    assert!(training.has_checkpoint());
    if outcome.is_ok() {
        training.remove_checkpoints().expect("deletable");
    }
    (outcome, first.into_inner())
}

#[test]
fn flows_of_places_interrupted_anywhere_and_resumed_give_the_same_bytes() {
    // Few images: a flow for each of the four parts of cross-validation, and the model's own.
    let config = Config::from_toml("updates = 120", &tiny(Method::LocalFlow));
    let (setup, config) = (Setup::new(), config.expect("a setting"));
    let model = fit_until(&setup, &config, usize::MAX).0.expect("a fit");
    assert!(model.header().cross_validated && model.header().history.len() == 1);
    let expected = setup.bytes(&model);
    for stops in [vec![1], vec![50, 110, 119], vec![120], vec![130, 555, 590], vec![600]] {
        let mut next = 1;
        for &stop in &stops {
            let (outcome, first) = fit_until(&setup, &config, stop);
            assert!(matches!(outcome, Err(Error::Cancelled(_))), "stopped at {stop}");
            assert_eq!(first, next, "an update was made twice, or left out");
            next = stop + 1;
        }
        let (model, first) = fit_until(&setup, &config, usize::MAX);
        assert!(setup.bytes(&model.expect("a fit")) == expected, "stopped at {stops:?}");
        assert_eq!(first, if next > 600 { usize::MAX } else { next });
    }
    let (outcome, _) = fit_until(&setup, &config, 200);
    assert!(outcome.is_err());
    let other = Config { seed: 8, ..config };
    let error = fit_until(&setup, &other, 300).0.expect_err("another configuration");
    assert!(error.to_string().contains("configuration"), "{error}");
}

#[test]
fn cancelling_stops_at_every_stage() {
    let setup = Setup::new();
    let checkpoints = setup.folder.path().join("checkpoints");
    let stop_of = |method: Method, at: Stage| {
        let cancel = CancelToken::new();
        let observer = |progress: &Progress| {
            if progress.stage == at {
                cancel.cancel();
            }
        };
        let (config, runtime) = (tiny(method), setup.runtime());
        let training = Training {
            checkpoints: Some(&checkpoints),
            monitor: Monitor::new(&observer, &cancel),
            ..Training::new(&config, &runtime)
        };
        matches!(training.run(&setup.images), Err(Error::Cancelled(_)))
    };
    for stage in [Stage::Checking, Stage::Features, Stage::Statistics, Stage::Validation] {
        assert!(stop_of(Method::OneNearestNeighbour, stage), "{stage:?}");
    }
    assert!(!stop_of(Method::OneNearestNeighbour, Stage::Maps));
    for stage in [Stage::Pixels, Stage::Fitting, Stage::BatchStatistics, Stage::Validation] {
        assert!(stop_of(Method::GeoTrans, stage), "{stage:?}");
    }
    for method in LOCAL {
        assert!(stop_of(method, Stage::Features), "{method}");
    }
    assert!(!checkpoints.exists(), "there is nothing to go on from");
    assert!(stop_of(Method::LocalFlow, Stage::Training));
    assert!(checkpoints.exists());
}

#[test]
fn an_image_that_another_replaces_while_it_is_trained_on_is_an_error() {
    let setup = Setup::new();
    let (config, runtime) = (tiny(Method::Padim), setup.runtime());
    let train = |write: &(dyn Fn(&Path) + Sync)| {
        let observer = |progress: &Progress| {
            if progress.stage == Stage::Checking {
                write(&setup.images[0]);
            }
        };
        let cancel = CancelToken::new();
        let monitor = Monitor::new(&observer, &cancel);
        Training { monitor, ..Training::new(&config, &runtime) }.run(&setup.images)
    };
    // Written again as it was: what was checked is what was learned from.
    let content = fs::read(&setup.images[0]).expect("readable");
    train(&|path| fs::write(path, &content).expect("writable")).expect("the same image");
    let other = setup.defects[0].clone();
    let error = train(&|path| drop(fs::copy(&other, path))).map(drop).expect_err("another");
    assert!(matches!(&error, Error::ImageReplaced { path } if *path == setup.images[0]), "{error}");
}

#[test]
fn an_image_that_another_replaces_while_it_is_taken_in_is_an_error() {
    let setup = Setup::new();
    let mut model = setup.fit(&tiny(Method::PatchCore), &setup.images[..6]);
    let (new, other) = (&setup.images[6..8], &setup.images[9]);
    let observer = |progress: &Progress| {
        if progress.stage == Stage::Checking {
            fs::copy(other, &new[1]).expect("writable");
        }
    };
    let cancel = CancelToken::new();
    let bytes = setup.bytes(&model);
    let error = model.update(new, Monitor::new(&observer, &cancel)).expect_err("another");
    assert!(matches!(&error, Error::ImageReplaced { path } if *path == new[1]), "{error}");
    assert!(setup.bytes(&model) == bytes, "changed by an update that failed");
}
