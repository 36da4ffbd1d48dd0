//! Writes a report of generated pictures, to look at: `report OUT.html [IMAGES] [VARIANT]`.
//!
//! Variants: `labelled` (the default), `unlabelled`, `good`, `bare` (no pictures, nothing else),
//! `separated` (every defect above every good part).

use std::fs::File;
use std::io::{BufWriter, Cursor};

use differnet_eval::{
    EncodedImage, ImageFormat, LossPoint, Report, ReportImage, ReportSection, ScoredImage,
    UnusableFile, evaluate, write_report,
};
use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Side of the pictures, in pixels.
const SIDE: u32 = 256;
/// Images without a label get this one.
const THRESHOLD: f64 = 392.5;
const KINDS: [&str; 4] = ["scratch", "dent", "contamination", "missing coating"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name the file to write")?;
    let images: usize = arguments.next().map_or(Ok(1000), |count| count.parse())?;
    let variant = arguments.next().unwrap_or_else(|| String::from("labelled"));

    let mut report = Report::new("Brake disc, line 3: rings.differnet", THRESHOLD);
    report.subtitle = String::from("4 May 2026, 14:02, camera 2, night shift");
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    report.images = (0..images).map(|index| image(index, &variant, &mut rng)).collect();
    let scored: Vec<ScoredImage> = report
        .images
        .iter()
        .map(|image| ScoredImage {
            path: image.name.clone(),
            kind: image.kind.clone().filter(|_| image.defect == Some(true)),
            score: image.score,
        })
        .collect();
    if variant == "labelled" || variant == "separated" {
        report.metrics = Some(evaluate(&scored, Some(THRESHOLD), 0)?);
        report.pixel =
            rows(&[("Pixel AUROC", "0.9432"), ("PRO, up to 30 % false positives", "0.8710")]);
    }
    if variant != "bare" {
        report.unusable =
            vec![unusable("2026-05-04/IMG_0417.jpg", "it ends in the middle of a line")];
        report.history = history();
        report.sections = sections();
    }
    write_report(&report, BufWriter::new(File::create(path)?))?;
    Ok(())
}

fn image(index: usize, variant: &str, rng: &mut ChaCha12Rng) -> ReportImage {
    let defect = variant != "good" && index.is_multiple_of(5);
    let kind = KINDS[(index / 5) % KINDS.len()];
    let center = match (defect, variant) {
        (false, _) => 371.0,
        (true, "separated") => 700.0,
        (true, _) => 402.0,
    };
    let score = center + 9.5 * (0..12).map(|_| uniform(rng)).sum::<f64>() - 57.0;
    let place = (60.0 + 136.0 * uniform(rng), 60.0 + 136.0 * uniform(rng));
    let labelled = variant != "unlabelled";
    let folder = if !labelled {
        "2026-05-04"
    } else if defect {
        kind
    } else {
        "good"
    };
    let mut image = ReportImage {
        name: format!("{folder}/IMG_{index:04}.jpg"),
        score,
        defect: labelled.then_some(defect),
        kind: (labelled && defect).then(|| kind.to_owned()),
        thumbnail: None,
        overlay: None,
    };
    if index == 7 {
        image.name = String::from(
            "good/<script>alert(1)</script> \"quoted\" & 'odd' name that is quite long_0123456789_0123456789.jpg",
        );
    }
    if variant != "bare" {
        image.thumbnail = Some(part(defect.then_some(place), rng));
        image.overlay = Some(map(place, if defect { 1.0 } else { 0.35 }));
    }
    image
}

/// A ring on a grey table, with a dark spot where the defect is.
fn part(defect: Option<(f64, f64)>, rng: &mut ChaCha12Rng) -> EncodedImage {
    let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let radius = (x - 128.0).hypot(y - 128.0);
        let metal = if (44.0..112.0).contains(&radius) {
            168.0 + 24.0 * (radius / 3.0).sin()
        } else {
            62.0
        };
        let spot = defect.map_or(0.0, |at| 110.0 * bump(x, y, at, 7.0));
        let value = metal - spot + 10.0 * uniform(rng);
        Rgb([value as u8, value as u8, (value + 6.0) as u8])
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, image::ImageFormat::Jpeg).expect("in memory");
    encoded(ImageFormat::Jpeg, bytes.into_inner())
}

/// Where it deviates, from dark blue over red to yellow.
fn map(place: (f64, f64), strength: f64) -> EncodedImage {
    let picture = RgbaImage::from_fn(SIDE, SIDE, |x, y| {
        let heat = strength * bump(f64::from(x), f64::from(y), place, 26.0);
        let level =
            |from: f64, to: f64| (255.0 * ((heat - from) / (to - from)).clamp(0.0, 1.0)) as u8;
        Rgba([level(0.0, 0.5), level(0.45, 1.0), 90 - level(0.0, 1.0).min(90), 255])
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, image::ImageFormat::Png).expect("in memory");
    encoded(ImageFormat::Png, bytes.into_inner())
}

fn encoded(format: ImageFormat, bytes: Vec<u8>) -> EncodedImage {
    EncodedImage { format, bytes, width: SIDE, height: SIDE }
}

fn bump(x: f64, y: f64, at: (f64, f64), spread: f64) -> f64 {
    (-((x - at.0).powi(2) + (y - at.1).powi(2)) / (2.0 * spread * spread)).exp()
}

fn uniform(rng: &mut ChaCha12Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn history() -> Vec<LossPoint> {
    (0..400)
        .map(|point| {
            let train = 1.6 * (-f64::from(point) / 60.0).exp() - 1.2 - f64::from(point) / 2000.0;
            let validation = (point % 5 == 0).then(|| train + 0.05 + f64::from(point) / 1500.0);
            LossPoint { update: 10 * point as usize, train, validation }
        })
        .collect()
}

fn sections() -> Vec<ReportSection> {
    let section = |title: &str, rows| ReportSection { title: title.to_owned(), rows };
    let files: Vec<(String, String)> = (0..120)
        .map(|file| (format!("good/IMG_{file:04}.jpg"), format!("{:064x}", file * 7919)))
        .collect();
    vec![
        section(
            "Settings",
            rows(&[("Preset", "quick"), ("Transforms of each image", "16"), ("Seed", "0")]),
        ),
        section(
            "Environment",
            rows(&[("Program", "differnet 0.1.0"), ("Device", "flex, 2 threads")]),
        ),
        section(
            "Model",
            rows(&[(
                "SHA-256",
                "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            )]),
        ),
        section("Data fingerprints", files),
    ]
}

fn rows(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn unusable(name: &str, reason: &str) -> UnusableFile {
    UnusableFile { name: name.to_owned(), reason: reason.to_owned() }
}
