//! What goes into the HTML report.

use std::path::Path;

use differnet::ModelSummary;
use differnet_data::BadImage;
use differnet_eval::{LossPoint, Report, ReportImage, ReportSection, ScoredImage, UnusableFile};

use crate::evaluation::{Summary, pixel_rows};
use crate::map_evaluation::Pictures;
use crate::regions_args;

/// The report of an evaluation; `pictures` belong to `images` in order, or are none.
pub(crate) fn of_evaluation(
    images: &[ScoredImage],
    summary: &Summary,
    model: &ModelSummary<'_>,
    pictures: Vec<Pictures>,
    bad: &[BadImage],
) -> Report {
    let mut report = of_model(&summary.data_set, &summary.model, model);
    let mut pictures = pictures.into_iter();
    report.images = images
        .iter()
        .map(|image| {
            let pictures = pictures.next();
            let (thumbnail, overlay) = match pictures {
                Some(pictures) => (Some(pictures.image), pictures.overlay),
                None => (None, None),
            };
            ReportImage {
                name: image.path.clone(),
                score: image.score,
                defect: Some(image.is_defect()),
                kind: image.kind.clone(),
                thumbnail,
                overlay,
            }
        })
        .collect();
    report.unusable = bad.iter().map(|bad| unusable(&bad.path, bad.to_string())).collect();
    report.metrics = Some(summary.metrics.clone());
    report.pixel = summary.pixel.as_ref().map(pixel_rows).unwrap_or_default();
    report.pixel.extend(summary.pixel_notes.iter().map(|note| ("Note".to_owned(), note.clone())));
    report.seed = summary.seed;
    report.sections.insert(
        0,
        section(
            "Evaluation",
            [
                ("transforms of each image", summary.transforms.to_string()),
                ("average over transforms", summary.average.to_owned()),
                ("seed", summary.seed.to_string()),
                ("seconds", format!("{:.1}", summary.seconds)),
            ],
        ),
    );
    report
}

/// A report that says of the model what it knows of itself, and shows no images yet.
pub(crate) fn of_model(title: &str, path: &str, model: &ModelSummary<'_>) -> Report {
    let unit = model.method.unit().unwrap_or_default();
    let mut report = Report::new(title, model.threshold);
    report.subtitle = format!("{path}, differnet {}", env!("CARGO_PKG_VERSION"));
    report.unit = unit.to_owned();
    report.history = model
        .history
        .iter()
        .map(|point| LossPoint {
            update: point.update as usize,
            train: point.train,
            validation: point.validation,
        })
        .collect();
    let threshold = if unit.is_empty() { "threshold" } else { &format!("threshold, {unit}") };
    let mut about = section(
        "Model",
        [
            ("file", path.to_owned()),
            ("method", model.method.to_string()),
            ("trained by", format!("differnet {}", model.version)),
            ("training images", model.training_images.to_string()),
            ("images held back", model.held_back_images.to_string()),
            ("digest of the images", model.data_fingerprint.to_owned()),
            ("regions", regions_args::describe(model.regions)),
            ("feature extractor", model.extractor.unwrap_or("none").to_owned()),
            (threshold, format!("{:.4}", model.threshold)),
        ],
    );
    about.rows.extend(model.facts.iter().cloned());
    report.sections = vec![
        about,
        ReportSection {
            title: "Settings".to_owned(),
            rows: model
                .settings
                .lines()
                .filter_map(|line| line.split_once(" = "))
                .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
                .collect(),
        },
        section(
            "Environment",
            [
                ("program", format!("differnet {}", env!("CARGO_PKG_VERSION"))),
                ("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
                (
                    "processors",
                    std::thread::available_parallelism()
                        .map_or_else(|_| "unknown".to_owned(), |count| count.to_string()),
                ),
            ],
        ),
    ];
    report
}

/// A file that could not be used, and why.
pub(crate) fn unusable(path: &Path, reason: String) -> UnusableFile {
    UnusableFile { name: path.display().to_string(), reason }
}

fn section<const N: usize>(title: &str, rows: [(&str, String); N]) -> ReportSection {
    let rows = rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ReportSection { title: title.to_owned(), rows }
}
