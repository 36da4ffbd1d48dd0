//! Bad arguments, files and models: each has its message and its exit code, and none panics.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet_files::read_metadata;
use differnet_flow::Flow;
use serde_json::{Value, json};

use crate::fixture::{Fixture, Run};

/// Checks the exit code, that the message says `text`, and that the program did not break.
pub(crate) fn expect(run: &Run, code: i32, text: &str) {
    let Run { out, err, .. } = run;
    assert_eq!(run.code, Some(code), "expected {code} and {text:?}\n{err}{out}");
    assert!(err.contains(text) || out.contains(text), "expected {text:?}\n{err}{out}");
    for word in ["panicked", "fault in the program", "RUST_BACKTRACE", "unwrap"] {
        assert!(!err.contains(word), "{text:?}: {err}");
    }
}

#[test]
fn arguments_that_make_no_sense() {
    let fixture = Fixture::shared();
    let [data, good, model] =
        [fixture.data(), fixture.good(), fixture.model()].map(|p| p.display().to_string());
    let out = fixture.folder.path().join("never.differnet").display().to_string();
    let train = |more: &[&str]| {
        let words = [&["train", "--data", &good, "--out", &out], more].concat();
        fixture.run(&words, &[])
    };
    let score =
        |more: &[&str]| fixture.run(&[&["score", "--model", &model, &good], more].concat(), &[]);
    let none = |words: &[&str]| fixture.run(words, &[]);
    // Words are checked by the parser of the command line.
    expect(&none(&["detect"]), 2, "unrecognized subcommand 'detect'");
    expect(&none(&["train", "--out", "m"]), 2, "--data <DIR>");
    expect(&none(&["train", "--data", &good]), 2, "--out <M.differnet>");
    expect(&none(&["score", "--model", &model]), 2, "<IMAGE_OR_DIR>");
    expect(&none(&["evaluate", "--model", &model]), 2, "--data <DIR>");
    expect(&none(&["cache"]), 2, "info");
    expect(&train(&["--layout", "coco"]), 2, "possible values: auto, mvtec, mvtec-loco, mvtec-ad2");
    expect(&train(&["--preset", "fast"]), 2, "possible values: quick, standard, paper");
    expect(&train(&["--device", "abacus"]), 2, "there are flex, wgpu, cuda");
    expect(&train(&["--seed", "-1"]), 2, "--seed");
    expect(&train(&["--seed", "18446744073709551615"]), 2, "from 0 to 9223372036854775807");
    expect(&train(&["--hidden", "0"]), 2, "a whole number from 1 to 1000000");
    expect(&train(&["--hidden", "wide"]), 2, "invalid value 'wide' for '--hidden <N>'");
    expect(&train(&["--transforms", "99999999999999999999"]), 2, "from 1 to 1000000");
    expect(&train(&["--learning-rate", "NaN"]), 2, "give a number such as 0.5 or 2e-4");
    expect(&train(&["--hiden", "3"]), 2, "'--hidden'");
    expect(&train(&["--epochs", "3"]), 2, "--fresh-transforms");
    expect(&train(&["--fresh-transforms", "--rounds", "3"]), 2, "cannot be used with");
    expect(&train(&["--cache", "c", "--no-cache"]), 2, "cannot be used with");
    expect(&score(&["--transforms", "0"]), 2, "a whole number from 1 to 1000000");
    expect(&score(&["--threshold", "high"]), 2, "--threshold <X>");
    expect(&score(&["--average", "median"]), 2, "possible values: mean, geometric-mean");
    // Ranges and combinations are checked afterwards.
    expect(
        &train(&["--learning-rate", "-1"]),
        2,
        "setting learning_rate must be positive, found -1",
    );
    expect(
        &train(&["--validation", "0.9"]),
        2,
        "setting validation must be in [0, 0.5], found 0.9",
    );
    expect(&train(&["--quantile", "0"]), 2, "setting quantile must be in (0, 1], found 0");
    expect(&train(&["--jitter", "1"]), 2, "setting jitter must be in [0, 1), found 1");
    expect(&train(&["--blocks", "2000"]), 2, "blocks must be between 1 and 1024, found 2000");
    expect(&train(&["--method", "differnet", "--hidden", "1000000"]), 2, "parameters");
    expect(&train(&["--hidden", "1000000"]), 2, "setting hidden must be at most 8192");
    expect(&train(&["--transforms", "8"]), 2, "the method sees an image once, found 8");
    expect(
        &train(&["--layout", "folder", "--category", "c"]),
        2,
        "--category is for the layout with categories, such as mvtec",
    );
    expect(
        &train(&["--category", "c", "--test-good", &data]),
        2,
        "--category is for the layout with categories, such as mvtec, not for the layout folder",
    );
    expect(&train(&["--layout", "mvtec", "--mtd-train-list", "l"]), 2, "is for the layout mtd");
    assert!(!Path::new(&out).exists() && !Path::new(&format!("{out}.checkpoints")).exists());
}

