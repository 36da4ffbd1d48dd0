//! The public path from image files to a stored competitor, on a few generated images.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet::{
    AnomalyDetector, Average, BadImagePolicy, BaselineConfig, FeatureSource, Method, MethodConfig,
    Outcome, Preset, Progress, ScoreConfig, SharedConfig, Training, Verdict, load_model,
    read_model_info,
};
use differnet_data::{Layout, load_dataset};
use differnet_features::FeatureCache;
use differnet_samples::{SampleConfig, write_sample_dataset};

/// Images and their cache.
struct Bench {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
    defects: Vec<PathBuf>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("data");
        let sample =
            SampleConfig { seed: 1, size: 128, train: 10, test_good: 1, test_defect_per_kind: 1 };
        let categories = write_sample_dataset(&root, &sample).expect("writable");
        let layout = Layout::Mvtec { category: Some(categories[0].clone()) };
        let data = load_dataset(&root, &layout, 0).expect("a valid data set");
        let images = data.train.into_iter().map(|sample| sample.image).collect();
        let defects = data.test.into_iter().filter(|sample| sample.defect.is_some());
        Self { defects: defects.map(|sample| sample.image).collect(), images, folder }
    }

    fn source(&self) -> FeatureSource {
        FeatureSource::on_host(Some(FeatureCache::new(self.folder.path().join("cache"))))
    }

    fn fit(&self, config: &BaselineConfig, images: &[PathBuf]) -> Box<dyn AnomalyDetector> {
        let training = Training {
            config: &MethodConfig::Baseline(*config),
            source: &self.source(),
            device: &Device::flex(),
            checkpoints: &self.folder.path().join("checkpoints"),
            bad_images: BadImagePolicy::Refuse,
            regions: None,
        };
        match training.run(images, &mut |_| ControlFlow::Continue(())).expect("a fit") {
            Outcome::Finished(model, _) => model,
            Outcome::Interrupted => panic!("nobody interrupted"),
        }
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("model.differnet")
    }

    fn bytes(&self, model: &dyn AnomalyDetector) -> Vec<u8> {
        model.save(&self.model()).expect("writable");
        fs::read(self.model()).expect("readable")
    }

    fn scores(&self, model: &dyn AnomalyDetector, files: &[PathBuf]) -> Vec<f64> {
        let mut scores = Vec::new();
        let config = model.score_config();
        let flow = model.score_files(&self.source(), files, &config, &mut |_, score| {
            let score = score.expect("usable images");
            assert_eq!(score.transform_scores.len(), config.transforms);
            let verdict = Verdict::of(score.score, model.summary().threshold);
            assert_eq!(score.verdict, verdict);
            scores.push(score.score);
            ControlFlow::Continue(())
        });
        assert!(flow.expect("a working cache").is_continue());
        scores
    }
}

/// Two transforms of each image, seed 7; networks are as small as they can be.
fn tiny(method: Method) -> BaselineConfig {
    let base = BaselineConfig::preset(method, Preset::Quick).expect("a competitor");
    let shared = SharedConfig { seed: 7, transforms: 2, score_transforms: 2, ..base.shared };
    let small = match method {
        Method::GeoTrans => "side = 8\nwidening = 1\nupdates = 2\nbatch_size = 16",
        Method::Ganomaly => "side = 16\nchannels = 4\nlatent = 4\nupdates = 2\nbatch_size = 4",
        Method::Dsebm => "side = 8\nchannels = 4\noutputs = 8\nupdates = 2\nbatch_size = 4",
        Method::Adgan => {
            "side = 8\nchannels = 4\nlatent = 4\nupdates = 2\nbatch_size = 4\nstarts = 2\nsteps = 1"
        }
        _ => "",
    };
    BaselineConfig::from_toml(small, &BaselineConfig { shared, ..base }).expect("its settings")
}

const BASELINES: [Method; 2] = [Method::OneNearestNeighbour, Method::OneClassSvm];
const NETWORKS: [Method; 4] = [Method::GeoTrans, Method::Ganomaly, Method::Dsebm, Method::Adgan];

#[test]
fn the_same_images_give_the_same_bytes_whatever_their_names_and_order() {
    let bench = Bench::new();
    let renamed = tempfile::tempdir().expect("a temporary folder");
    let mut images = Vec::new();
    for (index, image) in bench.images.iter().enumerate() {
        let path = renamed.path().join(format!("{}.png", 100 - index));
        fs::copy(image, &path).expect("writable");
        images.push(path);
    }
    for method in BASELINES.into_iter().chain(NETWORKS) {
        let first = bench.bytes(&*bench.fit(&tiny(method), &bench.images));
        assert!(bench.bytes(&*bench.fit(&tiny(method), &images)) == first, "{method}");
        let mut other = tiny(method);
        other.shared.seed = 8;
        assert!(bench.bytes(&*bench.fit(&other, &images)) != first, "{method}");
    }
}

