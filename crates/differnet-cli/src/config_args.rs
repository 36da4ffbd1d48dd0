//! The settings of a training: a preset, changed by a file, changed by flags.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use differnet::{Config, Error, Method, Preset};
use differnet_data::JpegAugmentation;
use serde::Serialize;

use crate::backbone_arg::BackboneChoice;
use crate::exit::UsageError;
use crate::numbers::{count, finite, finite_f32, positive, seed};
use crate::output::tell;
use crate::preset_arg::PresetChoice;
use crate::score_args::AverageChoice;

/// Epochs of `--fresh-transforms` unless another number is given (Section 4.2).
const EPOCHS: usize = 192;
/// Transforms of each image in an epoch (Section 4.2).
const FRESH_TRANSFORMS: usize = 4;

/// Training needs 16 bytes a parameter: 32 GB from here on.
const MOST_PARAMETERS: usize = 2_000_000_000;

/// Rotation of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RotateChoice {
    /// By any angle.
    Full,
    /// Never: for parts that always lie the same way and defects that depend on it.
    None,
}

/// Settings from flags, else the file, else the preset.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Settings (a flag beats the file, the file beats the preset)")]
pub(crate) struct ConfigArgs {
    /// Settings known to work, of the paper's method and its competitors; paper alone chooses the paper's [default:
    /// quick].
    #[arg(long, value_enum)]
    preset: Option<PresetChoice>,
    /// TOML file with any of the settings below, named with underscores: `batch_size = 48`.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// differnet: draw transforms anew in each epoch, as in the paper: 4 an image, and no larger feature buffer.
    #[arg(long, conflicts_with = "rounds")]
    fresh_transforms: bool,
    /// differnet: epochs of --fresh-transforms [default: 192].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, requires = "fresh_transforms")]
    epochs: Option<usize>,
    #[command(flatten)]
    flags: SettingFlags,
}

/// One optional flag for each setting that methods share and that DifferNet has; the names are those of
/// [`Config`] and [`DifferNetConfig`](differnet::methods::DifferNetConfig).
#[derive(Debug, clap::Args, Serialize)]
struct SettingFlags {
    /// Seed of every random draw [default: 0].
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Seed of the training transforms, if another: runs that differ in --seed can share features.
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true)]
    transform_seed: Option<u64>,
    /// Network that features come from, for all methods but those on pixels [default: efficientnet-lite0 for
    /// methods on local features, alexnet for others].
    #[arg(long, value_enum)]
    backbone: Option<BackboneChoice>,
    /// differnet: scales of the image that the flow sees, from the largest: 448, 224 and 112 pixels.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    scales: Option<usize>,
    /// Coupling blocks of the flow.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    blocks: Option<usize>,
    /// Width of the flow's hidden layers.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    hidden: Option<usize>,
    /// Hidden layers of the flow's subnetworks.
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    hidden_layers: Option<usize>,
    /// Limit of the flow's scales: alpha in Eq. 2.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    clamp: Option<f64>,
    /// differnet: flows that are trained one after the other; a score averages them.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    flows: Option<usize>,
    /// Rotation of images.
    #[arg(long, value_enum)]
    #[serde(serialize_with = "as_bool")]
    #[serde(skip_serializing_if = "Option::is_none")]
    rotate: Option<RotateChoice>,
    /// Largest relative change of brightness and contrast, for methods that see transforms; 0.15 for the layout mtd,
    /// else 0.
    #[arg(long, value_name = "X", value_parser = finite_f32, allow_negative_numbers = true)]
    jitter: Option<f32>,
    /// See each good image three times more, stored as JPEG with a random quality of this range: for parts that will be
    /// judged as JPEG although training images are not.
    #[arg(long, value_name = "LEAST..MOST")]
    jpeg_augmentation: Option<JpegAugmentation>,
    /// differnet, 1nn, ocsvm: new transforms of each training image, differnet in each round.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    transforms: Option<usize>,
    /// differnet: number of times that new transforms are drawn.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    rounds: Option<usize>,
    /// differnet: transforms of each image to train on at a time; the oldest make room for new ones.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pool: Option<usize>,
    /// Adam's step size at the start.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Adam's step size at the end; in between it follows half a cosine.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    final_learning_rate: Option<f64>,
    /// Decay of Adam's running mean of gradients.
    #[arg(long = "beta-1", value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    beta_1: Option<f64>,
    /// Decay of Adam's running mean of squared gradients.
    #[arg(long = "beta-2", value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    beta_2: Option<f64>,
    /// Adam's epsilon.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    epsilon: Option<f64>,
    /// local-flow: largest norm of an update's gradient; larger ones are scaled down to it.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    max_gradient_norm: Option<f64>,
    /// local-flow: factor on the initial weights of each subnetwork's last layer.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    output_scale: Option<f64>,
    /// L2 penalty on the weights.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// Transformed images in one update; local-flow: places; networks: images.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    batch_size: Option<usize>,
    /// Updates of each flow or network; differnet: 0 visits every transform of a round once; local-flow: at least so
    /// many.
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    updates: Option<usize>,
    /// Noise added to features in training, as a share of their spread.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    noise: Option<f64>,
    /// differnet: noise along the differences between transforms of the same image, as a share of them.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    difference_noise: Option<f64>,
    /// Share of the good images in the validation set, which sets the threshold and, with differnet, stops training.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    validation: Option<f64>,
    /// differnet: updates between two validation steps.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    validate_every: Option<usize>,
    /// differnet: validation steps without improvement before training stops; 0 never stops early.
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    patience: Option<usize>,
    /// Transforms of an image that its score averages.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    score_transforms: Option<usize>,
    /// Average over transforms.
    #[arg(long, value_enum)]
    average: Option<AverageChoice>,
    /// Share of good images that the threshold lets pass.
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    quantile: Option<f64>,
}

