//! The report: one self-contained HTML document for the people who decide about parts.
//!
//! It opens from a mail attachment: styles, script, plots and pictures are inside, and its content
//! policy forbids every request. Numbers and encoded pictures in, bytes out; the same input gives
//! the same bytes.

mod description;
mod document;
mod figures;
mod gallery;
mod judged;
mod picture;
mod pictures;
mod sections;
mod summary;

use std::io::{self, Write};

use differnet_eval::Metrics;
use differnet_scoring::Verdict;

use crate::plot::LossPoint;
use judged::{Judged, Labels, Tally};

pub use description::{DataFingerprints, ModelDescription};
pub use picture::{EncodedImage, ImageFormat, small_picture};
pub use pictures::ImagePictures;

/// Everything that a report shows.
///
/// What is empty or `None` is named in the document as missing, together with what follows from
/// that.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Heading, with the name of the model or of the data set.
    pub title: String,
    /// One line below it: the date, the model file, whatever tells this report from others.
    pub subtitle: String,
    /// A score at or above it is a defect (Eq. 6).
    pub threshold: f64,
    /// A score at or above it, and below the threshold, is unsure; `None` if none are. Compared with a
    /// label it counts as called good: it does not reach the threshold.
    pub unsure: Option<f64>,
    /// Unit of the scores; empty where they have none.
    pub unit: String,
    /// Sentences about the images that make verdicts doubtful, without their full stops.
    pub notes: Vec<String>,
    /// The scored images, in any order.
    pub images: Vec<ReportImage>,
    /// Files that have no score.
    pub unusable: Vec<UnusableFile>,
    /// Metrics of [`differnet_eval::evaluate`], if there are labels of both kinds.
    pub metrics: Option<Metrics>,
    /// A sentence why there are no `metrics`; without one the report gives the reason that it sees
    /// in the labels.
    pub missing_metrics: Option<String>,
    /// Names and values of what the maps achieve against masks.
    pub pixel: Vec<(String, String)>,
    /// Sentences about what the comparison with masks leaves out, and why.
    pub pixel_notes: Vec<String>,
    /// The course of the training.
    pub history: Vec<LossPoint>,
    /// Tables of names and values at the end: settings, environment, fingerprints.
    pub sections: Vec<ReportSection>,
    /// Seed of the confidence band; that of `metrics`, so that both speak of the same resamples.
    pub seed: u64,
}

/// One scored image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReportImage {
    /// The file's name, as far as it should be shown.
    pub name: String,
    /// Anomaly score, larger is more anomalous (nats for a flow). An image whose score is NaN gets
    /// no verdict and counts as an error.
    pub score: f64,
    /// Reason for an invalid verdict; `None` for a valid image.
    pub invalid: Option<String>,
    /// The label: `true` for a defect, `None` if nobody said.
    pub defect: Option<bool>,
    /// The kind of defect, or of part.
    pub kind: Option<String>,
    /// A small version of the image; see [`EncodedImage::small`].
    pub thumbnail: Option<EncodedImage>,
    /// The map of where the defect is, as large as the thumbnail; faded in over it.
    pub overlay: Option<EncodedImage>,
}

/// A file that could not be scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableFile {
    /// The file's name.
    pub name: String,
    /// Cause.
    pub reason: String,
    /// What it is counted as.
    pub kind: UnusableKind,
}

/// What a file that could not be scored is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableKind {
    /// An image without a verdict: an error.
    Image,
    /// An image that is invalid, such as one of another depth.
    InvalidImage,
    /// A mask: no image at all.
    Mask,
}

impl UnusableKind {
    /// What an image that cannot be scored is counted as, by the verdict on it, if there is one.
    pub fn of(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(_) => Self::InvalidImage,
            None => Self::Image,
        }
    }
}

/// A table of names and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSection {
    /// Heading.
    pub title: String,
    /// Names and values, in the order to show.
    pub rows: Vec<(String, String)>,
}

impl Report {
    /// A report of nothing yet, to fill in; scores are in nats unless it is told otherwise.
    pub fn new(title: impl Into<String>, threshold: f64) -> Self {
        Self {
            title: title.into(),
            subtitle: String::new(),
            threshold,
            unsure: None,
            unit: String::from("nats"),
            notes: Vec::new(),
            images: Vec::new(),
            unusable: Vec::new(),
            metrics: None,
            missing_metrics: None,
            pixel: Vec::new(),
            pixel_notes: Vec::new(),
            history: Vec::new(),
            sections: Vec::new(),
            seed: 0,
        }
    }
}

/// Writes the report as one HTML document, picture by picture, so that memory stays flat.
///
/// Misses come first in the gallery, the lowest score leading, then false alarms, the highest
/// score leading, then all others by falling score. A plot that cannot be drawn is replaced by a
/// sentence that says why.
///
/// # Errors
/// Whatever `out` reports.
pub fn write_report<W: Write>(report: &Report, mut out: W) -> io::Result<()> {
    let judged = judged::in_order(report);
    let tally = Tally::new(&judged);
    let labels = Labels::new(&report.images);
    let page = Page { report, judged: &judged, tally, labels };

    let mut write = |html: maud::Markup| out.write_all(html.into_string().as_bytes());
    write(document::head(report))?;
    write(summary::summary(&page))?;
    write(figures::scores(&page))?;
    write(gallery::toolbar(&page))?;
    for image in &judged {
        write(gallery::card(&page, image))?;
    }
    write(gallery::end())?;
    write(figures::training(report))?;
    write(sections::tables(report))?;
    write(sections::unusable(report))?;
    write(document::tail())?;
    out.flush()
}

/// Input of the document's parts.
struct Page<'a> {
    report: &'a Report,
    /// The images in the order of the gallery.
    judged: &'a [Judged<'a>],
    tally: Tally,
    labels: Labels,
}
