//! Our side of a comparison: does what each line of the standard input names, as the scripts in
//! `benches/` do.

use std::collections::BTreeMap;
use std::env;
use std::hint::black_box;
use std::io::{BufRead, Cursor, stdin};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use differnet::{Config, DeviceChoice, ImageInput, Method, Model, Preset, Runtime, Training};
use differnet_data::{
    ContentHash, Preprocessing, Rotation, Transform, TransformConfig, find_images,
};
use differnet_features::{Backbone, FEATURES, HostEfficientNetLite, IMAGE_SIZE};
use differnet_flow::{AdamConfig, FlowConfig, HostFlow, Trainer};
use differnet_scoring::transform_scores;
use image::{ImageFormat, RgbImage};

use super::rows::RowBench;
use xtask_inputs::Draws;
use xtask_support::memory;

/// Images of a forward pass.
const BATCH: usize = 8;
/// Rows of a training step.
pub(super) const ROWS: usize = 96;
/// Seed of weights.
const SEED: u64 = 1;
/// Images that a model of places is fitted to: with fewer it has fewer parts.
const FITTED: usize = 64;

/// Do the work that each line of the standard input names; print its seconds.
#[derive(Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    /// Folder of images, or two files of rows to fit to and to score.
    #[arg(required = true, num_args = 1..=2)]
    inputs: Vec<PathBuf>,
    /// Write a flow with hidden layers of this width to the path instead.
    #[arg(long, value_name = "HIDDEN")]
    draw: Option<usize>,
    /// Write a model of the default method to the path instead.
    #[arg(long, conflicts_with = "draw")]
    fit: bool,
}

/// Inputs of one process; made when they are first needed.
struct Bench {
    runtime: Runtime,
    files: Vec<PathBuf>,
    pixels: Vec<Vec<u8>>,
    flow: Option<HostFlow>,
    trainer: Option<Trainer>,
    network: Option<HostEfficientNetLite>,
    /// A model of the default method, and the bytes of an image.
    model: Option<(Model, Vec<u8>)>,
}

