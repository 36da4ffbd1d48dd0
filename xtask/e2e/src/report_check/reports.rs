//! Reports of generated pictures: every shape that a report can have.

use differnet_eval::{ScoredImage, evaluate};
use differnet_report::{
    EncodedImage, LossPoint, Report, ReportImage, ReportSection, UnusableFile, UnusableKind,
    overlay,
};
use image::{Rgb, RgbImage};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// Side of the pictures, pixels: the largest that a report shows.
const SIDE: u32 = 320;
const THRESHOLD: f64 = 392.5;
const KINDS: [&str; 4] = ["scratch", "dent", "contamination", "missing coating"];
/// A name that would do harm if it were taken for markup.
const HOSTILE: &str = "good/<script>alert(1)</script> \"quoted\" & 'odd' name that is quite \
                       long_0123456789_0123456789.jpg";
/// Different pictures of noise: more would only take time.
const NOISES: usize = 8;

/// Images that a report can be mailed with, and printed.
pub(super) const MANY: usize = 200;

/// Variant of a report's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Good parts and defects, named as such, with maps.
    Labelled,
    /// Images of which nobody said what they show.
    Unlabelled,
    /// Good parts only.
    AllGood,
    /// No pictures, no training curve, no tables.
    Bare,
    /// Pictures as long as a report allows.
    Noise,
}

/// A generated report and what it must show.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) variant: Variant,
    pub(super) images: usize,
    /// Drawings that a reader sees.
    pub(super) plots: usize,
    /// Sentences that say what is there or missing.
    pub(super) says: &'static [&'static str],
}

pub(super) const CASES: [Case; 7] = [
    Case {
        name: "labelled",
        variant: Variant::Labelled,
        images: 60,
        plots: 3,
        says: &["AUROC", "Misses", "SHA-256", "without a mask"],
    },
    Case {
        name: "unlabelled",
        variant: Variant::Unlabelled,
        images: 30,
        plots: 2,
        says: &["No ROC curve", "have no labels", "No masks were given"],
    },
    Case {
        name: "all-good",
        variant: Variant::AllGood,
        images: 30,
        plots: 2,
        says: &["No ROC curve", "show good parts only", "False alarms can be counted"],
    },
    Case {
        name: "bare",
        variant: Variant::Bare,
        images: 30,
        plots: 2,
        says: &["No maps were made", "No picture", "there is no training curve"],
    },
    Case {
        name: "empty",
        variant: Variant::Unlabelled,
        images: 0,
        plots: 1,
        says: &["No image was scored"],
    },
    Case { name: "mail", variant: Variant::Noise, images: MANY, plots: 3, says: &[] },
    Case { name: "thousand", variant: Variant::Labelled, images: 1000, plots: 3, says: &[] },
];

/// A report of `images` images.
pub(super) fn report(variant: Variant, images: usize) -> anyhow::Result<Report> {
    let mut report = Report::new("Brake disc, line 3: rings", THRESHOLD);
    report.subtitle = String::from("rings.differnet, 2026-05-04T14:02:31Z");
    let noises: Vec<EncodedImage> = match variant {
        Variant::Noise => (0..NOISES as u64).into_par_iter().map(noise).collect(),
        _ => Vec::new(),
    };
    report.images =
        (0..images).into_par_iter().map(|index| image(index, variant, &noises)).collect();
    if matches!(variant, Variant::Labelled | Variant::Noise) && images > 0 {
        let scored: Vec<ScoredImage> = report
            .images
            .iter()
            .map(|image| ScoredImage {
                path: image.name.clone(),
                kind: image.kind.clone(),
                score: image.score,
                invalid: None,
            })
            .collect();
        report.metrics = Some(evaluate(&scored, Some(THRESHOLD), 0)?);
        report.pixel = rows(&[("Pixel AUROC", "0.9432"), ("AUPRO up to 0.3", "0.8710")]);
        report.pixel_notes = vec![String::from(
            "2 images of defects without a mask, left out of the pixel metrics: a.png, b.png",
        )];
    }
    if variant != Variant::Bare {
        let reason = String::from("IMG_0417.jpg is truncated: copy it again from its source");
        report.unusable = vec![UnusableFile {
            name: String::from("2026-05-04/IMG_0417.jpg"),
            reason,
            kind: UnusableKind::Image,
        }];
        report.history = (0..400).map(loss).collect();
        report.sections = sections(&report.images);
    }
    Ok(report)
}

