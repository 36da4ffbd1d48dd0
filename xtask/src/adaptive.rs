//! `cargo xtask adaptive`: what adaptive scoring saves, and what it changes.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use burn::tensor::Device;
use differnet::{AnomalyDetector, FeatureSource, ImageScore, ScoreConfig, load_model};
use differnet_data::{Layout, load_dataset};
use differnet_eval::auroc;
use differnet_features::FeatureCache;

/// Images timed together: a command reads as many at once.
const GROUP: usize = 8;

/// Compare adaptive scoring with all transforms: verdicts, AUROC, transforms and time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask adaptive --model bottle.differnet --root mvtec_ad --category bottle
  cargo xtask adaptive --model tiles.differnet --root mtd --mtd-train-list datasets/mtd_train_list.txt

Verdicts and AUROC are of all test images, with features from the cache. Time is that of some of them,
evenly chosen, with everything extracted anew, both ways in turn.")]
pub(crate) struct AdaptiveArgs {
    /// Model file.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Folder of MVTec AD, or of Magnetic Tile Defects.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Category of MVTec AD; without it the folder holds magnetic tiles.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Text file with the names of the tiles that were trained on.
    #[arg(long, value_name = "FILE", conflicts_with = "category")]
    mtd_train_list: Option<PathBuf>,
    /// Transforms of the full count.
    #[arg(long, value_name = "N", default_value_t = 64)]
    transforms: usize,
    /// Images to time.
    #[arg(long, value_name = "N", default_value_t = 24)]
    timed: usize,
    /// Folder of the feature cache.
    #[arg(long, value_name = "DIR", default_value = "target/adaptive")]
    cache: PathBuf,
}

pub(crate) fn run(args: &AdaptiveArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.transforms > 0, "--transforms is 0: at least 1 is needed");
    let model = load_model(&args.model, &Device::flex())?;
    let summary = model.summary();
    let layout = match &args.category {
        Some(category) => Layout::Mvtec { category: Some(category.clone()) },
        None => Layout::Mtd { train_list: args.mtd_train_list.clone() },
    };
    let test = load_dataset(&args.root, &layout, summary.seed)?.test;
    let files: Vec<PathBuf> = test.iter().map(|sample| sample.image.clone()).collect();
    let full = ScoreConfig { transforms: args.transforms, ..model.score_config() };
    let adaptive = ScoreConfig { settle: Some(summary.thresholds()), ..full };

    let source = FeatureSource::on_host(Some(FeatureCache::new(&args.cache)));
    eprintln!("Scoring {} images both ways ...", files.len());
    let all = scores(&*model, &source, &files, &full)?;
    let few = scores(&*model, &source, &files, &adaptive)?;
    let unequal = all.iter().zip(&few).filter(|(all, few)| all.verdict != few.verdict).count();
    let labels: Vec<bool> = test.iter().map(|sample| sample.defect.is_some()).collect();
    let auroc = |images: &[ImageScore]| {
        let scores: Vec<f64> = images.iter().map(|image| image.score).collect();
        auroc(&scores, &labels)
    };
    let (auroc_all, auroc_few) = (auroc(&all)?, auroc(&few)?);
    let count = |images: &[ImageScore]| -> usize {
        images.iter().map(|image| image.transform_scores.len()).sum()
    };
    let (count_all, count_few) = (count(&all) as f64, count(&few) as f64);

    eprintln!("Timing {} images both ways ...", args.timed.min(files.len()));
    let (time_all, time_few) = timed(&*model, &files, args.timed, &full, &adaptive)?;

    let images = files.len() as f64;
    println!("{:<24} {:>10} {:>10} {:>10}", "", "all", "adaptive", "");
    println!(
        "{:<24} {:>10.1} {:>10.1} {:>9.2}x",
        "transforms of an image",
        count_all / images,
        count_few / images,
        count_all / count_few
    );
    println!(
        "{:<24} {:>9.2}s {:>9.2}s {:>9.2}x",
        "time of the timed images",
        time_all.as_secs_f64(),
        time_few.as_secs_f64(),
        time_all.as_secs_f64() / time_few.as_secs_f64()
    );
    println!(
        "{:<24} {auroc_all:>10.4} {auroc_few:>10.4} {:>+10.4}",
        "AUROC",
        auroc_few - auroc_all
    );
    println!(
        "equal verdicts: {} of {} ({:.2} %)",
        files.len() - unequal,
        files.len(),
        100.0 * (1.0 - unequal as f64 / images)
    );
    Ok(ExitCode::SUCCESS)
}

/// The scores of all `files`.
fn scores(
    model: &dyn AnomalyDetector,
    source: &FeatureSource,
    files: &[PathBuf],
    config: &ScoreConfig,
) -> anyhow::Result<Vec<ImageScore>> {
    let mut scores = Vec::with_capacity(files.len());
    let mut failure = None;
    let _ = model.score_files(source, files, config, &mut |_, score| match score {
        Ok(score) => {
            scores.push(score);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failure.map_or(Ok(scores), |error| Err(error).context("a test image cannot be used"))
}

/// The time that `count` of `files`, evenly chosen, take with each way of scoring, features extracted.
fn timed(
    model: &dyn AnomalyDetector,
    files: &[PathBuf],
    count: usize,
    full: &ScoreConfig,
    adaptive: &ScoreConfig,
) -> anyhow::Result<(Duration, Duration)> {
    let source = FeatureSource::on_host(None);
    let count = count.clamp(1, files.len());
    let chosen: Vec<PathBuf> =
        (0..count).map(|index| files[index * files.len() / count].clone()).collect();
    let mut total = [Duration::ZERO; 2];
    for group in chosen.chunks(GROUP) {
        for (total, config) in total.iter_mut().zip([full, adaptive]) {
            let start = Instant::now();
            scores(model, &source, group, config)?;
            *total += start.elapsed();
        }
    }
    Ok(total.into())
}
