//! Settings that every method shares, with those of the method itself.

use differnet_data::{JpegAugmentation, Rotation, TransformConfig};
use differnet_features::Backbone;
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
    /// The network that features come from; `None` for methods on pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backbone: Option<Backbone>,
    /// Whether images are turned by any angle.
    pub rotate: bool,
    /// Half-width of the interval about 1 of brightness and contrast factors; 0 for none.
    pub jitter: f32,
    /// Qualities with which each good image is stored as JPEG, with each sampling of colour, to be seen so as
    /// well: a model of lossless images then holds for JPEG, too. `None` for as it is alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jpeg_augmentation: Option<JpegAugmentation>,
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
            backbone: method.default_backbone(),
            rotate: true,
            jitter: 0.0,
            jpeg_augmentation: None,
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
        let backbone = given("backbone").map(toml::Value::try_into::<Backbone>).transpose();
        let base = match backbone.map_err(invalid)? {
            Some(backbone) => base.with_backbone(backbone),
            None => base,
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

    /// The settings as a table, with some value of those that are absent.
    pub fn with_every_setting(&self) -> toml::Table {
        let jpeg_augmentation = Some("75..95".parse().expect("qualities"));
        let method = self.method.clone().for_areas(Vec::new());
        let every = Self { transform_seed: Some(0), jpeg_augmentation, method, ..self.clone() };
        toml::Table::try_from(every).expect("settings are a table of numbers")
    }

    /// The settings as TOML, as [`Self::from_toml`] reads them.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are a table of numbers")
    }

    /// The same with features of another network, and with the method's own settings for it where they
    /// depend on the network; nothing changes for methods on pixels.
    #[must_use]
    pub fn with_backbone(self, backbone: Backbone) -> Self {
        match self.backbone {
            Some(before) if before != backbone => {
                let method = self.method.for_backbone(before, backbone);
                Self { backbone: Some(backbone), method, ..self }
            }
            _ => self,
        }
    }

    /// The network that features come from.
    ///
    /// # Errors
    /// [`Error::Config`] if the method looks at features and there is none.
    pub fn require_backbone(&self) -> Result<Backbone, Error> {
        let expected = "a network, such as alexnet, for a method on features";
        let found = || "none".to_owned();
        self.backbone.ok_or_else(|| Error::Config { name: "backbone", expected, found: found() })
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
        if let Some(backbone) = self.backbone.filter(|_| method.looks_at_pixels()) {
            let (name, expected) = ("backbone", "absent for a method on pixels");
            return Err(Error::Config { name, expected, found: backbone.to_string() });
        }
        if !method.looks_at_pixels() {
            let backbone = self.require_backbone()?;
            if !backbone.is_embedded() && !method.takes_loaded_networks() {
                let expected = "alexnet or efficientnet-lite0 for this method";
                let found = backbone.to_string();
                return Err(Error::Config { name: "backbone", expected, found });
            }
        }
        self.method.validate(self.backbone)
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
            #[serde(default)]
            backbone: Option<Backbone>,
            rotate: bool,
            jitter: f32,
            #[serde(default)]
            jpeg_augmentation: Option<JpegAugmentation>,
            transforms: usize,
            validation: f64,
            score_transforms: usize,
            average: Average,
            quantile: f64,
            #[serde(flatten)]
            method: MethodConfig,
        }
        let config = Unchecked::deserialize(toml::Value::Table(table.clone()))?;
        let known = config.with_every_setting();
        match table.keys().find(|name| !known.contains_key(*name)) {
            Some(name) => {
                let known: Vec<&str> = known.keys().map(String::as_str).collect();
                let known = known.join(", ");
                Err(toml::de::Error::custom(format!("unknown field `{name}`; there are {known}")))
            }
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
mod tests;
