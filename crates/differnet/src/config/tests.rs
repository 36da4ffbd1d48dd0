//! Tests of the settings.

use differnet_baselines::{Gamma, GeoTransConfig, OneClassSvmConfig};

use super::*;

fn base(method: Method) -> Config {
    Config::preset(method, Preset::Quick)
}

#[test]
fn settings_survive_toml_and_json() {
    for method in Method::ALL {
        let config = Config {
            quantile: 0.85,
            transform_seed: Some(3),
            ..Config::preset(method, Preset::Standard)
        };
        config.validate().expect("valid");
        let text = config.to_toml();
        assert!(text.contains("quantile = 0.85\n"), "{text}");
        assert!(text.contains(&format!("method = \"{method}\"\n")), "{text}");
        for base in [base(method), base(Method::OneNearestNeighbour)] {
            assert_eq!(Config::from_toml(&text, &base).expect("its own text"), config);
        }
        let text = serde_json::to_string(&config).expect("plain data");
        assert_eq!(serde_json::from_str::<Config>(&text).expect("its own text"), config);
    }
}

#[test]
fn the_paper_preset_has_the_papers_numbers() {
    let config = Config::preset(Method::DifferNet, Preset::Paper);
    let own = config.differnet().expect("DifferNet's");
    assert_eq!(own.flow_config(Backbone::AlexNet).parameters(), 172_077_056);
    assert_eq!((own.rounds, own.batch_size, config.score_transforms), (192, 96, 64));
    assert_eq!(config.average, Average::Mean);
}

#[test]
fn a_text_overrides_its_preset_or_the_base() {
    let quick = Config { seed: 5, ..base(Method::DifferNet) };
    let config = Config::from_toml("hidden = 64\nlearning_rate = 1e-4", &quick).expect("valid");
    let expected = quick.clone().map_differnet(|own| {
        let flow = differnet_flow::FlowConfig { hidden: 64, ..own.flow.clone() };
        let adam = differnet_flow::AdamConfig { learning_rate: 1e-4, ..own.adam.clone() };
        DifferNetConfig { flow, adam, ..own }
    });
    assert_eq!(config, expected);
    let config = Config::from_toml("preset = \"paper\"\nclamp = 2", &quick).expect("valid");
    let paper = Config { seed: 5, ..Config::preset(Method::DifferNet, Preset::Paper) };
    let expected = paper.map_differnet(|own| {
        let flow = differnet_flow::FlowConfig { clamp: 2.0, ..own.flow.clone() };
        DifferNetConfig { flow, ..own }
    });
    assert_eq!(config, expected);
}

#[test]
fn networks_see_upright_images_once_and_a_preset_sets_their_size() {
    let quick = base(Method::GeoTrans);
    assert_eq!(quick.method, MethodConfig::GeoTrans(GeoTransConfig::quick()));
    assert_eq!((quick.rotate, quick.transforms, quick.score_transforms), (false, 1, 1));
    let paper = Config::from_toml("preset = \"paper\"\nside = 64\n", &quick).expect("valid");
    assert_eq!(paper.method, MethodConfig::GeoTrans(GeoTransConfig::new().with_side(64)));
    assert_eq!((paper.rotate, paper.transforms), (false, 1));
}

