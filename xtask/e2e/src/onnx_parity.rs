//! `cargo xtask onnx-parity`: exported models in other programs' runtimes, image by image.

mod runtimes;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use differnet::export::ExportConfig;
use differnet::{DeviceChoice, ImageInput, Model, Runtime};
use differnet_data::{DecodeLimits, find_images, resize_bilinear};

use runtimes::{Case, Runtimes};
use table::Table;

/// Compare exported models in ONNX runtimes with the program, image by image.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask onnx-parity --model bottle.differnet --data bottle/test
  cargo xtask onnx-parity --model part.differnet --data photos --images 50 --runtimes onnxruntime

The model is exported for any size of image, and for the size of each image where a runtime wants it fixed. Every
image is decoded once, and the same pixels go to the program and to the runtimes, in turn. Levels as the network
sees them must be within 1, scores and maps within 1e-3 of the program's (of the larger of score and threshold; of a
map's largest value), verdicts and p-values equal. Times are printed and not judged.

The runtimes are installed into target/onnx, from xtask/e2e/onnx/requirements.txt.")]
pub(crate) struct OnnxParityArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Image or folder of images.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Images, spread evenly over those there are, at most.
    #[arg(long, value_name = "N", default_value_t = 200)]
    images: usize,
    /// Runtimes, with commas between.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = runtimes::NAMES)]
    runtimes: Vec<String>,
    /// Threads of the program and of each runtime that can be told [default: all cores].
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

pub(crate) fn run(args: &OnnxParityArgs) -> anyhow::Result<ExitCode> {
    rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global()?;
    let model = Model::load_on(&args.model, &Runtime::open(DeviceChoice::Flex)?)?;
    let all = find_images(&args.data)?;
    let count = args.images.clamp(1, all.len());
    let chosen: Vec<&PathBuf> = (0..count).map(|at| &all[at * all.len() / count]).collect();
    let folder = tempfile::tempdir()?;
    let exported = folder.path().join("model.onnx");
    model.export(&exported, &ExportConfig::default())?;
    let mut runtimes = Runtimes::start(&exported, args.threads, &args.runtimes)?;
    let mut table = Table::new(&args.runtimes);
    let limits = DecodeLimits::default();
    for file in chosen {
        let image = limits.decode_file(file)?;
        let (width, height) = image.dimensions();
        let input = ImageInput::Pixels { name: file, image: &image };
        let start = Instant::now();
        let (score, map) = if model.exports_map() {
            let found = model.map(input)?;
            (found.score, Some(found.map))
        } else {
            (model.score(input)?, None)
        };
        let seconds = start.elapsed().as_secs_f64();
        let sized = folder.path().join(format!("{width}x{height}.onnx"));
        if args.runtimes.iter().any(|name| runtimes::wants_size(name)) && !sized.exists() {
            model.export(
                &sized,
                &ExportConfig { size: Some((width, height)), ..Default::default() },
            )?;
        }
        let (seen_width, seen_height) = model.seen_size((width, height));
        let seen = resize_bilinear(&image, seen_width, seen_height);
        let case = Case { image: &image, seen: &seen, map: map.as_ref(), sized: &sized };
        let answers = runtimes.ask(&case).with_context(|| file.display().to_string())?;
        table.add(file, model.header(), &score, seconds, &answers);
    }
    let table = table.finish();
    println!("{}", table.text());
    ensure!(table.passes(), "a runtime differs from the program");
    Ok(ExitCode::SUCCESS)
}
