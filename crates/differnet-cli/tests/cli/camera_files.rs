//! Files of cameras and other programs: deep samples, masks of other conventions, kinds that are not read.

use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageBuffer, Luma, Rgba, RgbaImage};
use serde_json::Value;

use crate::fixture::{Fixture, Run};

/// The images of the folder `from` as 16-bit grey PNGs of `bits` bits in the low ones, in the folder `to`.
fn deep_copies(from: &Path, to: &Path, bits: u32) {
    fs::create_dir_all(to).unwrap();
    for (number, file) in differnet_data::find_images(from).unwrap().iter().enumerate() {
        let grey = image::open(file).unwrap().to_luma16();
        let deep = ImageBuffer::from_fn(grey.width(), grey.height(), |x, y| {
            // The low bits are not those of an 8-bit image.
            Luma([(grey.get_pixel(x, y)[0] >> (16 - bits)) ^ ((x + y) % 4) as u16])
        });
        deep.save(to.join(format!("{number}.png"))).unwrap();
    }
}

fn lines(run: &Run) -> Vec<Value> {
    run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn bits_in_16_bit_files_are_found_scaled_and_demanded() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: String| folder.path().join(name);
    for bits in [10, 12, 14] {
        deep_copies(&fixture.good(), &at(format!("good {bits}")), bits);
        deep_copies(&fixture.test().join("good"), &at(format!("test {bits}")), bits);
        let model = at(format!("{bits}.differnet"));
        let run = fixture.run(
            &["train", "--method", "padim", "--data"],
            &[&at(format!("good {bits}")), Path::new("--out"), &model],
        );
        assert_eq!(run.code, Some(0), "{}", run.err);
        assert!(run.err.contains(&format!("The images use {bits} bits of 16, ")), "{}", run.err);
    }
    for bits in [10, 12, 14] {
        let model = at(format!("{bits}.differnet"));
        let own = at(format!("test {bits}"));
        let found = lines(&fixture.run(&["score", "--json", "--model"], &[&model, &own]));
        assert_eq!(found.len(), 2);
        for line in found {
            assert_ne!(line["verdict"], "invalid", "{line}");
        }
        let other = at(format!("test {}", if bits == 14 { 12 } else { 14 }));
        for line in lines(&fixture.run(&["score", "--json", "--model"], &[&model, &other])) {
            assert_eq!(line["verdict"], "invalid", "{line}");
        }
    }
    // Whoever knows better says so.
    let (good, model) = (at("good 12".to_owned()), at("full.differnet".to_owned()));
    let words = ["train", "--method", "padim", "--depth", "16", "--data"];
    let run = fixture.run(&words, &[&good, Path::new("--out"), &model]);
    assert!(run.text().contains("Wrote ") && !run.err.contains("bits of 16"), "{}", run.err);
}

/// Every mask of a copy of the data set, and the copy.
fn masks(folder: &Path) -> (PathBuf, Vec<PathBuf>) {
    let data = folder.join("hex_nut");
    let mut folders = vec![Fixture::shared().data().join("hex_nut")];
    while let Some(from) = folders.pop() {
        let to = data.join(from.strip_prefix(Fixture::shared().data().join("hex_nut")).unwrap());
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => _ = fs::copy(path, to.join(entry.file_name())).unwrap(),
            }
        }
    }
    let masks = differnet_data::find_images(&data.join("ground_truth")).unwrap();
    (data, masks)
}

fn evaluate(data: &Path) -> Run {
    let fixture = Fixture::shared();
    let words = ["evaluate", "--json", "--pixel", "--transforms", "1", "--model"];
    fixture.run(&words, &[&fixture.model(), Path::new("--data"), data])
}

#[test]
fn masks_of_0_and_1_and_in_alpha_mean_what_white_ones_do() {
    let folder = tempfile::tempdir().unwrap();
    let (data, masks) = masks(folder.path());
    let golden = evaluate(&data).json();
    assert!(golden["pixel_auroc"].is_number(), "{golden}");
    let white: Vec<GrayImage> =
        masks.iter().map(|mask| image::open(mask).unwrap().to_luma8()).collect();
    let marks = |mask: &GrayImage, x, y| u8::from(mask.get_pixel(x, y)[0] > 127);
    for (mask, white) in masks.iter().zip(&white) {
        let (width, height) = white.dimensions();
        let of_one = |x, y| Luma([marks(white, x, y)]);
        GrayImage::from_fn(width, height, of_one).save(mask).unwrap();
    }
    let found = evaluate(&data).json();
    for (mask, white) in masks.iter().zip(&white) {
        let (width, height) = white.dimensions();
        let in_alpha = |x, y| Rgba([0, 0, 0, 255 * marks(white, x, y)]);
        RgbaImage::from_fn(width, height, in_alpha).save(mask).unwrap();
    }
    let in_alpha = evaluate(&data).json();
    for key in ["pixel_auroc", "aupro", "pointing_game", "pixel_notes"] {
        assert_eq!(found[key], golden[key], "{key} of 0 and 1");
        assert_eq!(in_alpha[key], golden[key], "{key} in alpha");
    }
}

#[test]
fn inverted_masks_are_doubted_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (data, masks) = masks(folder.path());
    let mut mask = image::open(&masks[0]).unwrap().to_luma8();
    // A fortieth of the image is left.
    let few = mask.width() * mask.height() / 40;
    for (number, pixel) in (0..).zip(mask.pixels_mut()) {
        pixel[0] = if number < few { 0 } else { 255 };
    }
    mask.save(&masks[0]).unwrap();
    let fixture = Fixture::shared();
    let check = fixture.run(&["check", "--files-only", "--json", "--data"], &[&data]).json();
    let found = check["findings"].to_string();
    for text in ["98 % of the image: is it inverted?", masks[0].to_str().unwrap()] {
        assert!(found.contains(text), "{text} in {found}");
    }
    let run = evaluate(&data);
    let said = format!("{}{}", run.text(), run.err);
    assert!(said.contains("98 % of the image: is it inverted?"), "{said}");
}

#[test]
fn kinds_that_are_not_read_are_counted_and_others_are_scored() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    fs::create_dir(&below).unwrap();
    let part = image::open(fixture.test().join("good/000.png")).unwrap().into_rgb8();
    for name in ["a.gif", "a.ppm", "a.qoi", "a.tga", "a.PNG"] {
        part.save(below.join(name)).unwrap();
    }
    for name in ["b.heic", "c.HEIC", "below/d.heic", "e.avif", "f.cr2"] {
        fs::write(folder.path().join(name), "not looked at").unwrap();
    }
    let words = ["score", "--json", "--model"];
    let run = fixture.run(&words, &[&fixture.model(), folder.path()]);
    let names: Vec<String> =
        lines(&run).iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect();
    for name in ["a.gif", "a.ppm", "a.qoi", "a.tga", "a.PNG"] {
        assert!(names.iter().any(|path| path.ends_with(name)), "{name} in {names:?}");
    }
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(run.err.matches("Not read, for they are of other kinds:").count(), 1, "{}", run.err);
    for text in ["HEIF: 3 files, such as ", "AVIF: 1 file, such as ", "f.cr2"] {
        assert!(run.err.contains(text), "{text} in {}", run.err);
    }
}
