//! Models of the same images by features of different networks, apart in caches, files and self-tests.

use std::path::PathBuf;

use burn::tensor::Device;
use differnet::{Config, Error, Method, Model, Preset, Runtime, Training};
use differnet_data::{ContentHash, Preprocessing, Transform};
use differnet_features::{Backbone, FeatureCache};
use differnet_flow::Backend;
use differnet_samples::self_test_images;

/// Generated images, good ones first, and a folder for what is made of them.
struct Bench {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = self_test_images(1, 72, 60).into_iter().enumerate();
        let write = |(at, bytes): (usize, Vec<u8>)| {
            let path = folder.path().join(format!("{at}.png"));
            std::fs::write(&path, bytes).expect("writable");
            path
        };
        let images = files.map(write).collect();
        Self { folder, images }
    }

    fn runtime(&self) -> Runtime {
        let cache = FeatureCache::new(self.folder.path().join("cache"));
        Runtime::new(Backend::Host(Device::flex())).with_cache(Some(cache))
    }
}

/// Small settings of `method` with features of `backbone`.
fn config(method: Method, backbone: Backbone) -> Config {
    let own = match method {
        Method::DifferNet => {
            "transforms = 2\nscore_transforms = 2\npool = 2\nhidden = 8\nblocks = 1\nupdates = 2\n\
             validation = 0.0"
        }
        Method::LocalFlow => {
            "pixels = 9216\ncomponents = 8\nbank = 50\nupdates = 3\npasses = 0\nbatch_size = 16\n\
             hidden = 8\nblocks = 1"
        }
        Method::PatchCore => "pixels = 9216\nbank = 20",
        Method::Padim => "pixels = 9216\ncomponents = 4",
        _ => "transforms = 2\nscore_transforms = 2\nvalidation = 0.0",
    };
    let text = format!("backbone = \"{backbone}\"\n{own}");
    Config::from_toml(&text, &Config::preset(method, Preset::Quick)).expect("its settings")
}

fn scores(model: &Model, files: &[PathBuf]) -> Vec<f64> {
    model.scores(files).map(|score| score.expect("usable images").score).collect()
}

#[test]
fn every_method_on_features_takes_each_network_and_its_files_know_which() {
    let bench = Bench::new();
    let runtime = bench.runtime();
    let path = bench.folder.path().join("model.differnet");
    for method in Method::ALL.into_iter().filter(|method| !method.looks_at_pixels()) {
        let mut found: Vec<(Vec<f64>, Option<String>)> = Vec::new();
        for backbone in Backbone::EMBEDDED {
            let config = config(method, backbone);
            let model = Training::new(&config, &runtime).run(&bench.images).expect("a fit").model;
            assert_eq!(model.header().config.backbone, Some(backbone));
            let extractor = model.header().extractor.as_deref().expect("features");
            assert!(extractor.starts_with(backbone.name()), "{extractor}");
            model.save(&path).expect("writable");
            // On a runtime that has both networks, and on one that has none yet.
            for runtime in [&runtime, &Runtime::new(Backend::Host(Device::flex()))] {
                let loaded = Model::load_on(&path, runtime).expect("its own file");
                assert_eq!(loaded.header(), model.header());
                assert_eq!(scores(&loaded, &bench.images), scores(&model, &bench.images));
                let test = loaded.header().self_test.as_ref().expect("a self-test");
                let result = test.run(&loaded).expect("scores");
                assert_eq!(result.found, result.expected, "{method} with {backbone}");
            }
            if model.localizes() {
                let map = model.map(&bench.images[0]).expect("a map").map;
                assert_eq!((map.width(), map.height()), (72, 60));
            }
            found.push((scores(&model, &bench.images), model.header().extractor.clone()));
        }
        assert_ne!(found[0].0, found[1].0, "{method}");
        assert_ne!(found[0].1, found[1].1, "{method}");
    }
}

#[test]
fn a_cache_keeps_the_rows_of_networks_apart() {
    let bench = Bench::new();
    let upright = |_: &ContentHash| vec![Transform::IDENTITY];
    let rows = |runtime: &Runtime, backbone: Backbone| -> Vec<Vec<f32>> {
        let features =
            runtime.features(backbone, Preprocessing::default(), &bench.images[..2], upright);
        features.map(|features| features.expect("usable images").rows).collect()
    };
    let first = bench.runtime();
    let found = Backbone::EMBEDDED.map(|backbone| rows(&first, backbone));
    assert_eq!(first.extracted(), 4);
    for (rows, backbone) in found.iter().zip(Backbone::EMBEDDED) {
        assert!(rows.iter().all(|row| row.len() == backbone.features()));
    }
    let second = bench.runtime();
    assert_eq!(Backbone::EMBEDDED.map(|backbone| rows(&second, backbone)), found);
    assert_eq!(second.extracted(), 0, "rows that were in the cache");
    let usage = second.cache.expect("a cache").usage().expect("readable");
    assert_eq!(usage.len(), 2);
}

#[test]
fn gradient_maps_of_another_network_are_refused_with_a_remedy() {
    let bench = Bench::new();
    let config = config(Method::DifferNet, Backbone::EfficientNetLite0);
    let model = Training::new(&config, &bench.runtime()).run(&bench.images).expect("a fit").model;
    let localize = model.localize_config().expect("maps");
    let kind = differnet::MapKind::Gradient;
    let mut maps =
        model.maps_with(&bench.images[..1], differnet::LocalizeConfig { kind, ..localize });
    let error = maps.next().expect("a result").expect_err("no gradients");
    assert!(matches!(error, Error::Features(_)), "{error}");
    assert!(error.to_string().contains("--backbone alexnet"), "{error}");
}
