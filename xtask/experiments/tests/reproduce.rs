//! The reproduce commands as a user runs them, on a few generated images.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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
struct Setup {
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config =
            SampleConfig { seed: 1, size: 64, train: 6, test_good: 2, test_defect_per_kind: 1 };
        write_sample_dataset(&folder.path().join("data"), &config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command `name` with the tiny settings and results in the folder `out`.
    fn command(&self, name: &str, out: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask-experiments"));
        command.arg(name).args(arguments).arg("--out").arg(self.path(out));
        command.arg("--cache").arg(self.path("cache"));
        let set = TINY.iter().filter(|text| !arguments.iter().any(|given| same_name(given, text)));
        let set = set.filter(|text| !is_decided(name, text));
        command.args(set.flat_map(|text| ["--set", text]));
        command
    }

    fn on_mvtec(&self, name: &str, out: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(name, out, arguments);
        command.arg("--root").arg(self.path("data"));
        command
    }

    /// Magnetic tiles made from the sample's fabric.
    fn tiles(&self) -> PathBuf {
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

    fn json(&self, out: &str) -> Value {
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

fn run(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", output.status);
    output
}

/// Starts the command and kills it as soon as it says `word`.
fn kill_at(mut command: Command, word: &str) {
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.by_ref().any(|line| line.unwrap().contains(word));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said, "it never said {word}");
}

/// The cells without what depends on the clock or on what was cached.
fn numbers(json: &Value) -> Vec<Value> {
    let mut cells = json["cells"].as_array().unwrap().clone();
    for cell in &mut cells {
        let cell = cell.as_object_mut().unwrap();
        for name in ["train_seconds", "evaluate_seconds", "peak_mb", "rows_extracted", "resumed"] {
            assert!(cell.remove(name).is_some(), "{name}");
        }
    }
    cells
}

fn stored(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join("cells"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

#[test]
fn a_killed_run_goes_on_with_the_finished_cells_and_gives_the_same_table() {
    let setup = Setup::new();
    let arguments = ["--categories", "fabric", "--methods", "differnet", "--seeds", "3"];
    let command = |out: &str| setup.on_mvtec("reproduce-table1", out, &arguments);
    run(command("straight"));

    kill_at(command("killed"), "0 stored, 3 to compute");
    kill_at(command("killed"), "[1 of 3]");
    let before = stored(&setup.path("killed"));
    assert!(!before.is_empty());
    let output = run(command("killed"));
    let after = stored(&setup.path("killed"));
    assert!(before.iter().all(|cell| after.contains(cell)), "a finished cell was written again");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains("0 stored"), "{told}");
    assert_eq!(after.len(), 3);
    let partial = fs::read_dir(setup.path("killed/cells")).unwrap();
    assert_eq!(partial.count(), 4, "three cells and the lock");

    let (straight, killed) = (setup.json("straight"), setup.json("killed"));
    assert_eq!(numbers(&killed), numbers(&straight));
    assert_eq!(numbers(&straight).len(), 3);

    // Once more: nothing is left to compute; with another setting everything is.
    let told = String::from_utf8_lossy(&run(command("killed")).stderr).into_owned();
    assert!(told.contains("3 stored, 0 to compute"), "{told}");
    let other = [&arguments[..4], &["--seeds", "1", "--set", "updates=5"]].concat();
    let other = run(setup.on_mvtec("reproduce-table1", "killed", &other));
    let told = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(told.contains("0 stored, 1 to compute"), "{told}");
}

/// The categories of MVTec AD, as the paper's Table 1 lists them: textures, then objects.
const CATEGORIES: [&str; 15] = [
    "grid",
    "leather",
    "tile",
    "carpet",
    "wood",
    "bottle",
    "capsule",
    "pill",
    "transistor",
    "zipper",
    "cable",
    "hazelnut",
    "metal_nut",
    "screw",
    "toothbrush",
];

/// A tree with all names of MVTec AD's categories, of generated images.
fn all_categories(root: &Path) {
    let drawn = ["brushed_metal", "fabric", "hex_nut"];
    for (number, names) in CATEGORIES.chunks(drawn.len()).enumerate() {
        let seed = number as u64;
        let config =
            SampleConfig { seed, size: 64, train: 3, test_good: 1, test_defect_per_kind: 1 };
        let folder = tempfile::tempdir_in(root.parent().unwrap()).unwrap();
        write_sample_dataset(folder.path(), &config).unwrap();
        fs::create_dir_all(root).unwrap();
        for (name, drawn) in names.iter().zip(drawn) {
            fs::rename(folder.path().join(drawn), root.join(name)).unwrap();
        }
    }
}

#[test]
fn all_fifteen_categories_become_the_rows_of_the_table_and_its_means() {
    let setup = Setup::new();
    let root = setup.path("mvtec_ad");
    all_categories(&root);
    let arguments = ["--preset", "paper", "--seeds", "1", "--jobs", "2", "--set", "rounds=2"];
    let methods = ["--methods", "differnet"];
    let mut command =
        setup.command("reproduce-table1", "out", &[&arguments[..], &methods].concat());
    let output = run({
        command.arg("--root").arg(&root);
        command
    });
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains(
            " for DifferNet, less with features in the cache or if trainings stop early: "
        ) && told.contains("15 cells: 0 stored"),
        "{told}"
    );
    let json = setup.json("out");
    assert_eq!(json["missing"].as_array().map(Vec::len), Some(0), "{json}");
    let cells = json["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 15);
    assert!(cells.iter().all(|cell| cell["paper"].as_f64().is_some()));
    let page = fs::read_to_string(setup.path("out/table.md")).unwrap();
    let rows: Vec<&str> = page
        .lines()
        .skip_while(|line| !line.starts_with("| category "))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1).map(str::trim))
        .collect();
    assert_eq!(rows[..15], CATEGORIES);
    let means = ["mean of textures (5 categories)", "mean of objects (10 categories)"];
    assert_eq!(rows[15..], [means[0], means[1], "mean (15 categories)"]);
}

#[test]
fn table_1_lists_what_is_missing_and_trains_on_few_shots() {
    let setup = Setup::new();
    let methods = "differnet-16-shot,differnet-efficientnet-lite0";
    let arguments = ["--seeds", "1", "--jobs", "2", "--shots", "4", "--categories"];
    let arguments = [&arguments[..], &["fabric,bottle", "--methods", methods]].concat();
    let output = run(setup.on_mvtec("reproduce-table1", "out", &arguments));
    let json = setup.json("out");
    let cell = &json["cells"][0];
    assert_eq!(cell["method"].as_str(), Some("differnet-4-shot"));
    assert_eq!(cell["training_images"].as_u64(), Some(4));
    assert!(cell["paper"].is_null() && cell["auroc"].as_f64().is_some());
    let lite = &json["cells"][1];
    assert_eq!(lite["method"].as_str(), Some("differnet-efficientnet-lite0"));
    assert!(lite["paper"].is_null() && lite["training_images"].as_u64() == Some(6));
    assert_eq!(json["missing"][0]["category"].as_str(), Some("bottle"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("missing"), "{printed}");
    for name in ["table.md", "table.csv", "table.html"] {
        assert!(setup.path("out").join(name).exists(), "{name}");
    }
}

#[test]
fn table_2_draws_figures_5_and_6_and_refreshes_a_document() {
    let setup = Setup::new();
    let document = setup.path("results.md");
    fs::write(&document, "# Results\n<!-- begin: table2 -->\n<!-- end: table2 -->\n").unwrap();
    let docs = document.to_str().unwrap();
    let root = setup.tiles();
    let arguments = ["--seeds", "1", "--methods", "differnet", "--docs", docs];
    let mut command = setup.command("reproduce-table2", "out", &arguments);
    command.arg("--root").arg(&root);
    run(command);
    assert!(setup.path("out/roc.svg").exists() && setup.path("out/histogram.svg").exists());
    let json = setup.json("out");
    assert_eq!(json["cells"][0]["paper"].as_f64(), Some(0.977));
    assert_eq!(json["settings"]["jitter"].as_f64().map(|jitter| jitter as f32), Some(0.15));
    let text = fs::read_to_string(&document).unwrap();
    assert!(text.contains("(cargo xtask reproduce-table2 --root MTD_DIR --preset quick"), "{text}");
    assert!(text.contains("| DifferNet |") && text.contains("Conditions: "), "{text}");
    assert!(!text.contains(&*root.to_string_lossy()), "a path of this machine: {text}");
}

#[test]
fn configurations_are_tested_with_fixed_and_with_random_transforms() {
    let setup = Setup::new();
    run(setup.on_mvtec("reproduce-table3", "out", &["--seeds", "1", "--categories", "fabric"]));
    let json = setup.json("out");
    let cells = json["cells"].as_array().unwrap();
    let tests: Vec<(&str, u64, bool)> = cells
        .iter()
        .map(|cell| {
            let random = cell["random_transforms"].as_bool().unwrap();
            (cell["variant"].as_str().unwrap(), cell["test_transforms"].as_u64().unwrap(), random)
        })
        .collect();
    let mut golden = Vec::new();
    for (name, transforms, train_transforms) in [
        ("A", 1, false),
        ("B", 64, true),
        ("C", 1, false),
        ("D", 1, true),
        ("E", 4, true),
        ("F", 16, true),
        ("G", 64, true),
    ] {
        golden.push((name, transforms, false));
        golden.extend(train_transforms.then_some((name, transforms, true)));
    }
    assert_eq!(tests, golden);
}

#[test]
fn sizes_categories_and_updates_each_get_their_cells() {
    let setup = Setup::new();
    let arguments = ["--seeds", "2", "--categories", "fabric", "--sizes", "4"];
    run(setup.on_mvtec("reproduce-figure7", "figure7", &arguments));
    let json = setup.json("figure7");
    let images: Vec<Option<u64>> =
        numbers(&json).iter().map(|cell| cell["training_images"].as_u64()).collect();
    assert_eq!(images, [Some(4), Some(4), Some(6), Some(6)]);
    assert!(setup.path("figure7/figure7.svg").exists());

    run(setup.on_mvtec("reproduce-multimodal", "multimodal", &["--seeds", "1"]));
    let json = setup.json("multimodal");
    let categories: Vec<&str> =
        json["cells"].as_array().unwrap().iter().filter_map(|c| c["category"].as_str()).collect();
    assert_eq!(categories, ["brushed_metal", "fabric", "hex_nut"]);
    assert_eq!(json["cells"][0]["training_images"].as_u64(), Some(18));

    let arguments = ["--seeds", "1", "--transforms", "1,2", "--test-transforms", "1,2"];
    let arguments = [&arguments[..], &["--updates", "4", "--every", "2"]].concat();
    let mut command = setup.command("reproduce-curve", "curve", &arguments);
    command.arg("--root").arg(setup.tiles());
    run(command);
    let json = setup.json("curve");
    let cells = json["cells"].as_array().unwrap();
    // Two looks, two numbers of transforms and three averages of each training, and its last weights.
    assert_eq!(cells.len(), 2 * (2 * 2 * 3 + 1));
    let last = |average: &str| {
        let is_last = |cell: &&Value| {
            cell["update"].as_u64() == Some(4)
                && cell["test_transforms"].as_u64() == Some(2)
                && cell["average"].as_str() == Some(average)
        };
        cells.iter().find(is_last).unwrap()["auroc"].clone()
    };
    let kept = cells.iter().find(|cell| cell["update"].is_null()).unwrap();
    assert_eq!(kept["auroc"], last(kept["average"].as_str().unwrap()));
}

#[test]
fn choices_are_made_one_after_the_other() {
    let setup = Setup::new();
    let root = setup.tiles();
    let command = |more: &[&str]| {
        let arguments = [&["--seeds", "1", "--set", "rounds=2"], more].concat();
        let mut command = setup.command("reproduce-ablation", "ablation", &arguments);
        command.arg("--root").arg(&root);
        command
    };
    run(command(&["--trainings", "step-size"]));
    let output = run(command(&[]));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("1 stored, 4 to compute"), "{told}");
    let json = setup.json("ablation");
    let cells = json["cells"].as_array().unwrap();
    let of = |variant: &str, is_look: bool| {
        let is_of = |cell: &&Value| {
            cell["variant"].as_str() == Some(variant) && cell["update"].is_u64() == is_look
        };
        cells.iter().filter(is_of).count()
    };
    // A look at the last update by each average, where nothing stops early.
    for (variant, looks, tests) in [
        ("preset", 0, 1),
        ("width", 0, 1),
        ("epochs", 3, 2),
        ("step-size", 3, 2),
        ("all-images", 3, 2),
    ] {
        assert_eq!((of(variant, true), of(variant, false)), (looks, tests), "{variant}");
    }
    assert!(setup.path("ablation/ablation.svg").exists());

    let output = command(&["--preset", "paper"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn trainings_are_set_against_their_time() {
    let setup = Setup::new();
    let arguments = ["--seeds", "1", "--trainings", "1x2x4,2x2x4x2"];
    let mut command = setup.command("reproduce-frontier", "frontier", &arguments);
    command.arg("--root").arg(setup.tiles());
    run(command);
    let json = setup.json("frontier");
    let cells = json["cells"].as_array().unwrap();
    let variants: Vec<_> = cells.iter().map(|cell| cell["variant"].as_str().unwrap()).collect();
    // Three numbers of test transforms each.
    assert_eq!(variants, [["1x2x4"; 3], ["2x2x4x2"; 3]].concat());
    let page = fs::read_to_string(setup.path("frontier/table.md")).unwrap();
    assert!(page.contains("on the frontier"), "{page}");
    assert!(setup.path("frontier/frontier.svg").exists());

    let mut command = setup.command("reproduce-frontier", "frontier", &["--trainings", "32"]);
    let output = command.arg("--root").arg(setup.tiles()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn without_data_the_remedy_is_told() {
    let setup = Setup::new();
    for (name, word) in [
        ("reproduce-table1", "MVTec Software GmbH"),
        ("reproduce-table2", "MT_Free"),
        ("reproduce-table3", "train/good"),
        ("reproduce-figure7", "--mtd-root"),
        ("reproduce-multimodal", "--root"),
        ("reproduce-curve", "MT_Free"),
        ("reproduce-ablation", "MT_Free"),
        ("reproduce-frontier", "MT_Free"),
    ] {
        let output = setup.command(name, "out", &[]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {stderr}");
        assert!(stderr.contains(word) && stderr.contains("--sample"), "{name}: {stderr}");
    }
}

#[test]
fn an_unusable_image_fails_its_cell_alone() {
    let setup = Setup::new();
    let broken = setup.path("data/fabric/train/good/000.png");
    let text = fs::read(&broken).unwrap();
    fs::write(&broken, &text[..text.len() / 2]).unwrap();
    let arguments = ["--seeds", "1", "--methods", "differnet", "--categories", "fabric,hex_nut"];
    let output = setup.on_mvtec("reproduce-table1", "out", &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("fabric, differnet, seed 1") && stderr.contains("000.png"), "{stderr}");
    let json = setup.json("out");
    assert_eq!(json["cells"][0]["category"].as_str(), Some("hex_nut"));
    assert_eq!(json["missing"][0]["method"].as_str(), Some("differnet"));
}
