//! The public path from image files to a stored detector, on a few generated images.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use burn::tensor::Device;
use differnet::methods::{DifferNetConfig, row_scores};
use differnet::progress::{CancelToken, Monitor, Progress, Stage};
use differnet::scoring::{Average, Thresholds};
use differnet::{
    BadImagePolicy, Config, DeviceChoice, Error, Header, HistoryPoint, ImageScore, Method, Model,
    Preset, Runtime, ScoreConfig, Trained, Training,
};
use differnet_data::{Area, Dataset, DecodeLimits, Layout, Regions};
use differnet_features::FeatureCache;
use differnet_flow::Backend;
use differnet_samples::{SampleConfig, write_sample_dataset};

/// Images, cache and checkpoints of one test.
struct Setup {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
    defects: Vec<PathBuf>,
    regions: Option<Regions>,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("data");
        let sample =
            SampleConfig { seed: 1, size: 128, train: 12, test_good: 2, test_defect_per_kind: 1 };
        let categories = write_sample_dataset(&root, &sample).expect("writable");
        let layout = Layout::Mvtec { category: Some(categories[0].clone()) };
        let data = Dataset::load(&root, &layout, 0).expect("a valid data set");
        let images = data.train.into_iter().map(|sample| sample.image).collect();
        let defects = data.test.into_iter().filter(|sample| sample.defect.is_some());
        let defects = defects.map(|sample| sample.image).collect();
        Self { folder, images, defects, regions: None }
    }

    fn runtime(&self) -> Runtime {
        let cache = FeatureCache::new(self.folder.path().join("cache"));
        uncached().with_cache(Some(cache))
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }

    /// Trains, stopping after `stop` updates.
    fn train(&self, config: &Config, stop: usize) -> Result<Trained, Error> {
        self.train_with(config, stop, &self.images, BadImagePolicy::Refuse)
    }

    fn train_with(
        &self,
        config: &Config,
        stop: usize,
        images: &[PathBuf],
        bad_images: BadImagePolicy,
    ) -> Result<Trained, Error> {
        let cancel = CancelToken::new();
        let observer = |progress: &Progress| {
            if progress.stage == Stage::Training && progress.done >= stop {
                cancel.cancel();
            }
        };
        let (runtime, checkpoints) = (self.runtime(), self.checkpoints());
        let training = Training {
            checkpoints: Some(&checkpoints),
            bad_images,
            regions: self.regions.as_ref(),
            monitor: Monitor::new(&observer, &cancel),
            ..Training::new(config, &runtime)
        };
        training.run(images)
    }

    fn finished(&self, config: &Config) -> Model {
        self.train(config, usize::MAX).expect("a training that succeeds").model
    }

    fn bytes(&self, model: &Model) -> Vec<u8> {
        let path = self.folder.path().join("model.differnet");
        model.save(&path).expect("writable");
        fs::read(path).expect("readable")
    }
}

/// On the processor, remembering nothing.
fn uncached() -> Runtime {
    Runtime::open(DeviceChoice::Flex).expect("the processor")
}

/// Small, but with everything in play: two flows, two rounds, noise, early stopping, a full buffer.
fn tiny() -> Config {
    let quick = Config {
        seed: 7,
        transforms: 2,
        score_transforms: 2,
        ..Config::preset(Method::DifferNet, Preset::Quick)
    };
    quick.map_differnet(|own| DifferNetConfig {
        flows: 2,
        rounds: 2,
        pool: 3,
        updates: 12,
        batch_size: 8,
        noise: 0.1,
        validate_every: 3,
        flow: own.flow.clone().with_blocks(2).with_hidden(16),
        ..own
    })
}

/// [`tiny`] with DifferNet's own settings changed.
fn tiny_with(change: impl FnOnce(DifferNetConfig) -> DifferNetConfig) -> Config {
    tiny().map_differnet(change)
}

fn score(model: &Model, files: &[PathBuf]) -> Vec<ImageScore> {
    score_as(model, files, model.score_config())
}

