//! The methods: names, settings, and how each is fitted and read from its file.
//!
//! A new method is a module below this one and a line in each list here.

use std::fmt::{Display, Formatter};
use std::path::Path;

use differnet_baselines::{
    Adgan, AdganConfig, BaselineError, Dsebm, DsebmConfig, Ganomaly, GanomalyConfig, GeoTrans,
    GeoTransConfig, OneClassSvm, OneClassSvmConfig, OneNearestNeighbour, OneNearestNeighbourConfig,
};
use differnet_features::Backbone;
use differnet_scoring::Average;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::header::Header;
use crate::preset::Preset;
use crate::runtime::Runtime;
use crate::scorer::Scorer;
use crate::split::ValidationSplit;
use crate::training::Training;

mod backbones;
pub(crate) mod checkpoints;
pub(crate) mod differnet;
mod fitted;
mod flow_settings;
mod flows;
mod local;
mod pixels;
mod rows;

pub use differnet::{DifferNetConfig, row_scores};
pub(crate) use fitted::{Fitted, GoodScores};
pub use local::{LocalFlowConfig, PadimConfig, PatchCoreConfig, PlaceFeatures, PlaceView, Tiles};

/// A method, by the name that files and the command line use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Method {
    /// A normalizing flow on features: the paper's.
    #[serde(rename = "differnet")]
    DifferNet,
    /// Normalizing flows on local features given their place, and a bank of them: the default.
    #[default]
    #[serde(rename = "local-flow")]
    LocalFlow,
    /// Distance of local features to remembered ones (Roth et al. 2022).
    #[serde(rename = "patchcore")]
    PatchCore,
    /// A Gaussian of local features at each place (Defard et al. 2021).
    #[serde(rename = "padim")]
    Padim,
    /// Distance to the nearest training row of features.
    #[serde(rename = "1nn")]
    OneNearestNeighbour,
    /// One-class support vector machine on features.
    #[serde(rename = "ocsvm")]
    OneClassSvm,
    /// A network that tells geometric transforms of small images apart.
    #[serde(rename = "geotrans")]
    GeoTrans,
    /// An adversarially trained autoencoder of small images, and an encoder of what it makes.
    #[serde(rename = "ganomaly")]
    Ganomaly,
    /// An energy of small images.
    #[serde(rename = "dsebm")]
    Dsebm,
    /// A generator of small images, searched for the closest one.
    #[serde(rename = "adgan")]
    Adgan,
}

/// A method's own settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method")]
pub enum MethodConfig {
    /// See [`Method::DifferNet`].
    #[serde(rename = "differnet")]
    DifferNet(DifferNetConfig),
    /// See [`Method::LocalFlow`].
    #[serde(rename = "local-flow")]
    LocalFlow(LocalFlowConfig),
    /// See [`Method::PatchCore`].
    #[serde(rename = "patchcore")]
    PatchCore(PatchCoreConfig),
    /// See [`Method::Padim`].
    #[serde(rename = "padim")]
    Padim(PadimConfig),
    /// See [`Method::OneNearestNeighbour`].
    #[serde(rename = "1nn")]
    OneNearestNeighbour(OneNearestNeighbourConfig),
    /// See [`Method::OneClassSvm`].
    #[serde(rename = "ocsvm")]
    OneClassSvm(OneClassSvmConfig),
    /// See [`Method::GeoTrans`].
    #[serde(rename = "geotrans")]
    GeoTrans(GeoTransConfig),
    /// See [`Method::Ganomaly`].
    #[serde(rename = "ganomaly")]
    Ganomaly(GanomalyConfig),
    /// See [`Method::Dsebm`].
    #[serde(rename = "dsebm")]
    Dsebm(DsebmConfig),
    /// See [`Method::Adgan`].
    #[serde(rename = "adgan")]
    Adgan(AdganConfig),
}