#[test]
fn settings_of_other_methods_and_bad_ones_are_named() {
    for (method, text, word) in [
        (Method::OneClassSvm, "hidden = 3", "hidden"),
        (Method::OneClassSvm, "components = 3", "components"),
        (Method::OneClassSvm, "nu = \"small\"", "string"),
        (Method::OneClassSvm, "gamma = \"wide\"", "Gamma"),
        (Method::OneClassSvm, "method = \"2nn\"", "2nn"),
        (Method::GeoTrans, "latent = 3", "unknown field `latent`"),
        (Method::DifferNet, "hiden = 3", "unknown field `hiden`"),
        (Method::DifferNet, "features = 3", "unknown field `features`"),
        (Method::DifferNet, "hidden = \"wide\"", "`hidden`: "),
        (Method::DifferNet, "batch_size = -4\nhidden = 8", "`batch_size`: "),
        (Method::DifferNet, "preset = \"best\"", "best"),
    ] {
        let error = Config::from_toml(text, &base(method)).expect_err(text);
        let source = std::error::Error::source(&error).expect("the parser's reason");
        assert!(source.to_string().contains(word), "{text}: {source}");
    }
    let gamma = Gamma::Fixed(0.25);
    let svm = Config::from_toml("nu = 2.0\ngamma = 0.25", &base(Method::OneClassSvm));
    let svm = svm.expect("a number");
    let expected = OneClassSvmConfig { nu: 2.0, gamma, ..OneClassSvmConfig::default() };
    assert_eq!(svm.method, MethodConfig::OneClassSvm(expected));
    let error = svm.validate().expect_err("out of range").to_string();
    assert_eq!(error, "setting nu must be in (0, 1], found 2");
    let svm = Config { average: Average::GeometricMean, ..base(Method::OneClassSvm) };
    let error = svm.validate().expect_err("no such mean").to_string();
    assert!(error.contains("average must be mean"), "{error}");
}

#[test]
fn ranges_are_checked() {
    let valid = base(Method::DifferNet);
    for (text, name) in [
        ("transforms = 0", "transforms"),
        ("jitter = 1.0", "jitter"),
        ("validation = 0.6", "validation"),
        ("quantile = 0.0", "quantile"),
        ("blocks = 0", "blocks"),
        ("scales = 4", "scales"),
        ("clamp = 0.0", "clamp"),
        ("beta_1 = 1.0", "beta_1"),
        ("learning_rate = 0.0", "learning_rate"),
        ("batch_size = 2000000", "batch_size"),
        ("noise = nan", "noise"),
    ] {
        let config = Config::from_toml(text, &valid).expect(text);
        let message = config.validate().expect_err(text).to_string();
        assert!(message.contains(&format!("setting {name} ")), "{text}: {message}");
    }
    assert!(Config { seed: u64::MAX, ..valid }.validate().is_err());
}

#[test]
fn a_network_brings_the_settings_that_depend_on_it() {
    let lite = base(Method::LocalFlow);
    assert_eq!(lite.backbone, Some(Backbone::EfficientNetLite0));
    let alexnet = Config::from_toml("backbone = \"alexnet\"", &lite).expect("a network");
    alexnet.validate().expect("settings for it");
    let own = |config: &Config| match &config.method {
        MethodConfig::LocalFlow(own) => own.coarse_stages.clone(),
        _ => Vec::new(),
    };
    assert_eq!((own(&lite), own(&alexnet)), (vec![4, 5, 6], vec![4, 5]));
    assert_eq!(alexnet.with_backbone(Backbone::EfficientNetLite0), lite);
    let text = "backbone = \"alexnet\"\ncoarse_stages = [3]";
    assert_eq!(own(&Config::from_toml(text, &lite).expect("stages")), [3]);
    for method in [Method::DifferNet, Method::OneNearestNeighbour, Method::OneClassSvm] {
        assert_eq!(base(method).backbone, Some(Backbone::AlexNet));
    }
}

#[test]
fn a_network_that_does_not_fit_is_refused() {
    for (method, text, words) in [
        (Method::PatchCore, "backbone = \"alexnet\"\nstages = [5, 6]", "alexnet's convolutions"),
        (Method::PatchCore, "stages = [6, 7]", "efficientnet-lite0's stages"),
        (Method::GeoTrans, "backbone = \"alexnet\"", "absent for a method on pixels"),
    ] {
        let config = Config::from_toml(text, &base(method));
        let error = config.and_then(|config| config.validate()).expect_err(text);
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let message = format!("{error} {}", source.unwrap_or_default());
        assert!(message.contains(words), "{message}");
    }
    let error = Config::from_toml("backbone = \"vgg\"", &base(Method::Padim)).expect_err("unknown");
    let source = std::error::Error::source(&error).expect("the parser's reason").to_string();
    assert!(source.contains("efficientnet-lite0"), "{source}");
    let none = Config { backbone: None, ..base(Method::Padim) };
    assert!(none.validate().expect_err("none").to_string().contains("backbone must be"));
}
