//! Arguments that all reproduce commands share.

use std::path::PathBuf;

use anyhow::Context;
use differnet::{Config, DeviceChoice, Error, Method, Preset};

use crate::preset_arg::preset_parser;
use xtask_support::UsageError;

/// Seed of the training transforms, whatever the run's seed: features are extracted once.
const TRANSFORM_SEED: u64 = 0;

/// Arguments of a run: how cells are computed and where the results go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Runs")]
pub(crate) struct RunArgs {
    /// Settings known to work.
    #[arg(long, value_name = "NAME", default_value = "quick", value_parser = preset_parser())]
    pub(crate) preset: Preset,
    /// Override a setting of the preset, such as `updates=300`; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Number of seeds: 1 to N. A seed decides split, subset, weights and batches; the training
    /// transforms are the same for all, so that features are extracted once.
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,
    /// Folder for results; finished cells in it are not computed again [default: reproduce/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Cells computed at a time; the cores are divided among them.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    jobs: u16,
    /// Program that starts the processes of cells, and its arguments, separated by spaces: `srun --ntasks=1`.
    ///
    /// It is given the command of a cell as further arguments, may run it on another machine that sees the same
    /// files, and passes its standard streams on. How many threads a cell has is left to it.
    #[arg(long, value_name = "COMMAND", value_parser = words)]
    launcher: Option<Words>,
    /// Measure on the generated sample data set instead; every output says so.
    #[arg(long, conflicts_with = "docs")]
    pub(crate) sample: bool,
    /// Device that computes.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Flex)]
    pub(crate) device: DeviceChoice,
    /// Folder of the feature cache, instead of $DIFFERNET_CACHE or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Extract all features anew and remember none.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
    /// Refresh the tables in a document: docs/src/results.md, or its appendix if that has them, unless
    /// another is named.
    #[arg(long, value_name = "FILE.md", num_args = 0..=1, default_missing_value = DOCS)]
    pub(crate) docs: Option<PathBuf>,
}

/// A command, word by word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Words(Vec<String>);

/// The document that `--docs` refreshes, relative to the workspace.
pub(crate) const DOCS: &str = "docs/src/results.md";

impl RunArgs {
    /// The folder for the results of the command `name`.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from("reproduce").join(name))
    }

    /// The block of a document that holds what the command `name` measured: each preset has its own.
    pub(crate) fn block(&self, name: &str) -> String {
        match self.preset {
            Preset::Quick => name.to_owned(),
            Preset::Standard => format!("{name}-standard"),
            Preset::Paper => format!("{name}-paper"),
        }
    }

    /// Cells computed at a time.
    pub(crate) fn jobs(&self) -> usize {
        usize::from(self.jobs)
    }

    /// The program that starts the processes of cells, and its arguments, if there is one.
    pub(crate) fn launcher(&self) -> Option<Vec<String>> {
        self.launcher.as_ref().map(|Words(words)| words.clone())
    }

    /// The folder of the feature cache, if there is to be one.
    ///
    /// # Errors
    /// If none is named and the user has none.
    pub(crate) fn cache(&self) -> anyhow::Result<Option<PathBuf>> {
        match (&self.cache, self.no_cache) {
            (_, true) => Ok(None),
            (Some(folder), _) => Ok(Some(folder.clone())),
            (None, _) => std::env::var_os("DIFFERNET_CACHE")
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from)
                .or_else(|| Some(dirs::cache_dir()?.join("differnet")))
                .map(Some)
                .context("this user has no cache folder: name one with --cache, or use --no-cache"),
        }
    }

    /// The settings of a run with `seed`; `base` changes the preset before `--set` does.
    ///
    /// # Errors
    /// [`UsageError`] if `--set` names no setting, or a value out of range.
    pub(crate) fn config(
        &self,
        seed: u64,
        base: impl FnOnce(Config) -> Config,
    ) -> anyhow::Result<Config> {
        let transform_seed = Some(TRANSFORM_SEED);
        let preset = Config::preset(Method::DifferNet, self.preset);
        let base = base(Config { seed, transform_seed, ..preset });
        let mut settings = toml::Table::new();
        for text in &self.set {
            let (name, value) = assignment(text)?;
            settings.insert(name, value);
        }
        let config = Config::from_toml(&settings.to_string(), &base)
            .map_err(|error| UsageError(format!("--set: {}", with_source(&error))))?;
        config.validate().map_err(|error| UsageError(error.to_string()))?;
        Ok(config)
    }

    /// As one would type them, without what only says where files lie.
    pub(crate) fn typed(&self) -> String {
        let preset = format!("{:?}", self.preset).to_lowercase();
        let mut words = format!("--preset {preset} --seeds {}", self.seeds);
        for text in &self.set {
            words += &format!(" --set {text}");
        }
        if self.sample {
            words += " --sample";
        }
        if self.device != DeviceChoice::Flex {
            words += &format!(" --device {}", self.device.name());
        }
        words
    }
}