#[test]
fn files_and_folders_that_cannot_be_used() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, content: &str| {
        fs::write(folder.path().join(name), content).unwrap();
        at(name)
    };
    let [data, good, model] =
        [fixture.data(), fixture.good(), fixture.model()].map(|p| p.display().to_string());
    let out = at("never.differnet");
    let none = |words: &[&str]| fixture.run(words, &[]);
    let train = |more: &[&str]| none(&[&["train", "--out", &out], more].concat());
    let empty = at("empty");
    fs::create_dir(&empty).unwrap();
    let text = write("notes.txt", "some notes");
    let one = at("one");
    fs::create_dir(&one).unwrap();
    fs::copy(fixture.good().join("000.png"), folder.path().join("one/000.png")).unwrap();

    expect(&train(&["--data", &at("missing")]), 1, "missing does not exist: check the spelling");
    expect(&train(&["--data", &text]), 1, "notes.txt is a file: name the folder");
    expect(&train(&["--data", &empty]), 1, "empty holds no images");
    let few = train(&["--data", &one, "--method", "differnet"]);
    expect(&few, 1, "1 good images are too few to train on");
    expect(&train(&["--data", &data]), 1, "choose one: brushed_metal, fabric, hex_nut");
    expect(&train(&["--data", &data, "--category", "nut"]), 1, "has no category nut");
    expect(&train(&["--data", &data, "--layout", "mtd"]), 1, "has no MT_Free/Imgs");
    expect(
        &train(&["--data", &good, "--test-good", &good]),
        1,
        "both the training folder and a test",
    );
    expect(&train(&["--data", &good, "--test-defect", &at("missing")]), 1, "does not exist");

    let config = |text: &str| train(&["--data", &good, "--config", &write("c.toml", text)]);
    expect(&train(&["--data", &good, "--config", &at("none.toml")]), 1, "cannot read the settings");
    expect(&config("hiden = 3"), 1, "unknown field `hiden`");
    expect(&config("hidden = \"wide\""), 1, "invalid type: string \"wide\"");
    expect(&config("hidden = "), 1, "TOML parse error");
    expect(&config("preset = \"fast\""), 1, "fast");
    expect(&config("batch_size = -4"), 1, "batch_size");
    expect(&config("seed = 1.5"), 1, "seed");
    expect(&config("batch_size = 0"), 2, "setting batch_size must be at least 1, found 0");
    expect(
        &config("score_transforms = 9000000000000000000"),
        2,
        "setting score_transforms must be",
    );
    expect(&config("beta_1 = nan"), 2, "setting beta_1");

    let exists = write("exists.differnet", "a file of mine");
    let run = none(&["train", "--data", &good, "--out", &exists]);
    expect(&run, 1, "exists.differnet exists: name another file, or add --overwrite");
    expect(&none(&["train", "--data", &good, "--out", &empty]), 1, "empty is a folder");
    let below = format!("{text}/m.differnet");
    expect(&none(&["train", "--data", &good, "--out", &below]), 1, "cannot create the folder");
    let features = |out: &str| none(&["features", "--data", &good, "--out", out]);
    expect(&features(&exists), 1, "--overwrite");
    assert_eq!(fs::read_to_string(&exists).unwrap(), "a file of mine");

    let evaluate =
        |data: &[&str]| none(&[&["evaluate", "--model", &model, "--data"], data].concat());
    expect(&evaluate(&[&good]), 1, "no test images");
    let tested = fixture.test().join("good").display().to_string();
    expect(&evaluate(&[&good, "--test-good", &tested]), 1, "no defect image among 2 images");
    expect(&none(&["demo", "--out", folder.path().to_str().unwrap()]), 1, "not a demo's");
    expect(&none(&["demo", "--out", &text]), 1, "notes.txt");
    expect(&none(&["sample", "--out", &text]), 1, "cannot write");
    let run = none(&["score", "--model", &model, &good, "--cache", &text]);
    expect(&run, 0, "cannot use the feature cache");
    assert_eq!(run.err.matches("Features are not kept").count(), 1, "{}", run.err);
    expect(&none(&["cache", "info", "--cache", &text]), 1, "cannot use the feature cache");
    assert!(!Path::new(&out).exists() && !Path::new(&format!("{out}.checkpoints")).exists());
}