impl Method {
    /// All methods, the paper's first.
    pub const ALL: [Self; 10] = [
        Self::DifferNet,
        Self::LocalFlow,
        Self::PatchCore,
        Self::Padim,
        Self::OneNearestNeighbour,
        Self::OneClassSvm,
        Self::GeoTrans,
        Self::Ganomaly,
        Self::Dsebm,
        Self::Adgan,
    ];

    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DifferNet => "differnet",
            Self::LocalFlow => "local-flow",
            Self::PatchCore => "patchcore",
            Self::Padim => "padim",
            Self::OneNearestNeighbour => "1nn",
            Self::OneClassSvm => "ocsvm",
            Self::GeoTrans => "geotrans",
            Self::Ganomaly => "ganomaly",
            Self::Dsebm => "dsebm",
            Self::Adgan => "adgan",
        }
    }

    /// Tells whether it looks at small images instead of features.
    pub fn looks_at_pixels(self) -> bool {
        match self {
            Self::DifferNet
            | Self::LocalFlow
            | Self::PatchCore
            | Self::Padim
            | Self::OneNearestNeighbour
            | Self::OneClassSvm => false,
            Self::GeoTrans | Self::Ganomaly | Self::Dsebm | Self::Adgan => true,
        }
    }

    /// Tells whether it looks at local features: what each place of an image looks like.
    pub fn looks_at_places(self) -> bool {
        matches!(self, Self::LocalFlow | Self::PatchCore | Self::Padim)
    }

    /// Tells whether it sees each image once and as it lies, in training and scoring.
    pub fn sees_images_once(self) -> bool {
        self.looks_at_pixels() || self.looks_at_places()
    }

    /// Tells whether its models take in new good images.
    pub fn takes_new_images(self) -> bool {
        matches!(self, Self::LocalFlow | Self::PatchCore)
    }

    /// Tells whether an interrupted training leaves a checkpoint that it is resumed from.
    pub fn is_resumable(self) -> bool {
        matches!(self, Self::DifferNet | Self::LocalFlow)
    }

    /// Tells whether `images` good images are too few to hold any back: the threshold comes from
    /// cross-validation then.
    pub(crate) fn cross_validates(self, images: usize) -> bool {
        self.looks_at_places() && images < local::FEW_IMAGES
    }

    /// Fewest images that it can be fitted to.
    pub(crate) fn fewest_images(self) -> usize {
        if self.looks_at_places() { 1 } else { 2 }
    }

    /// Unit of its scores; `None` where they have none.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::DifferNet => Some("nats"),
            Self::LocalFlow | Self::PatchCore | Self::Padim | Self::OneNearestNeighbour => {
                Some("standard deviations")
            }
            Self::OneClassSvm | Self::GeoTrans | Self::Ganomaly | Self::Dsebm | Self::Adgan => None,
        }
    }

    /// Tells whether a score can be below 0, where a geometric mean means nothing.
    fn has_negative_scores(self) -> bool {
        match self {
            Self::DifferNet
            | Self::PatchCore
            | Self::Padim
            | Self::OneNearestNeighbour
            | Self::Ganomaly
            | Self::Adgan => false,
            Self::LocalFlow | Self::OneClassSvm | Self::GeoTrans | Self::Dsebm => true,
        }
    }

    /// Checks that its scores can be averaged so.
    pub(crate) fn require_average(self, average: Average) -> Result<(), Error> {
        if average == Average::GeometricMean && self.has_negative_scores() {
            let expected = "mean for a method whose scores can be negative";
            let found = "geometric-mean".to_owned();
            return Err(Error::Config { name: "average", expected, found });
        }
        Ok(())
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl MethodConfig {
    /// The settings of `method` in a preset.
    ///
    /// Networks have smaller settings in [`Preset::Quick`] and their papers' in the others.
    pub fn preset(method: Method, preset: Preset) -> Self {
        let quick = preset == Preset::Quick;
        match method {
            Method::DifferNet => Self::DifferNet(DifferNetConfig::preset(preset)),
            Method::LocalFlow => Self::LocalFlow(LocalFlowConfig::preset(preset)),
            Method::PatchCore => Self::PatchCore(PatchCoreConfig::default()),
            Method::Padim => Self::Padim(PadimConfig::default()),
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
        }
    }

    /// The method.
    pub fn method(&self) -> Method {
        match self {
            Self::DifferNet(_) => Method::DifferNet,
            Self::LocalFlow(_) => Method::LocalFlow,
            Self::PatchCore(_) => Method::PatchCore,
            Self::Padim(_) => Method::Padim,
            Self::OneNearestNeighbour(_) => Method::OneNearestNeighbour,
            Self::OneClassSvm(_) => Method::OneClassSvm,
            Self::GeoTrans(_) => Method::GeoTrans,
            Self::Ganomaly(_) => Method::Ganomaly,
            Self::Dsebm(_) => Method::Dsebm,
            Self::Adgan(_) => Method::Adgan,
        }
    }

    /// Checks every range; `backbone` is `None` for methods on pixels.
    pub(crate) fn validate(&self, backbone: Option<Backbone>) -> Result<(), Error> {
        let network = backbone.unwrap_or(Backbone::AlexNet);
        let checked = match self {
            Self::DifferNet(config) => return config.validate(network),
            Self::LocalFlow(config) => return config.validate(network),
            Self::PatchCore(config) => return config.validate(network),
            Self::Padim(config) => return config.validate(network),
            Self::OneNearestNeighbour(config) => config.validate(),
            Self::OneClassSvm(config) => config.validate(),
            Self::GeoTrans(config) => config.validate(),
            Self::Ganomaly(config) => config.validate(),
            Self::Dsebm(config) => config.validate(),
            Self::Adgan(config) => config.validate(),
        };
        checked.map_err(|error| match error {
            BaselineError::Config { name, expected, found } => {
                Error::Config { name, expected, found }
            }
            other => other.into(),
        })
    }

    /// The method fitted to the training images of `split`.
    pub(crate) fn fit(
        &self,
        training: &Training<'_>,
        split: &ValidationSplit,
    ) -> Result<Fitted, Error> {
        let (seed, device) = (training.config.seed, training.runtime.device());
        let backbone = || training.config.require_backbone();
        match self {
            Self::DifferNet(config) => differnet::fit(config, training, split),
            Self::LocalFlow(config) => {
                let images = split.training.len() + split.validation.len();
                local::fit(config.plan(backbone()?, images), training, split)
            }
            Self::PatchCore(config) => local::fit(config.plan(backbone()?), training, split),
            Self::Padim(config) => local::fit(config.plan(backbone()?), training, split),
            Self::OneNearestNeighbour(config) => {
                rows::fit(training, split, |rows, monitor| config.fit(rows, monitor))
            }
            Self::OneClassSvm(config) => {
                rows::fit(training, split, |rows, monitor| config.fit(rows, seed, monitor))
            }
            Self::GeoTrans(config) => {
                pixels::fit(training, split, config.side, |images, monitor| {
                    config.fit(images, seed, device, monitor)
                })
            }
            Self::Ganomaly(config) => {
                pixels::fit(training, split, config.side, |images, monitor| {
                    config.fit(images, seed, device, monitor)
                })
            }
            Self::Dsebm(config) => pixels::fit(training, split, config.side, |images, monitor| {
                config.fit(images, seed, device, monitor)
            }),
            Self::Adgan(config) => pixels::fit(training, split, config.side, |images, monitor| {
                config.fit(images, seed, device, monitor)
            }),
        }
    }
}

/// The scorer in the model file `path`, which `header` describes.
pub(crate) fn load(
    path: &Path,
    header: &Header,
    runtime: &Runtime,
) -> Result<Box<dyn Scorer>, Error> {
    let device = runtime.device();
    let backbone = || header.config.require_backbone();
    let wrong =
        |source| Error::BaselineModel { path: path.to_path_buf(), source: Box::new(source) };
    match &header.config.method {
        MethodConfig::DifferNet(config) => differnet::load(path, header, config, runtime),
        MethodConfig::LocalFlow(config) => {
            local::load(path, header, config.plan(backbone()?, header.first_images()), runtime)
        }
        MethodConfig::PatchCore(config) => {
            local::load(path, header, config.plan(backbone()?), runtime)
        }
        MethodConfig::Padim(config) => local::load(path, header, config.plan(backbone()?), runtime),
        MethodConfig::OneNearestNeighbour(_) => {
            rows::scorer(path, backbone()?, OneNearestNeighbour::load(path).map_err(wrong)?)
        }
        MethodConfig::OneClassSvm(_) => {
            rows::scorer(path, backbone()?, OneClassSvm::load(path).map_err(wrong)?)
        }
        MethodConfig::GeoTrans(_) => {
            Ok(pixels::scorer(GeoTrans::load(path, device).map_err(wrong)?))
        }
        MethodConfig::Ganomaly(_) => {
            Ok(pixels::scorer(Ganomaly::load(path, device).map_err(wrong)?))
        }
        MethodConfig::Dsebm(_) => Ok(pixels::scorer(Dsebm::load(path, device).map_err(wrong)?)),
        MethodConfig::Adgan(_) => Ok(pixels::scorer(Adgan::load(path, device).map_err(wrong)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_use_the_methods_names() {
        for method in Method::ALL {
            let text = serde_json::to_string(&method).expect("a name");
            assert_eq!(text, format!("{:?}", method.name()));
            assert_eq!(serde_json::from_str::<Method>(&text).expect("its own text"), method);
            let config = MethodConfig::preset(method, Preset::Paper);
            assert_eq!(config.method(), method);
            let table = toml::Table::try_from(&config).expect("plain settings");
            assert_eq!(table["method"].as_str(), Some(method.name()));
        }
    }
}