pub(crate) fn run(args: &WorkerArgs) -> anyhow::Result<ExitCode> {
    let (path, test) = (&args.inputs[0], args.inputs.get(1));
    if let Some(hidden) = args.draw {
        let flow = FlowConfig::new(FEATURES).with_hidden(hidden).init(SEED, &Device::flex());
        flow.save(path, &BTreeMap::new(), &[])?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.fit {
        fit_model(path)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(test) = test {
        let mut bench = RowBench::open(path, test)?;
        return answer(|name, size| bench.seconds(name, size));
    }
    let pixel = |index: usize| (index * index / 7 % 251) as u8;
    let mut bench = Bench {
        runtime: Runtime::open(DeviceChoice::Flex)?,
        files: find_images(path)?,
        pixels: vec![(0..3 * IMAGE_SIZE * IMAGE_SIZE).map(pixel).collect(); BATCH],
        flow: None,
        trainer: None,
        network: None,
        model: None,
    };
    answer(|name, size| bench.seconds(name, size))
}

/// Prints the seconds of what each line names, or the largest resident memory.
fn answer(mut seconds: impl FnMut(&str, usize) -> anyhow::Result<f64>) -> anyhow::Result<ExitCode> {
    for line in stdin().lock().lines() {
        let line = line?;
        if line == "peak" {
            println!("{}", memory::peak().unwrap_or(0));
            continue;
        }
        let (name, size) = line.split_once(' ').context("work has a name and a size")?;
        println!("{}", seconds(name, size.parse()?)?);
    }
    Ok(ExitCode::SUCCESS)
}

impl Bench {
    /// The seconds that the work with a name takes, without what is made once.
    fn seconds(&mut self, name: &str, size: usize) -> anyhow::Result<f64> {
        let start;
        match name {
            "alexnet" => {
                let images: Vec<&[u8]> = self.pixels.iter().map(Vec::as_slice).collect();
                let extractor = self.runtime.extractor(Backbone::AlexNet)?;
                start = Instant::now();
                black_box(extractor.extract_scale(&images, size)?);
            }
            "extract" => {
                start = Instant::now();
                extract(&self.runtime, &self.files, &turns(size))?;
            }
            "images" => {
                let count = size.min(self.files.len());
                start = Instant::now();
                extract(&self.runtime, &self.files[..count], &turns(8))?;
            }
            "turns" => {
                start = Instant::now();
                extract(&self.runtime, &self.files[..1], &turns(size))?;
            }
            "score" => {
                let flow = flow(&mut self.flow, size)?;
                start = Instant::now();
                let rows = extract(&self.runtime, &self.files[..1], &turns(1))?;
                black_box(transform_scores(&flow.latents(&rows).z, FEATURES));
            }
            "efficientnet" => {
                let stages: Vec<usize> = (1..=size).collect();
                let network = self.network.get_or_insert_with(HostEfficientNetLite::new);
                start = Instant::now();
                black_box(network.maps(&self.pixels[0], IMAGE_SIZE, IMAGE_SIZE, &stages));
            }
            // Whatever the other side's method and its size.
            "patchcore_wide" | "patchcore_18" | "efficientad_s" | "efficientad_m" => {
                if self.model.is_none() {
                    self.model = Some((model()?, image_file(FITTED)?));
                }
                let (model, bytes) = self.model.as_ref().context("the model was just fitted")?;
                let image = ImageInput::Memory { name: "part".as_ref(), bytes };
                start = Instant::now();
                black_box(model.map(image)?);
            }
            "latents" => {
                let (flow, rows) = (flow(&mut self.flow, size)?, some_rows());
                start = Instant::now();
                black_box(flow.latents(&rows));
            }
            "step" => {
                let rows = some_rows();
                let trainer = self.trainer.get_or_insert_with(|| {
                    let flow = FlowConfig::new(FEATURES).with_hidden(size);
                    let backend = &self.runtime.backend;
                    let flow = flow.init(SEED, backend.device());
                    Trainer::new(flow, AdamConfig::new(), backend)
                });
                start = Instant::now();
                trainer.step(&rows)?;
            }
            _ => bail!("there is no work named {name}"),
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Evenly spread turns.
fn turns(count: usize) -> Vec<Transform> {
    (TransformConfig { rotate: Rotation::Full, jitter: None }).fixed(count)
}

/// Decodes, resizes, transforms and extracts each file: rows `[files * transforms, 768]`.
///
/// # Errors
/// What is wrong with a file that is no usable image.
pub(crate) fn extract(
    runtime: &Runtime,
    files: &[PathBuf],
    transforms: &[Transform],
) -> anyhow::Result<Vec<f32>> {
    let choice = |_: &ContentHash| transforms.to_vec();
    let mut rows = Vec::new();
    for features in runtime.features(Backbone::AlexNet, Preprocessing::default(), files, choice) {
        rows.extend(features?.rows);
    }
    Ok(rows)
}

/// Rows of a step, `[96, 768]`, that are not all alike.
fn some_rows() -> Vec<f32> {
    (0..ROWS * FEATURES).map(|index| (index as f32 * 0.731).sin()).collect()
}

/// The flow in `slot`, made first if need be.
fn flow(slot: &mut Option<HostFlow>, hidden: usize) -> anyhow::Result<&HostFlow> {
    match slot {
        Some(flow) => Ok(flow),
        empty => Ok(empty.insert(mapped_flow(hidden)?)),
    }
}

/// A flow as a model has it: in a file.
fn mapped_flow(hidden: usize) -> anyhow::Result<HostFlow> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("flow.safetensors");
    // Drawn by a process of its own, whose memory does not count.
    let mut draw = Command::new(env::current_exe()?);
    let drawn =
        draw.arg("bench-worker").arg(&path).arg("--draw").arg(hidden.to_string()).status()?;
    ensure!(drawn.success(), "no flow could be drawn");
    let (mut flows, _) = HostFlow::load_all(&path)?;
    flows.pop().context("the file has the flow that was written to it")
}

/// A model of the default method, in a file; fitted by a process of its own, whose memory does not count.
fn model() -> anyhow::Result<Model> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.differnet");
    let mut fit = Command::new(env::current_exe()?);
    let fitted = fit.arg("bench-worker").arg(&path).arg("--fit").status()?;
    ensure!(fitted.success(), "no model could be fitted");
    Ok(Model::load_on(&path, &Runtime::open(DeviceChoice::Flex)?)?)
}

/// Writes a model with all its parts to `path`, hardly trained: that takes no part in its speed.
fn fit_model(path: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let files: Vec<PathBuf> =
        (0..FITTED).map(|number| folder.path().join(format!("{number}.bmp"))).collect();
    for (number, file) in files.iter().enumerate() {
        std::fs::write(file, image_file(number)?)?;
    }
    let preset = Config::preset(Method::LocalFlow, Preset::Quick);
    let config = Config::from_toml("updates = 2\npasses = 0", &preset)?;
    let runtime = Runtime::open(DeviceChoice::Flex)?;
    Training::new(&config, &runtime).run(&files)?.model.save(path)?;
    Ok(())
}

/// A texture of 448 × 448 pixels, different for each number, as a file without compression.
fn image_file(number: usize) -> anyhow::Result<Vec<u8>> {
    let mut draws = Draws::new(SEED, number as u64, 0);
    let side = IMAGE_SIZE as u32;
    let image = RgbImage::from_fn(side, side, |x, y| {
        let wave = (f64::from(x) / 9.0).sin() + (f64::from(y) / 7.0).cos();
        [(); 3].map(|()| (100.0 + 40.0 * wave) as u8 + draws.below(32) as u8).into()
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Bmp)?;
    Ok(bytes.into_inner())
}
