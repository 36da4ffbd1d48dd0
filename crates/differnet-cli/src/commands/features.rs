//! `differnet features`: writes the numbers that stand for images, or for their places.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use differnet::methods::{PatchCoreConfig, Tiles};
use differnet::{Method, Model, PlaceView, Preset, Runtime};
use differnet_data::{
    BadImage, ContentHash, Layout, Preprocessing, Purpose, Regions, Rotation, Transform,
    TransformConfig,
};
use differnet_features::Backbone;
use serde_json::json;

use crate::atomic;
use crate::backbone_arg::BackboneChoice;
use crate::data_args::{DataArgs, files};
use crate::exit::{Exit, UsageError};
use crate::interrupt::Interrupt;
use crate::method_args::pixels;
use crate::numbers::{finite, positive, seed};
use crate::output::{counted, print, print_json, tell};
use crate::output_file::{OutputFile, Overwrite};
use crate::place_rows::{PlaceRows, name, safetensors_header};
use crate::progress::Meter;
use crate::source_args::SourceArgs;
use crate::weights_args::WeightsArgs;

/// Transforms of each image unless another number is given.
const TRANSFORMS: usize = 4;

/// Extract the features of images, or of their places, into a safetensors file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet features --data good_parts --layout folder --transforms 4 --seed 1 --out F.safetensors
  differnet features --data good_parts --places --stages 3,4,5 --out P.safetensors
  differnet features --data good_parts --model part.differnet --out P.safetensors

The tensor \"features\" has the shape [images, transforms, features]: 768 numbers of alexnet, 696 of
efficientnet-lite0, 1536 of resnet18 and vgg16, 6144 of resnet50 and wide-resnet50-2. The metadata key \"names\" is a JSON list of the files, relative to --data. Training images
come first, then test images. Random transforms are those that a training with --method differnet, the same seed and default
settings draws.

With --places \"features\" has the shape [places, channels], of all images one after the other; \"image\", \"row\" and
\"column\" [places] say where each lies, and \"counts\" [places] whether it is in no ignored region. Numbers are those
of the network's stages, joined, or with a model of a method on local features its whitened components.

--json prints one object: {\"out\", \"images\", \"features\", \"backbone\", \"skipped\"}, with {\"transforms\", \"seed\"} or, of
places, {\"places\"}.")]
pub(crate) struct FeaturesArgs {
    /// Model whose network, regions and, for places, settings count.
    #[arg(long, value_name = "M.differnet", conflicts_with = "backbone")]
    model: Option<PathBuf>,
    /// Network that the features come from [default: alexnet; efficientnet-lite0 with --places].
    #[arg(long, value_enum)]
    backbone: Option<BackboneChoice>,
    #[command(flatten)]
    weights: WeightsArgs,
    /// Write the features of the images' places, upright; a model on local features implies it.
    #[arg(long)]
    places: bool,
    /// With --places: stages of the network, from 1 [default: 3,4,5; ResNets 2,3; vgg16 3,4].
    #[arg(
        long,
        value_name = "N,..",
        value_delimiter = ',',
        requires = "places",
        conflicts_with = "model"
    )]
    stages: Option<Vec<usize>>,
    /// With --places: pixels of an image or a tile as the network sees it [default: 448x448].
    #[arg(long, value_name = "WxH", value_parser = pixels, requires = "places", conflicts_with = "model")]
    pixels: Option<usize>,
    /// With --places: columns and rows of overlapping tiles that an image is seen in [default: 1x1].
    #[arg(long, value_name = "CxR", requires = "places", conflicts_with = "model")]
    tiles: Option<Tiles>,
    /// With --places: share of a tile that its neighbour sees as well [default: 0.125].
    #[arg(long, value_name = "X", value_parser = finite, requires = "places", conflicts_with = "model")]
    tile_overlap: Option<f64>,
    /// Images of the data set to write.
    #[arg(long, value_enum, default_value_t = SplitChoice::All)]
    split: SplitChoice,
    /// Transforms of each image [default: 4].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, conflicts_with = "places")]
    transforms: Option<usize>,
    /// Spread the transforms evenly instead of drawing them at random for each image.
    #[arg(long, conflicts_with = "places")]
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

/// Images of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitChoice {
    /// Training and test images.
    All,
    /// Training images.
    Train,
    /// Test images.
    Test,
}

