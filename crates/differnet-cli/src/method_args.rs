//! Method to train, and the settings that single methods have.

use clap::ValueEnum;
use differnet::baselines::Gamma;
use differnet::methods::Tiles;
use differnet::{Config, Method};
use serde::Serialize;

use crate::config_args::ConfigArgs;
use crate::network_args::NetworkFlags;
use crate::numbers::{count, finite, positive};

/// A method that can be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodChoice {
    /// Normalizing flows on local features given their place, and a bank of them: one pass an image.
    #[value(name = "local-flow")]
    LocalFlow,
    /// The paper's: a normalizing flow on features of many transforms.
    #[value(name = "differnet")]
    DifferNet,
    /// PatchCore: distance of local features to remembered ones.
    #[value(name = "patchcore")]
    PatchCore,
    /// PaDiM: a Gaussian of local features at each place.
    #[value(name = "padim")]
    Padim,
    /// Distance to the nearest training row in 64 principal components of the features.
    #[value(name = "1nn")]
    OneNearestNeighbour,
    /// One-class support vector machine with a Gaussian kernel on the features.
    #[value(name = "ocsvm")]
    OneClassSvm,
    /// A network that tells 72 geometric transforms of small images apart.
    #[value(name = "geotrans")]
    GeoTrans,
    /// An adversarially trained autoencoder of small images, and an encoder of what it makes.
    #[value(name = "ganomaly")]
    Ganomaly,
    /// An energy of small images, fitted by removing noise.
    #[value(name = "dsebm")]
    Dsebm,
    /// A generator of small images, searched for the one closest to an image.
    #[value(name = "adgan")]
    Adgan,
}

impl From<MethodChoice> for Method {
    fn from(choice: MethodChoice) -> Self {
        match choice {
            MethodChoice::DifferNet => Self::DifferNet,
            MethodChoice::LocalFlow => Self::LocalFlow,
            MethodChoice::PatchCore => Self::PatchCore,
            MethodChoice::Padim => Self::Padim,
            MethodChoice::OneNearestNeighbour => Self::OneNearestNeighbour,
            MethodChoice::OneClassSvm => Self::OneClassSvm,
            MethodChoice::GeoTrans => Self::GeoTrans,
            MethodChoice::Ganomaly => Self::Ganomaly,
            MethodChoice::Dsebm => Self::Dsebm,
            MethodChoice::Adgan => Self::Adgan,
        }
    }
}

/// Choice of the method to train.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Method (the default, the paper's, or one that they are compared with)"
)]
pub(crate) struct MethodArgs {
    /// Method to fit to the good images [default: local-flow; differnet with --preset paper].
    #[arg(long, value_enum)]
    method: Option<MethodChoice>,
    #[command(flatten)]
    flags: CompetitorFlags,
    #[command(flatten)]
    networks: NetworkFlags,
}

