//! The reproduce commands as a user runs them, on a few generated images.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod setup;
mod studies;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use differnet_samples::{SampleConfig, write_sample_dataset};
use setup::{Setup, numbers, run};

/// Starts the command and kills it as soon as it says `word`.
fn kill_at(mut command: Command, word: &str) {
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.by_ref().any(|line| line.unwrap().contains(word));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said, "it never said {word}");
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

#[cfg(unix)]
#[test]
fn a_launcher_starts_the_cells() {
    let setup = Setup::new();
    let script = setup.path("launch");
    fs::write(&script, "echo \"$2\" >> \"${0%/*}/launched\"\nexec \"$@\"\n").unwrap();
    let arguments = ["--categories", "fabric", "--methods", "differnet", "--seeds", "2"];
    run(setup.on_mvtec("reproduce-table1", "here", &arguments));
    let launcher = format!("sh {}", script.display());
    let arguments = [&arguments[..], &["--jobs", "2", "--launcher", &launcher]].concat();
    run(setup.on_mvtec("reproduce-table1", "launched-out", &arguments));
    assert_eq!(fs::read_to_string(setup.path("launched")).unwrap(), "reproduce-cell\n".repeat(2));
    assert_eq!(numbers(&setup.json("launched-out")), numbers(&setup.json("here")));

    // What runs elsewhere is a copy that stays what it is.
    assert!(setup.path("launched-out/xtask-experiments").exists());

    let missing = [&arguments[..6], &["--launcher", "./no-such-program --cpus 2"]].concat();
    let output = setup.on_mvtec("reproduce-table1", "missing", &missing).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("./no-such-program"), "{told}");
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
