//! `differnet inspect`: what a model file says about itself.

use std::path::PathBuf;

use anyhow::Context;
use differnet::{Header, HistoryPoint, Method, PathText};
use differnet_report::text_table;
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{print, print_json};

/// Rows of the table of the training's course.
const COURSE_ROWS: usize = 12;

/// Show what a model was trained on and with, without loading its weights.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet inspect part.differnet
  differnet inspect part.differnet --json

--json prints one object: {\"path\", \"bytes\", \"method\"} and all that the model says about itself.")]
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
    #[serde(serialize_with = "PathText::serialize_lossy")]
    path: &'a PathBuf,
    bytes: u64,
    method: Method,
    #[serde(flatten)]
    header: Header,
}

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let header = Header::read(&args.model)?;
    let bytes = std::fs::metadata(&args.model)
        .with_context(|| format!("cannot read {}", args.model.display()))?
        .len();
    if args.json {
        let method = header.config.method.method();
        // Numbers for machines, and many.
        let header = Header { training_hashes: Vec::new(), ..header };
        print_json(&Description { path: &args.model, bytes, method, header })?;
    } else {
        print(&readable(args, bytes, &header))?;
    }
    Ok(Exit::Done)
}

fn readable(args: &InspectArgs, bytes: u64, model: &Header) -> String {
    let method = model.config.method.method();
    let unit = method.unit().map_or(String::new(), |unit| format!(" {unit}"));
    let lines = [
        ("file", format!("{}, {:.1} MB", args.model.display(), bytes as f64 / 1e6)),
        ("method", method.to_string()),
        ("written by", format!("differnet {}, format {}", model.version, model.format)),
        ("extractor", model.extractor.clone().unwrap_or_else(|| "none".to_owned())),
        ("training images", model.training_images.to_string()),
        ("validation images", model.validation_text()),
        ("digest of the images", model.data_fingerprint.clone()),
        ("regions", model.regions_text()),
        ("threshold", format!("{:.4}{unit}", model.thresholds().defect)),
        ("scores of good images", spread(&model.good_scores)),
    ];
    let lines = lines.into_iter().map(|(name, value)| (name.to_owned(), value));
    let rows: Vec<(String, String)> = lines.chain(model.all_facts()).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text: String =
        rows.iter().map(|(name, value)| format!("{name:<width$} {value}\n")).collect();
    text += "\nSettings\n";
    text.extend(model.config.to_toml().lines().map(|line| format!("  {line}\n")));
    if !model.history.is_empty() {
        text += "\nCourse of the training (negative log-likelihood, nats per feature)\n";
        text += &course(&model.history);
    }
    text.trim_end().to_owned()
}

/// A dozen points of the history, the last among them; validation as far as there was any.
fn course(history: &[HistoryPoint]) -> String {
    let step = history.len().div_ceil(COURSE_ROWS);
    let validated = history.iter().any(|point| point.validation.is_some());
    let loss = |loss: f64| format!("{loss:.4}");
    let rows = history.iter().rev().step_by(step).map(|point| {
        let mut row = vec![point.update.to_string(), loss(point.train)];
        if validated {
            row.push(point.validation.map_or(String::new(), loss));
        }
        row
    });
    let mut rows: Vec<_> = rows.collect();
    rows.reverse();
    let columns = if validated { 3 } else { 2 };
    text_table(&["update", "training", "validation"][..columns], &rows)
}

fn spread(sorted: &[f64]) -> String {
    match (sorted.first(), sorted.last()) {
        (Some(low), Some(high)) => format!("{low:.2} to {high:.2} ({})", sorted.len()),
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_course_has_a_column_of_validation_only_where_there_was_some() {
        let point = |update, validation| HistoryPoint { update, train: 0.5, validation };
        let head = |history: &[HistoryPoint]| course(history).lines().next().map(str::to_owned);
        assert_eq!(head(&[point(1, None)]).as_deref(), Some("update  training"));
        let validated = [point(1, None), point(2, Some(0.25))];
        assert_eq!(head(&validated).as_deref(), Some("update  training  validation"));
        assert_eq!(course(&validated).lines().last(), Some("     2    0.5000      0.2500"));
    }
}