/// One optional flag for each setting that only a competitor has.
#[derive(Debug, clap::Args, Serialize)]
struct CompetitorFlags {
    /// Methods on local features: pixels of an image or a tile as the network sees it, as WIDTHxHEIGHT; sides keep the
    /// image's aspect, but for padim's squares [default: 448x448; local-flow those of the training images, up to
    /// 640x640].
    #[arg(long, value_name = "WxH", value_parser = pixels)]
    pixels: Option<usize>,
    /// Methods on local features: columns and rows of overlapping tiles that an image is seen in, each with
    /// --pixels; for small defects on large images [default: 1x1].
    #[arg(long, value_name = "CxR")]
    tiles: Option<Tiles>,
    /// Methods on local features: share of a tile that its neighbour sees as well, from 0 to 0.5; at least 32 of
    /// its pixels [default: 0.125].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    tile_overlap: Option<f64>,
    /// Methods on local features: stages of the network to look at, from 1 [default: 3,4,5; ResNets 2,3; vgg16 3,4].
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    stages: Option<Vec<usize>>,
    /// 1nn, padim, local-flow: principal components that rows are compared in [default: 64; local-flow 128].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    components: Option<usize>,
    /// local-flow: how often a flow sees each place, at least; more than --updates where images are many
    /// [default: 4].
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    passes: Option<usize>,
    /// local-flow: stages that the coarse flow sees [default: 4,5,6; alexnet and vgg16 4,5; ResNets 3,4].
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    coarse_stages: Option<Vec<usize>>,
    /// local-flow: principal components that the coarse flow sees [default: 96].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    coarse_components: Option<usize>,
    /// local-flow: coupling blocks of the coarse flow [default: 4].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    coarse_blocks: Option<usize>,
    /// local-flow, patchcore: places that are remembered; 0 for none, with local-flow [default: 2500].
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    bank: Option<usize>,
    /// patchcore: standard deviations of a feature that half the image is worth; 0 to ignore where a place lies
    /// [default: 0].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    place_weight: Option<f64>,
    /// ocsvm: share of the training rows that may lie outside, at most [default: 0.5].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    nu: Option<f64>,
    /// ocsvm: how fast the kernel falls: a number, or `scale` for 1 / (features x variance)
    /// [default: scale].
    #[arg(long, value_name = "X", value_parser = gamma, allow_negative_numbers = true)]
    gamma: Option<Gamma>,
    /// ocsvm: how far the optimality conditions may be violated in the end [default: 0.001].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    tolerance: Option<f64>,
    /// ocsvm: most training rows; of more, so many are drawn [default: 8000].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    max_rows: Option<usize>,
}

impl MethodArgs {
    /// The settings of the method in force, checked; `tiles` says whether the data set is one of
    /// magnetic tiles.
    pub(crate) fn resolve(&self, config: &ConfigArgs, tiles: bool) -> anyhow::Result<Config> {
        let mut own = toml::Table::try_from(&self.flags)?;
        own.extend(toml::Table::try_from(&self.networks)?);
        config.resolve(self.method.map(Method::from), own, tiles)
    }
}

/// `448x448`, or a number of pixels.
pub(crate) fn pixels(text: &str) -> Result<usize, String> {
    let wrong = || "give width and height such as 448x448".to_owned();
    let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
    match text.split_once('x') {
        Some((width, height)) => number(width)?.checked_mul(number(height)?).ok_or_else(wrong),
        None => number(text),
    }
}