#[test]
fn a_model_survives_its_file() {
    let bench = Bench::new();
    for method in BASELINES.into_iter().chain(NETWORKS) {
        let model = bench.fit(&tiny(method), &bench.images);
        let bytes = bench.bytes(&*model);
        let loaded = load_model(&bench.model(), &Device::flex()).expect("its own file");
        assert_eq!(loaded.summary(), model.summary());
        let info = read_model_info(&bench.model()).expect("its own file");
        assert_eq!(info.summary(), model.summary());
        assert_eq!(info.summary().method, method);
        assert_eq!((info.summary().training_images, info.summary().held_back_images), (9, 1));
        let files = &bench.defects;
        assert_eq!(bench.scores(&*loaded, files), bench.scores(&*model, files));
        assert!(loaded.localizer().is_none());
        assert_eq!(model.summary().extractor.is_none(), NETWORKS.contains(&method));
        assert!(bench.bytes(&*loaded) == bytes, "{method}: another file");
    }
}

#[test]
fn defects_score_above_the_held_back_images() {
    let bench = Bench::new();
    for method in BASELINES {
        let model = bench.fit(&tiny(method), &bench.images);
        let scores = bench.scores(&*model, &bench.defects);
        let good = model.summary().good_scores.to_vec();
        assert_eq!(good.len(), 1);
        assert_eq!(model.summary().threshold, good[0].next_up());
        let above = scores.iter().filter(|&&score| score > good[0]).count();
        assert!(above * 4 >= scores.len() * 3, "{method}: {scores:?} above {good:?}");
    }
}

#[test]
fn without_held_back_images_the_threshold_comes_from_training_images() {
    let bench = Bench::new();
    for method in BASELINES.into_iter().chain(NETWORKS) {
        let model = bench.fit(&tiny(method), &bench.images[..3]);
        let summary = model.summary();
        assert_eq!((summary.training_images, summary.held_back_images), (3, 0));
        assert_eq!(summary.good_scores.len(), 3);
        // Each training row is its own nearest neighbour; that must not make the threshold 0.
        if method == Method::OneNearestNeighbour {
            assert!(summary.good_scores[0] > 0.1, "{:?}", summary.good_scores);
        }
    }
}

#[test]
fn what_a_method_cannot_do_is_an_error() {
    let bench = Bench::new();
    let model = bench.fit(&tiny(Method::OneClassSvm), &bench.images);
    let refused = |config: ScoreConfig| {
        let files = &bench.defects;
        let error = model
            .score_files(&bench.source(), files, &config, &mut |_, _| ControlFlow::Break(()))
            .expect_err("no such scoring");
        error.to_string()
    };
    let base = model.score_config();
    let error = refused(ScoreConfig { average: Average::GeometricMean, ..base });
    assert!(error.contains("setting average must be mean"), "{error}");
    let error = refused(ScoreConfig { transforms: 0, ..base });
    assert!(error.contains("no transforms"), "{error}");
}

#[test]
fn asking_to_stop_stops_at_every_stage() {
    let bench = Bench::new();
    let stop_of = |method: Method, at: fn(&Progress) -> bool| {
        let training = Training {
            config: &tiny(method),
            source: &bench.source(),
            device: &Device::flex(),
            checkpoints: Path::new("unused"),
            bad_images: BadImagePolicy::Refuse,
            regions: None,
        };
        let outcome = training.run(&bench.images, &mut |progress| {
            if at(&progress) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        matches!(outcome, Ok(Outcome::Interrupted))
    };
    let stop = |at| stop_of(Method::OneNearestNeighbour, at);
    assert!(stop(|progress| matches!(progress, Progress::Checking { .. })));
    assert!(stop(|progress| matches!(progress, Progress::Features { .. })));
    assert!(stop(|progress| matches!(progress, Progress::Fitting { .. })));
    assert!(stop(|progress| matches!(progress, Progress::HeldBack { .. })));
    assert!(!stop(|_| false));
    let stop = |at| stop_of(Method::GeoTrans, at);
    assert!(stop(|progress| matches!(progress, Progress::Pixels { .. })));
    assert!(stop(|progress| matches!(progress, Progress::Fitting { loss: Some(_), .. })));
    assert!(stop(|progress| matches!(progress, Progress::Fitting { loss: None, .. })));
    assert!(stop(|progress| matches!(progress, Progress::HeldBack { .. })));
    assert!(!Path::new("unused").exists(), "competitors have no checkpoints");
}
