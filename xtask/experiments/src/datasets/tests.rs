//! Verification of small generated trees: a perfect copy passes, each fault is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use differnet_data::layouts::ListedName;
use differnet_data::{ContentHash, DecodeLimits, RgbImage};
use tempfile::TempDir;
use xtask_inputs::manifest::Manifest;
use xtask_support::UsageError;

use super::report::{Fault, Verification};
use super::verification::verify;
use super::verify::choose;

const MVTEC: &str = r#"
name = "Parts"
layout = "mvtec"
publisher = "nobody"
licence = "free"
citation = ["none"]
obtain_from = "https://example.org"
unpack = "anywhere"
masks = "defects"
numbered = true
totals = { train = 4, good = 3, defective = 4 }
categories.nut = { train = 3, good = 2, defects = { bent = 1, scratch = 2 } }
categories.pill = { train = 1, good = 1, defects = { crack = 1 } }
"#;

const MTD: &str = r#"
name = "Tiles"
layout = "mtd"
publisher = "nobody"
licence = "free"
citation = ["none"]
obtain_from = "https://example.org"
unpack = "anywhere"
masks = "all"
train_list = "list.txt"
empty_masks = ["MT_Crack/Imgs/c2.png"]
totals = { train = 2, good = 1, defective = 2 }
categories.mtd = { train = 2, good = 1, defects = { Crack = 2 } }
"#;

/// A copy of a data set to be damaged.
struct Copy {
    manifest: Manifest,
    root: TempDir,
}

impl Copy {
    /// Both categories of [`MVTEC`], in order.
    fn mvtec() -> Self {
        let root = tempfile::tempdir().unwrap();
        let copy = Self { manifest: Manifest::parse("parts", MVTEC).unwrap(), root };
        for (folder, count) in [
            ("nut/train/good", 3),
            ("nut/test/good", 2),
            ("nut/test/bent", 1),
            ("nut/test/scratch", 2),
            ("pill/train/good", 1),
            ("pill/test/good", 1),
            ("pill/test/crack", 1),
        ] {
            for index in 0..count {
                copy.paint(&format!("{folder}/{index:03}.png"));
                if !folder.ends_with("good") {
                    let masks = folder.replace("test", "ground_truth");
                    copy.mask(&format!("{masks}/{index:03}_mask.png"), true);
                }
            }
        }
        copy.write("nut/readme.txt", "About nuts.");
        copy
    }

