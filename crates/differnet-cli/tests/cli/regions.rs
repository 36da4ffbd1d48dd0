//! Regions of interest and regions to ignore: what is ignored moves nothing.

use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, Luma, Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::bad_input::expect;
use crate::fixture::{Fixture, Run};

/// Side of the fixture's images, pixels.
const SIDE: u32 = 64;
/// Ignored rectangle: columns and rows, pixels.
const IGNORED: [u32; 4] = [4, 28, 8, 24];
/// The same rectangle.
const POLYGON: &str = "\
[[polygon]]
points = [[0.0625, 0.125], [0.4375, 0.125], [0.4375, 0.375], [0.0625, 0.375]]
";

fn is_inside([left, right, top, bottom]: [u32; 4], x: u32, y: u32) -> bool {
    (left..right).contains(&x) && (top..bottom).contains(&y)
}

/// A folder with a mask, a model that ignores what is white there, and images.
struct Setup {
    folder: TempDir,
    image: RgbImage,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Half as large as the images, as one may draw it.
        let mask = GrayImage::from_fn(SIDE / 2, SIDE / 2, |x, y| {
            Luma([if is_inside(IGNORED.map(|at| at / 2), x, y) { 255 } else { 0 }])
        });
        mask.save(folder.path().join("mask.png")).unwrap();
        fs::write(folder.path().join("part.toml"), POLYGON).unwrap();
        let good = Fixture::shared().test().join("good/000.png");
        Self { image: image::open(good).unwrap().to_rgb8(), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trains `name.differnet`.
    fn train(&self, name: &str, more: &[&str]) -> PathBuf {
        let model = self.path(&format!("{name}.differnet"));
        Fixture::shared().train(&model, more).text();
        model
    }

    fn train_ignoring(&self, name: &str, file: &str) -> PathBuf {
        self.train(name, &["--ignore", self.path(file).to_str().unwrap()])
    }

    /// Saves the image with a defect over the rectangle.
    fn with_defect(&self, name: &str, rectangle: [u32; 4]) -> PathBuf {
        let mut image = self.image.clone();
        for (x, y, pixel) in image.enumerate_pixels_mut() {
            if is_inside(rectangle, x, y) {
                *pixel = Rgb([x * 97 + y * 31, x * 13 + y * 151, x * y * 7].map(|v| v as u8));
            }
        }
        assert_ne!(image, self.image);
        let path = self.path(name);
        image.save(&path).unwrap();
        path
    }
}

/// The score of an image, computed and not remembered.
fn score(model: &Path, image: &Path, more: &[&str]) -> Value {
    let words = [&["score", "--json", "--no-cache"], more, &["--model"]].concat();
    Fixture::shared().run(&words, &[model, image]).json()["score"].clone()
}

/// The bytes of the map's array, the overlay's, and the regions found.
fn map(model: &Path, image: &Path, kind: &str) -> (Vec<u8>, Vec<u8>, Value) {
    let out = tempfile::tempdir().unwrap();
    let words = ["localize", "--json", "--transforms", "2", "--map-threshold", "0", "--map", kind];
    let words = [&words[..], &["--model"]].concat();
    let paths = [model, image, Path::new("--out"), out.path()];
    let found = Fixture::shared().run(&words, &paths).json();
    let file = |key: &str| fs::read(found["files"][key].as_str().unwrap()).unwrap();
    (file("array"), file("overlay"), found["regions"].clone())
}

#[test]
fn a_defect_that_is_ignored_moves_neither_score_nor_map() {
    let setup = Setup::new();
    let model = setup.train_ignoring("part", "mask.png");
    let clean = setup.path("clean.png");
    setup.image.save(&clean).unwrap();
    let inside = setup.with_defect("inside.png", IGNORED);
    // As large, to the right of it.
    let outside = setup.with_defect("outside.png", [32, 56, 8, 24]);
    for more in [&[][..], &["--transforms", "3"], &["--random-transforms", "--seed", "5"]] {
        let golden = score(&model, &clean, more);
        assert!(golden.is_f64());
        assert_eq!(score(&model, &inside, more), golden, "{more:?}");
        assert_ne!(score(&model, &outside, more), golden, "{more:?}");
    }
    for kind in ["deviation", "gradient"] {
        let golden = map(&model, &clean, kind);
        assert_eq!(map(&model, &inside, kind), golden, "{kind}");
        let (array, overlay, regions) = map(&model, &outside, kind);
        assert!(array != golden.0 && overlay != golden.1, "{kind}");
        let values: Vec<f32> = array[array.len() - 4 * (SIDE * SIDE) as usize..]
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        let mut counted = 0;
        for (value, at) in values.into_iter().zip(0..) {
            if is_inside(IGNORED, at % SIDE, at / SIDE) {
                assert_eq!(value, 0.0, "{kind}");
            } else {
                counted += 1;
            }
        }
        // The threshold 0 takes every pixel that counts, and none else.
        assert_eq!(regions.as_array().unwrap().len(), 1);
        assert_eq!(regions[0]["area"], counted);
    }
    // A model of whole images sees both defects.
    let whole = Fixture::shared().model();
    let golden = score(&whole, &clean, &[]);
    assert!(score(&whole, &inside, &[]) != golden && score(&whole, &outside, &[]) != golden);
}

#[test]
fn masks_and_polygons_to_keep_and_to_ignore_come_to_the_same() {
    let setup = Setup::new();
    let mut inverse = image::open(setup.path("mask.png")).unwrap().to_luma8();
    image::imageops::invert(&mut inverse);
    // Of the size of the images, in another format.
    let inverse = image::imageops::resize(&inverse, SIDE, SIDE, image::imageops::Nearest);
    inverse.save(setup.path("inverse.bmp")).unwrap();
    let roi = setup.path("inverse.bmp").display().to_string();
    let models = [
        setup.train_ignoring("mask", "mask.png"),
        setup.train_ignoring("polygon", "part.toml"),
        setup.train("roi", &["--roi", &roi]),
        setup.train("both", &["--roi", &roi, "--ignore", setup.path("mask.png").to_str().unwrap()]),
    ];
    let inspect = |model: &PathBuf| Fixture::shared().run(&["inspect"], &[model]).text().to_owned();
    let described = models.each_ref().map(inspect);
    for (text, golden) in described.iter().zip([
        "outside the mask mask.png (32×32 pixels), 9.4 % of the image ignored",
        "outside the polygon of part.toml, 9.4 % of the image ignored",
        "inside the mask inverse.bmp (64×64 pixels), 9.4 % of the image ignored",
        "inside the mask inverse.bmp (64×64 pixels), outside the mask mask.png (32×32 pixels), 9.4",
    ]) {
        assert!(text.contains(golden), "{golden} in {text}");
    }
    let tested = Fixture::shared().test();
    let scores = |model: &Path| {
        Fixture::shared().run(&["score", "--model"], &[model, &tested]).text().to_owned()
    };
    let golden = scores(&models[0]);
    assert!(models[1..].iter().all(|model| scores(model) == golden));
    let whole = Fixture::shared().model();
    assert_ne!(scores(&whole), golden);
    assert!(inspect(&whole).contains("none, the whole image counts"));
}

#[test]
fn regions_that_ignore_nothing_change_nothing() {
    let setup = Setup::new();
    // A triangle between the centres of pixels.
    let empty = "[[polygon]]\npoints = [[0, 0], [0.001, 0], [0, 0.001]]";
    fs::write(setup.path("empty.toml"), empty).unwrap();
    let model = setup.train_ignoring("whole", "empty.toml");
    let scores = |model: &Path| {
        let tested = Fixture::shared().test();
        Fixture::shared().run(&["score", "--model"], &[model, &tested]).text().to_owned()
    };
    assert_eq!(scores(&model), scores(&Fixture::shared().model()));
}

#[test]
fn models_with_and_without_regions_share_a_cache_and_nothing_in_it() {
    let setup = Setup::new();
    let cache = setup.path("cache").display().to_string();
    let mask = setup.path("mask.png").display().to_string();
    let train = |name: &str, more: &[&str]| fs::read(setup.train(name, more)).unwrap();
    let masked = train("masked", &["--ignore", &mask, "--cache", &cache]);
    let golden = fs::read(Fixture::shared().model()).unwrap();
    assert!(train("whole", &["--cache", &cache]) == golden);
    assert!(train("again", &["--ignore", &mask, "--cache", &cache]) == masked);
    assert!(train("alone", &["--ignore", &mask, "--no-cache"]) == masked);
    let info = ["cache", "info", "--json", "--cache", &cache];
    let info = Fixture::shared().run(&info, &[]).json();
    assert_eq!(info["extractors"][0]["images"], 10);
}

#[test]
fn evaluation_and_report_leave_ignored_pixels_out_and_say_so() {
    let setup = Setup::new();
    // One defect is ignored altogether.
    let data = setup.path("data");
    let fixture = Fixture::shared();
    for folder in ["train/good", "test/good", "test/hole", "ground_truth/hole"] {
        fs::create_dir_all(data.join(folder)).unwrap();
    }
    for name in ["000.png", "001.png"] {
        fs::copy(fixture.good().join(name), data.join("train/good").join(name)).unwrap();
    }
    let clean = data.join("test/good/000.png");
    fs::copy(fixture.test().join("good/000.png"), clean).unwrap();
    for (name, rectangle) in [("000", IGNORED), ("001", [20, 40, 8, 24])] {
        let image = setup.with_defect(&format!("{name}.png"), rectangle);
        fs::copy(image, data.join(format!("test/hole/{name}.png"))).unwrap();
        GrayImage::from_fn(SIDE, SIDE, |x, y| {
            Luma([if is_inside(rectangle, x, y) { 255 } else { 0 }])
        })
        .save(data.join(format!("ground_truth/hole/{name}_mask.png")))
        .unwrap();
    }
    let model = setup.train_ignoring("part", "mask.png");
    let out = setup.path("report");
    let words = ["evaluate", "--json", "--pixel", "--map-transforms", "1", "--model"];
    let paths = [&model, Path::new("--data"), &data, Path::new("--out"), &out];
    let summary = fixture.run(&words, &paths).json();
    assert!(summary["pixel_auroc"].is_f64(), "{summary}");
    let notes = summary["pixel_notes"].to_string();
    for note in ["1 image of defects that the model ignores", "pixels that the model ignores"] {
        assert!(notes.contains(note), "{note} in {notes}");
    }
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(html.contains("outside the mask mask.png (32×32 pixels)"));
}

#[test]
fn regions_that_cannot_be_used_are_named() {
    let setup = Setup::new();
    let model = setup.path("never.differnet");
    let train = |flag: &str, file: &Path| -> Run {
        Fixture::shared().train(&model, &[flag, file.to_str().unwrap()])
    };
    let write = |name: &str, content: &[u8]| {
        fs::write(setup.path(name), content).unwrap();
        setup.path(name)
    };
    let toml = |text: &str| {
        let run = train("--ignore", &write("bad.toml", text.as_bytes()));
        assert!(run.err.contains("cannot use the regions in ") && run.err.contains("bad.toml"));
        run
    };
    expect(&train("--roi", &setup.path("missing.png")), 1, "missing.png");
    expect(&train("--ignore", &setup.path("missing.toml")), 1, "missing.toml");
    expect(&train("--ignore", setup.folder.path()), 1, "is not a file");
    expect(&train("--roi", &write("text.png", b"no image")), 1, "text.png is not an image");
    expect(&train("--roi", &write("empty.png", b"")), 1, "empty.png is empty");
    let whole = fs::read(setup.path("mask.png")).unwrap();
    expect(&train("--roi", &write("half.png", &whole[..whole.len() / 2])), 1, "truncated");

    expect(&toml(""), 1, "has no polygon");
    expect(&toml("[[polygon]]\npoints = [[0, 0], [1"), 1, "TOML parse error");
    expect(&toml("[[polygon]]\npoint = [[0, 0]]"), 1, "unknown field `point`");
    expect(&toml("[[polygon]]\npoints = [[0, 0], [1, \"half\"]]"), 1, "invalid type: string");
    expect(&toml("[[polygon]]\npoints = [[0, 0], [1, 1]]"), 1, "polygon 1 has 2 points");
    let pixels = format!("{POLYGON}[[polygon]]\npoints = [[0, 0], [640, 0], [640, 480]]");
    expect(&toml(&pixels), 1, "point 2 of polygon 2 is (640, 0): give fractions");
    expect(&toml("[[polygon]]\npoints = [[0, 0], [1, 0], [nan, 1]]"), 1, "from 0 to 1");

    let nothing = "leave nothing of the image";
    let mask = |name: &str, level: u8, width: u32, height: u32| {
        GrayImage::from_pixel(width, height, Luma([level])).save(setup.path(name)).unwrap();
        setup.path(name)
    };
    let marked = |name: &str, width: u32, height: u32| {
        let mut mask = GrayImage::from_pixel(width, height, Luma([255]));
        mask.put_pixel(0, 0, Luma([0]));
        mask.save(setup.path(name)).unwrap();
        setup.path(name)
    };
    let white = mask("white.png", 255, SIDE, SIDE);
    let run = train("--ignore", &white);
    expect(&run, 1, "white.png: it is white all over");
    expect(
        &train("--roi", &mask("black.png", 0, SIDE, SIDE)),
        1,
        "black.png: it is black all over",
    );
    let everything = "[[polygon]]\npoints = [[0, 0], [1, 0], [1, 1], [0, 1]]";
    let run = train("--ignore", &write("all.toml", everything.as_bytes()));
    expect(&run, 1, nothing);
    assert!(run.err.contains("--ignore"), "{}", run.err);
    let wide = marked("wide.png", 90, 50);
    let run = train("--roi", &wide);
    expect(&run, 1, "the mask wide.png has 90×50 pixels, the image 64×64: draw the mask at");
    assert!(run.err.contains("000.png does not fit the regions"), "{}", run.err);
    let part = marked("part.png", SIDE, SIDE);
    let both = ["--roi", part.to_str().unwrap(), "--ignore", wide.to_str().unwrap()];
    let run = Fixture::shared().train(&model, &both);
    expect(&run, 1, "the mask part.png has 64×64 pixels, the mask wide.png 90×50");
    expect(&train("--roi", Path::new("")), 2, "--roi");
    // A seam that no place of the network lies in by half.
    let seam = "[[polygon]]\npoints = [[0.47, 0], [0.484, 0], [0.484, 1], [0.47, 1]]";
    let seam = write("seam.toml", seam.as_bytes());
    let data = Fixture::shared().data();
    for method in ["local-flow", "patchcore", "padim"] {
        let words = ["train", "--category", "hex_nut", "--method", method, "--roi"];
        let paths = [&seam, Path::new("--data"), &data, Path::new("--out"), &model];
        let run = Fixture::shared().run(&words, &paths);
        expect(&run, 1, "draw them wider, or show the network more with --pixels");
    }
    assert!(!model.exists() && !setup.path("never.differnet.checkpoints").exists());
}

#[test]
fn images_that_do_not_fit_the_models_mask_are_named() {
    let setup = Setup::new();
    let model = setup.train_ignoring("part", "mask.png");
    let wide = setup.path("wide.png");
    RgbImage::new(90, 50).save(&wide).unwrap();
    let good = Fixture::shared().good().join("000.png");
    let text = "the mask mask.png has 32×32 pixels, the image 90×50";
    let run = Fixture::shared().run(&["score", "--model"], &[&model, &wide, &good]);
    expect(&run, 1, text);
    assert!(run.out.contains("1 could not be used"), "{}", run.out);
    let out = setup.path("maps");
    let paths = [&model, &wide, &good, Path::new("--out"), &out];
    let run = Fixture::shared().run(&["localize", "--transforms", "1", "--model"], &paths);
    expect(&run, 1, text);
    assert!(run.out.contains("Wrote 1 map"), "{}", run.out);
    // Twice the size is the same shape.
    let large = setup.path("large.png");
    image::imageops::resize(&setup.image, 2 * SIDE, 2 * SIDE, image::imageops::Nearest)
        .save(&large)
        .unwrap();
    assert!(score(&model, &large, &[]).is_f64());
}