/// Image number `index`; every fifth shows a defect.
fn image(index: usize, variant: Variant, noises: &[EncodedImage]) -> ReportImage {
    // A stream of its own for each image: they are drawn in parallel.
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    rng.set_stream(index as u64);
    let defect = variant != Variant::AllGood && index.is_multiple_of(5);
    let kind = KINDS[(index / 5) % KINDS.len()];
    let center = if defect { 402.0 } else { 371.0 };
    let score = center + 9.5 * ((0..12).map(|_| uniform(&mut rng)).sum::<f64>() - 6.0);
    let labelled = variant != Variant::Unlabelled;
    let folder = match (labelled, defect) {
        (false, _) => "2026-05-04",
        (true, true) => kind,
        (true, false) => "good",
    };
    let mut image = ReportImage {
        name: if index == 7 { HOSTILE.to_owned() } else { format!("{folder}/IMG_{index:04}.jpg") },
        score,
        defect: labelled.then_some(defect),
        kind: (labelled && defect).then(|| kind.to_owned()),
        ..ReportImage::default()
    };
    if let [first, ..] = noises {
        image.thumbnail = Some(noises.get(index % NOISES).unwrap_or(first).clone());
        image.overlay.clone_from(&image.thumbnail);
    } else if variant != Variant::Bare {
        let mut place = || 75.0 + 170.0 * uniform(&mut rng);
        let place = (place(), place());
        let part = part(defect.then_some(place), &mut rng);
        let strength = if defect { 1.0 } else { 0.35 };
        image.thumbnail = Some(EncodedImage::small(&part));
        image.overlay = Some(EncodedImage::small(&overlay(&part, &map(place, strength), 1.0)));
    }
    image
}

/// A ring on a grey table, with a dark spot where the defect is.
fn part(defect: Option<(f64, f64)>, rng: &mut ChaCha12Rng) -> RgbImage {
    let middle = f64::from(SIDE) / 2.0;
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let radius = (x - middle).hypot(y - middle);
        let metal = if (55.0..140.0).contains(&radius) {
            168.0 + 24.0 * (radius / 3.0).sin()
        } else {
            62.0
        };
        let spot = defect.map_or(0.0, |at| 110.0 * bump(x, y, at, 9.0));
        let value = metal - spot + 10.0 * uniform(rng);
        Rgb([value as u8, value as u8, (value + 6.0) as u8])
    })
}

/// A value for each pixel, largest at `place`.
fn map(place: (f64, f64), strength: f64) -> Vec<f32> {
    let pixels = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (f64::from(x), f64::from(y))));
    pixels.map(|(x, y)| (strength * bump(x, y, place, 32.0)) as f32).collect()
}

/// Noise: nothing compresses worse.
fn noise(stream: u64) -> EncodedImage {
    let mut rng = ChaCha12Rng::seed_from_u64(2);
    rng.set_stream(stream);
    let mut channel = || (rng.next_u32() >> 24) as u8;
    EncodedImage::small(&RgbImage::from_fn(SIDE, SIDE, |_, _| {
        Rgb([channel(), channel(), channel()])
    }))
}

fn bump(x: f64, y: f64, at: (f64, f64), spread: f64) -> f64 {
    (-((x - at.0).powi(2) + (y - at.1).powi(2)) / (2.0 * spread * spread)).exp()
}

fn uniform(rng: &mut ChaCha12Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn loss(point: u32) -> LossPoint {
    let train = 1.6 * (-f64::from(point) / 60.0).exp() - 1.2 - f64::from(point) / 2000.0;
    let validation = point.is_multiple_of(5).then(|| train + 0.05 + f64::from(point) / 1500.0);
    LossPoint { update: 10 * point as usize, train, validation }
}

fn sections(images: &[ReportImage]) -> Vec<ReportSection> {
    let section = |title: &str, rows| ReportSection { title: title.to_owned(), rows };
    let hash = |index: usize| format!("{:064x}", index * 7919);
    let files = images.iter().enumerate().map(|(index, image)| (image.name.clone(), hash(index)));
    vec![
        section("Model", rows(&[("file", "rings.differnet"), ("SHA-256", &hash(1))])),
        section("Settings", rows(&[("preset", "quick"), ("seed", "0"), ("hidden", "256")])),
        section("Environment", rows(&[("program", "differnet 0.1.0"), ("device", "flex")])),
        section("SHA-256 of each image of this report", files.collect()),
    ]
}

fn rows(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
