//! `cargo xtask golden`: this project's numbers against those of a PyTorch reference.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use differnet::DeviceChoice;
use serde::Serialize;
use xtask_inputs::Vectors;

use crate::check::{self, Check};
use crate::images::GoldenImages;
use crate::{features, flow, localization, metrics, stages, torchvision};

/// Compare with reference vectors: images, features, flow, gradients, metrics.
///
/// The folder holds images/NAME.png, images/resized448_NAME.png, features.safetensors,
/// flow.safetensors, localization.safetensors and metrics.json; efficientnet_lite0/stages.safetensors is
/// compared if it is there, and so are ResNets and VGG-16 with vectors of the repository. Prints the largest deviation of each check and exits with 1 if one is out of
/// tolerance.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask golden --dir ../shared/golden
  cargo xtask golden --dir ../shared/golden --json
  cargo run --release --bin xtask --features xtask/wgpu -- golden --dir ../shared/golden --device wgpu")]
pub(crate) struct GoldenArgs {
    /// Folder of the reference vectors.
    #[arg(long)]
    dir: PathBuf,
    /// Device of the tensors; the processor's own code is compared besides.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Flex)]
    device: DeviceChoice,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    ok: bool,
    device: DeviceChoice,
    checks: &'a [Check],
}

pub(crate) fn run(args: &GoldenArgs) -> anyhow::Result<ExitCode> {
    let dir = &args.dir;
    let backend = args.device.open()?;
    let device = backend.device();
    ensure!(dir.is_dir(), "{} is not a folder of reference vectors", dir.display());
    // Everything is read first: a missing file is reported before anything is computed.
    let features = Vectors::read(&dir.join("features.safetensors"))?;
    let flow = Vectors::read(&dir.join("flow.safetensors"))?;
    let localization = Vectors::read(&dir.join("localization.safetensors"))?;
    let metrics = metrics::GoldenMetrics::read(&dir.join("metrics.json"))?;
    let stages = dir.join("efficientnet_lite0/stages.safetensors");
    let stages = stages.exists().then(|| Vectors::read(&stages)).transpose()?;
    let images = GoldenImages::load(&dir.join("images"), &features.names_under("features/"))?;

    let mut checks = images.checks();
    checks.extend(features::checks(&images, &features, device)?);
    if let Some(stages) = &stages {
        checks.extend(stages::checks(stages, device)?);
    }
    checks.extend(torchvision::checks(device)?);
    checks.extend(flow::checks(&flow, &backend)?);
    checks.extend(localization::checks(&images, &flow, &localization, device)?);
    checks.extend(metrics.checks()?);

    let ok = checks.iter().all(Check::is_ok);
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&Report { ok, device: args.device, checks: &checks })?
        );
    } else {
        print!("{}", check::table(&checks));
        let failed = checks.iter().filter(|check| !check.is_ok()).count();
        println!("{} checks, {failed} out of tolerance", checks.len());
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
