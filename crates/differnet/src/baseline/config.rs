//! The settings of a competitor.

use differnet_baselines::{
    AdganConfig, BaselineError, DsebmConfig, GanomalyConfig, GeoTransConfig, OneClassSvmConfig,
    OneNearestNeighbourConfig,
};
use serde::de::Error;
use serde::{Deserialize, Serialize};

use super::require_average;
use crate::config::Preset;
use crate::error::DetectorError;
use crate::method::Method;
use crate::shared_config::SharedConfig;

/// The settings of a competitor; all of them are stored with the model.
///
/// As text they are one table: the method's name under `method`, its own settings, and those that
/// every method has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct BaselineConfig {
    /// The method and its own settings.
    #[serde(flatten)]
    pub method: BaselineMethod,
    /// The settings that every method has.
    #[serde(flatten)]
    pub shared: SharedConfig,
}

/// A competitor and its own settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method")]
pub enum BaselineMethod {
    /// Distance to the nearest training row of features.
    #[serde(rename = "1nn")]
    OneNearestNeighbour(OneNearestNeighbourConfig),
    /// One-class support vector machine on features.
    #[serde(rename = "ocsvm")]
    OneClassSvm(OneClassSvmConfig),
    /// A network that tells geometric transforms of small images apart.
    #[serde(rename = "geotrans")]
    GeoTrans(GeoTransConfig),
    /// An adversarially trained autoencoder of small images.
    #[serde(rename = "ganomaly")]
    Ganomaly(GanomalyConfig),
    /// An energy of small images.
    #[serde(rename = "dsebm")]
    Dsebm(DsebmConfig),
    /// A generator of small images.
    #[serde(rename = "adgan")]
    Adgan(AdganConfig),
}

impl BaselineMethod {
    /// The settings of `method` in a preset; `None` for DifferNet.
    ///
    /// Networks have smaller settings in [`Preset::Quick`] and their papers' in the others.
    pub fn preset(method: Method, preset: Preset) -> Option<Self> {
        let quick = preset == Preset::Quick;
        Some(match method {
            Method::DifferNet => return None,
            Method::OneNearestNeighbour => {
                Self::OneNearestNeighbour(OneNearestNeighbourConfig::default())
            }
            Method::OneClassSvm => Self::OneClassSvm(OneClassSvmConfig::default()),
            Method::GeoTrans if quick => Self::GeoTrans(GeoTransConfig::quick()),
            Method::GeoTrans => Self::GeoTrans(GeoTransConfig::new()),
            Method::Ganomaly if quick => Self::Ganomaly(GanomalyConfig::quick()),
            Method::Ganomaly => Self::Ganomaly(GanomalyConfig::new()),
            Method::Dsebm if quick => Self::Dsebm(DsebmConfig::quick()),
            Method::Dsebm => Self::Dsebm(DsebmConfig::new()),
            Method::Adgan if quick => Self::Adgan(AdganConfig::quick()),
            Method::Adgan => Self::Adgan(AdganConfig::new()),
        })
    }

    /// The method.
    pub fn method(&self) -> Method {
        match self {
            Self::OneNearestNeighbour(_) => Method::OneNearestNeighbour,
            Self::OneClassSvm(_) => Method::OneClassSvm,
            Self::GeoTrans(_) => Method::GeoTrans,
            Self::Ganomaly(_) => Method::Ganomaly,
            Self::Dsebm(_) => Method::Dsebm,
            Self::Adgan(_) => Method::Adgan,
        }
    }

    fn validate(&self) -> Result<(), BaselineError> {
        match self {
            Self::OneNearestNeighbour(config) => config.validate(),
            Self::OneClassSvm(config) => config.validate(),
            Self::GeoTrans(config) => config.validate(),
            Self::Ganomaly(config) => config.validate(),
            Self::Dsebm(config) => config.validate(),
            Self::Adgan(config) => config.validate(),
        }
    }
}

impl BaselineConfig {
    /// All settings of `method` in a preset; `None` for DifferNet.
    ///
    /// Methods on pixels see each image once and as it lies: their papers' images are upright.
    pub fn preset(method: Method, preset: Preset) -> Option<Self> {
        let shared = SharedConfig::preset(preset);
        let shared = if method.looks_at_pixels() {
            SharedConfig { rotate: false, transforms: 1, score_transforms: 1, ..shared }
        } else {
            shared
        };
        Some(Self { method: BaselineMethod::preset(method, preset)?, shared })
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method.method()
    }

    /// The settings in a TOML text; whatever it leaves out comes from its `preset`, else from
    /// `base`.
    ///
    /// # Errors
    /// [`DetectorError::ConfigText`] for unknown names, wrong types or broken TOML.
    pub fn from_toml(text: &str, base: &Self) -> Result<Self, DetectorError> {
        let invalid = |source| DetectorError::ConfigText { source: Box::new(source) };
        let mut overrides: toml::Table = text.parse().map_err(invalid)?;
        let mut base = *base;
        if let Some(preset) = overrides.remove("preset") {
            let preset = preset.try_into::<Preset>().map_err(invalid)?;
            let seed = base.shared.seed;
            base = Self::preset(base.method(), preset).expect("base is one of a competitor");
            base.shared.seed = seed;
        }
        let mut table = toml::Table::try_from(base).expect("settings are a table of numbers");
        table.extend(overrides);
        Self::try_from(table).map_err(invalid)
    }

