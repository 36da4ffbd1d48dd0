//! The table of an evaluation's scores, and what is known of each image.

use differnet::prediction::{Prediction, ScorePrediction};
use differnet::{Model, ScoreConfig};
use differnet_data::{BadImage, Sample};
use serde::Serialize;

use super::EvaluateArgs;
use crate::archive::Settings;
use crate::commands::score::{metadata, model_hash};
use crate::table::{EVALUATED, TableFile, TableFormat};

/// Row of the table.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    prediction: Prediction<&'a ScorePrediction>,
    kind: &'a str,
    defect: bool,
}

/// The file, claimed and empty, if one was asked for.
pub(super) fn begin(
    args: &EvaluateArgs,
    model: &Model,
    config: &ScoreConfig,
) -> anyhow::Result<Option<TableFile>> {
    let Some(path) = &args.scores else { return Ok(None) };
    let format = TableFormat::of(path, args.format)?;
    let thresholds = model.header().thresholds();
    let settings = Settings::new(args.source.device_name(), config, &thresholds);
    let facts = metadata(&model_hash(&args.model)?, &settings);
    TableFile::create(path, format, args.overwrite.into(), &EVALUATED, &facts).map(Some)
}

/// Writes a row for each sample; `predictions` are those of the samples that are not `bad`.
pub(super) fn write(
    mut table: TableFile,
    test: &[Sample],
    bad: &[BadImage],
    predictions: &[ScorePrediction],
) -> anyhow::Result<()> {
    let mut predictions = predictions.iter();
    for sample in test {
        let unusable = bad.iter().find(|bad| bad.path == sample.image);
        let prediction = match unusable {
            Some(bad) => Prediction::unusable(&sample.image, &bad.error),
            None => Prediction::Found(predictions.next().expect("usable images have scores")),
        };
        let kind = sample.defect.as_ref().map_or("good", |defect| defect.kind.as_str());
        let row = Row { prediction, kind, defect: sample.defect.is_some() };
        table.add(&serde_json::to_string(&row)?)?;
    }
    table.commit()
}
