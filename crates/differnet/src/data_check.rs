//! Findings that speak against training on a data set, by severity.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use differnet_data::audit::{AuditImage, Inspection, Likeness, Outlier, Split, StoredImage};
use differnet_data::layouts::MaskedImage;
use differnet_data::{Compression, Dataset, MaskError, Sample};
use differnet_progress::{Monitor, Progress, Stage};
use serde::Serialize;

use crate::error::Error;
use crate::path_text::serialize_files;
use crate::runtime::Runtime;
use crate::suspected_defects::suspected_defects;

/// Good images from which on no more are asked for: twice the paper's smallest training sets.
const ENOUGH_IMAGES: usize = 32;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Training fails, or its test scores mean nothing.
    Error,
    /// Somebody should look at it before training.
    Warning,
    /// Worth knowing.
    Notice,
}

/// Finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A file that is no usable image.
    Unreadable,
    /// A mask that does not fit its image.
    Mask,
    /// Too few good images.
    FewImages,
    /// An image that is trained on and tested with.
    Leak,
    /// Two that are nearly the same, one to train on and one to test with.
    NearLeak,
    /// A training image that is there twice.
    Copies,
    /// Training images that are nearly the same.
    NearCopies,
    /// An image that shows next to nothing.
    Blank,
    /// An image with more white than the others.
    Overexposed,
    /// An image with more black than the others.
    Underexposed,
    /// An image that is less sharp than the others.
    Blurred,
    /// An image of another shape.
    Shape,
    /// An image whose pixels are stored in another way.
    Colors,
    /// A good image that is unlike all others.
    SuspectedDefect,
    /// Images of several sizes.
    Sizes,
    /// 16-bit samples of which fewer bits count.
    Depth,
    /// Images whose files are compressed otherwise than those of training.
    Compression,
}

impl FindingKind {
    fn severity(self) -> Severity {
        match self {
            Self::Unreadable | Self::Leak => Severity::Error,
            Self::Sizes | Self::Depth => Severity::Notice,
            _ => Severity::Warning,
        }
    }
}

/// Something that speaks against training on a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Severity.
    pub severity: Severity,
    /// Kind of the finding.
    pub kind: FindingKind,
    /// The files concerned; empty if it is the data set as a whole.
    #[serde(flatten, serialize_with = "serialize_files")]
    pub files: Vec<PathBuf>,
    /// The finding in words, without the files' names where they are given.
    pub message: String,
}

impl Finding {
    fn new(kind: FindingKind, files: Vec<PathBuf>, message: String) -> Self {
        Self { severity: kind.severity(), kind, files, message }
    }
}

/// Findings that speak against training on `dataset`, the most severe first.
///
/// - `runtime`: extracts the features by which defects among the good images are suspected; without
///   it only the files are looked at
/// - `monitor`: its observer is called from any thread
///
/// # Errors
/// [`Error`]: an image that changes meanwhile, a cache that cannot be used, or [`Error::Cancelled`].
pub fn check_dataset(
    dataset: &Dataset,
    runtime: Option<&Runtime>,
    monitor: &Monitor<'_>,
) -> Result<Vec<Finding>, Error> {
    let images: Vec<AuditImage> = [(&dataset.train, Split::Train), (&dataset.test, Split::Test)]
        .into_iter()
        .flat_map(|(samples, split)| samples.iter().map(move |sample| to_audit(sample, split)))
        .collect();
    let limits = runtime.map_or_else(Default::default, |runtime| runtime.limits.clone());
    let done = AtomicUsize::new(0);
    let count = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // Cancelled below: files are looked at in parallel.
        let _ = monitor.report(Progress::new(Stage::Checking, done, images.len()));
    };
    let inspection = Inspection::of(&images, &limits, &count);
    monitor.cancel_token().check()?;
    let usable = usable_once(dataset, &inspection);
    let mut findings = of_files(&inspection);
    findings.extend(of_masks(&inspection.audit.masks));
    findings.extend(of_masks(&dataset.lone_masks()));
    findings.extend(of_compressions(&inspection.compressions));
    findings.extend(few_images(usable.len()));
    if let Some(runtime) = runtime {
        findings
            .extend(suspected_defects(runtime, &usable, inspection.depth, monitor)?.into_iter().map(
            |suspect| {
                let message = format!(
                    "{:.1} times as far from the nearest other good image as usual: does it show a \
                     defect?",
                    suspect.ratio
                );
                Finding::new(FindingKind::SuspectedDefect, vec![suspect.path], message)
            },
        ));
    }
    // Stable: within a kind the order in which they were found.
    findings.sort_by_key(|finding| (finding.severity, finding.kind));
    Ok(findings)
}

fn to_audit(sample: &Sample, split: Split) -> AuditImage {
    let mask = sample.defect.as_ref().and_then(|defect| defect.mask.clone());
    let files = MaskedImage { image: sample.image.clone(), mask };
    AuditImage { files, split, good: sample.defect.is_none() }
}

/// The training images that can be read, each of several copies once.
fn usable_once(dataset: &Dataset, inspection: &Inspection) -> Vec<PathBuf> {
    let audit = &inspection.audit;
    let damaged = audit.damaged.iter().map(|bad| &bad.path);
    let copies = audit.copies.iter().flat_map(|copies| copies.train.iter().skip(1));
    let out: BTreeSet<&PathBuf> = damaged.chain(copies).collect();
    let files = dataset.train.iter().map(|sample| &sample.image);
    files.filter(|file| !out.contains(file)).cloned().collect()
}