    /// The settings as TOML, as [`Self::from_toml`] reads them.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are a table of numbers")
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`DetectorError::Config`] names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), DetectorError> {
        self.shared.validate()?;
        require_average(self.method(), self.shared.average)?;
        self.method.validate().map_err(|error| match error {
            BaselineError::Config { name, expected, found } => {
                DetectorError::Config { name, expected, found }
            }
            other => other.into(),
        })
    }
}

impl TryFrom<toml::Table> for BaselineConfig {
    type Error = toml::de::Error;

    /// Divides the table: serde cannot refuse unknown names in flattened tables.
    fn try_from(mut own: toml::Table) -> Result<Self, Self::Error> {
        let names = toml::Table::try_from(SharedConfig {
            transform_seed: Some(0),
            ..SharedConfig::preset(Preset::Quick)
        });
        let names = names.expect("settings are a table of numbers");
        let shared = names.keys().filter_map(|name| own.remove_entry(name)).collect();
        let shared = toml::Value::Table(shared).try_into()?;
        let method: BaselineMethod = toml::Value::Table(own.clone()).try_into()?;
        // Burn's configurations pass over names that they do not know.
        let known = toml::Table::try_from(method).expect("settings are a table of numbers");
        match own.keys().find(|name| !known.contains_key(*name)) {
            Some(name) => Err(toml::de::Error::custom(format!("unknown field `{name}`"))),
            None => Ok(Self { method, shared }),
        }
    }
}

#[cfg(test)]
mod tests {
    use differnet_baselines::Gamma;
    use differnet_scoring::Average;

    use super::*;

    fn base(method: Method) -> BaselineConfig {
        BaselineConfig::preset(method, Preset::Quick).expect("a competitor")
    }

    #[test]
    fn settings_survive_toml_and_json() {
        for method in Method::ALL.into_iter().skip(1) {
            let shared = SharedConfig {
                jitter: 0.15,
                transform_seed: Some(3),
                ..SharedConfig::preset(Preset::Standard)
            };
            let config = BaselineConfig { shared, ..base(method) };
            config.validate().expect("valid");
            let text = config.to_toml();
            assert!(text.contains("jitter = 0.15\n"), "{text}");
            assert!(text.contains(&format!("method = \"{method}\"\n")), "{text}");
            assert_eq!(BaselineConfig::from_toml(&text, &base(method)).expect("its text"), config);
            let text = serde_json::to_string(&config).expect("plain data");
            let read: BaselineConfig = serde_json::from_str(&text).expect("its own text");
            assert_eq!(read, config);
        }
    }

    #[test]
    fn toml_overrides_single_settings() {
        let mut base = base(Method::OneClassSvm);
        base.shared.seed = 5;
        let text = "nu = 0.1\ngamma = 0.25\npreset = \"standard\"\nquantile = 0.9\n";
        let config = BaselineConfig::from_toml(text, &base).expect("valid");
        let shared =
            SharedConfig { seed: 5, quantile: 0.9, ..SharedConfig::preset(Preset::Standard) };
        assert_eq!(config.shared, shared);
        let gamma = Gamma::Fixed(0.25);
        let svm = OneClassSvmConfig { nu: 0.1, gamma, ..OneClassSvmConfig::default() };
        assert_eq!(config.method, BaselineMethod::OneClassSvm(svm));
    }

    #[test]
    fn networks_see_upright_images_once_and_a_preset_sets_their_size() {
        let quick = base(Method::GeoTrans);
        assert_eq!(quick.method, BaselineMethod::GeoTrans(GeoTransConfig::quick()));
        let shared = quick.shared;
        assert_eq!((shared.rotate, shared.transforms, shared.score_transforms), (false, 1, 1));
        let paper = BaselineConfig::from_toml("preset = \"paper\"\nside = 64\n", &quick);
        let paper = paper.expect("valid");
        let expected = GeoTransConfig::new().with_side(64);
        assert_eq!(paper.method, BaselineMethod::GeoTrans(expected));
        assert_eq!((paper.shared.rotate, paper.shared.transforms), (false, 1));
        let error = BaselineConfig::from_toml("latent = 3", &quick).expect_err("not its own");
        let source = std::error::Error::source(&error).expect("the parser's reason");
        assert!(source.to_string().contains("unknown field `latent`"), "{source}");
    }

    #[test]
    fn settings_of_other_methods_and_bad_ones_are_named() {
        let base = base(Method::OneClassSvm);
        for (text, word) in [
            ("hidden = 3", "hidden"),
            ("components = 3", "components"),
            ("nu = \"small\"", "string"),
            ("gamma = \"wide\"", "Gamma"),
            ("method = \"2nn\"", "2nn"),
        ] {
            let error = BaselineConfig::from_toml(text, &base).expect_err(text);
            let source = std::error::Error::source(&error).expect("the parser's reason");
            assert!(source.to_string().contains(word), "{text}: {source}");
        }
        let bad = BaselineConfig::from_toml("nu = 2.0", &base).expect("a number");
        let error = bad.validate().expect_err("out of range").to_string();
        assert_eq!(error, "setting nu must be in (0, 1], found 2");
        let shared = SharedConfig { average: Average::GeometricMean, ..base.shared };
        let error = BaselineConfig { shared, ..base }.validate().expect_err("no such mean");
        assert!(error.to_string().contains("average must be mean"), "{error}");
    }
}