impl ConfigArgs {
    /// The settings in force, checked: flags, among them the method's `own`, beat the file, the file
    /// beats the preset; `tiles` says whether the data set is one of magnetic tiles.
    ///
    /// The `method` is the one given, else the file's, else the paper's with its preset, else the default.
    pub(crate) fn resolve(
        &self,
        method: Option<Method>,
        own: toml::Table,
        tiles: bool,
    ) -> anyhow::Result<Config> {
        let file = self.file()?;
        let preset = self.preset.map(Preset::from);
        let of_file = |name: &str| file.as_ref().and_then(|(_, table)| table.get(name).cloned());
        let method = method.or_else(|| of_file("method")?.try_into().ok()).unwrap_or_else(|| {
            let preset = preset.or_else(|| of_file("preset")?.try_into().ok());
            preset.unwrap_or(Preset::Quick).method()
        });
        let base = Config::preset(method, preset.unwrap_or(Preset::Quick));
        if base.preset != Preset::Quick && !base.preset.changes(method) {
            let text = "has one set of settings, and no preset changes it";
            tell(&format!("note: the method {method} {text}"));
        }
        let mut flags = toml::Table::try_from(&self.flags)?;
        flags.extend(own);
        require_known(&base, &flags)?;
        let mut settings = self.settings(&base, file, tiles)?;
        if self.fresh_transforms {
            if method != Method::DifferNet {
                return Err(no_setting(method, "fresh_transforms").into());
            }
            let epochs = self.epochs.unwrap_or(EPOCHS);
            for (name, value) in [
                ("transforms", FRESH_TRANSFORMS),
                ("pool", FRESH_TRANSFORMS),
                ("rounds", epochs),
                ("updates", 0),
            ] {
                settings.insert(name.into(), toml::Value::Integer(value as i64));
            }
        }
        settings.extend(flags);
        // The file has been checked: what is wrong now comes from the arguments.
        let config = Config::from_toml(&settings.to_string(), &base).map_err(|error| {
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            UsageError(format!("{error}: {}", reason.unwrap_or_default().trim_end()))
        })?;
        config.validate().map_err(out_of_range)?;
        let flow = config.differnet().zip(config.backbone);
        let parameters = flow.map_or(0, |(own, backbone)| own.flow_config(backbone).parameters());
        if parameters > MOST_PARAMETERS {
            let message = format!(
                "a flow of {parameters} parameters fits no memory: choose fewer blocks, or fewer hidden"
            );
            return Err(UsageError(message).into());
        }
        Ok(config)
    }

