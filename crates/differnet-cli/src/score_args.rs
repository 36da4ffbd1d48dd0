//! Settings of scoring.

use clap::ValueEnum;
use differnet::scoring::{Average, Thresholds};
use differnet::{Model, ScoreConfig, TransformChoice};
use serde::{Deserialize, Serialize};

use crate::exit::UsageError;
use crate::numbers::{positive, seed};
use crate::output::tell;

/// Average of the scores of an image's transforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AverageChoice {
    /// The mean, as in the paper.
    Mean,
    /// The exponential of the mean logarithm: single extreme transforms count little.
    GeometricMean,
    /// The mean of the middle half: a quarter of the transforms may score anything.
    InterquartileMean,
}

impl From<AverageChoice> for Average {
    fn from(choice: AverageChoice) -> Self {
        match choice {
            AverageChoice::Mean => Self::Mean,
            AverageChoice::GeometricMean => Self::GeometricMean,
            AverageChoice::InterquartileMean => Self::InterquartileMean,
        }
    }
}

/// Settings of scoring; what is not given is as the model was trained for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Scoring")]
pub(crate) struct ScoringArgs {
    /// Transforms of an image that its score averages [default: the model's].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    transforms: Option<usize>,
    /// Stop early, as soon as an image's verdict is clear: near the threshold it gets all transforms, elsewhere
    /// fewer.
    #[arg(long)]
    adaptive: bool,
    /// Draw the transforms at random for each image instead of spreading them evenly.
    #[arg(long)]
    random_transforms: bool,
    /// Average over transforms [default: the model's].
    #[arg(long, value_enum)]
    average: Option<AverageChoice>,
    /// Seed of random transforms and resampling [default: the model's].
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true)]
    seed: Option<u64>,
}

impl ScoringArgs {
    /// The scoring in force, for verdicts by `thresholds`; says so if the model's threshold was set with
    /// another.
    ///
    /// An error if flags ask for transforms of a model that sees an image once.
    pub(crate) fn resolve(
        &self,
        model: &Model,
        thresholds: Thresholds,
    ) -> Result<ScoreConfig, UsageError> {
        let method = model.header().config.method.method();
        let asks = self.random_transforms || self.transforms.is_some_and(|count| count > 1);
        if method.looks_at_places() && asks {
            let text =
                "--transforms and --random-transforms are for methods that average transforms";
            return Err(UsageError(format!("{text}: {method} sees an image once")));
        }
        let default = model.score_config();
        let seed = self.seed(model);
        let config = ScoreConfig {
            transforms: self.transforms.unwrap_or(default.transforms),
            choice: if self.random_transforms {
                TransformChoice::Random { seed }
            } else {
                default.choice
            },
            average: self.average.map_or(default.average, Average::from),
            early_stopping: self.adaptive.then_some(thresholds),
        };
        if config.average != default.average {
            tell("note: the model's threshold was set for another average, verdicts may be off");
        } else if config.transforms < default.transforms {
            tell(&format!(
                "note: the model's threshold was set with {} transforms; with {} scores vary more",
                default.transforms, config.transforms
            ));
        }
        Ok(config)
    }

    /// The seed given, else the model's.
    pub(crate) fn seed(&self, model: &Model) -> u64 {
        self.seed.unwrap_or(model.header().config.seed)
    }
}

/// The average's name.
pub(crate) fn average_name(average: Average) -> &'static str {
    match average {
        Average::Mean => "mean",
        Average::GeometricMean => "geometric-mean",
        Average::InterquartileMean => "interquartile-mean",
    }
}
