//! Description of a report's origin: the model, how images were scored, the data.

use std::path::{Path, PathBuf};

use differnet_eval::ScoredImage;

use super::{ImagePictures, Report, ReportImage, ReportSection};
use crate::evaluation_summary::EvaluationSummary;
use crate::plot::LossPoint;

/// Names and values, in the order to show.
type NamedValues = Vec<(String, String)>;

/// Description of the model that a report is about, and of the run that writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDescription {
    /// The model file.
    pub file: PathBuf,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Date and time of the report, UTC.
    pub written: String,
    /// [`Report::threshold`]
    pub threshold: f64,
    /// [`Report::unsure`]
    pub unsure: Option<f64>,
    /// [`Report::unit`]
    pub unit: String,
    /// [`Report::history`]
    pub history: Vec<LossPoint>,
    /// Names and values of what the model tells of itself.
    pub model: NamedValues,
    /// Names and values of its settings.
    pub settings: NamedValues,
    /// Names and values of program and machine.
    pub environment: NamedValues,
}

/// Fingerprints of the images of a report and of those behind its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFingerprints {
    /// Fingerprint of the training images.
    pub training: String,
    /// Fingerprint of the report's images.
    pub images: String,
    /// Place where the report's images were found.
    pub found_in: String,
    /// SHA-256 of each image of the report, in order.
    pub hashes: Vec<String>,
    /// Whether the model ignores pixels: hashes are then of what it sees.
    pub has_regions: bool,
}

impl Report {
    /// A report that describes `model` and shows no images yet.
    pub fn of_model(title: impl Into<String>, model: ModelDescription) -> Self {
        let ModelDescription { file, sha256, written, environment, .. } = model;
        let name = file.file_name().unwrap_or(file.as_os_str());
        let mut about = rows([("file", file.display().to_string()), ("SHA-256", sha256)]);
        about.extend(model.model);
        let mut environment = environment;
        environment.extend(rows([("report written", written.clone())]));
        Self {
            subtitle: format!("{}, {written}", name.display()),
            unsure: model.unsure,
            unit: model.unit,
            history: model.history,
            sections: vec![
                ReportSection::new("Model", about),
                ReportSection::new("Settings", model.settings),
                ReportSection::new("Environment", environment),
            ],
            ..Self::new(title, model.threshold)
        }
    }

    /// Adds names and values of how images were scored.
    pub fn add_scoring(&mut self, rows: Vec<(String, String)>) {
        self.sections.insert(0, ReportSection::new("Scoring", rows));
    }

    /// Adds the labelled images of an evaluation; returns the folder that all of them lie in.
    ///
    /// - `pictures`: those of each image in order, or none
    pub fn add_images(&mut self, images: &[ScoredImage], pictures: Vec<ImagePictures>) -> PathBuf {
        let paths: Vec<&Path> = images.iter().map(|image| Path::new(&image.path)).collect();
        let (folder, names) = below_common_folder(&paths);
        self.images = images
            .iter()
            .zip(names)
            .map(|(image, name)| ReportImage {
                name,
                score: image.score,
                invalid: image.invalid.clone(),
                defect: Some(image.is_defect()),
                kind: image.kind.clone(),
                ..ReportImage::default()
            })
            .collect();
        for (image, pictures) in self.images.iter_mut().zip(pictures) {
            image.set_pictures(pictures);
        }
        folder
    }

    /// Adds the numbers of an evaluation.
    pub fn add_evaluation(&mut self, summary: &EvaluationSummary) {
        self.metrics = summary.metrics.both_classes().cloned();
        self.pixel = summary.pixel_rows();
        self.pixel_notes.clone_from(&summary.pixel_notes);
        self.notes.extend(summary.seen_note());
        self.seed = summary.seed;
        let rows = rows([
            ("data set", summary.data_set.clone()),
            ("seed of the intervals", summary.seed.to_string()),
            ("seconds", format!("{:.1}", summary.seconds)),
        ]);
        self.sections.insert(0, ReportSection::new("Evaluation", rows));
    }

