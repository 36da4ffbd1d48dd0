//! Files that people write: manifests of data sets, regions, lists of images, settings. What is read
//! holds what it promises, and errors name the file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use arbitrary::{Arbitrary, Unstructured};
use differnet::{Config, Method, Preset};
use differnet_data::layouts::ListedName;
use differnet_data::{Area, DecodeLimits, Regions};
use tempfile::TempDir;
use xtask_inputs::manifest::{Manifest, Totals};

use crate::subject::{Reception, Subject, scratch};

/// Kind of file.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Manifest,
    Regions,
    TrainList,
    Settings,
}

const KINDS: [Kind; 4] = [Kind::Manifest, Kind::Regions, Kind::TrainList, Kind::Settings];

/// Case that an input encodes.
#[derive(Debug, Arbitrary)]
struct Case<'a> {
    /// Its place among [`KINDS`].
    kind: u8,
    /// Width of the image that regions are drawn on; of 0 they are not drawn, which takes its time.
    width: u8,
    height: u8,
    /// Whether regions are to be kept, instead of ignored.
    keep: bool,
    text: &'a [u8],
}

/// Readers of files that people write.
#[derive(Debug)]
pub(super) struct Manifests {
    folder: TempDir,
    /// Every file, and which kind it is.
    seeds: Vec<(Kind, Vec<u8>)>,
}

impl Manifests {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        let file = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let list = file("mtd_train_list.txt")?;
        let lines = list.split_inclusive(|&byte| byte == b'\n').take(12);
        let polygons = "# a part\n[[polygon]]\npoints = [[0, 0], [1, 0.5], [0.25, 1]]\n\n\
                        [[polygon]]\npoints = [[0.5, 0.5], [0.75, 0.5], [0.75, 0.75], [0.5, 0.75]]\n";
        let settings = Config::preset(Method::DifferNet, Preset::Quick).to_toml();
        let seeds = vec![
            (Kind::Manifest, file("mtd.toml")?),
            (Kind::Manifest, file("mvtec_ad.toml")?),
            (Kind::Regions, polygons.into()),
            (Kind::TrainList, lines.collect::<Vec<_>>().concat()),
            (Kind::TrainList, b"\xef\xbb\xbf# good\r\nfolder/a.png\r\n\r\nb\\c.png\r\n".to_vec()),
            (Kind::Settings, settings.into_bytes()),
            (Kind::Settings, b"preset = \"paper\"\nhidden = 64\njitter = 0.25\n".to_vec()),
        ];
        Ok(Self { folder: scratch()?, seeds })
    }
}

impl Subject for Manifests {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let drawn =
            |(kind, text): &(Kind, Vec<u8>)| [&[*kind as u8, 20, 30, 0], &text[..]].concat();
        let kept = self.seeds.iter().filter(|(kind, _)| matches!(kind, Kind::Regions));
        let kept = kept.map(|(kind, text)| [&[*kind as u8, 7, 5, 1], &text[..]].concat());
        self.seeds.iter().map(drawn).chain(kept).collect()
    }

    fn receive(&mut self, input: &[u8]) -> Result<Reception, String> {
        let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(input)) else {
            return Ok(Reception::Refused);
        };
        let store = |name: &str| -> Result<PathBuf, String> {
            let path = self.folder.path().join(name);
            std::fs::write(&path, case.text).map_err(|error| error.to_string())?;
            Ok(path)
        };
        match KINDS[usize::from(case.kind) % KINDS.len()] {
            Kind::Manifest => manifest(&store("some-data.toml")?),
            Kind::Regions => regions(&store("some-regions.toml")?, &case),
            Kind::TrainList => train_list(&store("some-list.txt")?),
            Kind::Settings => settings(case.text),
        }
    }
}

/// Checks that the first line of an error names the file.
fn named(error: &impl ToString, path: &Path) -> Result<Reception, String> {
    let (error, name) = (error.to_string(), path.file_name().unwrap_or_default());
    if error.contains(&*name.to_string_lossy()) {
        Ok(Reception::Refused)
    } else {
        Err(format!("the error does not name the file: {error}"))
    }
}

fn manifest(path: &Path) -> Result<Reception, String> {
    let manifest = match Manifest::read(path) {
        Err(error) => return named(&error, path),
        Ok(manifest) => manifest,
    };
    let Totals { train, good, defective } = manifest.totals;
    let totals = [train, good, defective].map(|count| count as u128);
    // In 128 bits: added up as the reader does, a sum that wraps would go unnoticed.
    let mut sum = [0; 3];
    for category in manifest.categories.values() {
        sum[0] += category.train as u128;
        sum[1] += category.good as u128;
        sum[2] += category.defects.values().map(|&count| count as u128).sum::<u128>();
    }
    if totals == sum {
        Ok(Reception::Accepted)
    } else {
        Err(format!("the categories add up to {sum:?}, not to {totals:?}"))
    }
}

fn regions(path: &Path, case: &Case<'_>) -> Result<Reception, String> {
    let area = match Area::load(path, &DecodeLimits::default()) {
        Err(error) => return named(&error, path),
        Ok(area) => area,
    };
    let (width, height) = (u32::from(case.width), u32::from(case.height).max(1));
    if width == 0 {
        return Ok(Reception::Accepted);
    }
    let (roi, ignore) = if case.keep { (Some(area), None) } else { (None, Some(area)) };
    let Ok(regions) = Regions::new(roi, ignore) else { return Ok(Reception::Refused) };
    if let Ok(Some(ignored)) = regions.ignored(width, height)
        && (ignored.len() != (width * height) as usize || !ignored.contains(&false))
    {
        return Err(format!("{} pixels of {width}×{height} are told", ignored.len()));
    }
    let share = regions.ignored_share();
    if !(0.0..1.0).contains(&share) {
        return Err(format!("a share {share} is ignored"));
    }
    let text = serde_json::to_string(&regions).map_err(|error| error.to_string())?;
    match serde_json::from_str::<Regions>(&text) {
        Ok(again) if again == regions => Ok(Reception::Accepted),
        Ok(_) => Err("stored, the regions are others".to_owned()),
        Err(error) => Err(format!("stored, the regions are none: {error}")),
    }
}

fn train_list(path: &Path) -> Result<Reception, String> {
    match ListedName::read(path) {
        Err(error) => named(&error, path),
        Ok(names) if names.is_empty() => Err("no name and no error".to_owned()),
        Ok(names) => {
            let separators = ['/', '\\'];
            let bad = names.iter().find(|listed| {
                let rest = listed.name.trim_matches(separators);
                listed.name.contains('\n') || listed.name.is_empty() || rest.contains(separators)
            });
            bad.map_or(Ok(Reception::Accepted), |bad| Err(format!("{bad:?} is no name of a file")))
        }
    }
}

fn settings(text: &[u8]) -> Result<Reception, String> {
    // The command line reads text; what is none is refused there.
    let Ok(text) = std::str::from_utf8(text) else { return Ok(Reception::Refused) };
    let Ok(config) = Config::from_toml(text, &Config::preset(Method::DifferNet, Preset::Quick))
    else {
        return Ok(Reception::Refused);
    };
    if config.validate().is_err() {
        return Ok(Reception::Refused);
    }
    // Settings that were taken have to be those that a model stores.
    match Config::from_toml(&config.to_toml(), &Config::preset(Method::DifferNet, Preset::Quick)) {
        Ok(again) if again == config => Ok(Reception::Accepted),
        Ok(_) => Err("stored, the settings are others".to_owned()),
        Err(error) => Err(format!("stored, the settings are none: {error}")),
    }
}