fn score_as(model: &Model, files: &[PathBuf], config: ScoreConfig) -> Vec<ImageScore> {
    model.scores_with(files, config).map(|score| score.expect("usable images")).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let setup = Setup::new();
    let first = setup.bytes(&setup.finished(&tiny()));
    fs::remove_dir_all(setup.checkpoints()).expect("deletable");
    assert!(setup.bytes(&setup.finished(&tiny())) == first, "the same seed, other bytes");
    fs::remove_dir_all(setup.checkpoints()).expect("deletable");
    let other = Config { seed: 8, ..tiny() };
    assert!(setup.bytes(&setup.finished(&other)) != first, "another seed, the same bytes");
}

#[test]
fn interrupted_anywhere_and_resumed_gives_the_same_bytes() {
    let straight = Setup::new();
    let expected = straight.bytes(&straight.finished(&tiny()));
    for stops in [vec![1], vec![3], vec![6], vec![7, 9, 11], vec![12], vec![13, 20], vec![24]] {
        let setup = Setup::new();
        for &stop in &stops {
            let outcome = setup.train(&tiny(), stop);
            assert!(matches!(outcome, Err(Error::Cancelled(_))), "stopped at {stop}");
        }
        assert!(setup.bytes(&setup.finished(&tiny())) == expected, "stopped at {stops:?}");
    }
}

#[test]
fn an_image_gets_all_transforms_only_if_its_verdict_needs_them() {
    let setup = Setup::new();
    let config = Config { average: Average::GeometricMean, ..tiny() };
    let model = setup.finished(&config);
    let spread = model.header().transform_spread.expect("there are validation images");
    assert!(spread > 0.0, "{spread}");
    let files = &setup.images[..3];
    let full = ScoreConfig { transforms: 12, ..model.score_config() };
    let all = score_as(&model, files, full);
    assert!(all.iter().all(|image| image.transform_scores.len() == 12));

    // On a threshold nothing is settled, and an image that got all transforms scores as ever.
    for (file, image) in files.iter().zip(&all) {
        let thresholds = Thresholds { defect: image.score, unsure: None };
        let config = ScoreConfig { early_stopping: Some(thresholds), ..full };
        let one = score_as(&model, std::slice::from_ref(file), config);
        assert_eq!(one, std::slice::from_ref(image));
    }

    // Far from it a few are enough, and they are among those of the full count.
    let far = Thresholds { defect: 1e6, unsure: None };
    let config = ScoreConfig { early_stopping: Some(far), ..full };
    let few = score_as(&model, files, config);
    for (few, all) in few.iter().zip(&all) {
        assert_eq!((few.hash, few.transform_scores.len()), (all.hash, 4));
        for score in &few.transform_scores {
            let near = |other: &f64| (other - score).abs() < 1e-6 * score;
            assert!(all.transform_scores.iter().any(near), "{score}");
        }
    }
    // Neither the cache nor the company of others changes them.
    let model = model.with_runtime(&uncached());
    let alone: Vec<ImageScore> =
        files.chunks(1).flat_map(|file| score_as(&model, file, config)).collect();
    assert_eq!(alone, few);
}

#[test]
fn a_saved_model_scores_as_the_trained_one_did() {
    let setup = Setup::new();
    let model = setup.finished(&tiny());
    let path = setup.folder.path().join("model.differnet");
    model.save(&path).expect("writable");
    let loaded = Model::load_on(&path, &uncached()).expect("its own file");
    assert_eq!(loaded.header(), model.header());
    let scores = score(&loaded, &setup.defects);
    assert_eq!(scores, score(&model, &setup.defects));
    // Alone or among others: the same score.
    assert_eq!(loaded.score(&setup.defects[1]).expect("an image"), scores[1]);
}

