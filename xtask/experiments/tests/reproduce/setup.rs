//! Data, commands and results that the tests share.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use differnet_data::{DecodeLimits, find_images};
use differnet_samples::{SampleConfig, write_sample_dataset};
use serde_json::Value;

/// Settings under which a training takes a moment.
const TINY: [&str; 7] = [
    "transforms=1",
    "pool=1",
    "updates=6",
    "validate_every=3",
    "hidden=8",
    "blocks=2",
    "score_transforms=1",
];

/// Data, cache and results of one test.
pub(crate) struct Setup {
    folder: tempfile::TempDir,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config =
            SampleConfig { seed: 1, size: 64, train: 6, test_good: 2, test_defect_per_kind: 1 };
        write_sample_dataset(&folder.path().join("data"), &config).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command `name` with the tiny settings and results in the folder `out`.
    pub(crate) fn command(&self, name: &str, out: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask-experiments"));
        command.arg(name).args(arguments).arg("--out").arg(self.path(out));
        command.arg("--cache").arg(self.path("cache"));
        let set = TINY.iter().filter(|text| !arguments.iter().any(|given| same_name(given, text)));
        let set = set.filter(|text| !is_decided(name, text));
        command.args(set.flat_map(|text| ["--set", text]));
        command
    }

    pub(crate) fn on_mvtec(&self, name: &str, out: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(name, out, arguments);
        command.arg("--root").arg(self.path("data"));
        command
    }

    /// Magnetic tiles made from the sample's fabric.
    pub(crate) fn tiles(&self) -> PathBuf {
        let root = self.path("tiles");
        for (from, class) in [("train/good", "MT_Free"), ("test", "MT_Crack")] {
            let folder = root.join(class).join("Imgs");
            fs::create_dir_all(&folder).unwrap();
            let images = find_images(&self.path("data/fabric").join(from)).unwrap();
            for (index, image) in images.iter().enumerate() {
                let image = DecodeLimits::default().decode_file(image).unwrap();
                image.save(folder.join(format!("{index}.jpg"))).unwrap();
            }
        }
        root
    }

    pub(crate) fn json(&self, out: &str) -> Value {
        let text = fs::read_to_string(self.path(out).join("table.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn same_name(given: &str, set: &str) -> bool {
    given.split_once('=').is_some_and(|(name, _)| set.starts_with(&format!("{name}=")))
}

/// Tells whether arguments of the command `name` decide the setting.
fn is_decided(name: &str, set: &str) -> bool {
    let settings: &[&str] = match name {
        "reproduce-curve" => &["transforms", "pool", "updates", "validate_every"],
        "reproduce-ablation" => &["validate_every"],
        "reproduce-frontier" => &["transforms", "pool", "updates", "hidden"],
        _ => &[],
    };
    settings.iter().any(|setting| set.starts_with(&format!("{setting}=")))
}

pub(crate) fn run(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", output.status);
    output
}

/// The cells without what depends on the clock or on what was cached.
pub(crate) fn numbers(json: &Value) -> Vec<Value> {
    let mut cells = json["cells"].as_array().unwrap().clone();
    for cell in &mut cells {
        let cell = cell.as_object_mut().unwrap();
        for name in ["train_seconds", "evaluate_seconds", "peak_mb", "rows_extracted", "resumed"] {
            assert!(cell.remove(name).is_some(), "{name}");
        }
    }
    cells
}
