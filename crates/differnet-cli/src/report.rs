//! What goes into the HTML report.

use std::path::Path;

use differnet::ModelInfo;
use differnet_data::BadImage;
use differnet_eval::{LossPoint, Report, ReportImage, ReportSection, ScoredImage, UnusableFile};

use crate::evaluation::{Summary, pixel_rows};
use crate::map_evaluation::Pictures;
use crate::regions_args;

/// The report of an evaluation; `pictures` belong to `images` in order, or are none.
pub(crate) fn of_evaluation(
    images: &[ScoredImage],
    summary: &Summary,
    info: &ModelInfo,
    pictures: Vec<Pictures>,
    bad: &[BadImage],
) -> Report {
    let mut report = of_model(&summary.data_set, &summary.model, info);
    let mut pictures = pictures.into_iter();
    report.images = images
        .iter()
        .map(|image| {
            let pictures = pictures.next();
            let (thumbnail, overlay) =
                pictures.map(|pictures| (pictures.image, pictures.overlay)).unzip();
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
pub(crate) fn of_model(title: &str, model: &str, info: &ModelInfo) -> Report {
    let mut report = Report::new(title, info.threshold);
    report.subtitle = format!("{model}, differnet {}", env!("CARGO_PKG_VERSION"));
    report.history = info
        .history
        .iter()
        .map(|point| LossPoint {
            update: point.update as usize,
            train: point.train,
            validation: point.validation,
        })
        .collect();
    report.sections = vec![
        section(
            "Model",
            [
                ("file", model.to_owned()),
                ("trained by", format!("differnet {}", info.version)),
                ("training images", info.training_images.to_string()),
                ("images held back", info.held_back_images.to_string()),
                ("digest of the images", info.data_fingerprint.clone()),
                ("regions", regions_args::describe(info.regions.as_ref())),
                ("feature extractor", info.extractor.clone()),
                ("updates", info.updates.to_string()),
                ("threshold, nats", format!("{:.4}", info.threshold)),
            ],
        ),
        ReportSection {
            title: "Settings".to_owned(),
            rows: info
                .config
                .to_toml()
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