/// Features of an image that are written.
enum View {
    /// Features of the whole, where regions say what counts, and the depth how many bits of a sample.
    Whole(Backbone, Option<Regions>, Option<u8>),
    /// Those of its places.
    Places(Box<PlaceView>),
}

pub(crate) fn run(args: &FeaturesArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let claim = OutputFile::claim(&args.out, Overwrite::from(args.overwrite))?;
    let layout = args.data.layout()?;
    let mut runtime = args.weights.add_to(args.source.open()?, args.network())?;
    let view = args.view(&mut runtime)?;
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
    match view {
        View::Whole(backbone, regions, depth) => {
            let preprocessing = Preprocessing { regions: regions.as_ref(), depth };
            let bad = BadImage::among(&images, preprocessing, &runtime.limits);
            args.leave_out(&bad, &mut images)?;
            let job = Whole { args, claim: &claim, runtime: &runtime, backbone, preprocessing };
            job.write(&images, transform_config(&layout), &interrupt)?;
            job.tell(&images, &bad)
        }
        View::Places(view) => {
            let (mut grids, mut bad) = (Vec::new(), Vec::new());
            for (grid, path) in view.grids(&runtime, &images).into_iter().zip(&images) {
                match grid {
                    Ok(grid) => grids.push(grid),
                    Err(error) => bad.push(BadImage { path: path.clone(), error }),
                }
            }
            args.leave_out(&bad, &mut images)?;
            let rows = PlaceRows { view: &view, runtime: &runtime, images: &images, grids: &grids };
            let names: Vec<String> =
                images.iter().map(|image| name(image, args.data.root())).collect();
            atomic::replace(&args.out, |file| {
                rows.write(&names, &interrupt, file)?;
                claim.require_unchanged()
            })?;
            tell_places(args, &args.out, &rows, &bad)
        }
    }
}

impl FeaturesArgs {
    /// The network that is named, or the default; `None` with a model, which has its own.
    fn network(&self) -> Option<Backbone> {
        let default = || if self.places { Method::PatchCore } else { Method::DifferNet };
        let given = self.backbone.map(Backbone::from);
        self.model.is_none().then(|| given.or_else(|| default().default_backbone())).flatten()
    }

    /// View of images whose features are written: of a model, whose network joins `runtime`, or of a network.
    fn view(&self, runtime: &mut Runtime) -> anyhow::Result<View> {
        if let Some(path) = &self.model {
            let model = Model::load_on(path, runtime)?;
            runtime.clone_from(model.runtime());
            let method = model.header().config.method.method();
            if let Some(view) = model.place_view() {
                if self.transforms.is_some() || self.fixed_transforms {
                    let message = format!(
                        "{} is a model of the method {method}, which sees upright places: leave \
                         --transforms and --fixed-transforms out",
                        path.display()
                    );
                    return Err(UsageError(message).into());
                }
                return Ok(View::Places(Box::new(view)));
            }
            let backbone = model.header().config.backbone.with_context(|| {
                format!(
                    "{} is a model of the method {method}, which looks at pixels: name a network by \
                     --backbone instead",
                    path.display()
                )
            })?;
            if self.places {
                bail!(
                    "{} is a model of the method {method}, which sees images as a whole: leave \
                     --places out, or name a network by --backbone instead",
                    path.display()
                );
            }
            return Ok(View::Whole(backbone, model.header().regions.clone(), model.header().depth));
        }
        let backbone = self.network().context("features have a network")?;
        if !self.places {
            return Ok(View::Whole(backbone, None, None));
        }
        let default = PatchCoreConfig::for_network(backbone);
        let config = PatchCoreConfig {
            pixels: self.pixels.unwrap_or(default.pixels),
            tiles: self.tiles.unwrap_or(default.tiles),
            tile_overlap: self.tile_overlap.unwrap_or(default.tile_overlap),
            stages: self.stages.clone().unwrap_or(default.stages),
            ..default
        };
        let view = PlaceView::of_network(backbone, &config);
        Ok(View::Places(Box::new(view.map_err(|error| UsageError(error.to_string()))?)))
    }

    /// Leaves bad images out, if that was asked for.
    fn leave_out(&self, bad: &[BadImage], images: &mut Vec<PathBuf>) -> anyhow::Result<()> {
        if bad.is_empty() {
            return Ok(());
        }
        let list: String = bad.iter().map(|bad| format!("\n  {bad}")).collect();
        let what = format!("{} cannot be used:{list}", counted(bad.len(), "image"));
        if !self.skip_bad {
            bail!("{what}\nAdd --skip-bad to go on without");
        }
        tell(&what);
        images.retain(|image| !bad.iter().any(|bad| bad.path == *image));
        Ok(())
    }
}

