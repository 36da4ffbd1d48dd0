//! Every way in which a tree can fail to be a data set, with the message a person reads.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use differnet_data::{Dataset, DatasetError, Layout, find_images};

/// A temporary folder holding the named files; a name that ends in `/` is an empty folder.
fn tree(names: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for name in names {
        let path = root.path().join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path).unwrap();
        } else {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "f0.jpg\n\nmissing.jpg\n").unwrap();
        }
    }
    root
}

fn mvtec(category: Option<&str>) -> Layout {
    Layout::Mvtec { category: category.map(str::to_owned) }
}

fn mtd(root: &Path, list: Option<&str>) -> Layout {
    Layout::Mtd { train_list: list.map(|list| root.join(list)) }
}

fn folder(root: &Path, good: Option<&str>, defect: Option<&str>) -> Layout {
    Layout::Folder {
        test_good: good.map(|folder| root.join(folder)),
        test_defect: defect.map(|folder| root.join(folder)),
    }
}

#[test]
fn every_kind_of_bad_tree_has_its_message() {
    let root = tree(&[
        "photo.png",
        "empty/",
        "texts/notes.txt",
        "loose/test/a.png",
        "sorted/OK/a.png",
        "sorted/NG/b.png",
        "hollow/train/good/",
        "untested/train/good/a.png",
        "untested/test/good/",
        "many/cable/train/good/a.png",
        "many/pill/train/good/a.png",
        "tiles/MT_Free/Imgs/f0.jpg",
        "masks/MT_Free/Imgs/f0.png",
        "comments.txt/",
        "list.txt",
        "parts/a.png",
        "parts/bad/b.png",
        "flat/train/good/a.png",
        "flat/test/b.png",
        "foreign/train/good/a.png",
        "foreign/test/dobre/b.png",
        "foreign/test/scratch/c.png",
    ]);
    let at = |name: &str| root.path().join(name);
    std::fs::write(at("blank.txt"), "# nothing yet\n\n").unwrap();
    std::fs::write(at("binary.txt"), [0xff, 0xfe, b'f', 0]).unwrap();
    let here = root.path();
    let images = "(looked for names ending in .png, .apng, .jpg, .jpeg, .jpe, .jfif, .bmp, .dib, \
                  .tif, .tiff, .btf, .tf8, .webp, .gif, .pgm, .ppm, .pbm, .pnm, .pam, .qoi, .tga)";
    let a_file = "is a file: name the folder that holds the images";
    let doubtful = "holds images that may not show good parts";
    let alone = "name the folder of good images alone with --data, and those to test with by";
    let all_good = "or add --all-good if every image shows a good part";
    let absent = "does not exist: check the spelling";
    let table: Vec<(&str, Layout, String)> = vec![
        ("none", Layout::Auto, format!("ROOT/none {absent}")),
        ("none", mvtec(None), format!("ROOT/none {absent}")),
        ("none", mtd(here, None), format!("ROOT/none {absent}")),
        ("none", folder(here, None, None), format!("ROOT/none {absent}")),
        ("photo.png", Layout::Auto, format!("ROOT/photo.png {a_file}")),
        ("photo.png", mvtec(None), format!("ROOT/photo.png {a_file}")),
        ("photo.png", mtd(here, None), format!("ROOT/photo.png {a_file}")),
        ("photo.png", folder(here, None, None), format!("ROOT/photo.png {a_file}")),
        ("empty", Layout::Auto, format!("ROOT/empty holds no images {images}")),
        ("texts", folder(here, None, None), format!("ROOT/texts holds no images {images}")),
        (
            "loose",
            Layout::Auto,
            format!(
                "ROOT/loose {doubtful}: test (1 image) looks like test images; {alone} --test-good \
                 and --test-defect, {all_good}"
            ),
        ),
        (
            "sorted",
            Layout::Auto,
            format!(
                "ROOT/sorted {doubtful}: NG (1 image) looks like defects; {alone} --test-defect \
                 ROOT/sorted/NG, {all_good}"
            ),
        ),
        (
            "flat",
            Layout::Auto,
            "ROOT/flat/test holds 1 test images that lie in no folder: move them to a folder good, or \
             to one named after the defect"
                .into(),
        ),
        (
            "foreign",
            Layout::Auto,
            "ROOT/foreign/test has no folder that is known to hold good images by its name (good, ok, \
             normal, pass, ...), so dobre may hold them: rename that one to good, or make an empty \
             folder good if there are none"
                .into(),
        ),
        (
            "parts",
            mvtec(None),
            "ROOT/parts has no train/good and no category that has one: the layout mvtec is \
             ROOT/CATEGORY/train/good"
                .into(),
        ),
        ("hollow", mvtec(None), format!("ROOT/hollow/train/good holds no images {images}")),
        ("untested", mvtec(None), format!("ROOT/untested/test holds no images {images}")),
        ("many", Layout::Auto, "ROOT/many holds 2 categories, choose one: cable, pill".into()),
        ("many", mvtec(None), "ROOT/many holds 2 categories, choose one: cable, pill".into()),
        (
            "many",
            mvtec(Some("bottle")),
            "ROOT/many has no category bottle; it has: cable, pill".into(),
        ),
        ("parts", mvtec(Some("a")), "ROOT/parts has no category a; it has: none".into()),
        (
            "parts",
            mtd(here, None),
            "ROOT/parts has no MT_Free/Imgs: the layout mtd is ROOT/MT_CLASS/Imgs".into(),
        ),
        ("masks", mtd(here, None), format!("ROOT/masks/MT_Free/Imgs holds no images {images}")),
        ("tiles", mtd(here, Some("no.txt")), format!("ROOT/no.txt {absent}")),
        (
            "tiles",
            mtd(here, Some("comments.txt")),
            "ROOT/comments.txt is not a file: name a text file with one image name per line".into(),
        ),
        (
            "tiles",
            mtd(here, Some("blank.txt")),
            "ROOT/blank.txt lists no images: write one image name per line".into(),
        ),
        (
            "tiles",
            mtd(here, Some("binary.txt")),
            "ROOT/binary.txt is not text: write one image name per line, in UTF-8".into(),
        ),
        (
            "tiles",
            mtd(here, Some("list.txt")),
            "ROOT/list.txt, line 3: no image missing.jpg in ROOT/tiles/MT_Free/Imgs".into(),
        ),
        ("parts", folder(here, Some("none"), None), format!("ROOT/none {absent}")),
        ("parts", folder(here, None, Some("photo.png")), format!("ROOT/photo.png {a_file}")),
        (
            "parts",
            folder(here, Some("empty"), None),
            format!("ROOT/empty holds no images {images}"),
        ),
        (
            "parts",
            folder(here, None, Some("parts")),
            "ROOT/parts is both the training folder and a test folder: name a folder that differs"
                .into(),
        ),
        (
            "parts",
            folder(here, Some("parts/bad"), Some("parts/bad")),
            "ROOT/parts/bad is both for good and for defective images: name two folders".into(),
        ),
    ];
    for (name, layout, golden) in table {
        let error = Dataset::load(&at(name), &layout, 0).expect_err(&golden);
        let message = error.to_string().replace(&here.display().to_string(), "ROOT");
        assert_eq!(message, golden, "{name} as {layout:?}");
    }
}

