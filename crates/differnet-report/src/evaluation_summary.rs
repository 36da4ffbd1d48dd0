//! Summary of an evaluation: `metrics.json`, and the same for a terminal.

use std::io::{self, Write};

use differnet_eval::{
    ConfusionCounts, InvalidCounts, Metrics, OneClassMetrics, PixelMetrics, TestSetMetrics,
};
use serde::Serialize;

use crate::table::text_table;

/// Numbers of one evaluation and where they come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationSummary {
    /// Scores against labels.
    #[serde(flatten)]
    pub metrics: TestSetMetrics,
    /// The data set's name.
    pub data_set: String,
    /// The model file.
    pub model: String,
    /// The model's method.
    pub method: String,
    /// Transforms of each image; with adaptive scoring the most.
    pub transforms: usize,
    /// Transforms of an image on average; `None` if every image got `transforms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transforms_used: Option<f64>,
    /// The average over transforms.
    pub average: String,
    /// Images of the test set that the model was trained on.
    pub seen_in_training: usize,
    /// Images without a verdict, which do not look like those of training.
    #[serde(flatten)]
    pub invalid: InvalidCounts,
    /// Seed of random transforms and resampling.
    pub seed: u64,
    /// Maps against masks; `None` without usable masks.
    #[serde(flatten)]
    pub pixel: Option<PixelMetrics>,
    /// Sentences about what the pixel metrics leave out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pixel_notes: Vec<String>,
    /// Test images and masks that could not be used, with the reason.
    pub skipped: Vec<String>,
    /// Wall-clock time of the evaluation.
    pub seconds: f64,
}

/// `metrics.json`.
#[derive(Serialize)]
struct MetricsFile<'a> {
    program: &'a str,
    #[serde(flatten)]
    summary: &'a EvaluationSummary,
}

impl EvaluationSummary {
    /// Writes `metrics.json`, whose first key names the `program` that wrote it.
    ///
    /// # Errors
    /// Whatever `out` reports.
    pub fn write_json<W: Write>(&self, program: &str, mut out: W) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut out, &MetricsFile { program, summary: self })?;
        writeln!(out)
    }

    /// A sentence if the model was trained on test images.
    pub(crate) fn seen_note(&self) -> Option<String> {
        let seen = self.seen_in_training;
        (seen > 0).then(|| {
            format!(
                "the model was trained on {seen} of these images, so figures are better than those of new parts"
            )
        })
    }

    /// The metrics for a terminal, a line each, and a table of the kinds of defect.
    pub fn to_text(&self) -> String {
        let mut lines = match &self.metrics {
            TestSetMetrics::BothClasses(metrics) => metrics_lines(metrics),
            TestSetMetrics::OneClass(metrics) => one_class_lines(metrics),
        };
        let InvalidCounts { invalid_good, invalid_defects } = self.invalid;
        if invalid_good + invalid_defects > 0 {
            lines.push(format!(
                "INVALID, without a verdict: {invalid_good} good parts, {invalid_defects} defects"
            ));
        }
        lines.extend(self.seen_note().map(|note| format!("warning: {note}")));
        let pixel = self.pixel_rows();
        lines.extend(pixel.iter().map(|(name, value)| format!("{name:<28} {value}")));
        lines.extend(self.pixel_notes.iter().map(|note| format!("note: {note}")));
        let text = lines.join("\n");
        let Some(metrics) = self.metrics.both_classes() else { return text };
        let kinds = metrics.per_kind.iter();
        let rows: Vec<Vec<String>> = kinds
            .map(|kind| {
                vec![kind.kind.clone(), kind.images.to_string(), format!("{:.4}", kind.auroc)]
            })
            .collect();
        let table = text_table(&["kind of defect", "images", "AUROC"], &rows);
        format!("{text}\n\n{}", table.trim_end())
    }

    /// Names and values of the pixel metrics; none without usable masks.
    pub(crate) fn pixel_rows(&self) -> Vec<(String, String)> {
        let Some(pixel) = &self.pixel else { return Vec::new() };
        let rows = [
            ("Pixel AUROC", pixel.pixel_auroc),
            ("AUPRO up to 0.3", pixel.aupro),
            ("Best pixel F1", pixel.pixel_f1),
            ("Best pixel IoU", pixel.pixel_iou),
            ("Pointing game", pixel.pointing_game),
        ];
        rows.map(|(name, value)| (name.to_owned(), format!("{value:.4}"))).into()
    }
}