/// Features of whole images under several transforms.
struct Whole<'a> {
    args: &'a FeaturesArgs,
    /// Claim on the file to write.
    claim: &'a OutputFile,
    runtime: &'a Runtime,
    backbone: Backbone,
    preprocessing: Preprocessing<'a>,
}

impl Whole<'_> {
    fn transforms(&self) -> usize {
        self.args.transforms.unwrap_or(TRANSFORMS)
    }

    /// Writes the rows of all images, image by image, as they come.
    fn write(
        &self,
        images: &[PathBuf],
        config: TransformConfig,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let (args, count) = (self.args, self.transforms());
        let choice = |hash: &ContentHash| -> Vec<Transform> {
            if args.fixed_transforms {
                config.fixed(count)
            } else {
                config.random(args.seed, Purpose::Train, hash, 0..count)
            }
        };
        atomic::replace(&args.out, |out| {
            out.write_all(&self.header(images)?)?;
            let meter = Meter::new();
            let features = self.runtime.features(self.backbone, self.preprocessing, images, choice);
            for (done, features) in (1..).zip(features) {
                let features = features.context("an image changed while it was in use")?;
                let bytes: Vec<u8> = features.rows.iter().flat_map(|v| v.to_le_bytes()).collect();
                out.write_all(&bytes)?;
                meter.show("Features", done, images.len(), "");
                let message =
                    "Stopped; features so far are in the cache, the same command goes on.";
                interrupt.check(|| message.to_owned())?;
            }
            self.claim.require_unchanged()
        })
    }

    /// Length and header of a safetensors file with one tensor, written before its data are known.
    fn header(&self, images: &[PathBuf]) -> anyhow::Result<Vec<u8>> {
        let args = self.args;
        let names: Vec<String> = images.iter().map(|image| name(image, args.data.root())).collect();
        let shape = [images.len(), self.transforms(), self.backbone.features()];
        let bytes = shape.iter().product::<usize>() * size_of::<f32>();
        safetensors_header(&json!({
            "__metadata__": {
                "names": serde_json::to_string(&names)?,
                "seed": args.seed.to_string(),
                "transforms": if args.fixed_transforms { "fixed" } else { "random" },
                "extractor": self.runtime.extractor(self.backbone)?.id(),
            },
            "features": { "dtype": "F32", "shape": shape, "data_offsets": [0, bytes] },
        }))
    }

    /// Says what was written.
    fn tell(&self, images: &[PathBuf], bad: &[BadImage]) -> anyhow::Result<Exit> {
        let (args, count, features) = (self.args, self.transforms(), self.backbone.features());
        let skipped: Vec<String> = bad.iter().map(ToString::to_string).collect();
        if args.json {
            print_json(&json!({
                "out": args.out.to_string_lossy(), "images": images.len(), "transforms": count, "features": features,
                "backbone": self.backbone, "seed": args.seed, "skipped": skipped,
            }))?;
        } else {
            print(&format!(
                "Wrote {}: features [{}, {count}, {features}] (seed {})",
                args.out.display(),
                images.len(),
                args.seed
            ))?;
        }
        Ok(Exit::Done)
    }
}

/// Says what was written of places.
fn tell_places(
    args: &FeaturesArgs,
    out: &Path,
    rows: &PlaceRows<'_>,
    bad: &[BadImage],
) -> anyhow::Result<Exit> {
    let (count, channels) = (rows.count(), rows.view.channels());
    let skipped: Vec<String> = bad.iter().map(ToString::to_string).collect();
    if args.json {
        print_json(&json!({
            "out": out.to_string_lossy(), "images": rows.images.len(), "places": count, "features": channels,
            "backbone": rows.view.backbone(), "skipped": skipped,
        }))?;
    } else {
        let images = counted(rows.images.len(), "image");
        print(&format!(
            "Wrote {}: features [{count}, {channels}] of the places of {images}",
            out.display()
        ))?;
    }
    Ok(Exit::Done)
}

/// Rotations, and the paper's jitter for tiles, as a training with default settings has them.
fn transform_config(layout: &Layout) -> TransformConfig {
    let jitter = matches!(layout, Layout::Mtd { .. }).then_some(Preset::MTD_JITTER);
    TransformConfig { rotate: Rotation::Full, jitter }
}
