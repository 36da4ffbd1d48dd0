//! `differnet export`: writes a model in a format that other programs run.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use differnet::export::{ExportConfig, ExportInput};
use differnet::{DeviceChoice, Model, Runtime};

use crate::exit::{Exit, UsageError};
use crate::numbers::positive;
use crate::output::{print, shell_word};
use crate::output_file::OutputFile;

/// Longest side of an image whose size is fixed, pixels.
const MOST_PIXELS: u32 = 16_384;

/// Write a model in a format that other programs run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet export --model part.differnet --format onnx --out part.onnx
  differnet export --model part.differnet --format onnx --size 900x900 --out part.onnx

Input `image` is uint8 RGB [n, 3, h, w], any size; outputs are `score`, `map`, `p_value` and `verdict` (0 ok,
1 unsure, 2 defect, 3 invalid). `threshold` and `unsure_threshold` are inputs with defaults. What the file
says about itself, and how to run it: docs/src/onnx.md. `differnet verify --onnx` compares it with the model.")]
pub(crate) struct ExportArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Format of the file.
    #[arg(long, value_name = "FORMAT")]
    format: ExportFormat,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Every image is of this size, for programs that want to know it beforehand [default: any].
    #[arg(long, value_name = "WxH", value_parser = image_size)]
    size: Option<(u32, u32)>,
    /// Take images that were resized to what the network sees: a smaller graph, without resizing.
    #[arg(long)]
    resized: bool,
    /// Transforms that a score averages, of methods that turn images [default: the model's].
    #[arg(long, value_name = "N", value_parser = positive)]
    transforms: Option<usize>,
    /// Replace a file that exists.
    #[arg(long)]
    overwrite: bool,
}

/// Formats that models are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// Operators of the Open Neural Network Exchange.
    Onnx,
}

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<Exit> {
    let ExportFormat::Onnx = args.format;
    if same_file(&args.model, &args.out) {
        let out = args.out.display();
        return Err(UsageError(format!("{out} is the model itself: name another file")).into());
    }
    let out = OutputFile::claim(&args.out, args.overwrite.into())?;
    let model = Model::load_on(&args.model, &Runtime::open(DeviceChoice::first())?)?;
    let input = if args.resized { ExportInput::Seen } else { ExportInput::Image };
    let config = ExportConfig { input, size: args.size, transforms: args.transforms };
    out.require_unchanged()?;
    model.export(&args.out, &config)?;
    let method = model.header().config.method.method();
    print(&format!("Wrote {}: {method} as ONNX", args.out.display()))?;
    let (onnx, model) = (shell_word(&args.out), shell_word(&args.model));
    print(&format!("Next: differnet verify --onnx {onnx} {model}"))?;
    Ok(Exit::Done)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Width and height of an image in pixels, such as `900x600`.
fn image_size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=MOST_PIXELS).contains(side));
    let sides = text.split_once(['x', 'X']).map(|(width, height)| (side(width), side(height)));
    match sides {
        Some((Some(width), Some(height))) => Ok((width, height)),
        _ => Err(format!("give width and height such as 900x600, up to {MOST_PIXELS} each")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_width_and_height() {
        assert_eq!(image_size("900x600"), Ok((900, 600)));
        for text in ["900", "900x", "x600", "0x600", "900x20000", "9e2x600", "-1x5"] {
            assert!(image_size(text).expect_err(text).contains("900x600"), "{text}");
        }
    }
}
