//! Images with their verdicts, compared with their labels and put in order.

use std::cmp::Ordering;

use differnet_eval::ConfusionCounts;
use differnet_scoring::{Thresholds, Verdict};

use super::{Report, ReportImage};

/// Agreement of a verdict with the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// A defect below the threshold.
    Miss,
    /// A good image called defect.
    FalseAlarm,
    /// A defect called defect.
    Found,
    /// A good image below the threshold.
    Passed,
    /// There is no label or no verdict.
    Unknown,
}

/// An image with what is thought of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged<'a> {
    pub(super) image: &'a ReportImage,
    /// `None` if the score or the threshold is NaN.
    pub(super) verdict: Option<Verdict>,
    pub(super) agreement: Agreement,
}

impl<'a> Judged<'a> {
    fn new(image: &'a ReportImage, report: &Report) -> Self {
        let thresholds = Thresholds { defect: report.threshold, unsure: report.unsure };
        let is_known = !image.score.is_nan() && !report.threshold.is_nan();
        let judged = is_known.then(|| thresholds.verdict(image.score));
        let verdict = image.invalid.as_ref().map(|_| Verdict::Invalid).or(judged);
        let agreement = match (verdict, image.defect) {
            (Some(Verdict::Ok | Verdict::Unsure), Some(true)) => Agreement::Miss,
            (Some(Verdict::Defect), Some(false)) => Agreement::FalseAlarm,
            (Some(Verdict::Defect), Some(true)) => Agreement::Found,
            (Some(Verdict::Ok | Verdict::Unsure), Some(false)) => Agreement::Passed,
            (Some(Verdict::Invalid) | None, _) | (_, None) => Agreement::Unknown,
        };
        Self { image, verdict, agreement }
    }

    /// Groups of the gallery, the most urgent first.
    fn rank(&self) -> u8 {
        match (self.agreement, self.verdict) {
            (Agreement::Miss, _) => 0,
            (Agreement::FalseAlarm, _) => 1,
            (_, None) => 2,
            (_, Some(Verdict::Invalid)) => 3,
            _ => 4,
        }
    }
}

/// The images of the report, judged and in the order of the gallery.
///
/// The worst miss is the defect with the lowest score, the worst false alarm the good image with
/// the highest; images without a verdict follow, then those that are invalid, then all others by falling score. Equal scores
/// are ordered by name.
pub(super) fn in_order(report: &Report) -> Vec<Judged<'_>> {
    let mut judged: Vec<Judged<'_>> =
        report.images.iter().map(|image| Judged::new(image, report)).collect();
    judged.sort_by(|a, b| {
        let by_score = match a.agreement {
            Agreement::Miss => a.image.score.total_cmp(&b.image.score),
            // The order of NaN carries no meaning, and its sign differs between platforms.
            _ if a.image.score.is_nan() || b.image.score.is_nan() => Ordering::Equal,
            _ => b.image.score.total_cmp(&a.image.score),
        };
        a.rank().cmp(&b.rank()).then(by_score).then_with(|| a.image.name.cmp(&b.image.name))
    });
    judged
}

/// Counts of images by verdict, and of right verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) ok: usize,
    pub(super) unsure: usize,
    pub(super) defect: usize,
    pub(super) invalid: usize,
    pub(super) missing: usize,
    /// Of the images with a label and a verdict.
    pub(super) confusion: ConfusionCounts,
}

impl Tally {
    pub(super) fn new(judged: &[Judged<'_>]) -> Self {
        let mut tally = Self::default();
        for image in judged {
            match image.verdict {
                Some(Verdict::Ok) => tally.ok += 1,
                Some(Verdict::Unsure) => tally.unsure += 1,
                Some(Verdict::Defect) => tally.defect += 1,
                Some(Verdict::Invalid) => tally.invalid += 1,
                None => tally.missing += 1,
            }
            match image.agreement {
                Agreement::Miss => tally.confusion.false_negatives += 1,
                Agreement::FalseAlarm => tally.confusion.false_positives += 1,
                Agreement::Found => tally.confusion.true_positives += 1,
                Agreement::Passed => tally.confusion.true_negatives += 1,
                Agreement::Unknown => {}
            }
        }
        tally
    }

    /// Defects by label that got a verdict.
    pub(super) fn defects(&self) -> usize {
        self.confusion.true_positives + self.confusion.false_negatives
    }

    /// Good images by label that got a verdict.
    pub(super) fn good(&self) -> usize {
        self.confusion.true_negatives + self.confusion.false_positives
    }
}

/// Counts of images by label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Labels {
    pub(super) good: usize,
    pub(super) defects: usize,
    pub(super) unlabelled: usize,
}

