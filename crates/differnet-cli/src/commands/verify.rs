//! `differnet verify`: whether a model scores here as it did where it was trained.

use std::path::{Path, PathBuf};

use anyhow::bail;
use differnet::export::ExportRecord;
use differnet::{Method, Model, PathText, SelfTest};
use serde::Serialize;

use crate::device::DeviceArgs;
use crate::exit::{Exit, though_unread};
use crate::numbers::not_negative;
use crate::output::{print, print_json, tell};

/// Check that a model scores here as it did where it was trained.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet verify part.differnet
  differnet verify part.differnet --json
  differnet verify part.differnet --onnx part.onnx

A model file carries a few generated images and the scores that they had after training. They are
scored again, without the cache, from the image file to the score. `differnet serve` does the same
whenever it loads a model.

With --onnx FILE the model is exported again, as FILE says that it was, and has to give the same bytes: FILE is
the model's, threshold and calibration included. Scores in another runtime: python -m differnet.onnx FILE.

--json prints one object: {\"path\", \"method\", \"ok\", \"deviation\", \"tolerance\", \"expected\", \"found\"}, the
last two with a score for each image; with --onnx \"onnx\" as well, whether the file is the model's.

Exit codes: 0 the scores agree, 1 they do not, or the model cannot be read.")]
pub(crate) struct VerifyArgs {
    /// Model file written by `differnet train`.
    #[arg(value_name = "M.differnet")]
    model: PathBuf,
    /// An ONNX file that `differnet export` made of the model: compared with it as well.
    #[arg(long, value_name = "M.onnx")]
    onnx: Option<PathBuf>,
    /// Largest deviation of a score, as a share of it or of the threshold.
    #[arg(long, value_name = "X", value_parser = not_negative, default_value_t = SelfTest::TOLERANCE)]
    tolerance: f64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Output of `--json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(serialize_with = "PathText::serialize_lossy")]
    path: &'a Path,
    method: Method,
    ok: bool,
    deviation: f64,
    tolerance: f64,
    expected: &'a [f64],
    found: &'a [f64],
    /// Whether the ONNX file is the model's; `None` if none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    onnx: Option<bool>,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let model = Model::load_on(&args.model, &args.device.open()?)?;
    let path = args.model.display();
    let Some(test) = &model.header().self_test else {
        bail!("{path} carries no self-test: train it again with this version to have one");
    };
    let result = test.run(&model)?;
    let onnx = args.onnx.as_deref().map(|onnx| compared(&model, onnx)).transpose()?;
    // NaN agrees with nothing.
    let scores_agree = result.deviation <= args.tolerance;
    let ok = scores_agree && onnx.as_ref().is_none_or(Option::is_none);
    let printed = if args.json {
        print_json(&Report {
            path: &args.model,
            method: model.header().config.method.method(),
            ok,
            deviation: result.deviation,
            tolerance: args.tolerance,
            expected: &result.expected,
            found: &result.found,
            onnx: onnx.as_ref().map(Option::is_none),
        })
    } else {
        let scores = (1..).zip(result.expected.iter().zip(&result.found));
        let lines: String = scores
            .map(|(number, (expected, found))| {
                format!("image {number}  expected {expected:16.6}  found {found:16.6}\n")
            })
            .collect();
        let verdict = if scores_agree { "scores as it did" } else { "DOES NOT SCORE AS IT DID" };
        let (deviation, tolerance) = (result.deviation, args.tolerance);
        print(&format!(
            "{lines}{path} {verdict}: deviation {deviation:.1e}, tolerance {tolerance:.1e}"
        ))
    };
    though_unread(printed)?;
    if let (Some(difference), Some(onnx)) = (&onnx, &args.onnx) {
        let onnx = onnx.display();
        match difference {
            None => tell(&format!("{onnx} is what {path} gives")),
            Some(difference) => tell(&format!("{onnx} IS NOT what {path} gives: {difference}")),
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

/// Describes how the ONNX file differs from what the model gives; `None` if it does not.
fn compared(model: &Model, onnx: &Path) -> anyhow::Result<Option<String>> {
    let file = differnet::export::OnnxFile::read(onnx)?;
    let record = ExportRecord::read(&file, onnx)?;
    if model.onnx(&record.config)? == file.bytes {
        return Ok(None);
    }
    let threshold = model.header().thresholds().defect;
    Ok(Some(if record.threshold != threshold {
        format!("its threshold is {:.6}, the model's {threshold:.6}", record.threshold)
    } else if record.version != env!("CARGO_PKG_VERSION") {
        format!("version {} of differnet exported it: export it again", record.version)
    } else {
        "it is of another model, or was changed".to_owned()
    }))
}
