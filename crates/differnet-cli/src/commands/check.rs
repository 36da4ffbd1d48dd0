//! `differnet check`: what speaks against training on a data set.

use std::path::{Path, PathBuf};

use differnet::PathText;
use differnet::data_check::{Finding, Severity, check_dataset};
use differnet::progress::{CancelToken, Monitor, Progress, Stage};
use differnet_data::Dataset;
use serde::Serialize;

use crate::data_args::DataArgs;
use crate::exit::{Exit, though_unread};
use crate::folder_table::FolderTable;
use crate::numbers::seed;
use crate::output::{counted, print, print_json, tell};
use crate::progress::Meter;
use crate::source_args::SourceArgs;

/// Files of a finding that are named in text.
const NAMED: usize = 4;

/// Find what speaks against training on a data set: bad files, copies, outliers, defects.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet check --data good_parts
  differnet check --data mvtec --category bottle --strict     # warnings count as errors
  differnet check --data good_parts --files-only              # no features: in seconds
  differnet check --data good_parts --json | jq '.findings[] | select(.kind == \"suspected_defect\")'

Looks for files that cannot be read, masks that do not fit, images that are there twice or nearly
twice, images that are trained on and tested with, blank, over- or underexposed and blurred ones,
other sizes, shapes, colour modes or compression, too few images, and good images that may show a defect
because they are far from all the others.

--json prints one object: {\"data\", \"ok\", \"images\": {\"train\", \"test_good\", \"test_defect\"}, \"folders\":
[{\"folder\", \"images\", \"use\", \"kind\"}], \"errors\", \"warnings\", \"notices\", \"findings\": [{\"severity\",
\"kind\", \"files\", \"message\"}]}. Names that are not UTF-8 are there as bytes in Base64, too: files_bytes.

Exit codes: 0 nothing worse than warnings, 1 errors (with --strict: or warnings).")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Seed of the split, where the layout leaves it open.
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true, default_value_t = 0)]
    seed: u64,
    /// Look at the files alone: suspect no defects among good images.
    #[arg(long)]
    files_only: bool,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: SourceArgs,
}

/// Output of `--json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(serialize_with = "PathText::serialize_lossy")]
    data: &'a Path,
    ok: bool,
    images: Images,
    folders: FolderTable,
    errors: usize,
    warnings: usize,
    notices: usize,
    findings: &'a [Finding],
}

/// Images of a data set.
#[derive(Debug, Serialize)]
struct Images {
    train: usize,
    test_good: usize,
    test_defect: usize,
}

// Ctrl-C needs no listening to: nothing is lost.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let dataset = args.data.load(&args.data.layout()?, args.seed)?;
    let folders = args.data.folders(&dataset)?;
    folders.tell();
    let runtime = if args.files_only { None } else { Some(args.source.open()?) };
    let meter = Meter::new();
    let observer = |progress: &Progress| {
        let title = match progress.stage {
            Stage::Features => "Comparing good images",
            _ => "Checking images",
        };
        meter.show(title, progress.done, progress.total, "");
    };
    let monitor = Monitor::new(&observer, &CancelToken::new());
    let findings = check_dataset(&dataset, runtime.as_ref(), &monitor)?;
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let ok = errors == 0 && !(args.strict && warnings > 0);
    let report = Report {
        data: args.data.root(),
        ok,
        images: images(&dataset),
        folders,
        errors,
        warnings,
        notices: count(Severity::Notice),
        findings: &findings,
    };
    if args.json {
        though_unread(print_json(&report))?;
    } else {
        though_unread(print(&readable(&report)))?;
        if !findings.is_empty() {
            tell("--json lists every file of every finding; --help says what is looked for.");
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn images(dataset: &Dataset) -> Images {
    let test_good = dataset.test.iter().filter(|sample| sample.defect.is_none()).count();
    Images { train: dataset.train.len(), test_good, test_defect: dataset.test.len() - test_good }
}

fn readable(report: &Report<'_>) -> String {
    let Images { train, test_good, test_defect } = report.images;
    let mut lines = vec![format!(
        "{}: {} to train on, {test_good} good and {test_defect} defective to test with",
        report.data.display(),
        counted(train, "good image"),
    )];
    for finding in report.findings {
        let severity = match finding.severity {
            Severity::Error => "ERROR  ",
            Severity::Warning => "warning",
            Severity::Notice => "notice ",
        };
        lines.push(format!("{severity}  {}", about(finding, report.data)));
    }
    lines.push(match (report.errors, report.warnings) {
        (0, 0) => "Nothing speaks against training on it.".to_owned(),
        (errors, warnings) => {
            format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
        }
    });
    lines.join("\n")
}

/// `a.png, b.png: what is wrong`, the files as they lie below `root`.
fn about(finding: &Finding, root: &Path) -> String {
    // An error of a file names it itself.
    if finding.files.is_empty() || finding.message.contains(&*finding.files[0].to_string_lossy()) {
        return finding.message.clone();
    }
    let below = |file: &PathBuf| file.strip_prefix(root).unwrap_or(file).display().to_string();
    let mut files: Vec<String> = finding.files.iter().take(NAMED).map(below).collect();
    if finding.files.len() > NAMED {
        files.push(format!("{} more", finding.files.len() - NAMED));
    }
    format!("{}: {}", files.join(", "), finding.message)
}
