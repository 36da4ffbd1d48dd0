//! The public path from image files to a stored detector, on a few generated images.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet::{
    Average, BadImagePolicy, Detector, DetectorConfig, DetectorError, FeatureSource, ImageScore,
    Outcome, Preset, Progress, ScoreConfig, Thresholds, Training, row_scores,
};
use differnet_data::{Area, Layout, Regions, load_dataset, paint_neutral};
use differnet_features::FeatureCache;
use differnet_samples::{SampleConfig, write_sample_dataset};

/// Images, cache and checkpoints of one test.
struct Bench {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
    defects: Vec<PathBuf>,
    regions: Option<Regions>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("data");
        let sample =
            SampleConfig { seed: 1, size: 128, train: 12, test_good: 2, test_defect_per_kind: 1 };
        let categories = write_sample_dataset(&root, &sample).expect("writable");
        let layout = Layout::Mvtec { category: Some(categories[0].clone()) };
        let data = load_dataset(&root, &layout, 0).expect("a valid data set");
        let images = data.train.into_iter().map(|sample| sample.image).collect();
        let defects = data.test.into_iter().filter(|sample| sample.defect.is_some());
        let defects = defects.map(|sample| sample.image).collect();
        Self { folder, images, defects, regions: None }
    }

    fn source(&self) -> FeatureSource {
        FeatureSource::on_host(Some(FeatureCache::new(self.folder.path().join("cache"))))
    }

    fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }

    /// Trains, stopping after `stop` updates.
    fn train(&self, config: &DetectorConfig, stop: u64) -> Result<Outcome, DetectorError> {
        self.train_with(config, stop, &self.images, BadImagePolicy::Refuse)
    }

    fn train_with(
        &self,
        config: &DetectorConfig,
        stop: u64,
        images: &[PathBuf],
        bad_images: BadImagePolicy,
    ) -> Result<Outcome, DetectorError> {
        let training = Training {
            config,
            source: &self.source(),
            device: &Device::flex(),
            checkpoints: &self.checkpoints(),
            bad_images,
            regions: self.regions.as_ref(),
        };
        training.run(images, &mut |progress| match progress {
            Progress::Training { update, .. } if update >= stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }

    fn finished(&self, config: &DetectorConfig) -> Box<Detector> {
        match self.train(config, u64::MAX).expect("a training that succeeds") {
            Outcome::Finished(detector, _) => detector,
            Outcome::Interrupted => panic!("nobody interrupted"),
        }
    }

    fn bytes(&self, detector: &Detector) -> Vec<u8> {
        let path = self.folder.path().join("model.differnet");
        detector.save(&path).expect("writable");
        fs::read(path).expect("readable")
    }
}

/// Small, but with everything in play: two flows, two rounds, noise, early stopping, a full pool.
fn tiny() -> DetectorConfig {
    DetectorConfig {
        seed: 7,
        blocks: 2,
        hidden: 16,
        flows: 2,
        transforms: 2,
        rounds: 2,
        pool: 3,
        updates: 12,
        batch_size: 8,
        noise: 0.1,
        validate_every: 3,
        score_transforms: 2,
        ..DetectorConfig::preset(Preset::Quick)
    }
}

fn score(detector: &Detector, source: &FeatureSource, files: &[PathBuf]) -> Vec<ImageScore> {
    score_as(detector, source, files, &detector.score_config())
}

fn score_as(
    detector: &Detector,
    source: &FeatureSource,
    files: &[PathBuf],
    config: &ScoreConfig,
) -> Vec<ImageScore> {
    let mut scores = Vec::new();
    let flow = detector.score_files(source, files, config, &mut |_, score| {
        scores.push(score.expect("usable images"));
        ControlFlow::Continue(())
    });
    assert!(flow.expect("a working cache").is_continue());
    scores
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let bench = Bench::new();
    let first = bench.bytes(&bench.finished(&tiny()));
    fs::remove_dir_all(bench.checkpoints()).expect("deletable");
    assert!(bench.bytes(&bench.finished(&tiny())) == first, "the same seed, other bytes");
    fs::remove_dir_all(bench.checkpoints()).expect("deletable");
    let other = DetectorConfig { seed: 8, ..tiny() };
    assert!(bench.bytes(&bench.finished(&other)) != first, "another seed, the same bytes");
}

#[test]
fn interrupted_anywhere_and_resumed_gives_the_same_bytes() {
    let straight = Bench::new();
    let expected = straight.bytes(&straight.finished(&tiny()));
    for stops in [vec![1], vec![3], vec![6], vec![7, 9, 11], vec![12], vec![13, 20], vec![24]] {
        let bench = Bench::new();
        for &stop in &stops {
            let outcome = bench.train(&tiny(), stop).expect("a training that can be stopped");
            assert!(matches!(outcome, Outcome::Interrupted), "stopped at {stop}");
        }
        assert!(bench.bytes(&bench.finished(&tiny())) == expected, "stopped at {stops:?}");
    }
}

#[test]
fn an_image_gets_all_transforms_only_if_its_verdict_needs_them() {
    let bench = Bench::new();
    let config = DetectorConfig { average: Average::GeometricMean, ..tiny() };
    let detector = bench.finished(&config);
    let spread = detector.info().transform_spread.expect("images were held back");
    assert!(spread > 0.0, "{spread}");
    let (source, files) = (bench.source(), &bench.images[..3]);
    let full = ScoreConfig { transforms: 12, ..detector.score_config() };
    let all = score_as(&detector, &source, files, &full);
    assert!(all.iter().all(|image| image.transform_scores.len() == 12));

    // On a threshold nothing is settled, and an image that got all transforms scores as ever.
    for (file, image) in files.iter().zip(&all) {
        let thresholds = Thresholds { defect: image.score, unsure: None };
        let config = ScoreConfig { settle: Some(thresholds), ..full };
        let one = score_as(&detector, &source, std::slice::from_ref(file), &config);
        assert_eq!(one, std::slice::from_ref(image));
    }

    // Far from it a few are enough, and they are among those of the full count.
    let far = Thresholds { defect: 1e6, unsure: None };
    let config = ScoreConfig { settle: Some(far), ..full };
    let few = score_as(&detector, &source, files, &config);
    for (few, all) in few.iter().zip(&all) {
        assert_eq!((few.hash, few.transform_scores.len()), (all.hash, 4));
        for score in &few.transform_scores {
            let near = |other: &f64| (other - score).abs() < 1e-6 * score;
            assert!(all.transform_scores.iter().any(near), "{score}");
        }
    }
    // Neither the cache nor the company of others changes them.
    let alone: Vec<ImageScore> = files
        .chunks(1)
        .flat_map(|file| score_as(&detector, &FeatureSource::on_host(None), file, &config))
        .collect();
    assert_eq!(alone, few);
}

#[test]
fn a_saved_detector_scores_as_the_trained_one_did() {
    let bench = Bench::new();
    let detector = bench.finished(&tiny());
    let path = bench.folder.path().join("model.differnet");
    detector.save(&path).expect("writable");
    let loaded = Detector::load(&path, &Device::flex()).expect("its own file");
    assert_eq!(loaded.info(), detector.info());
    let uncached = FeatureSource::on_host(None);
    let scores = score(&loaded, &uncached, &bench.defects);
    assert_eq!(scores, score(&detector, &bench.source(), &bench.defects));
    // Alone or among others: the same score.
    assert_eq!(score(&loaded, &uncached, &bench.defects[1..2]), scores[1..2]);
}

#[test]
fn a_score_averages_the_flows_logarithms() {
    let bench = Bench::new();
    let config = DetectorConfig { average: Average::GeometricMean, ..tiny() };
    let detector = bench.finished(&config);
    let row: Vec<f32> = (0..768).map(|i| (i as f32).sin()).collect();
    let of = |index: usize| row_scores(&detector.flows()[index], &row, &Device::flex())[0];
    assert_ne!(of(0), of(1), "two flows of the same weights");
    let expected = ((of(0).ln() + of(1).ln()) / 2.0).exp();
    let found = detector.row_scores(&row)[0];
    assert!((found - expected).abs() < 1e-9 * expected, "{found} for {expected}");
    // The first flow is the one that a training of one flow gives.
    fs::remove_dir_all(bench.checkpoints()).expect("deletable");
    let alone = bench.finished(&DetectorConfig { flows: 1, ..config });
    assert_eq!(alone.row_scores(&row), [of(0)]);
}

#[test]
fn a_flow_of_one_scale_sees_the_first_columns_only() {
    let bench = Bench::new();
    let detector = bench.finished(&DetectorConfig { scales: 1, ..tiny() });
    assert_eq!(detector.flows()[0].features(), 256);
    let path = bench.folder.path().join("model.differnet");
    detector.save(&path).expect("writable");
    let loaded = Detector::load(&path, &Device::flex()).expect("its own file");
    assert_eq!(
        score(&loaded, &bench.source(), &bench.defects),
        score(&detector, &bench.source(), &bench.defects)
    );
    let mut row = vec![0.5; 768];
    let before = loaded.row_scores(&row);
    row[256..].fill(9.0);
    assert_eq!(loaded.row_scores(&row), before);
    row[255] = 9.0;
    assert_ne!(loaded.row_scores(&row), before);
}

#[test]
fn looks_see_the_flow_as_it_is_then_and_change_nothing() {
    let bench = Bench::new();
    let expected = bench.bytes(&bench.finished(&tiny()));
    fs::remove_dir_all(bench.checkpoints()).expect("deletable");
    let (source, device) = (bench.source(), Device::flex());
    let config = DetectorConfig { patience: 0, flows: 1, ..tiny() };
    let row = vec![0.5; 768];
    let run = |config: &DetectorConfig| {
        let training = Training {
            config,
            source: &source,
            device: &device,
            checkpoints: &bench.checkpoints(),
            bad_images: BadImagePolicy::Refuse,
            regions: None,
        };
        let mut looks = Vec::new();
        let outcome = training.run_watched(
            &bench.images,
            &mut |_| ControlFlow::Continue(()),
            &mut |point, flow| {
                looks.push((point.update, row_scores(flow, &row, &device)));
                ControlFlow::Continue(())
            },
        );
        let Outcome::Finished(detector, _) = outcome.expect("a training that succeeds") else {
            panic!("nobody interrupted");
        };
        training.remove_checkpoints().expect("deletable");
        (detector, looks)
    };
    assert!(bench.bytes(&run(&tiny()).0) == expected, "being watched changed the training");
    let (detector, looks) = run(&config);
    assert_eq!(looks.iter().map(|look| look.0).collect::<Vec<_>>(), [3, 6, 9, 12]);
    assert_eq!(looks[3].1, detector.row_scores(&row));
    assert_ne!(looks[2].1, looks[3].1);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let bench = Bench::new();
    bench.train(&tiny(), 2).expect("a training that can be stopped");
    let other = DetectorConfig { hidden: 17, ..tiny() };
    let error = bench.train(&other, 4).expect_err("another configuration");
    assert!(error.to_string().contains("configuration"), "{error}");
    let fewer = &bench.images[1..];
    let error = bench.train_with(&tiny(), 4, fewer, BadImagePolicy::Refuse);
    let error = error.expect_err("other images");
    assert!(error.to_string().contains("set of images"), "{error}");
    let other = Bench { regions: Some(top_eighth()), ..bench };
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
    let bench = Bench { regions: Some(top_eighth()), ..Bench::new() };
    let expected = bench.bytes(&bench.finished(&tiny()));
    fs::remove_dir_all(bench.checkpoints()).expect("deletable");
    for path in &bench.images {
        let mut image = differnet_data::decode_file(path, &Default::default()).expect("an image");
        let pixels = image.width() as usize * image.height() as usize;
        let ignored: Vec<bool> = (0..pixels).map(|pixel| pixel < pixels / 8).collect();
        paint_neutral(&mut image, &ignored);
        image.save(path).expect("writable");
    }
    let detector = bench.finished(&tiny());
    assert!(bench.bytes(&detector) == expected, "ignored pixels changed the model");
    assert_eq!(detector.info().regions, bench.regions);
    let whole = Bench { regions: None, ..bench };
    fs::remove_dir_all(whole.checkpoints()).expect("deletable");
    assert!(whole.bytes(&whole.finished(&tiny())) != expected, "nothing was ignored");
}

#[test]
fn bad_images_are_all_listed_or_skipped() {
    let bench = Bench::new();
    let bad = ["empty.png", "text.png"].map(|name| bench.folder.path().join(name));
    fs::write(&bad[0], b"").expect("writable");
    fs::write(&bad[1], b"not an image").expect("writable");
    let files: Vec<PathBuf> = bench.images.iter().chain(&bad).cloned().collect();
    let error = bench.train_with(&tiny(), 2, &files, BadImagePolicy::Refuse);
    let message = error.expect_err("two bad images").to_string();
    assert!(message.contains("empty.png") && message.contains("text.png"), "{message}");
    let outcome = bench.train_with(&tiny(), u64::MAX, &files, BadImagePolicy::Skip);
    let Outcome::Finished(_, skipped) = outcome.expect("the others suffice") else {
        panic!("nobody interrupted");
    };
    assert_eq!(skipped.into_iter().map(|bad| bad.path).collect::<Vec<_>>(), bad);
}

#[test]
fn too_few_images_are_refused() {
    let bench = Bench::new();
    let error = bench.train_with(&tiny(), 2, &bench.images[..1], BadImagePolicy::Refuse);
    let message = error.expect_err("one image").to_string();
    assert!(message.contains("too few"), "{message}");
}

#[test]
fn files_that_are_no_models_are_named_with_the_reason() {
    let bench = Bench::new();
    let whole = bench.bytes(&bench.finished(&tiny()));
    let path = bench.folder.path().join("damaged.differnet");
    let load = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writable");
        let error = Detector::load(&path, &Device::flex()).expect_err("damaged");
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
    assert!(load(&replaced("\\\"format\\\":2", "\\\"format\\\":9")).contains("format 9"));
    assert!(load(&replaced("\"differnet\"", "\"different\"")).contains("no description"));
    // A weight that is not a number.
    let mut bytes = whole.clone();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    load(&bytes);
    assert!(Detector::load(Path::new("absent.differnet"), &Device::flex()).is_err());
}
