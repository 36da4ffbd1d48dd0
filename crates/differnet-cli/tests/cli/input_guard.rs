//! Images that show no part like those of training get no verdict on one.

use std::path::{Path, PathBuf};

use image::{ImageBuffer, Luma, Rgb, RgbImage, imageops};
use serde_json::Value;

use crate::fixture::{Fixture, Run};

/// Frames of a camera that does not see the part, made from a good image: each with the beginning of the reason.
fn frames(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let good = Fixture::shared().test().join("good/000.png");
    let part = image::open(good).unwrap().into_rgb8();
    let (width, height) = part.dimensions();
    let of_levels = |level: &dyn Fn([u8; 3]) -> [u8; 3]| {
        RgbImage::from_fn(width, height, |x, y| Rgb(level(part.get_pixel(x, y).0)))
    };
    let noise =
        |x: u32, y: u32| Rgb([(x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) as u8; 3]);
    let frames = [
        ("black", RgbImage::new(width, height), "too dark: "),
        ("dim", of_levels(&|pixel| pixel.map(|level| level / 7)), "too dark: "),
        ("white", RgbImage::from_pixel(width, height, Rgb([255; 3])), "too bright: "),
        ("grey", RgbImage::from_pixel(width, height, Rgb([67; 3])), "too little contrast: "),
        ("blurred", imageops::blur(&part, 6.0), ""),
        ("swapped", of_levels(&|[r, g, b]| [b, g / 2, r]), ""),
        ("noise", RgbImage::from_fn(2000, 20, noise), "wider than the training images: "),
    ];
    let frames = frames.into_iter().map(|(name, frame, reason)| {
        let path = folder.join(format!("{name}.png"));
        frame.save(&path).unwrap();
        (path, reason)
    });
    frames.collect()
}

fn score(words: &[&str], images: &[&Path]) -> Run {
    let fixture = Fixture::shared();
    let model = fixture.model();
    fixture.run(&[&["score"], words, &["--model"]].concat(), &[&[&*model], images].concat())
}

#[test]
fn frames_without_a_part_are_invalid_and_parts_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let frames = frames(folder.path());
    let run = score(&["--json"], &[folder.path()]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let lines: Vec<Value> =
        run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), frames.len());
    for (path, reason) in frames {
        let line = lines.iter().find(|line| line["path"] == path.to_str().unwrap()).unwrap();
        assert_eq!(line["verdict"], "invalid", "{line}");
        assert!(line["reason"].as_str().unwrap().starts_with(reason), "{line}");
        assert!(line["p_value"].is_null() && line["threshold"].is_number(), "{line}");
    }
    let parts = score(&["--json"], &[&Fixture::shared().test()]);
    assert!(!parts.text().contains("invalid"), "{}", parts.out);
}

#[test]
fn an_invalid_image_stops_the_line_like_a_defect() {
    let folder = tempfile::tempdir().unwrap();
    let black = folder.path().join("black.png");
    RgbImage::new(64, 64).save(&black).unwrap();
    let run = score(&["--fail-on-defect", "--threshold", "1e300"], &[&black]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[0].starts_with("INVALID too dark: brightness 0.0, accepted "), "{}", run.out);
    assert_eq!(lines[1], "1 image: 0 ok, 0 defects, 1 invalid");
}

#[test]
fn reports_count_invalid_images() {
    let folder = tempfile::tempdir().unwrap();
    let (black, report) = (folder.path().join("black.png"), folder.path().join("report.html"));
    RgbImage::new(64, 64).save(&black).unwrap();
    let fixture = Fixture::shared();
    let model = fixture.model();
    let paths: [&Path; 5] = [&model, Path::new("--out"), &report, &black, &fixture.test()];
    let run = fixture.run(&["report", "--json", "--model"], &paths);
    assert_eq!(run.json()["invalid"], 1, "{}", run.out);
    let text = std::fs::read_to_string(report).unwrap();
    assert!(text.contains("too dark: brightness 0.0") && text.contains("INVALID"));
}

#[test]
fn files_compressed_otherwise_than_in_training_are_noted() {
    let fixture = Fixture::shared();
    let folder = tempfile::tempdir().unwrap();
    let part = image::open(fixture.test().join("good/000.png")).unwrap().into_rgb8();
    part.save(folder.path().join("a.jpg")).unwrap();
    part.save(folder.path().join("b.png")).unwrap();
    let run = score(&[], &[folder.path()]);
    let note = "note: 1 image stored as JPEG of quality 75, while training images were stored without loss: ";
    assert!(run.err.contains(note), "{}", run.err);
    // What is filed says so, too.
    let (model, report) = (fixture.model(), folder.path().join("r.html"));
    let paths = [&model, Path::new("--out"), &report, folder.path()];
    let run = fixture.run(&["report", "--model"], &paths);
    assert!(run.err.contains(note), "{}", run.err);
    let text = std::fs::read_to_string(report).unwrap();
    assert!(text.contains(note.trim_start_matches("note: ")));
    let run = score(&[], &[&fixture.test()]);
    assert!(!run.err.contains("note: "), "{}", run.err);
}

#[test]
fn images_of_another_depth_are_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let dim = ImageBuffer::from_fn(64, 64, |x, y| Luma([((x * y) % 4096) as u16]));
    let path = folder.path().join("12in16.png");
    dim.save(&path).unwrap();
    let run = score(&["--json", "--fail-on-defect"], &[&path]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    let line: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(line["verdict"], "invalid", "{line}");
    assert!(line["reason"].as_str().unwrap().contains("16 bits with values up to "), "{line}");
}