fn few_images(count: usize) -> Option<Finding> {
    if count >= ENOUGH_IMAGES {
        return None;
    }
    let message = format!(
        "{count} different good images to train on: take {ENOUGH_IMAGES} or more, of many parts"
    );
    let finding = Finding::new(FindingKind::FewImages, Vec::new(), message);
    let severity = if count == 0 { Severity::Error } else { finding.severity };
    Some(Finding { severity, ..finding })
}

/// Findings in masks: an error where pixels would be compared with nothing.
fn of_masks(masks: &[MaskError]) -> impl Iterator<Item = Finding> {
    masks.iter().map(|mask| {
        let files = vec![mask.path().to_path_buf()];
        let finding = Finding::new(FindingKind::Mask, files, mask.with_causes());
        match mask {
            MaskError::Empty { .. } | MaskError::Whole { .. } => {
                Finding { severity: Severity::Error, ..finding }
            }
            _ => finding,
        }
    })
}

/// Findings in the files alone, without features.
fn of_files(inspection: &Inspection) -> Vec<Finding> {
    let audit = &inspection.audit;
    let mut findings = Vec::new();
    let mut add = |kind, files, message| findings.push(Finding::new(kind, files, message));
    for bad in &audit.damaged {
        add(FindingKind::Unreadable, vec![bad.path.clone()], bad.error.with_causes());
    }
    for leak in &audit.leaks {
        let message = format!("trained on and tested with: {}", alike(leak.likeness));
        add(FindingKind::Leak, leak.files(), message);
    }
    for copies in audit.copies.iter().filter(|copies| copies.test.is_empty()) {
        let message = format!("{}: keep one", alike(copies.likeness));
        add(FindingKind::Copies, copies.files(), message);
    }
    for near in &inspection.near_copies {
        let alike = alike(near.likeness);
        if near.test.is_empty() {
            add(FindingKind::NearCopies, near.files(), format!("{alike}: keep one"));
        } else {
            let message = format!("{alike} is trained on and tested with");
            add(FindingKind::NearLeak, near.files(), message);
        }
    }
    for (path, outlier) in &inspection.outliers {
        add(kind_of(outlier), vec![path.clone()], outlier.to_string());
    }
    if let Some(depth) = inspection.depth.filter(|&depth| depth < 16) {
        let message = format!(
            "{depth} bits of the 16 of a sample count, by the largest value of the training images: \
             train stores that in the model, --depth sets another"
        );
        add(FindingKind::Depth, Vec::new(), message);
    }
    if let [smallest, .., largest] = inspection.sizes[..] {
        let message = format!(
            "{} sizes from {}×{} to {}×{} pixels: each is resized to what the network sees",
            inspection.sizes.len(),
            smallest.0,
            smallest.1,
            largest.0,
            largest.1
        );
        add(FindingKind::Sizes, Vec::new(), message);
    }
    findings
}

/// Findings in how files are compressed, which a detector of small differences sees.
fn of_compressions(images: &[StoredImage]) -> Vec<Finding> {
    let of = |split| images.iter().filter(move |image: &&StoredImage| image.split == split);
    let mut known: Vec<Compression> = Vec::new();
    let mut counts: Vec<usize> = Vec::new();
    for image in of(Split::Train) {
        match known.iter().position(|known| *known == image.compression) {
            Some(at) => counts[at] += 1,
            None => {
                known.push(image.compression);
                counts.push(1);
            }
        }
    }
    let like =
        |way: Compression| known.iter().zip(&counts).filter(move |(known, _)| known.is_like(way));
    let count = |way: &Compression| like(*way).map(|(_, count)| count).sum::<usize>();
    let Some(usual) = known.iter().copied().max_by_key(count) else { return Vec::new() };
    let usual: Vec<Compression> = known.iter().copied().filter(|way| way.is_like(usual)).collect();
    let unlike = |split, ways: &[Compression], which: &str, remedy: &str| {
        let unlike = |image: &&StoredImage| !ways.iter().any(|way| way.is_like(image.compression));
        let (files, found): (Vec<_>, Vec<_>) =
            of(split).filter(unlike).map(|image| (image.path.clone(), image.compression)).unzip();
        let message = format!(
            "stored {}, {which} {}: compression changes fine detail; {remedy}",
            Compression::summary(&found),
            Compression::summary(ways)
        );
        (!files.is_empty()).then(|| Finding::new(FindingKind::Compression, files, message))
    };
    let train = "take all as the camera writes them, or train with --jpeg-augmentation";
    let test = "good parts may be called defects: test with files like those to come, and train on such or \
                with --jpeg-augmentation";
    let of_train = unlike(Split::Train, &usual, "most training images", train);
    of_train.into_iter().chain(unlike(Split::Test, &known, "training images", test)).collect()
}

fn alike(likeness: Likeness) -> &'static str {
    match likeness {
        Likeness::Bytes => "the same file",
        Likeness::Pixels => "the same pixels",
        Likeness::Near => "nearly the same image",
    }
}

fn kind_of(outlier: &Outlier) -> FindingKind {
    match outlier {
        Outlier::Blank { .. } => FindingKind::Blank,
        Outlier::Overexposed { .. } => FindingKind::Overexposed,
        Outlier::Underexposed { .. } => FindingKind::Underexposed,
        Outlier::Blurred { .. } => FindingKind::Blurred,
        Outlier::Shape { .. } => FindingKind::Shape,
        Outlier::Colors { .. } => FindingKind::Colors,
    }
}