    /// Adds the fingerprints of the data, at the end.
    pub fn add_fingerprints(&mut self, data: DataFingerprints) {
        let title = if data.has_regions {
            "SHA-256 of what the regions leave of each image of this report"
        } else {
            "SHA-256 of each image of this report"
        };
        let images = self.images.iter().map(|image| image.name.clone()).zip(data.hashes).collect();
        let rows = rows([
            ("training images", data.training),
            ("images of this report", data.images),
            ("found in", data.found_in),
        ]);
        self.sections.push(ReportSection::new("Data fingerprints", rows));
        self.sections.push(ReportSection::new(title, images));
    }
}

impl ReportImage {
    /// Shows `pictures` beside the score.
    pub fn set_pictures(&mut self, pictures: ImagePictures) {
        self.thumbnail = Some(pictures.thumbnail);
        self.overlay = pictures.overlay;
    }
}

impl ReportSection {
    fn new(title: &str, rows: NamedValues) -> Self {
        Self { title: title.to_owned(), rows }
    }
}

/// The folder that all `paths` lie in, and their names below it.
fn below_common_folder(paths: &[&Path]) -> (PathBuf, Vec<String>) {
    let first = paths.first().and_then(|path| path.parent());
    let mut folder = first.map(Path::to_path_buf).unwrap_or_default();
    // An empty path is the start of every path.
    while !paths.iter().all(|path| path.starts_with(&folder)) && folder.pop() {}
    let name = |path: &&Path| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
    let names = paths.iter().map(name).collect();
    (folder, names)
}

fn rows<const N: usize>(rows: [(&str, String); N]) -> NamedValues {
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_below_the_folder_that_all_images_share() {
        let below = |paths: &[&str]| {
            let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
            let (folder, names) = below_common_folder(&paths);
            (folder.display().to_string(), names)
        };
        let golden = ("a/test".to_owned(), vec!["x/1.png".to_owned(), "xy/1.png".to_owned()]);
        assert_eq!(below(&["a/test/x/1.png", "a/test/xy/1.png"]), golden);
        assert_eq!(below(&["a/1.png"]), ("a".to_owned(), vec!["1.png".to_owned()]));
        let apart = (String::new(), vec!["a/1.png".to_owned(), "b/1.png".to_owned()]);
        assert_eq!(below(&["a/1.png", "b/1.png"]), apart);
        assert_eq!(below(&[]), (String::new(), vec![]));
    }

    #[test]
    fn sections_go_from_the_evaluation_to_the_hashes() {
        let mut report = Report::of_model(
            "parts",
            ModelDescription {
                file: PathBuf::from("models/part.differnet"),
                sha256: String::from("abc"),
                written: String::from("2026-01-01T00:00:00Z"),
                threshold: 2.0,
                unsure: Some(1.5),
                unit: String::from("nats"),
                history: Vec::new(),
                model: rows([("method", String::from("differnet"))]),
                settings: Vec::new(),
                environment: Vec::new(),
            },
        );
        assert_eq!(report.subtitle, "part.differnet, 2026-01-01T00:00:00Z");
        report.add_scoring(rows([("angles", String::from("spread evenly"))]));
        let image = ScoredImage {
            path: String::from("test/a.png"),
            kind: Some("dent".into()),
            score: 3.0,
            invalid: None,
        };
        let folder = report.add_images(&[image], Vec::new());
        assert_eq!((folder, report.images[0].defect), (PathBuf::from("test"), Some(true)));
        report.add_fingerprints(DataFingerprints {
            training: String::from("t"),
            images: String::from("i"),
            found_in: String::from("test"),
            hashes: vec![String::from("h")],
            has_regions: false,
        });
        let titles: Vec<&str> = report.sections.iter().map(|section| &section.title[..]).collect();
        let golden = [
            "Scoring",
            "Model",
            "Settings",
            "Environment",
            "Data fingerprints",
            "SHA-256 of each image of this report",
        ];
        assert_eq!(titles, golden);
        assert_eq!(report.sections[1].rows[2], (String::from("method"), String::from("differnet")));
        assert_eq!(report.sections[5].rows, rows([("a.png", String::from("h"))]));
    }
}