fn words(text: &str) -> Result<Words, String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() { Err("name a program".to_owned()) } else { Ok(Words(words)) }
}

/// A whole number from `least` to a million.
pub(crate) fn count(text: &str, least: usize) -> Result<usize, String> {
    const MOST: usize = 1_000_000;
    match text.parse() {
        Ok(count) if (least..=MOST).contains(&count) => Ok(count),
        _ => Err(format!("give a whole number from {least} to {MOST}")),
    }
}

/// The paper's changes of brightness and contrast, if the images are magnetic tiles.
pub(crate) fn for_tiles(config: Config) -> Config {
    Config { jitter: Preset::MTD_JITTER, ..config }
}

/// `NAME=VALUE`; a value that is no TOML is a text.
fn assignment(text: &str) -> anyhow::Result<(String, toml::Value)> {
    let wrong = |why: &str| UsageError(format!("--set {text}: {why}"));
    let (name, value) = text.split_once('=').ok_or_else(|| wrong("write NAME=VALUE"))?;
    let (name, value) = (name.trim(), value.trim());
    match name {
        "" => return Err(wrong("write NAME=VALUE").into()),
        "seed" => return Err(wrong("--seeds chooses the seeds").into()),
        "preset" => return Err(wrong("--preset chooses the preset").into()),
        _ => {}
    }
    let parsed: Option<toml::Table> = format!("value = {value}").parse().ok();
    let value = parsed.and_then(|mut table| table.remove("value"));
    let value = value.unwrap_or_else(|| toml::Value::String(text[name.len() + 1..].trim().into()));
    Ok((name.to_owned(), value))
}

fn with_source(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use differnet::methods::DifferNetConfig;
    use differnet::scoring::Average;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArgs,
    }

    fn parse(words: &[&str]) -> RunArgs {
        Line::parse_from(["line"].iter().chain(words)).run
    }

    #[test]
    fn settings_come_from_the_preset_the_command_and_the_overrides() -> anyhow::Result<()> {
        let args =
            parse(&["--preset", "paper", "--set", "hidden=64", "--set", "average=geometric-mean"]);
        let wide = |hidden: usize| {
            move |own: DifferNetConfig| {
                let flow = own.flow.clone().with_blocks(12).with_hidden(hidden);
                DifferNetConfig { flow, ..own }
            }
        };
        let config = args.config(2, |config| config.map_differnet(wide(5)))?;
        let golden = Config {
            seed: 2,
            transform_seed: Some(0),
            average: Average::GeometricMean,
            ..Config::preset(Method::DifferNet, Preset::Paper)
        };
        let golden = golden.map_differnet(wide(64));
        assert_eq!(config, golden);
        assert_eq!(for_tiles(golden).jitter, 0.15);
        Ok(())
    }

    #[test]
    fn overrides_that_make_no_sense_are_named() {
        for (set, word) in [
            ("hiden=3", "hiden"),
            ("hidden", "NAME=VALUE"),
            ("hidden=wide", "hidden"),
            ("seed=3", "--seeds"),
            ("batch_size=0", "batch_size"),
        ] {
            let error = parse(&["--set", set]).config(1, |config| config);
            let error = error.expect_err(set);
            assert!(error.is::<UsageError>() && error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn what_is_typed_does_not_tell_where_files_lie() {
        let args =
            parse(&["--out", "here", "--cache", "there", "--set", "updates=3", "--seeds", "2"]);
        assert_eq!(args.typed(), "--preset quick --seeds 2 --set updates=3");
        assert_eq!(args.out("table1"), PathBuf::from("here"));
        assert_eq!(parse(&[]).out("table1"), PathBuf::from("reproduce/table1"));
        let by = parse(&["--launcher", "srun  --ntasks=1"]).launcher();
        assert_eq!(by, Some(["srun", "--ntasks=1"].map(str::to_owned).to_vec()));
        assert!(Line::try_parse_from(["line", "--launcher", " "]).is_err());
        assert_eq!(parse(&["--docs"]).docs, Some(PathBuf::from(DOCS)));
        assert_eq!(parse(&[]).block("table2"), "table2");
        assert_eq!(parse(&["--preset", "standard"]).block("table2"), "table2-standard");
    }
}