#[test]
fn folders_of_one_meaning_are_found_by_other_names() {
    for (train, test, good, defect) in [
        ("Train/Good", "Test", "OK", "NG"),
        ("train/good", "test", "Normal", "Anomaly"),
        ("training/OK", "testing", "pass", "fail"),
        ("TRAIN/gut", "TEST", "i.O.", "n.i.O."),
    ] {
        let files = [
            format!("{train}/0.png"),
            format!("{test}/{good}/0.png"),
            format!("{test}/{defect}/0.png"),
            format!("{test}/{defect}/deep/1.png"),
        ];
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let root = tree(&files);
        let dataset = Dataset::load(root.path(), &Layout::Auto, 0).unwrap();
        let kinds: Vec<Option<String>> =
            dataset.test.into_iter().map(|sample| sample.defect.map(|found| found.kind)).collect();
        let count = |kind: Option<&str>| kinds.iter().filter(|k| k.as_deref() == kind).count();
        assert_eq!((dataset.train.len(), count(None), count(Some(defect))), (1, 1, 2), "{test}");
    }
}

#[test]
fn defects_and_masks_are_never_taken_for_good_images() {
    for doubtful in
        ["bad", "NG", "ko", "Defect", "anomaly", "REJECT", "schlecht", "mask", "Test", "a/b/nok"]
    {
        let root = tree(&["good/0.png", "good/1.png", &format!("{doubtful}/0.png")]);
        let error = Dataset::load(root.path(), &Layout::Auto, 0).unwrap_err();
        let DatasetError::DoubtfulFolders { folders, .. } = error else { panic!("{error}") };
        assert_eq!(folders[0].folder, Path::new(doubtful));
    }
}

#[test]
fn auto_finds_each_layout() {
    let category = tree(&["train/good/a.png", "test/hole/b.png"]);
    let tiles = tree(&["MT_Free/Imgs/a.jpg", "MT_Free/Imgs/b.jpg", "MT_Crack/Imgs/c.jpg"]);
    let photographs = tree(&["monday/a.png", "b.png"]);
    for (root, train, test) in [(category, 1, 1), (tiles, 1, 2), (photographs, 2, 0)] {
        let dataset = Dataset::load(root.path(), &Layout::Auto, 0).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (train, test));
    }
}

#[test]
fn listings_of_what_is_not_there_say_so() {
    let root = tree(&["a.png"]);
    let none = root.path().join("none");
    assert!(matches!(find_images(&none), Err(DatasetError::Missing { path }) if path == none));
    let file = root.path().join("a.png");
    let error = Layout::Mvtec { category: None }.categories(&file);
    assert!(matches!(error, Err(DatasetError::NotAFolder { path }) if path == file));
}