fn gamma(text: &str) -> Result<Gamma, String> {
    if text == "scale" {
        return Ok(Gamma::Scale);
    }
    finite(text).map(Gamma::Fixed).map_err(|_| "give a number such as 0.5, or scale".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use differnet::baselines::{OneClassSvmConfig, OneNearestNeighbourConfig};
    use differnet::{MethodConfig, Preset};

    use super::*;
    use crate::exit::UsageError;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        method: MethodArgs,
        #[command(flatten)]
        config: ConfigArgs,
    }

    fn resolve(words: &[&str], tiles: bool) -> anyhow::Result<Config> {
        let words = ["line"].iter().chain(words);
        let line = Line::try_parse_from(words)?;
        line.method.resolve(&line.config, tiles)
    }

    #[test]
    fn every_setting_of_a_method_has_a_flag() -> anyhow::Result<()> {
        for method in Method::ALL {
            let config = Config::preset(method, Preset::Quick);
            for (name, value) in &toml::Table::try_from(&config)? {
                let flag = format!("--{}", name.replace('_', "-"));
                let value = match value {
                    toml::Value::Boolean(true) => "full".to_owned(),
                    toml::Value::Boolean(false) => "none".to_owned(),
                    toml::Value::String(text) => text.clone(),
                    toml::Value::Array(values) => {
                        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                        values.join(",")
                    }
                    number => number.to_string(),
                };
                let words = ["--method", method.name(), &flag, &value];
                let words = if name == "method" { &words[..2] } else { &words };
                assert_eq!(resolve(words, false)?, config, "{flag}");
            }
        }
        Ok(())
    }

    #[test]
    fn without_a_method_it_is_the_default_or_the_papers() -> anyhow::Result<()> {
        let method =
            |words: &[&str]| Ok::<_, anyhow::Error>(resolve(words, false)?.method.method());
        assert_eq!(method(&["--seed", "3"])?, Method::LocalFlow);
        assert_eq!(method(&["--preset", "quick"])?, Method::LocalFlow);
        assert_eq!(method(&["--preset", "paper"])?, Method::DifferNet);
        assert_eq!(method(&["--preset", "paper", "--method", "padim"])?, Method::Padim);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("settings.toml");
        let path = file.display().to_string();
        for (text, expected, by_flag) in [
            ("method = \"1nn\"", Method::OneNearestNeighbour, Method::Padim),
            ("preset = \"paper\"", Method::DifferNet, Method::Padim),
            ("seed = 3", Method::LocalFlow, Method::Padim),
        ] {
            std::fs::write(&file, text)?;
            assert_eq!(method(&["--config", &path])?, expected, "{text}");
            assert_eq!(method(&["--config", &path, "--method", "padim"])?, by_flag, "{text}");
        }
        Ok(())
    }

    #[test]
    fn flags_beat_the_file_and_the_file_beats_the_preset() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, "preset = \"standard\"\nnu = 0.1\ngamma = 0.25\nquantile = 0.9\n")?;
        let file = file.display().to_string();
        let words = ["--method", "ocsvm", "--config", &file, "--nu", "0.2", "--seed", "4"];
        let gamma = Gamma::Fixed(0.25);
        let svm = OneClassSvmConfig { nu: 0.2, gamma, ..OneClassSvmConfig::default() };
        let expected = Config {
            seed: 4,
            quantile: 0.9,
            method: MethodConfig::OneClassSvm(svm),
            ..Config::preset(Method::OneClassSvm, Preset::Standard)
        };
        assert_eq!(resolve(&words, false)?, expected);
        let words = [&words[..], &["--preset", "quick"]].concat();
        assert_eq!(resolve(&words, false)?.transforms, 32);
        Ok(())
    }

    #[test]
    fn tiles_have_jitter_with_methods_on_features() -> anyhow::Result<()> {
        assert_eq!(resolve(&["--method", "dsebm"], true)?.jitter, 0.0);
        let config = resolve(&["--method", "1nn", "--components", "16"], true)?;
        assert_eq!(config.jitter, 0.15);
        let one = OneNearestNeighbourConfig { components: 16 };
        assert_eq!(config.method, MethodConfig::OneNearestNeighbour(one));
        Ok(())
    }

    #[test]
    fn settings_of_other_methods_are_refused() {
        for (words, flag) in [
            (&["--method", "1nn", "--hidden", "3"][..], "--hidden"),
            (&["--method", "1nn", "--nu", "0.3"], "--nu"),
            (&["--method", "ocsvm", "--components", "3"], "--components"),
            (&["--method", "ocsvm", "--fresh-transforms"], "--fresh-transforms"),
            (
                &["--rounds", "3"],
                "--rounds is no setting of the method local-flow: add --method differnet",
            ),
            (&["--method", "adgan", "--layers", "10"], "--layers"),
            (&["--method", "geotrans", "--latent", "10"], "--latent"),
        ] {
            let error = resolve(words, false).expect_err(flag);
            assert!(error.is::<UsageError>() && error.to_string().contains(flag), "{error}");
        }
        assert!(resolve(&["--method", "ocsvm", "--gamma", "wide"], false).is_err());
        let error = resolve(&["--method", "ocsvm", "--nu", "2"], false).expect_err("too large");
        assert!(error.is::<UsageError>() && error.to_string().contains("nu"), "{error}");
    }
}