impl Labels {
    pub(super) fn new(images: &[ReportImage]) -> Self {
        let mut labels = Self::default();
        for image in images {
            match image.defect {
                Some(true) => labels.defects += 1,
                Some(false) => labels.good += 1,
                None => labels.unlabelled += 1,
            }
        }
        labels
    }

    /// Tells whether any image has a label.
    pub(super) fn any(&self) -> bool {
        self.good + self.defects > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, score: f64, defect: Option<bool>) -> ReportImage {
        ReportImage { name: name.to_owned(), score, defect, ..Default::default() }
    }

    fn report() -> Report {
        let images = vec![
            image("passed", 2.0, Some(false)),
            image("found", 12.0, Some(true)),
            image("alarm", 10.0, Some(false)),
            image("broken", f64::NAN, Some(true)),
            image("near miss", 9.0, Some(true)),
            image("worst alarm", 30.0, Some(false)),
            image("unlabelled", 40.0, None),
            image("worst miss", 1.0, Some(true)),
            image("b", 2.0, None),
        ];
        Report { images, ..Report::new("", 10.0) }
    }

    #[test]
    fn worst_misses_come_first_then_worst_false_alarms_then_falling_scores() {
        let report = report();
        let names: Vec<&str> =
            in_order(&report).iter().map(|judged| judged.image.name.as_str()).collect();
        let golden = [
            "worst miss",
            "near miss",
            "worst alarm",
            "alarm",
            "broken",
            "unlabelled",
            "found",
            "b",
            "passed",
        ];
        assert_eq!(names, golden);
    }

    #[test]
    fn counts_of_verdicts_and_labels() {
        let report = report();
        let tally = Tally::new(&in_order(&report));
        assert_eq!((tally.ok, tally.defect, tally.missing), (4, 4, 1));
        let golden = ConfusionCounts {
            true_positives: 1,
            false_positives: 2,
            true_negatives: 1,
            false_negatives: 2,
        };
        assert_eq!(tally.confusion, golden);
        assert_eq!((tally.good(), tally.defects()), (3, 3));
        let labels = Labels::new(&report.images);
        assert_eq!((labels.good, labels.defects, labels.unlabelled), (3, 4, 2));
    }

    #[test]
    fn an_invalid_image_is_neither_right_nor_wrong() {
        let mut report = report();
        for name in [1, 7] {
            report.images[name].invalid = Some("too dark".to_owned());
        }
        let judged = in_order(&report);
        let tally = Tally::new(&judged);
        assert_eq!((tally.ok, tally.defect, tally.invalid, tally.missing), (3, 3, 2, 1));
        assert_eq!((tally.confusion.true_positives, tally.confusion.false_negatives), (0, 1));
        let names: Vec<&str> = judged[4..6].iter().map(|judged| &judged.image.name[..]).collect();
        assert_eq!(names, ["found", "worst miss"]);
    }

    #[test]
    fn without_a_threshold_nothing_gets_a_verdict() {
        let report = Report { threshold: f64::NAN, ..report() };
        assert!(in_order(&report).iter().all(|judged| judged.verdict.is_none()));
    }

    #[test]
    fn doubt_changes_the_verdict_and_not_what_it_is_worth() {
        let sure = report();
        let report = Report { unsure: Some(2.0), ..report() };
        let judged = in_order(&report);
        let tally = Tally::new(&judged);
        assert_eq!((tally.ok, tally.unsure, tally.defect, tally.missing), (1, 3, 4, 1));
        assert_eq!(tally.confusion, Tally::new(&in_order(&sure)).confusion);
        let unsure = judged.iter().filter(|judged| judged.verdict == Some(Verdict::Unsure));
        let names: Vec<&str> = unsure.map(|judged| judged.image.name.as_str()).collect();
        assert_eq!(names, ["near miss", "b", "passed"]);
    }
}
