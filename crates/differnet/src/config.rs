//! Settings that every method shares, with those of the method itself.

use differnet_data::{Rotation, TransformConfig};
use differnet_scoring::Average;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::method::{DifferNetConfig, Method, MethodConfig};
use crate::preset::Preset;

/// Largest count in the settings: stops absurd allocations for damaged files, nothing sensible.
const MOST: usize = 1_000_000;

/// Settings of training and scoring; all of them are stored with the model.
///
/// As text they are one flat table: these settings, the method's name under `method`, and the
/// method's own settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Config {
    /// Preset whose numbers hold where none was overridden.
    pub preset: Preset,
    /// Seed of every random draw.
    pub seed: u64,
    /// Seed of the training images' transforms, if another: runs with different seeds can share
    /// features that were extracted once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform_seed: Option<u64>,
    /// Whether images are turned by any angle.
    pub rotate: bool,
    /// Half-width of the interval about 1 of brightness and contrast factors; 0 for none.
    pub jitter: f32,
    /// Transforms of each training image; new ones in each round, if the method has rounds.
    pub transforms: usize,
    /// Share of the good images in the validation set, which sets the threshold, and stops training where a
    /// method can stop early.
    pub validation: f64,
    /// Transforms that an image's score is averaged over, unless scoring asks for another number.
    pub score_transforms: usize,
    /// Average over transforms.
    pub average: Average,
    /// Share of good images that the threshold lets pass.
    pub quantile: f64,
    /// The method and its own settings.
    #[serde(flatten)]
    pub method: MethodConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self::preset(Method::default(), Preset::Quick)
    }
}

impl Config {
    /// The settings of `method` in a preset, with seed 0.
    ///
    /// Competitors on features see as many transforms of training as of test images, and average
    /// them by the mean (Section 4.3); methods on pixels and on local features see each
    /// image once and as it lies.
    pub fn preset(method: Method, preset: Preset) -> Self {
        let paper = Self {
            preset,
            seed: 0,
            transform_seed: None,
            rotate: true,
            jitter: 0.0,
            transforms: 4,
            validation: 0.1,
            score_transforms: 64,
            average: Average::Mean,
            quantile: 0.95,
            method: MethodConfig::preset(method, preset),
        };
        let flow = match preset {
            Preset::Paper => paper,
            Preset::Standard | Preset::Quick => Self {
                transforms: 32,
                score_transforms: if preset == Preset::Quick { 32 } else { 64 },
                average: Average::InterquartileMean,
                ..paper
            },
        };
        if method == Method::DifferNet {
            return flow;
        }
        let mean = Self { transforms: flow.score_transforms, average: Average::Mean, ..flow };
        if method.sees_images_once() {
            return Self { rotate: false, transforms: 1, score_transforms: 1, ..mean };
        }
        mean
    }

    /// DifferNet's settings that are enough for the generated sample data set and take a minute on
    /// two cores.
    pub fn for_sample(seed: u64) -> Self {
        Self {
            seed,
            transforms: 12,
            // So few images need a larger share to set a threshold with.
            validation: 0.2,
            score_transforms: 8,
            method: MethodConfig::DifferNet(DifferNetConfig::for_sample()),
            ..Self::preset(Method::DifferNet, Preset::Quick)
        }
    }

    /// The settings in a TOML text; whatever it leaves out comes from its `preset` and `method`, else
    /// from `base`.
    ///
    /// # Errors
    /// [`Error::ConfigText`] for unknown names, wrong types or broken TOML.
    pub fn from_toml(text: &str, base: &Self) -> Result<Self, Error> {
        let invalid = |source| Error::ConfigText { source: Box::new(source) };
        let overrides: toml::Table = text.parse().map_err(invalid)?;
        let given = |name: &str| overrides.get(name).cloned();
        let preset = given("preset").map(toml::Value::try_into::<Preset>).transpose();
        let method = given("method").map(toml::Value::try_into::<Method>).transpose();
        let (preset, method) = (preset.map_err(invalid)?, method.map_err(invalid)?);
        let other_method = method.is_some_and(|method| method != base.method.method());
        let base = if preset.is_some() || other_method {
            let method = method.unwrap_or(base.method.method());
            Self { seed: base.seed, ..Self::preset(method, preset.unwrap_or(base.preset)) }
        } else {
            base.clone()
        };
        let base = toml::Table::try_from(&base).expect("settings are a table of numbers");
        let with = |overrides: toml::Table| {
            let mut table = base.clone();
            table.extend(overrides);
            Self::try_from(table)
        };
        with(overrides.clone()).map_err(|error| {
            // Flattened tables do not tell which setting is wrong: the one that alone is.
            let alone = overrides.into_iter().find_map(|(name, value)| {
                let found = with(toml::Table::from_iter([(name.clone(), value)])).err()?;
                let known = base.contains_key(&name);
                known.then(|| toml::de::Error::custom(format!("`{name}`: {found}")))
            });
            invalid(alone.unwrap_or(error))
        })
    }

