//! What goes into the HTML report.

use std::iter;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use differnet::{
    Header, LocalizeConfig, ScoreConfig, TransformChoice, data_fingerprint, environment,
};
use differnet_data::ContentHash;
use differnet_eval::ScoredImage;
use differnet_report::{LossPoint, Report, ReportImage, ReportSection, UnusableFile};

use crate::evaluation::{Summary, pixel_rows};
use crate::map_args::map_name;
use crate::map_evaluation::Pictures;
use crate::score_args::average_name;
use crate::source_args::SourceArgs;

/// The commit that the program was built from, if git knew it.
const COMMIT: Option<&str> = option_env!("DIFFERNET_COMMIT");

/// Where a report comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The model file.
    model: PathBuf,
    model_hash: ContentHash,
    device: &'static str,
    /// Date and time, UTC.
    written: String,
}

impl Origin {
    /// A report about the model file `model`, to be written now.
    pub(crate) fn new(model: &Path, source: &SourceArgs) -> anyhow::Result<Self> {
        let model_hash = ContentHash::of_file(model)
            .with_context(|| format!("cannot read {}", model.display()))?;
        Ok(Self {
            model: model.to_path_buf(),
            model_hash,
            device: source.device_name(),
            written: humantime::format_rfc3339_seconds(now()).to_string(),
        })
    }
}

/// The time, or what SOURCE_DATE_EPOCH says instead, so that the same run can give the same bytes.
fn now() -> SystemTime {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let given =
        epoch.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    given.unwrap_or_else(SystemTime::now)
}

/// A report that says of the model what it knows of itself, and shows no images yet.
pub(crate) fn of_model(title: &str, origin: &Origin, model: &Header) -> Report {
    let mut report = Report::new(title, model.thresholds().defect);
    report.unsure = model.thresholds().unsure;
    let file = origin.model.file_name().unwrap_or(origin.model.as_os_str());
    report.subtitle = format!("{}, {}", file.display(), origin.written);
    report.unit = model.config.method.method().unit().unwrap_or_default().to_owned();
    report.history = model
        .history
        .iter()
        .map(|point| LossPoint {
            update: point.update as usize,
            train: point.train,
            validation: point.validation,
        })
        .collect();
    let mut about = pairs([
        ("file", origin.model.display().to_string()),
        ("SHA-256", origin.model_hash.to_string()),
    ]);
    about.extend(model.rows());
    let mut environment = environment(origin.device, COMMIT);
    environment.extend(pairs([("report written", origin.written.clone())]));
    report.sections = vec![
        ReportSection { title: "Model".to_owned(), rows: about },
        ReportSection { title: "Settings".to_owned(), rows: model.config.rows() },
        ReportSection { title: "Environment".to_owned(), rows: environment },
    ];
    report
}

/// Adds how images were scored, and how maps were made, if they were.
pub(crate) fn add_scoring(
    report: &mut Report,
    config: &ScoreConfig,
    maps: Option<&LocalizeConfig>,
) {
    let choice = match config.choice {
        TransformChoice::Fixed => "spread evenly".to_owned(),
        TransformChoice::Random { seed } => format!("random, seed {seed}"),
    };
    let mut rows = pairs([
        ("transforms of each image", config.transforms.to_string()),
        ("angles", choice),
        ("average over transforms", average_name(config.average).to_owned()),
    ]);
    if let Some(LocalizeConfig { scoring, kind }) = maps {
        rows.extend(pairs([
            ("maps", map_name(*kind).to_owned()),
            ("transforms of each map", scoring.transforms.to_string()),
        ]));
    }
    report.sections.insert(0, ReportSection { title: "Scoring".to_owned(), rows });
}

/// Adds the images of an evaluation; `hashes` belong to them in order, `pictures` too or are none.
pub(crate) fn add_images(
    report: &mut Report,
    model: &Header,
    images: &[ScoredImage],
    hashes: &[ContentHash],
    pictures: Vec<Pictures>,
) {
    let paths: Vec<&Path> = images.iter().map(|image| Path::new(&image.path)).collect();
    let (folder, names) = below_common_folder(&paths);
    let pictures = pictures.into_iter().map(Some).chain(iter::repeat_with(|| None));
    let images = images.iter().zip(names).zip(pictures).map(|((image, name), pictures)| {
        let (thumbnail, overlay) =
            pictures.map_or((None, None), |pictures| (Some(pictures.image), pictures.overlay));
        ReportImage {
            name,
            score: image.score,
            defect: Some(image.is_defect()),
            kind: image.kind.clone(),
            thumbnail,
            overlay,
        }
    });
    report.images = images.collect();
    add_fingerprints(report, model, hashes, folder.display().to_string());
}

/// Adds what an evaluation found.
pub(crate) fn add_findings(report: &mut Report, summary: &Summary) {
    report.metrics = summary.findings.metrics().cloned();
    report.pixel = summary.pixel.as_ref().map(pixel_rows).unwrap_or_default();
    report.pixel_notes.clone_from(&summary.pixel_notes);
    report.seed = summary.seed;
    let rows = [
        ("data set", summary.data_set.clone()),
        ("seed of the intervals", summary.seed.to_string()),
        ("seconds", format!("{:.1}", summary.seconds)),
    ];
    report.sections.insert(0, section("Evaluation", rows));
}

/// Adds what tells the data from others; `hashes` belong to the report's images in order, which
/// were found in `place`.
pub(crate) fn add_fingerprints(
    report: &mut Report,
    model: &Header,
    hashes: &[ContentHash],
    place: String,
) {
    let rows = [
        ("training images", model.data_fingerprint.clone()),
        ("images of this report", data_fingerprint(hashes)),
        ("found in", place),
    ];
    let title = match &model.regions {
        None => "SHA-256 of each image of this report",
        Some(_) => "SHA-256 of what the regions leave of each image of this report",
    };
    let names = report.images.iter().map(|image| image.name.clone());
    let images = names.zip(hashes.iter().map(ContentHash::to_string)).collect();
    report.sections.push(section("Data fingerprints", rows));
    report.sections.push(ReportSection { title: title.to_owned(), rows: images });
}

/// A file that could not be used, and why.
pub(crate) fn unusable(path: &Path, reason: String) -> UnusableFile {
    UnusableFile { name: path.display().to_string(), reason }
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

fn section<const N: usize>(title: &str, rows: [(&str, String); N]) -> ReportSection {
    ReportSection { title: title.to_owned(), rows: pairs(rows) }
}

fn pairs<const N: usize>(rows: [(&str, String); N]) -> Vec<(String, String)> {
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
}