fn metrics_lines(metrics: &Metrics) -> Vec<String> {
    let interval = metrics.auroc_ci95;
    let mut lines = vec![
        format!("{} good and {} defective images", metrics.good, metrics.defects),
        String::new(),
        format!(
            "AUROC                        {:.4}  (95 % interval {:.4} to {:.4})",
            metrics.auroc, interval.lower, interval.upper
        ),
        format!("Average precision            {:.4}", metrics.average_precision),
        format!("Recall without false alarms  {:.4}", metrics.recall_at_zero_fp),
    ];
    if let (Some(threshold), Some(counts)) = (metrics.threshold, metrics.confusion) {
        lines.push(format!(
            "At the threshold {threshold:.2}: {}, {}",
            found(&counts),
            rejected(&counts)
        ));
    }
    lines
}

/// Defects found, of those that got a verdict.
fn found(counts: &ConfusionCounts) -> String {
    let ConfusionCounts { true_positives, false_negatives, .. } = counts;
    format!("{true_positives} of {} defects found", true_positives + false_negatives)
}

/// Good parts rejected, of those that got a verdict.
fn rejected(counts: &ConfusionCounts) -> String {
    let ConfusionCounts { false_positives, true_negatives, .. } = counts;
    format!("{false_positives} of {} good parts rejected", false_positives + true_negatives)
}

fn one_class_lines(metrics: &OneClassMetrics) -> Vec<String> {
    let OneClassMetrics { good, defects, threshold, confusion, .. } = metrics;
    let verdicts = if *defects == 0 { rejected(confusion) } else { found(confusion) };
    vec![
        format!("{good} good and {defects} defective images"),
        String::new(),
        format!("At the threshold {threshold:.2}: {verdicts}"),
        format!("note: {}", metrics.missing_metrics),
    ]
}

#[cfg(test)]
mod tests {
    use differnet_eval::ScoredImage;

    use super::*;

    fn summary(labels: &[(Option<&str>, f64)]) -> EvaluationSummary {
        let image = |&(kind, score): &(Option<&str>, f64)| ScoredImage {
            path: String::from("a.png"),
            kind: kind.map(String::from),
            score,
            invalid: None,
        };
        let images: Vec<ScoredImage> = labels.iter().map(image).collect();
        EvaluationSummary {
            metrics: TestSetMetrics::of(&images, 2.0, 0).expect("scores are numbers"),
            data_set: String::from("parts"),
            model: String::from("part.differnet"),
            method: String::from("differnet"),
            transforms: 4,
            transforms_used: None,
            average: String::from("mean"),
            seen_in_training: 0,
            invalid: InvalidCounts::of(&images),
            seed: 0,
            pixel: None,
            pixel_notes: vec![String::from("no masks")],
            skipped: Vec::new(),
            seconds: 1.5,
        }
    }

    #[test]
    fn images_of_the_training_are_warned_of() {
        let one = EvaluationSummary { seen_in_training: 1, ..summary(&[(None, 1.0)]) };
        assert!(one.to_text().contains("trained on 1 of these images"), "{}", one.to_text());
    }

    #[test]
    fn images_of_one_class_are_described_by_their_verdicts() {
        let good = summary(&[(None, 1.0), (None, 3.0)]).to_text();
        assert!(good.contains("At the threshold 2.00: 1 of 2 good parts rejected\n"), "{good}");
        let defects = summary(&[(Some("hole"), 1.0), (Some("hole"), 3.0)]).to_text();
        assert!(defects.contains("At the threshold 2.00: 1 of 2 defects found\n"), "{defects}");
    }

    #[test]
    fn images_of_both_classes_are_described_by_every_metric_and_kind() {
        let text = summary(&[(None, 1.0), (Some("hole"), 3.0)]).to_text();
        let golden = "1 good and 1 defective images\n\n\
                      AUROC                        1.0000  (95 % interval 1.0000 to 1.0000)\n\
                      Average precision            1.0000\n\
                      Recall without false alarms  1.0000\n\
                      At the threshold 2.00: 1 of 1 defects found, 0 of 1 good parts rejected\n\
                      note: no masks\n\n\
                      kind of defect  images   AUROC\n\
                      ──────────────  ──────  ──────\n\
                      hole                 1  1.0000";
        assert_eq!(text, golden);
    }

    #[test]
    fn json_names_the_program_first_and_leaves_out_what_is_missing() {
        let mut bytes = Vec::new();
        let summary = summary(&[(None, 1.0), (None, 3.0)]);
        summary.write_json("differnet 0.1.0", &mut bytes).expect("memory does not fail");
        let text = String::from_utf8(bytes).expect("JSON is text");
        assert!(
            text.starts_with("{\n  \"program\": \"differnet 0.1.0\",\n  \"images\": 2,"),
            "{text}"
        );
        assert!(text.ends_with("}\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).expect("its own text");
        assert_eq!((&json["seconds"], &json["good"]), (&1.5.into(), &2.into()));
        for missing in ["transforms_used", "pixel_auroc", "auroc"] {
            assert_eq!(json.get(missing), None, "{missing}");
        }
    }
}
