//! `differnet features`: writes the numbers that stand for images.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use differnet::{MTD_JITTER, Runtime};
use differnet_data::{
    ContentHash, Layout, Purpose, Rotation, Transform, TransformConfig, check_images,
    fixed_transforms, random_transforms,
};
use differnet_features::Backbone;
use serde_json::json;

use crate::atomic;
use crate::backbone_arg::BackboneChoice;
use crate::data_args::{DataArgs, files};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::numbers::{positive, seed};
use crate::output::{counted, print, print_json, tell};
use crate::output_file::{OutputFile, Overwrite};
use crate::progress::Meter;
use crate::source_args::SourceArgs;

/// Extract the features of images into a safetensors file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  differnet features --data good_parts --layout folder --transforms 4 --seed 1 --out F.safetensors

The tensor \"features\" has the shape [images, transforms, features]: 768 numbers of alexnet, 696 of
efficientnet-lite0. The metadata key \"names\" is a JSON
list of the files, relative to --data. Training images come first, then test images. Random
transforms are those that a training with the same seed and default settings draws.")]
pub(crate) struct FeaturesArgs {
    /// Network that the features come from [default: alexnet].
    #[arg(long, value_enum)]
    backbone: Option<BackboneChoice>,
    /// Images of a data set.
    #[arg(long, value_enum, default_value_t = SplitChoice::All)]
    split: SplitChoice,
    /// Transforms of each image.
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, default_value_t = 4)]
    transforms: usize,
    /// Spread the transforms evenly instead of drawing them at random for each image.
    #[arg(long)]
    fixed_transforms: bool,
    /// Seed of the transforms, and of the split that a layout leaves open.
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true, default_value_t = 0)]
    seed: u64,
    /// File to write.
    #[arg(long, value_name = "F.safetensors")]
    out: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
    /// Leave out files that are no usable images, instead of stopping.
    #[arg(long)]
    skip_bad: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    source: SourceArgs,
}

/// Choice of a data set's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitChoice {
    /// Training and test images.
    All,
    /// Training images.
    Train,
    /// Test images.
    Test,
}

pub(crate) fn run(args: &FeaturesArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let out = OutputFile::claim(&args.out, Overwrite::from(args.overwrite))?;
    let layout = args.data.layout()?;
    let data = args.data.load(&layout, args.seed)?;
    let mut images = match args.split {
        SplitChoice::Test => Vec::new(),
        _ => files(&data.train),
    };
    if args.split != SplitChoice::Train {
        images.extend(files(&data.test));
    }
    if images.is_empty() {
        bail!("the data set has no test images");
    }
    let runtime = args.source.open()?;
    let backbone = args.backbone.map_or(Backbone::AlexNet, Backbone::from);
    let bad = check_images(&images, None, &runtime.limits);
    if !bad.is_empty() {
        let list: String = bad.iter().map(|bad| format!("\n  {bad}")).collect();
        let what = format!("{} cannot be used:{list}", counted(bad.len(), "image"));
        if !args.skip_bad {
            bail!("{what}\nAdd --skip-bad to go on without");
        }
        tell(&what);
        images.retain(|image| !bad.iter().any(|bad| bad.path == *image));
    }
    let transforms = transform_config(&layout);
    let choice = |hash: &ContentHash| {
        if args.fixed_transforms {
            fixed_transforms(&transforms, args.transforms)
        } else {
            random_transforms(&transforms, args.seed, Purpose::Train, hash, 0..args.transforms)
        }
    };
    let place = out.place();
    atomic::replace(place.path(), |out| {
        let header = header(args, &images, backbone.features(), runtime.extractor(backbone).id())?;
        out.write_all(&header)?;
        extract(args, (&runtime, backbone), &images, choice, &interrupt, out)
    })?;
    let skipped: Vec<String> = bad.iter().map(ToString::to_string).collect();
    if args.json {
        print_json(&json!({
            "out": place.path().to_string_lossy(), "images": images.len(), "transforms": args.transforms,
            "features": backbone.features(), "backbone": backbone.name(), "seed": args.seed, "skipped": skipped,
        }))?;
    } else {
        print(&format!(
            "Wrote {}: features [{}, {}, {}] (seed {})",
            place.path().display(),
            images.len(),
            args.transforms,
            backbone.features(),
            args.seed
        ))?;
    }
    Ok(place.end(&args.out, Exit::Done))
}

/// The rows of all images, image by image, as they come.
fn extract(
    args: &FeaturesArgs,
    (runtime, backbone): (&Runtime, Backbone),
    images: &[PathBuf],
    choice: impl Fn(&ContentHash) -> Vec<Transform> + Sync,
    interrupt: &Interrupt,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let meter = Meter::new();
    for (done, features) in (1..).zip(runtime.features(backbone, None, images, choice)) {
        let features = features.context("an image changed while it was in use")?;
        let bytes: Vec<u8> = features.rows.iter().flat_map(|v| v.to_le_bytes()).collect();
        out.write_all(&bytes)?;
        meter.show("Features", done, images.len(), "");
        let message = "Stopped; features so far are in the cache, the same command goes on.";
        interrupt.check(|| message.to_owned())?;
    }
    Ok(())
}

/// Rotations, and the paper's jitter for tiles, as a training with default settings has them.
fn transform_config(layout: &Layout) -> TransformConfig {
    let jitter = matches!(layout, Layout::Mtd { .. }).then_some(MTD_JITTER);
    TransformConfig { rotate: Rotation::Full, jitter }
}

/// Length and header of a safetensors file with one tensor, written before its data are known.
fn header(
    args: &FeaturesArgs,
    images: &[PathBuf],
    features: usize,
    extractor: &str,
) -> anyhow::Result<Vec<u8>> {
    let names: Vec<String> = images.iter().map(|image| name(image, args.data.root())).collect();
    let shape = [images.len(), args.transforms, features];
    let bytes = shape.iter().product::<usize>() * size_of::<f32>();
    let header = json!({
        "__metadata__": {
            "names": serde_json::to_string(&names)?,
            "seed": args.seed.to_string(),
            "transforms": if args.fixed_transforms { "fixed" } else { "random" },
            "extractor": extractor,
        },
        "features": { "dtype": "F32", "shape": shape, "data_offsets": [0, bytes] },
    });
    let mut text = serde_json::to_vec(&header)?;
    // The format wants tensors to begin at a multiple of eight bytes.
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text);
    Ok(file)
}

/// The path below the data set's folder.
fn name(image: &Path, root: &Path) -> String {
    image.strip_prefix(root).unwrap_or(image).display().to_string()
}