    /// The one category of [`MTD`], in order.
    fn mtd() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::parse("tiles", MTD).unwrap();
        manifest.train_list = Some(root.path().join("list.txt"));
        let copy = Self { manifest, root };
        copy.write("list.txt", "# trained on\nf3.jpg\nf1.jpg\n");
        for (tile, defective) in [
            ("MT_Free/Imgs/f1", false),
            ("MT_Free/Imgs/f2", false),
            ("MT_Free/Imgs/f3", false),
            ("MT_Crack/Imgs/c1", true),
            ("MT_Crack/Imgs/c2", false),
        ] {
            copy.paint(&format!("{tile}.jpg"));
            copy.mask(&format!("{tile}.png"), defective);
        }
        copy
    }

    fn at(&self, name: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    /// A picture that follows from its name, so that no two are alike.
    fn paint(&self, name: &str) {
        let ContentHash(levels) = ContentHash::of(name.as_bytes());
        let pixel = |index: usize| levels[index % 16 / 8 + index / 128 * 2];
        let samples = (0..16 * 16).flat_map(|index| [pixel(index), pixel(index), 90]).collect();
        RgbImage::from_raw(16, 16, samples).unwrap().save(self.at(name)).unwrap();
    }

    fn mask(&self, name: &str, defective: bool) {
        let mut mask = RgbImage::new(16, 16);
        if defective {
            mask.get_pixel_mut(3, 4).0 = [255; 3];
        }
        mask.save(self.at(name)).unwrap();
    }

    fn remove(&self, name: &str) {
        let path = self.at(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
    }

    fn verify(&self) -> Verification {
        self.verify_at(self.root.path(), &[]).unwrap()
    }

    fn verify_at(&self, root: &Path, named: &[&str]) -> anyhow::Result<Verification> {
        let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
        verify(&self.manifest, root, &named, &|_, _| {})
    }

    /// The faults of this copy with their messages; the text and JSON reports have them, too.
    fn problems(&self) -> Vec<(Fault, String)> {
        let found = self.verify();
        let (text, json) = (found.text(), serde_json::to_value(&found).unwrap());
        assert_eq!(json["ok"], found.problems.is_empty());
        for (index, problem) in found.problems.iter().enumerate() {
            assert!(text.contains(&problem.message), "{text}");
            assert_eq!(json["problems"][index]["message"], problem.message);
        }
        found.problems.into_iter().map(|problem| (problem.fault, problem.message)).collect()
    }

    /// As [`Self::problems`], with `/` in place of the root and of the platform's separators.
    fn assert_problems(&self, golden: &[(Fault, &str)]) {
        let root = format!("{}/", self.root.path().display());
        let problems = self.problems();
        let problems: Vec<_> = problems
            .iter()
            .map(|(fault, message)| (*fault, message.replace('\\', "/").replace(&root, "/")))
            .collect();
        let problems: Vec<_> =
            problems.iter().map(|(fault, message)| (*fault, message.as_str())).collect();
        assert_eq!(problems, golden);
    }
}

#[test]
fn a_perfect_copy_passes() {
    for copy in [Copy::mvtec(), Copy::mtd()] {
        copy.assert_problems(&[]);
        let found = copy.verify();
        assert!(found.ok && found.absent.is_empty() && found.unknown.is_empty());
        for row in found.categories.iter().flat_map(|category| &category.rows) {
            assert_eq!(row.images.found, row.images.expected, "{row:?}");
            assert_eq!(row.masks.found, row.masks.expected, "{row:?}");
        }
        assert!(found.text().ends_with("\nall as expected\n"), "{}", found.text());
    }
}

#[test]
fn missing_images_are_named_by_their_numbers() {
    let copy = Copy::mvtec();
    copy.remove("nut/train/good/001.png");
    copy.remove("nut/test/bent");
    copy.remove("pill/train");
    copy.assert_problems(&[
        (Fault::Missing, "nut train/good: 1 of 3 images: 001"),
        (Fault::Missing, "nut test/bent: 1 of 1 images: 000"),
        (Fault::Missing, "pill train/good: 1 of 1 images: 000"),
        (
            Fault::Mask,
            "nut test/bent: masks without an image (1): nut/ground_truth/bent/000_mask.png",
        ),
    ]);
}

#[test]
fn missing_tiles_are_named_where_the_train_list_names_them() {
    let copy = Copy::mtd();
    copy.remove("MT_Free/Imgs/f2.jpg");
    copy.remove("MT_Free/Imgs/f3.jpg");
    copy.assert_problems(&[
        (Fault::Missing, "mtd train/good: 1 of 2 images: f3.jpg"),
        (Fault::Missing, "mtd test/good: 1 of 1 images"),
        (
            Fault::Mask,
            "mtd test/good: masks without an image (2): MT_Free/Imgs/f2.png, MT_Free/Imgs/f3.png",
        ),
    ]);
}

#[test]
fn extra_images_kinds_files_and_folders_are_found() {
    let copy = Copy::mvtec();
    copy.paint("nut/train/good/003.png");
    copy.paint("nut/test/good/001 (1).bmp");
    copy.paint("nut/test/rust/000.png");
    copy.mask("nut/ground_truth/rust/000_mask.png", true);
    copy.mask("nut/ground_truth/good/000_mask.png", false);
    copy.paint("nut/train/bad/000.png");
    copy.write("nut/test/bent/000.png.part", "half");
    copy.paint("nut/test/000.png");
    copy.assert_problems(&[
        (Fault::Extra, "nut train/good: 1 besides the 3 published images: nut/train/good/003.png"),
        (
            Fault::Extra,
            "nut test/good: 1 besides the 2 published images: nut/test/good/001 (1).bmp",
        ),
        (
            Fault::Extra,
            "nut test/good: masks of good images (1): nut/ground_truth/good/000_mask.png",
        ),
        (Fault::Extra, "nut test/rust: 1 besides the 0 published images: nut/test/rust/000.png"),
        (Fault::Extra, "nut/train/bad is not part of the data set"),
        (Fault::Extra, "nut/test/bent/000.png.part is not part of the data set"),
        (Fault::Extra, "nut/test/000.png is not part of the data set"),
    ]);
    let copy = Copy::mtd();
    copy.paint("MT_Free/Imgs/f4.jpg");
    copy.mask("MT_Free/Imgs/f4.png", false);
    copy.assert_problems(&[(Fault::Extra, "mtd test/good: 1 besides the 1 published images")]);
}

#[test]
fn damaged_images_and_masks_are_found() {
    let copy = Copy::mvtec();
    let path = copy.at("nut/train/good/002.png");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    copy.write("nut/ground_truth/bent/000_mask.png", "no image");
    copy.assert_problems(&[
        (
            Fault::Damaged,
            "/nut/train/good/002.png is truncated: copy it again from its source",
        ),
        (
            Fault::Damaged,
            "/nut/ground_truth/bent/000_mask.png is not an image: its content is text, not PNG, JPEG, \
             BMP, TIFF, WebP, GIF, PNM, QOI or TGA",
        ),
    ]);
}

#[test]
fn masks_that_are_missing_too_large_or_empty_are_found() {
    let copy = Copy::mvtec();
    copy.remove("nut/ground_truth/bent");
    RgbImage::new(17, 16).save(copy.at("nut/ground_truth/scratch/000_mask.png")).unwrap();
    copy.mask("nut/ground_truth/scratch/001_mask.png", false);
    copy.assert_problems(&[
        (Fault::Mask, "nut test/bent: no mask for 1 of 1 images: nut/test/bent/000.png"),
        (
            Fault::Mask,
            "the mask /nut/ground_truth/scratch/000_mask.png has 17×16 pixels, its image 16×16: \
             draw it at the image's size",
        ),
        (
            Fault::Mask,
            "the mask /nut/ground_truth/scratch/001_mask.png marks no pixel, but its image shows a \
             defect: draw the defect in white",
        ),
    ]);
}

#[test]
fn a_mask_that_is_published_black_is_told_but_no_problem() {
    let copy = Copy::mtd();
    let found = copy.verify();
    assert_eq!(found.as_published, ["black masks of defects (1): MT_Crack/Imgs/c2.png"]);
    assert!(found.text().contains(&found.as_published[0]));
    copy.mask("MT_Crack/Imgs/c1.png", false);
    copy.mask("MT_Free/Imgs/f1.png", true);
    copy.assert_problems(&[
        (
            Fault::Mask,
            "the mask /MT_Free/Imgs/f1.png marks a defect, but its image is a good one: move the \
             image or clear the mask",
        ),
        (
            Fault::Mask,
            "the mask /MT_Crack/Imgs/c1.png marks no pixel, but its image shows a defect: draw the \
             defect in white",
        ),
    ]);
}

#[test]
fn duplicates_and_leaks_are_found_by_bytes_and_by_pixels() {
    let copy = Copy::mvtec();
    fs::copy(copy.at("nut/train/good/000.png"), copy.at("nut/train/good/001.png")).unwrap();
    let image = DecodeLimits::default().decode_file(&copy.at("nut/train/good/002.png"));
    copy.remove("nut/test/scratch/000.png");
    image.unwrap().save(copy.at("nut/test/scratch/000.bmp")).unwrap();
    // The same image in two categories says nothing about either.
    fs::copy(copy.at("nut/test/good/000.png"), copy.at("pill/train/good/000.png")).unwrap();
    copy.assert_problems(&[
        (Fault::Duplicate, "same file: nut/train/good/000.png = nut/train/good/001.png"),
        (Fault::Leak, "same pixels: nut/train/good/002.png = nut/test/scratch/000.bmp"),
    ]);
}

#[test]
fn an_absent_category_is_a_problem_only_if_it_was_named() {
    let copy = Copy::mvtec();
    copy.remove("pill");
    copy.paint("washer/train/good/000.png");
    let found = copy.verify();
    assert!(found.ok);
    assert_eq!((found.absent, found.unknown), (vec!["pill".to_owned()], vec!["washer".to_owned()]));
    let root = copy.root.path();
    let found = copy.verify_at(root, &["nut", "pill"]).unwrap();
    assert_eq!(found.problems[0].message, "pill: the whole category");
    assert!(!found.ok);
    assert!(copy.verify_at(root, &["nut"]).unwrap().ok);
    let error = copy.verify_at(root, &["bolt"]).unwrap_err();
    assert_eq!(error.to_string(), "Parts has no category bolt; it has: nut, pill");
    assert!(error.is::<UsageError>());
}

#[test]
fn the_folder_of_one_category_will_do_and_an_empty_folder_will_not() {
    let copy = Copy::mvtec();
    let found = copy.verify_at(&copy.root.path().join("nut"), &[]).unwrap();
    assert!(found.ok);
    assert_eq!(found.absent, ["pill"]);
    let empty = tempfile::tempdir().unwrap();
    let error = copy.verify_at(empty.path(), &[]).unwrap_err().to_string();
    assert!(error.ends_with("holds nothing of Parts: unpack it anywhere"), "{error}");
}

#[test]
fn the_data_set_is_seen_from_the_folder() {
    let (parts, tiles) = (Copy::mvtec(), Copy::mtd());
    let manifests = [parts.manifest.clone(), tiles.manifest.clone()];
    let id = |copy: &Copy| choose(&manifests, None, copy.root.path()).unwrap().id.as_str();
    assert_eq!((id(&parts), id(&tiles)), ("parts", "tiles"));
    tiles.remove("MT_Free");
    assert_eq!(id(&tiles), "tiles");
    let told = choose(&manifests, Some("tiles"), parts.root.path()).unwrap();
    assert_eq!(told.id, "tiles");
    let error = choose(&manifests, Some("nuts"), parts.root.path()).unwrap_err();
    assert_eq!(error.to_string(), "there is no data set nuts; there are: parts, tiles");
    assert!(error.is::<UsageError>());
    let empty = tempfile::tempdir().unwrap();
    let error = choose(&manifests, None, empty.path()).unwrap_err().to_string();
    assert!(error.contains("holds none of the known data sets (parts, tiles)"), "{error}");
}

#[test]
fn magnetic_tiles_are_split_by_the_list_beside_the_manifest() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let mtd = Manifest::read(&folder.join("mtd.toml")).unwrap();
    let list = ListedName::read(&mtd.train_list.unwrap()).unwrap();
    let names: BTreeSet<_> = list.iter().map(|entry| &entry.name).collect();
    assert_eq!((list.len(), names.len()), (761, 761));
    assert!(names.iter().all(|name| name.starts_with("exp") && name.ends_with(".jpg")));
}