    /// The settings as TOML, as [`Self::from_toml`] reads them.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are a table of numbers")
    }

    /// Distribution that transforms are drawn from.
    pub fn transform_config(&self) -> TransformConfig {
        let rotate = if self.rotate { Rotation::Full } else { Rotation::None };
        let jitter = (self.jitter > 0.0).then_some(self.jitter);
        TransformConfig { rotate, jitter }
    }

    /// The seed of the training images' transforms.
    pub(crate) fn training_transform_seed(&self) -> u64 {
        self.transform_seed.unwrap_or(self.seed)
    }

    /// DifferNet's own settings; `None` for other methods.
    pub fn differnet(&self) -> Option<&DifferNetConfig> {
        match &self.method {
            MethodConfig::DifferNet(config) => Some(config),
            _ => None,
        }
    }

    /// The same with DifferNet's own settings changed by `change`; nothing changes for other methods.
    #[must_use]
    pub fn map_differnet(
        mut self,
        change: impl FnOnce(DifferNetConfig) -> DifferNetConfig,
    ) -> Self {
        if let MethodConfig::DifferNet(config) = self.method {
            self.method = MethodConfig::DifferNet(change(config));
        }
        self
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Config`] names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        require_count("transforms", self.transforms)?;
        require_count("score_transforms", self.score_transforms)?;
        // TOML knows no larger integers.
        for (name, seed) in [("seed", Some(self.seed)), ("transform_seed", self.transform_seed)] {
            if let Some(seed) = seed.filter(|seed| i64::try_from(*seed).is_err()) {
                let (expected, found) = ("at most 9223372036854775807", seed.to_string());
                return Err(Error::Config { name, expected, found });
            }
        }
        let ranges = [
            ("jitter", f64::from(self.jitter), (0.0..1.0).contains(&self.jitter), "in [0, 1)"),
            ("validation", self.validation, (0.0..=0.5).contains(&self.validation), "in [0, 0.5]"),
            ("quantile", self.quantile, self.quantile > 0.0 && self.quantile <= 1.0, "in (0, 1]"),
        ];
        for (name, value, fine, expected) in ranges {
            require(name, value, fine, expected)?;
        }
        let method = self.method.method();
        if method.looks_at_places() {
            let (once, upright) = ("1: the method sees an image once", "0: the method knows none");
            require("transforms", self.transforms as f64, self.transforms == 1, once)?;
            let transforms = self.score_transforms;
            require("score_transforms", transforms as f64, transforms == 1, once)?;
            require("jitter", f64::from(self.jitter), self.jitter == 0.0, upright)?;
            if self.rotate {
                let expected = "false: the method sees images as they lie";
                return Err(Error::Config { name: "rotate", expected, found: "true".to_owned() });
            }
        }
        method.require_average(self.average)?;
        self.method.validate()
    }
}

impl TryFrom<toml::Table> for Config {
    type Error = toml::de::Error;

    /// Refuses names that are no settings: serde cannot, in flattened tables.
    fn try_from(table: toml::Table) -> Result<Self, Self::Error> {
        /// Without the check.
        #[derive(Deserialize)]
        #[serde(remote = "Config")]
        struct Unchecked {
            preset: Preset,
            seed: u64,
            #[serde(default)]
            transform_seed: Option<u64>,
            rotate: bool,
            jitter: f32,
            transforms: usize,
            validation: f64,
            score_transforms: usize,
            average: Average,
            quantile: f64,
            #[serde(flatten)]
            method: MethodConfig,
        }
        let config = Unchecked::deserialize(toml::Value::Table(table.clone()))?;
        let known = toml::Table::try_from(&Self { transform_seed: Some(0), ..config.clone() });
        let known = known.expect("settings are a table of numbers");
        match table.keys().find(|name| !known.contains_key(*name)) {
            Some(name) => Err(toml::de::Error::custom(format!("unknown field `{name}`"))),
            None => Ok(config),
        }
    }
}

/// Checks that a count is at least 1 and not absurd.
pub(crate) fn require_count(name: &'static str, value: usize) -> Result<(), Error> {
    let expected = match value {
        0 => "at least 1",
        1..=MOST => return Ok(()),
        _ => "at most 1000000",
    };
    Err(Error::Config { name, expected, found: value.to_string() })
}

/// Checks that a number is `fine` and finite.
pub(crate) fn require(
    name: &'static str,
    value: f64,
    fine: bool,
    expected: &'static str,
) -> Result<(), Error> {
    if fine && value.is_finite() {
        return Ok(());
    }
    Err(Error::Config { name, expected, found: value.to_string() })
}

#[cfg(test)]
mod tests {
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
        assert_eq!(own.flow_config().parameters(), 172_077_056);
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
}
