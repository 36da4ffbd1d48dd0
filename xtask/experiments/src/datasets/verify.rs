//! `cargo xtask datasets verify`: is a copy of a data set complete and sound?

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::inventory::Inventory;
use super::verification::verify;
use xtask_inputs::manifest::Manifest;
use xtask_support::UsageError;

/// Time between two lines about progress.
const INTERVAL: Duration = Duration::from_secs(5);

/// Compare a copy of a data set with its manifest and read every file.
///
/// Tells missing, extra, damaged and duplicate images, masks that are missing or do not fit, and
/// train images that also occur in the test set. A category that is not there is a problem only if
/// --categories names it. Exits with 0 if all is as expected, with 1 if not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask datasets verify --root mvtec_ad
  cargo xtask datasets verify --root mvtec_ad --categories bottle,cable
  cargo xtask datasets verify --root tiles --dataset mtd --json")]
pub(super) struct VerifyArgs {
    /// Folder of the data set, or of one category.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Expected data set, as `cargo xtask datasets list` names it; else seen from the
    /// folder.
    #[arg(long, value_name = "ID")]
    dataset: Option<String>,
    /// Only these categories, and all of them have to be there.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    categories: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &VerifyArgs, manifests: &[Manifest]) -> anyhow::Result<ExitCode> {
    let root = &args.root;
    if !root.is_dir() {
        bail!("{} is not a folder: name the folder that holds the data set", root.display());
    }
    let manifest = choose(manifests, args.dataset.as_deref(), root)?;
    let progress = Progress::new();
    let seen = |done, total| progress.show(done, total);
    let found = verify(manifest, root, &args.categories, &seen)?;
    if args.json {
        println!("{}", serde_json::to_string(&found)?);
    } else {
        print!("{}", found.text());
    }
    Ok(if found.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The manifest called `id`, or else the one of which `root` holds something.
pub(super) fn choose<'a>(
    manifests: &'a [Manifest],
    id: Option<&str>,
    root: &Path,
) -> anyhow::Result<&'a Manifest> {
    let known = || {
        let ids: Vec<&str> = manifests.iter().map(|manifest| manifest.id.as_str()).collect();
        ids.join(", ")
    };
    if let Some(id) = id {
        return manifests.iter().find(|manifest| manifest.id == id).ok_or_else(|| {
            UsageError(format!("there is no data set {id}; there are: {}", known())).into()
        });
    }
    for manifest in manifests {
        for category in manifest.categories.keys() {
            if Inventory::take(manifest, root, category)?.is_some() {
                return Ok(manifest);
            }
        }
    }
    let known = known();
    bail!(
        "{} holds none of the known data sets ({known}): `cargo xtask datasets list` says how to lay them out",
        root.display()
    )
}

/// Tells on the standard error how many images have been read, every few seconds.
struct Progress {
    told: Mutex<Instant>,
}

impl Progress {
    fn new() -> Self {
        Self { told: Mutex::new(Instant::now()) }
    }

    fn show(&self, done: usize, total: usize) {
        // Whoever finds it locked need not tell.
        if let Ok(mut told) = self.told.try_lock()
            && told.elapsed() >= INTERVAL
        {
            *told = Instant::now();
            eprintln!("{done} of {total} images read");
        }
    }
}