#[test]
fn a_score_averages_the_flows_logarithms() {
    let setup = Setup::new();
    let config = Config { average: Average::GeometricMean, ..tiny() };
    let two = setup.finished(&config);
    let row: Vec<f32> = (0..768).map(|i| (i as f32).sin()).collect();
    let of = |model: &Model| model.row_scores(&row).expect("a method on rows")[0];
    // The first flow is the one that a training of one flow gives.
    fs::remove_dir_all(setup.checkpoints()).expect("deletable");
    let first = setup.finished(&config.map_differnet(|own| DifferNetConfig { flows: 1, ..own }));
    // Of two numbers the logarithms' mean is given: so is the second.
    let second = of(&two).powi(2) / of(&first);
    let path = setup.folder.path().join("model.differnet");
    two.save(&path).expect("writable");
    let (flows, _) = differnet_flow::load_flows(&path, &Device::flex()).expect("its own file");
    let backend = Backend::Host(Device::flex());
    let by_flow: Vec<f64> =
        flows.iter().map(|flow| row_scores(flow, &row, 768, &backend)[0]).collect();
    assert_ne!(by_flow[0], by_flow[1], "two flows of the same weights");
    assert_eq!(by_flow[0], of(&first));
    assert!((by_flow[1] - second).abs() < 1e-9 * second, "{} for {second}", by_flow[1]);
}

#[test]
fn a_flow_of_one_scale_sees_the_first_columns_only() {
    let setup = Setup::new();
    let model = setup.finished(&tiny_with(|own| DifferNetConfig { scales: 1, ..own }));
    let path = setup.folder.path().join("model.differnet");
    model.save(&path).expect("writable");
    let loaded = Model::load_on(&path, &setup.runtime()).expect("its own file");
    assert_eq!(score(&loaded, &setup.defects), score(&model, &setup.defects));
    let mut row = vec![0.5; 768];
    let before = loaded.row_scores(&row);
    row[256..].fill(9.0);
    assert_eq!(loaded.row_scores(&row), before);
    row[255] = 9.0;
    assert_ne!(loaded.row_scores(&row), before);
}