/// The checksum of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    })
}

#[test]
fn image_files_that_are_none() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let image = fs::read(fixture.good().join("000.png")).unwrap();
    let mut huge = image.clone();
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]); // 65536 × 65536 pixels
    let checksum = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&checksum.to_be_bytes());
    let mut damaged = image.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xA5);
    let cases: [(&str, &[u8], &str); 8] = [
        ("empty.png", b"", "is empty (0 bytes)"),
        ("text.png", b"hello, I am no image\n", "its content is text"),
        ("zeros.png", &[0; 512], "nothing but zero bytes"),
        ("noise.png", &[0x9B; 64], "not an image"),
        ("half.png", &image[..image.len() / 2], "truncated"),
        ("damaged.png", &damaged, "damaged"),
        ("huge.png", &huge, "pixels, the limit is"),
        ("phone.png", b"\0\0\0\x18ftypheic\0\0\0\0", "holds HEIF, which is not read"),
    ];
    for (name, content, _) in &cases {
        fs::write(folder.path().join(name), content).unwrap();
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    for (name, _, text) in cases.iter().chain(&[
        ("missing.png", b"".as_slice(), "cannot read"),
        ("folder", b"".as_slice(), "holds no images"),
    ]) {
        let path = folder.path().join(name);
        let run = fixture.run(&["score", "--json", "--model"], &[&fixture.model(), &path]);
        expect(&run, 1, text);
        let line: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(line["path"], path.to_str().unwrap());
        assert!(line["error"].as_str().unwrap().contains(text), "{line}");
    }
    // One bad file does not hide the others.
    let good = fixture.good().join("000.png");
    let run = fixture
        .run(&["score", "--model"], &[&fixture.model(), &folder.path().join("half.png"), &good]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.out.contains("2 images: ") && run.out.contains("1 could not be used"),
        "{}",
        run.out
    );
}

/// The model file with its header changed.
fn with_header(model: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&model[8..8 + length]).unwrap();
    change(&mut header);
    let mut text = serde_json::to_vec(&header).unwrap();
    text.resize(text.len().next_multiple_of(8), b' ');
    [&(text.len() as u64).to_le_bytes(), text.as_slice(), &model[8 + length..]].concat()
}

/// The model file with its description changed, as another version of the program might write it.
fn with_info(model: &Path, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut metadata = read_metadata(model).unwrap();
    let mut info: Value = serde_json::from_str(&metadata["differnet"]).unwrap();
    change(&mut info);
    metadata.insert("differnet".into(), info.to_string());
    let mut bytes = Vec::new();
    let (flow, auxiliary) = Flow::load(model, &Device::flex()).unwrap();
    flow.write(&metadata, &auxiliary, &mut bytes).unwrap();
    bytes
}

/// The model file without its tables.
fn without_tables(model: &Path) -> Vec<u8> {
    let (flow, _) = Flow::load(model, &Device::flex()).unwrap();
    let mut bytes = Vec::new();
    flow.write(&read_metadata(model).unwrap(), &[], &mut bytes).unwrap();
    bytes
}

/// The model file with the first bytes of a tensor replaced.
fn with_tensor(model: &[u8], name_part: &str, bytes: &[u8]) -> Vec<u8> {
    let mut changed = model.to_vec();
    let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&model[8..8 + length]).unwrap();
    let (_, tensor) =
        header.as_object().unwrap().iter().find(|(name, _)| name.contains(name_part)).unwrap();
    let start = 8 + length + tensor["data_offsets"][0].as_u64().unwrap() as usize;
    changed[start..start + bytes.len()].copy_from_slice(bytes);
    changed
}

/// The name of the first tensor with `part` in its name.
fn tensor_name(header: &Value, part: &str) -> String {
    header.as_object().unwrap().keys().find(|name| name.contains(part)).unwrap().clone()
}

