//! Models whose network has weights that are loaded: they carry them, and know whose they are.

use std::path::PathBuf;

use burn::tensor::Device;
use differnet::{Config, Method, Model, Preset, Runtime, Training};
use differnet_features::{Backbone, PretrainedWeights};
use differnet_flow::Backend;
use differnet_samples::self_test_images;

/// Two generated images in a folder.
fn images(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let files = self_test_images(1, 72, 60).into_iter().take(2).enumerate();
    let write = |(at, bytes): (usize, Vec<u8>)| {
        let path = folder.path().join(format!("{at}.png"));
        std::fs::write(&path, bytes).expect("writable");
        path
    };
    files.map(write).collect()
}

fn runtime() -> Runtime {
    Runtime::new(Backend::Host(Device::flex()))
}

/// Small settings of `method` with features of ResNet-18.
fn config(method: Method) -> Config {
    let own = match method {
        Method::DifferNet => {
            "transforms = 1\nscore_transforms = 1\npool = 1\nhidden = 4\nblocks = 1\nupdates = 2\n\
             validation = 0.0\nrotate = false"
        }
        Method::LocalFlow => {
            "pixels = 9216\ncomponents = 8\nbank = 20\nupdates = 3\npasses = 0\nbatch_size = 16\n\
             hidden = 8\nblocks = 1"
        }
        Method::PatchCore => "pixels = 9216\nbank = 20",
        Method::Padim => "pixels = 9216\ncomponents = 4",
        _ => "",
    };
    let text = format!("backbone = \"resnet18\"\n{own}");
    Config::from_toml(&text, &Config::preset(method, Preset::Quick)).expect("its settings")
}

fn scores(model: &Model, files: &[PathBuf]) -> Vec<f64> {
    model.scores(files).map(|score| score.expect("usable images").score).collect()
}

#[test]
fn models_carry_the_stages_that_they_see_and_score_without_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = images(&folder);
    let weights = PretrainedWeights::untrained(Backbone::ResNet18, 1);
    let other = PretrainedWeights::untrained(Backbone::ResNet18, 2);
    let (path, again) = (folder.path().join("a.differnet"), folder.path().join("b.differnet"));
    for (method, stages) in
        [(Method::DifferNet, 4), (Method::LocalFlow, 3), (Method::PatchCore, 3), (Method::Padim, 3)]
    {
        let trained = runtime().with_weights(weights.clone());
        let config = config(method);
        let model = Training::new(&config, &trained).run(&images).expect("a fit").model;
        let header = model.header();
        let id = weights.id(stages);
        assert!(header.extractor.as_ref().is_some_and(|name| name.starts_with(&id)), "{method}");
        assert_eq!(header.weights_sha256.as_deref(), Some(weights.file_sha256()));
        let rows = header.rows();
        assert!(rows.iter().any(|row| row.0 == "weights of the network"), "{rows:?}");
        model.save(&path).expect("writable");
        let expected = scores(&model, &images);
        // On a runtime that has no such network, and on one that has another of the same architecture.
        let runtimes = [runtime().with_weights(other.clone()), runtime()];
        // Many rows of whole images take long.
        for runtime in runtimes.iter().take(if method == Method::DifferNet { 1 } else { 2 }) {
            let loaded = Model::load_verified(&path, runtime).expect("its own file");
            assert_eq!(loaded.header(), model.header());
            assert_eq!(scores(&loaded, &images), expected, "{method}");
            let moved = loaded.with_runtime(runtime);
            assert_eq!(scores(&moved, &images), expected, "{method}");
            moved.save(&again).expect("writable");
            let bytes = [&path, &again].map(|path| std::fs::read(path).expect("readable"));
            assert!(bytes[0] == bytes[1], "{method}");
        }
    }
}

#[test]
fn other_weights_of_the_same_names_are_another_extractor() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = images(&folder);
    let config = config(Method::PatchCore);
    let model = |seed: u64| {
        let weights = PretrainedWeights::untrained(Backbone::ResNet18, seed);
        let runtime = runtime().with_weights(weights);
        Training::new(&config, &runtime).run(&images).expect("a fit").model
    };
    let (one, two) = (model(1), model(2));
    assert_ne!(one.header().extractor, two.header().extractor);
    assert_ne!(one.header().weights_sha256, two.header().weights_sha256);
    assert_ne!(scores(&one, &images), scores(&two, &images));
}

#[test]
fn a_training_without_weights_says_where_they_come_from() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = images(&folder);
    for method in [Method::DifferNet, Method::LocalFlow] {
        let (config, runtime) = (config(method), runtime());
        let error = Training::new(&config, &runtime).run(&images).expect_err("no weights");
        let message = error.to_string();
        assert!(message.contains("--weights"), "{message}");
        assert!(message.contains("torchvision.models.resnet18("), "{message}");
    }
}

#[test]
fn methods_on_rows_take_no_loaded_network() {
    for method in [Method::OneNearestNeighbour, Method::OneClassSvm] {
        let base = Config::preset(method, Preset::Quick);
        let config = Config::from_toml("backbone = \"vgg16\"", &base).expect("a network's name");
        let message = config.validate().expect_err("no loaded network").to_string();
        assert!(message.contains("alexnet or efficientnet-lite0"), "{message}");
    }
}

#[test]
fn stages_follow_the_network_unless_they_are_given() {
    let stages = |text: &str, method| {
        let base = Config::preset(method, Preset::Quick);
        let config = Config::from_toml(text, &base).expect("its settings");
        config.validate().expect("in range");
        let table = toml::Table::try_from(&config).expect("a table");
        [table.get("stages"), table.get("coarse_stages")]
            .map(|stages| stages.map_or(String::new(), ToString::to_string))
    };
    assert_eq!(stages("backbone = \"resnet50\"", Method::LocalFlow), ["[2, 3]", "[3, 4]"]);
    assert_eq!(stages("backbone = \"vgg16\"", Method::PatchCore), ["[3, 4]", ""]);
    let given = "backbone = \"resnet18\"\nstages = [1, 2]";
    assert_eq!(stages(given, Method::Padim), ["[1, 2]", ""]);
}
