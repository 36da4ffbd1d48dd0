//! `differnet verify`: whether a model scores here as it did where it was trained.

use std::path::{Path, PathBuf};

use anyhow::bail;
use differnet::{Method, Model, PathText, SelfTest};
use serde::Serialize;

use crate::device::DeviceArgs;
use crate::exit::Exit;
use crate::numbers::not_negative;
use crate::output::{print, print_json};

/// Check that a model scores here as it did where it was trained.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet verify part.differnet
  differnet verify part.differnet --json

A model file carries a few generated images and the scores that they had after training. They are
scored again, without the cache, from the image file to the score. `differnet serve` does the same
whenever it loads a model.

--json prints one object: {\"path\", \"method\", \"ok\", \"deviation\", \"tolerance\", \"expected\", \"found\"}, the
last two with a score for each image.

Exit codes: 0 the scores agree, 1 they do not, or the model cannot be read.")]
pub(crate) struct VerifyArgs {
    /// Model file written by `differnet train`.
    #[arg(value_name = "M.differnet")]
    model: PathBuf,
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
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let model = Model::load_on(&args.model, &args.device.open()?)?;
    let path = args.model.display();
    let Some(test) = &model.header().self_test else {
        bail!("{path} carries no self-test: train it again with this version to have one");
    };
    let result = test.run(&model)?;
    // NaN agrees with nothing.
    let ok = result.deviation <= args.tolerance;
    if args.json {
        print_json(&Report {
            path: &args.model,
            method: model.header().config.method.method(),
            ok,
            deviation: result.deviation,
            tolerance: args.tolerance,
            expected: &result.expected,
            found: &result.found,
        })?;
    } else {
        for (index, (expected, found)) in result.expected.iter().zip(&result.found).enumerate() {
            print(&format!("image {}  expected {expected:16.6}  found {found:16.6}", index + 1))?;
        }
        let verdict = if ok { "scores as it did" } else { "DOES NOT SCORE AS IT DID" };
        let (deviation, tolerance) = (result.deviation, args.tolerance);
        print(&format!("{path} {verdict}: deviation {deviation:.1e}, tolerance {tolerance:.1e}"))?;
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}