#[test]
fn model_files_that_are_damaged() {
    let fixture = Fixture::shared();
    let path = fixture.model();
    let model = fs::read(&path).unwrap();
    let half = model.len() / 2;
    let mut header_byte = model.clone();
    header_byte[8] = b'[';
    let mut long_header = model.clone();
    long_header[..8].fill(0xFF);
    let infinite = f32::INFINITY.to_le_bytes();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no bytes", vec![], "shorter than 8 bytes"),
        ("text", b"this is no model at all".to_vec(), "is not a safetensors file"),
        ("zeros", vec![0; 4096], "is not a safetensors file"),
        ("half of the header", model[..100].to_vec(), "its header does not fit"),
        ("half of the file", model[..half].to_vec(), "bytes where its header promises"),
        ("one byte less", model[..model.len() - 1].to_vec(), "bytes where its header promises"),
        ("one byte more", [&model[..], &[0]].concat(), "bytes where its header promises"),
        ("changed header", header_byte, "is not a safetensors file"),
        ("changed length", long_header, "its header does not fit"),
        (
            "another program's",
            with_header(&model, |h| h["__metadata__"] = json!({})),
            "no description",
        ),
        (
            "no threshold",
            with_info(&path, |i| i["threshold"] = Value::Null),
            "description is damaged",
        ),
        ("no tables", without_tables(&path), "it lacks the table local.means"),
        ("later format", with_info(&path, |i| i["format"] = json!(99)), "it has format 99"),
        ("other extractor", with_info(&path, |i| i["extractor"] = json!("vgg")), "extractor vgg"),
        ("no setting", with_info(&path, |i| i["config"]["blocks"] = json!(0)), "blocks must be"),
        (
            "other setting",
            with_info(&path, |i| i["config"]["hidden"] = json!(17)),
            "do not describe",
        ),
        (
            "endless setting",
            with_info(&path, |i| {
                i["config"]["score_transforms"] = json!(9_000_000_000_000_000_000_u64)
            }),
            "score_transforms must be",
        ),
        (
            "damaged regions",
            with_info(&path, |i| {
                let points = json!([[0, 0], [1, 0]]);
                i["regions"]["ignore"] =
                    json!({"name": "a.toml", "shape": {"polygons": [{"points": points}]}});
            }),
            "polygon 1 has 2 points",
        ),
        ("unknown setting", with_info(&path, |i| i["config"]["turbo"] = json!(1)), "unknown field"),
        ("changed weight", with_tensor(&model, "weight", &[0; 4]), "does not match its checksum"),
        (
            "changed threshold",
            with_header(&model, |header| {
                let text = &mut header["__metadata__"]["differnet"];
                *text = json!(text.as_str().unwrap().replace("\"threshold\":", "\"threshold\":1"));
            }),
            "does not match its checksum",
        ),
        ("infinite weight", with_tensor(&model, "weight", &infinite), "not finite"),
        ("no permutation", with_tensor(&model, "permutation", &[0xFF; 8]), "is not a permutation"),
        (
            "missing tensor",
            with_header(&model, |header| {
                let name = tensor_name(header, "bias");
                let tensor = header.as_object_mut().unwrap().remove(&name).unwrap();
                header["stranger"] = tensor;
            }),
            "stranger",
        ),
        (
            "other shape",
            with_header(&model, |header| {
                let name = tensor_name(header, "weight");
                header[name]["shape"].as_array_mut().unwrap().reverse();
            }),
            "has shape",
        ),
        (
            "other type",
            with_header(&model, |header| {
                let name = tensor_name(header, "weight");
                header[name]["dtype"] = json!("I32");
            }),
            "holds I32",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let image = fixture.good().join("000.png");
    for (name, content, text) in cases {
        let path: PathBuf = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let run = fixture.run(&["score", "--model"], &[&path, &image]);
        expect(&run, 1, text);
        assert!(run.err.contains(name) || name == "other extractor", "{name}: {}", run.err);
        assert_eq!(run.out, "", "{name}");
    }
    let missing = folder.path().join("missing.differnet");
    for command in [["inspect", ""], ["score", "--model"]] {
        let words: Vec<&str> = command.into_iter().filter(|word| !word.is_empty()).collect();
        let paths = [missing.as_path(), image.as_path()];
        let paths = if words.len() == 1 { &paths[..1] } else { &paths[..] };
        expect(&fixture.run(&words, paths), 1, "missing.differnet");
    }
    expect(&fixture.run(&["inspect"], &[folder.path()]), 1, "cannot");
}

#[test]
fn checkpoints_that_cannot_be_taken_up() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("nut.differnet");
    let checkpoints = folder.path().join("nut.differnet.checkpoints");
    fs::create_dir(&checkpoints).unwrap();
    fs::write(checkpoints.join("latest.safetensors"), "damaged").unwrap();
    expect(&fixture.train(&model, &[]), 1, "--restart forgets it");
    assert!(checkpoints.exists() && !model.exists());
    fixture.train(&model, &["--restart"]).text();
    assert!(!checkpoints.exists() && model.exists());
}