#[test]
fn validation_observers_see_the_flow_as_it_is_then_and_change_nothing() {
    let setup = Setup::new();
    let expected = setup.bytes(&setup.finished(&tiny()));
    fs::remove_dir_all(setup.checkpoints()).expect("deletable");
    let runtime = setup.runtime();
    let row = vec![0.5; 768];
    let run = |config: &Config| {
        let seen = Mutex::new(Vec::new());
        let observer = |point: &HistoryPoint, flow: &differnet_flow::Flow| {
            let score = row_scores(flow, &row, 768, &runtime.backend);
            seen.lock().expect("no panic").push((point.update, score));
            Ok(())
        };
        let validation_observer = Some(&observer as &differnet::ValidationObserver<'_>);
        let training = Training { validation_observer, ..Training::new(config, &runtime) };
        let model = training.run(&setup.images).expect("a training that succeeds").model;
        (model, seen.into_inner().expect("no panic"))
    };
    assert!(setup.bytes(&run(&tiny()).0) == expected, "being observed changed the training");
    let (model, seen) = run(&tiny_with(|own| DifferNetConfig { patience: 0, flows: 1, ..own }));
    assert_eq!(seen.iter().map(|step| step.0).collect::<Vec<_>>(), [3, 6, 9, 12]);
    assert_eq!(Some(&seen[3].1), model.row_scores(&row).as_ref());
    assert_ne!(seen[2].1, seen[3].1);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let setup = Setup::new();
    assert!(matches!(setup.train(&tiny(), 2), Err(Error::Cancelled(_))));
    let other = tiny_with(|own| {
        let flow = own.flow.clone().with_hidden(17);
        DifferNetConfig { flow, ..own }
    });
    let error = setup.train(&other, 4).expect_err("another configuration");
    assert!(error.to_string().contains("configuration"), "{error}");
    let fewer = &setup.images[1..];
    let error = setup.train_with(&tiny(), 4, fewer, BadImagePolicy::Refuse);
    let error = error.expect_err("other images");
    assert!(error.to_string().contains("set of images"), "{error}");
    let other = Setup { regions: Some(top_eighth()), ..setup };
    let error = other.train(&tiny(), 4).expect_err("other regions");
    assert!(error.to_string().contains("--roi and --ignore"), "{error}");
}

/// Everything but the topmost eighth of an image.
fn top_eighth() -> Regions {
    let text = b"[[polygon]]\npoints = [[0, 0], [1, 0], [1, 0.125], [0, 0.125]]";
    let area = Area::from_toml("top.toml", text).expect("a polygon");
    Regions::new(None, Some(area)).expect("regions that leave something")
}

#[test]
fn what_training_images_show_where_it_is_ignored_does_not_change_the_model() {
    let setup = Setup { regions: Some(top_eighth()), ..Setup::new() };
    let expected = setup.bytes(&setup.finished(&tiny()));
    fs::remove_dir_all(setup.checkpoints()).expect("deletable");
    for path in &setup.images {
        let mut image = DecodeLimits::default().decode_file(path).expect("an image");
        let pixels = image.width() as usize * image.height() as usize;
        let ignored: Vec<bool> = (0..pixels).map(|pixel| pixel < pixels / 8).collect();
        Regions::paint(&mut image, &ignored);
        image.save(path).expect("writable");
    }
    let detector = setup.finished(&tiny());
    assert!(setup.bytes(&detector) == expected, "ignored pixels changed the model");
    assert_eq!(detector.header().regions, setup.regions);
    let whole = Setup { regions: None, ..setup };
    fs::remove_dir_all(whole.checkpoints()).expect("deletable");
    assert!(whole.bytes(&whole.finished(&tiny())) != expected, "nothing was ignored");
}

#[test]
fn bad_images_are_all_listed_or_skipped() {
    let setup = Setup::new();
    let bad = ["empty.png", "text.png"].map(|name| setup.folder.path().join(name));
    fs::write(&bad[0], b"").expect("writable");
    fs::write(&bad[1], b"not an image").expect("writable");
    let files: Vec<PathBuf> = setup.images.iter().chain(&bad).cloned().collect();
    let error = setup.train_with(&tiny(), 2, &files, BadImagePolicy::Refuse);
    let message = error.expect_err("two bad images").to_string();
    assert!(message.contains("empty.png") && message.contains("text.png"), "{message}");
    let trained = setup.train_with(&tiny(), usize::MAX, &files, BadImagePolicy::Skip);
    let skipped = trained.expect("the others suffice").skipped;
    assert_eq!(skipped.into_iter().map(|bad| bad.path).collect::<Vec<_>>(), bad);
}

#[test]
fn too_few_images_are_refused() {
    let setup = Setup::new();
    let error = setup.train_with(&tiny(), 2, &setup.images[..1], BadImagePolicy::Refuse);
    let message = error.expect_err("one image").to_string();
    assert!(message.contains("too few"), "{message}");
}

#[test]
fn files_that_are_no_models_are_named_with_the_reason() {
    let setup = Setup::new();
    let whole = setup.bytes(&setup.finished(&tiny()));
    let path = setup.folder.path().join("damaged.differnet");
    let load = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writable");
        let error = Model::load_on(&path, &uncached()).expect_err("damaged");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let message = format!("{error}: {}", source.unwrap_or_default());
        assert!(message.contains("damaged.differnet"), "{message}");
        message
    };
    load(b"");
    load(b"a text file");
    load(&whole[..whole.len() / 2]);
    load(&whole[..whole.len() - 4]);
    let replaced = |from: &str, to: &str| {
        let at = whole.windows(from.len()).position(|w| w == from.as_bytes()).expect(from);
        let mut bytes = whole.clone();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let format = |number: u32| format!("\\\"format\\\":{number}");
    assert!(load(&replaced(&format(Header::FORMAT), &format(9))).contains("format 9"));
    assert!(load(&replaced("\"differnet\"", "\"different\"")).contains("no description"));
    // A weight that is not a number.
    let mut bytes = whole.clone();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    load(&bytes);
    assert!(Model::load_on(Path::new("absent.differnet"), &uncached()).is_err());
}
