//! `differnet inspect`: what a model file says about itself.

use std::path::PathBuf;

use anyhow::Context;
use differnet::{Detector, ModelInfo};
use differnet_eval::text_table;
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{print, print_json};
use crate::regions_args;

/// Rows of the table of the training's course.
const COURSE_ROWS: usize = 12;

/// Show what a model was trained on and with, without loading its weights.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet inspect part.differnet
  differnet inspect part.differnet --json")]
pub(crate) struct InspectArgs {
    /// Model file written by `differnet train`.
    #[arg(value_name = "M.differnet")]
    model: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Description<'a> {
    path: &'a PathBuf,
    bytes: u64,
    #[serde(flatten)]
    info: &'a ModelInfo,
}

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let info = Detector::read_info(&args.model)?;
    let bytes = std::fs::metadata(&args.model)
        .with_context(|| format!("cannot read {}", args.model.display()))?
        .len();
    if args.json {
        print_json(&Description { path: &args.model, bytes, info: &info })?;
    } else {
        print(&readable(args, bytes, &info))?;
    }
    Ok(Exit::Done)
}

fn readable(args: &InspectArgs, bytes: u64, info: &ModelInfo) -> String {
    let flow = info.config.flow_config();
    let lines = [
        ("file", format!("{}, {:.1} MB", args.model.display(), bytes as f64 / 1e6)),
        ("written by", format!("differnet {}, format {}", info.version, info.format)),
        ("extractor", info.extractor.clone()),
        ("parameters of the flow", flow.parameters().to_string()),
        ("training images", info.training_images.to_string()),
        ("images held back", info.held_back_images.to_string()),
        ("digest of the images", info.data_fingerprint.clone()),
        ("regions", regions_args::describe(info.regions.as_ref())),
        ("updates", info.updates.to_string()),
        ("threshold", format!("{:.4} nats", info.threshold)),
        ("scores of good images", spread(&info.good_scores)),
        ("quantiles of training scores", numbers(&info.training_score_quantiles)),
    ];
    let mut text: String =
        lines.iter().map(|(name, value)| format!("{name:<29} {value}\n")).collect();
    text += "\nSettings\n";
    text.extend(info.config.to_toml().lines().map(|line| format!("  {line}\n")));
    if !info.history.is_empty() {
        text += "\nCourse of the training (negative log-likelihood, nats per feature)\n";
        text += &course(info);
    }
    text.trim_end().to_owned()
}

/// A dozen points of the history, the last among them.
fn course(info: &ModelInfo) -> String {
    let step = info.history.len().div_ceil(COURSE_ROWS);
    let rows: Vec<Vec<String>> = info
        .history
        .iter()
        .rev()
        .step_by(step)
        .map(|point| {
            let held_back = point.validation.map_or(String::new(), |loss| format!("{loss:.4}"));
            vec![point.update.to_string(), format!("{:.4}", point.train), held_back]
        })
        .collect();
    let rows: Vec<_> = rows.into_iter().rev().collect();
    text_table(&["update", "training", "held back"], &rows)
}

fn spread(sorted: &[f64]) -> String {
    match (sorted.first(), sorted.last()) {
        (Some(low), Some(high)) => format!("{low:.2} to {high:.2} ({})", sorted.len()),
        _ => "none".to_owned(),
    }
}

fn numbers(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(", ")
}