    /// The settings file, if one was named, and what it says.
    fn file(&self) -> anyhow::Result<Option<(&Path, toml::Table)>> {
        let Some(path) = &self.config else { return Ok(None) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the settings file {}", path.display()))?;
        let wrong = || format!("cannot use the settings file {}", path.display());
        Ok(Some((path, text.parse::<toml::Table>().with_context(wrong)?)))
    }

    /// Settings of `base` with what the data set and the settings `file` change.
    fn settings(
        &self,
        base: &Config,
        file: Option<(&Path, toml::Table)>,
        tiles: bool,
    ) -> anyhow::Result<toml::Table> {
        let mut settings = toml::Table::new();
        // One view of each image is no place for jitter.
        if tiles && !base.method.method().sees_images_once() {
            settings.insert("jitter".into(), f64::from(Preset::MTD_JITTER).into());
        }
        if let Some((path, table)) = file {
            Config::from_toml(&table.to_string(), base)
                .with_context(|| format!("cannot use the settings file {}", path.display()))?;
            settings.extend(table);
            settings.insert("method".into(), base.method.method().name().into());
        }
        if self.preset.is_some() {
            settings.remove("preset");
        }
        Ok(settings)
    }
}

/// Checks that all flags given are settings that `config` has.
fn require_known(config: &Config, flags: &toml::Table) -> anyhow::Result<()> {
    let known = config.with_every_setting();
    match flags.keys().find(|name| !known.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(no_setting(config.method.method(), name).into()),
    }
}

fn no_setting(method: Method, name: &str) -> UsageError {
    let has = |method: &Method| {
        let flag = name == "fresh_transforms" && *method == Method::DifferNet;
        flag || Config::preset(*method, Preset::Quick).with_every_setting().contains_key(name)
    };
    let owners: Vec<&str> = Method::ALL.into_iter().filter(has).map(Method::name).collect();
    let flag = name.replace('_', "-");
    let remedy = match &owners[..] {
        [] => String::new(),
        owners => format!(": add --method {}", owners.join(" or ")),
    };
    UsageError(format!("--{flag} is no setting of the method {method}{remedy}"))
}

/// A setting out of range comes from the arguments.
fn out_of_range(error: Error) -> anyhow::Error {
    match error {
        Error::Config { .. } => UsageError(error.to_string()).into(),
        other => other.into(),
    }
}

/// The setting `rotate` is a yes or no.
fn as_bool<S: serde::Serializer>(
    choice: &Option<RotateChoice>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*choice != Some(RotateChoice::None))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use differnet::scoring::Average;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        config: ConfigArgs,
    }

    fn resolve(words: &[&str], tiles: bool) -> anyhow::Result<Config> {
        let words = ["line"].iter().chain(words);
        Line::try_parse_from(words)?.config.resolve(
            Some(Method::DifferNet),
            toml::Table::new(),
            tiles,
        )
    }

    /// The preset with settings changed as a file changes them.
    fn changed(preset: Preset, settings: &str) -> Config {
        let base = Config::preset(Method::DifferNet, preset);
        Config::from_toml(settings, &base).expect("known settings")
    }

    #[test]
    fn every_setting_has_a_flag_and_every_flag_a_setting() {
        let settings = toml::Table::try_from(Config::preset(Method::DifferNet, Preset::Quick));
        let settings = settings.expect("plain numbers");
        let settings = settings.keys().filter(|name| *name != "method");
        let mut settings: Vec<String> = settings.map(|key| key.replace('_', "-")).collect();
        let unset = [
            "config",
            "epochs",
            "fresh-transforms",
            "jpeg-augmentation",
            "transform-seed",
            "max-gradient-norm",
            "output-scale",
        ];
        settings.extend(unset.map(String::from));
        settings.sort();
        let command = Line::command();
        let mut flags: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
        flags.sort_unstable();
        assert_eq!(flags, settings);
    }

    #[test]
    fn without_arguments_the_settings_are_those_of_the_preset_quick() -> anyhow::Result<()> {
        assert_eq!(resolve(&[], false)?, Config::preset(Method::DifferNet, Preset::Quick));
        Ok(())
    }

    #[test]
    fn flags_beat_the_file_and_the_file_beats_the_preset() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("settings.toml");
        let text =
            "preset = \"paper\"\nhidden = 64\nbatch_size = 7\naverage = \"geometric-mean\"\n";
        std::fs::write(&file, text)?;
        let path = file.to_str().context("a plain path")?;
        let own = "hidden = 64\nbatch_size = 9\n";
        let average = Average::GeometricMean;
        let paper = Config { rotate: false, average, seed: 3, ..changed(Preset::Paper, own) };
        let flags = ["--config", path, "--batch-size", "9", "--seed", "3", "--rotate", "none"];
        assert_eq!(resolve(&flags, false)?, paper);
        let own = "hidden = 64\nbatch_size = 7\n";
        let quick = Config { average, ..changed(Preset::Quick, own) };
        assert_eq!(resolve(&["--config", path, "--preset", "quick"], false)?, quick);
        Ok(())
    }

    #[test]
    fn tiles_have_jitter_unless_told_otherwise() -> anyhow::Result<()> {
        assert_eq!(resolve(&["--preset", "paper"], true)?.jitter, 0.15);
        assert_eq!(resolve(&["--jitter", "0"], true)?.jitter, 0.0);
        assert_eq!(resolve(&["--preset", "paper"], false)?.jitter, 0.0);
        Ok(())
    }

    #[test]
    fn fresh_transforms_are_drawn_in_each_epoch() -> anyhow::Result<()> {
        let config = resolve(&["--fresh-transforms", "--epochs", "5"], false)?;
        let own = config.differnet().context("DifferNet's")?;
        assert_eq!((config.transforms, own.pool, own.rounds, own.updates), (4, 4, 5, 0));
        let paper = resolve(&["--fresh-transforms", "--preset", "paper"], false)?;
        assert_eq!(paper, Config::preset(Method::DifferNet, Preset::Paper));
        assert!(resolve(&["--epochs", "5"], false).is_err());
        Ok(())
    }
}
