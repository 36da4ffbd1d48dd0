//! Tables and figures that vary one thing: transforms, sizes, choices, lengths of training.

use std::fs;

use serde_json::Value;

use crate::setup::{Setup, numbers, run};

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
    let names = ["brushed_metal", "fabric", "hex_nut"];
    assert_eq!(categories, [names, names].concat());
    let cell = |index: usize| &json["cells"][index];
    assert_eq!(cell(0)["training_images"].as_u64(), Some(18));
    assert_eq!(cell(0)["variant"].as_str(), Some("all categories"));
    assert!(cell(3)["training_images"].as_u64() == Some(6) && cell(3)["variant"].is_null());

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
