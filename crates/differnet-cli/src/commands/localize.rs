//! `differnet localize`: shows where in photographs something is wrong.

use std::path::{Path, PathBuf};

use differnet::prediction::{FailedPrediction, MapPrediction, Prediction};
use differnet::scoring::Region;
use differnet::{Error, Header, Localization, Model};
use serde::Serialize;

use crate::exit::{Exit, though_unread};
use crate::inputs::named_images;
use crate::interrupt::Interrupt;
use crate::map_args::{MapChoice, localize_config, require_localizer};
use crate::map_files::{MapFiles, MapTarget};
use crate::numbers::{finite, positive};
use crate::output::{counted, print, print_json};
use crate::progress::Meter;
use crate::source_args::SourceArgs;

/// Show where in photographs a trained model sees something unlikely.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet localize --model part.differnet suspicious.png --out maps
  differnet localize --model part.differnet new_photos --out maps --json
  differnet localize --model paper.differnet new_photos --map gradient --out maps   # --method differnet

For each image NAME.png three files are written to --out: NAME.overlay.png (the image under the
map's colours, with their scale), NAME.map.png (16-bit grey) and NAME.map.npy (32-bit floats). Maps
have the image's size; a rotation noted in its EXIF data has been applied. Where the model's regions
have pixels ignored, maps are 0 and overlays grey.

--json prints one object a line: {\"path\", \"score\", \"threshold\", \"verdict\", \"reason\", \"map_threshold\", \"top\",
\"regions\": [{\"x\", \"y\", \"width\", \"height\", \"area\", \"peak\", \"peak_x\", \"peak_y\"}], \"files\"}, lengths
in pixels, or {\"path\", \"error\"}; names that are not UTF-8 are there as bytes in Base64, too: path_bytes. \"top\" is the map's value where NAME.map.png is white.")]
pub(crate) struct LocalizeArgs {
    /// Model file written by `differnet train`.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Images, or folders of images nested to any depth.
    #[arg(required = true, value_name = "IMAGE_OR_DIR")]
    images: Vec<PathBuf>,
    /// Folder for the maps.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace maps that are there already.
    #[arg(long)]
    overwrite: bool,
    /// Allow --out to be a folder of the photographs; commands skip what lies there then.
    #[arg(long)]
    beside_photos: bool,
    /// List the regions whose map reaches this value [default: what the maps of most good images
    /// stay below].
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    map_threshold: Option<f64>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Transforms that a map and a score average, for models of the method differnet [default: 8].
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    transforms: Option<usize>,
    /// Kind of the maps.
    #[arg(long = "map", value_enum, value_name = "KIND", default_value_t = MapChoice::Deviation)]
    kind: MapChoice,
    #[command(flatten)]
    source: SourceArgs,
}

/// Output of `--json` for a map that was written.
#[derive(Debug, Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    map: MapPrediction,
    files: &'a MapFiles,
}

pub(crate) fn run(args: &LocalizeArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen()?;
    let model = Model::load_on(&args.model, &args.source.open()?)?;
    require_localizer(&model, &args.model)?;
    let header = model.header();
    let config = localize_config(&model, args.kind, args.transforms)?;
    let inputs = named_images(&args.images);
    let target = MapTarget {
        folder: &args.out,
        overwrite: args.overwrite,
        beside_photos: args.beside_photos,
    };
    let outputs = MapFiles::of_images(&target, &args.images, &inputs.images)?;
    let files = inputs.files();
    let known = header.map_threshold_of(config.kind);
    let map_threshold = args.map_threshold.or(known).unwrap_or(f64::MAX);

    let (mut made, mut failed) = (0, inputs.unusable.len());
    for (path, error) in inputs.unusable {
        tell_failed(args, &Prediction::failed(&path, error))?;
    }
    let meter = Meter::new();
    let maps = model.maps_with(&files, config);
    for (done, ((path, output), found)) in (1..).zip(files.iter().zip(&outputs).zip(maps)) {
        let found = Error::per_image(found)?;
        meter.suspend(|| match found {
            Ok(found) => {
                made += 1;
                write_and_tell(args, header, &found, path, output, map_threshold)
            }
            Err(error) => {
                let told = Prediction::new(path, Err(error));
                let is_invalid =
                    matches!(&told, Prediction::Failed(told) if told.verdict.is_some());
                failed += usize::from(!is_invalid);
                tell_failed(args, &told)
            }
        })?;
        meter.show("Localizing", done, files.len(), "");
        interrupt.check(|| "Stopped; the maps made so far are complete.".into())?;
    }
    if !args.json {
        let told = format!("Wrote {} to {}", counted(made, "map"), args.out.display());
        though_unread(print(&told))?;
    }
    Ok(if failed > 0 { Exit::Failed } else { Exit::Done })
}

/// Writes one localization and says what it shows.
fn write_and_tell(
    args: &LocalizeArgs,
    header: &Header,
    found: &Localization,
    path: &Path,
    files: &MapFiles,
    map_threshold: f64,
) -> anyhow::Result<()> {
    let map = MapPrediction::new(path, header, found, args.kind.into(), map_threshold);
    files.write(found, map.top)?;
    if args.json {
        return print_json(&Written { map, files });
    }
    let MapPrediction { path, regions, reason, .. } = map;
    if let Some(reason) = reason {
        return print(&format!("INVALID {reason}  {path}"));
    }
    let verdict = found.score.verdict.word();
    let place = match regions.first() {
        None => "no region stands out".to_owned(),
        Some(Region { x, y, width, height, .. }) => {
            let more = match regions.len() {
                1 => String::new(),
                count => format!(", {} more", count - 1),
            };
            format!("{width} x {height} pixels at ({x}, {y}){more}")
        }
    };
    print(&format!("{verdict:<6}  score {:12.2}  {place}  {path}", found.score.score))
}

fn tell_failed(args: &LocalizeArgs, failed: &Prediction<MapPrediction>) -> anyhow::Result<()> {
    match failed {
        Prediction::Failed(FailedPrediction { error, verdict, .. }) if !args.json => {
            let word = if verdict.is_some() { "INVALID" } else { "ERROR  " };
            print(&format!("{word} {error}"))
        }
        failed => print_json(failed),
    }
}
