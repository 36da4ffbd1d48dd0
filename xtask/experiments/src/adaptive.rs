//! `cargo xtask adaptive`: what adaptive scoring saves, and what it changes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use differnet::{DeviceChoice, ImageScore, Model, Runtime, ScoreConfig};
use differnet_data::{Dataset, Layout, TransformConfig};
use differnet_eval::auroc;
use differnet_features::FeatureCache;
use differnet_scoring::{Average, Thresholds, Verdict, anomaly_score};

/// Images timed together: a command reads as many at once.
const GROUP: usize = 8;

/// Compare adaptive scoring with all transforms: verdicts, AUROC and time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask adaptive --model bottle.differnet --root mvtec_ad --category bottle
  cargo xtask adaptive --model tiles.differnet --root mtd --mtd-train-list datasets/mtd_train_list.txt

Verdicts and AUROC are of all test images, with features from the cache. Time is that of some of them,
evenly chosen, with everything extracted anew, both ways in turn. Beside it stands what the same number of
transforms for every image gives, and how few would do for one who knew the scores of all.")]
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
    let runtime = Runtime::open(DeviceChoice::Flex)?;
    let cached = runtime.clone().with_cache(Some(FeatureCache::new(&args.cache)));
    let model = Model::load_on(&args.model, &cached)?;
    let thresholds = model.header().thresholds();
    let layout = match &args.category {
        Some(category) => Layout::Mvtec { category: Some(category.clone()) },
        None => Layout::Mtd { train_list: args.mtd_train_list.clone() },
    };
    let test = Dataset::load(&args.root, &layout, model.header().config.seed)?.test;
    let files: Vec<PathBuf> = test.iter().map(|sample| sample.image.clone()).collect();
    let full = ScoreConfig { transforms: args.transforms, ..model.score_config() };
    let adaptive = ScoreConfig { early_stopping: Some(thresholds), ..full };

    eprintln!("Scoring {} images both ways ...", files.len());
    let all = scores(&model, &files, full)?;
    let few = scores(&model, &files, adaptive)?;
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
    let (time_all, time_few) =
        timed(&model.with_runtime(&runtime), &files, args.timed, [full, adaptive])?;

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
    println!();
    print!("{}", fixed_counts(&all, &labels, full.average, &thresholds)?);
    Ok(ExitCode::SUCCESS)
}

/// Results of the first 1, 2, 4, .. transforms of every image, in the order of adaptive scoring, and how
/// many an image needs until the verdict stays that of all of them.
fn fixed_counts(
    images: &[ImageScore],
    labels: &[bool],
    average: Average,
    thresholds: &Thresholds,
) -> anyhow::Result<String> {
    let transforms = images.first().map_or(0, |image| image.transform_scores.len());
    let order = TransformConfig::spread_order(transforms);
    // judged[n − 1][image]: by its first n transforms.
    let mut judged = vec![Vec::with_capacity(images.len()); transforms];
    for image in images {
        let scores: Vec<f64> = order.iter().map(|&index| image.transform_scores[index]).collect();
        for (count, judged) in (1..).zip(&mut judged) {
            let score = anomaly_score(&scores[..count], average)?;
            judged.push((score, thresholds.verdict(score)));
        }
    }
    let mut text = format!("{:>15} {:>10} {:>15}\n", "transforms each", "AUROC", "equal verdicts");
    let Some(last) = judged.last() else { return Ok(text) };
    let is_equal = |of: &[(f64, Verdict)], image: usize| of[image].1 == last[image].1;
    let counts = std::iter::successors(Some(1), |count| Some(2 * count));
    for count in counts.take_while(|&count| count < transforms).chain([transforms]) {
        let of = &judged[count - 1];
        let scores: Vec<f64> = of.iter().map(|(score, _)| *score).collect();
        let equal = (0..images.len()).filter(|&image| is_equal(of, image)).count();
        text += &format!("{count:>15} {:>10.4} {equal:>15}\n", auroc(&scores, labels)?);
    }
    let needed =
        |image| 1 + judged.iter().rposition(|of| !is_equal(of, image)).map_or(0, |at| at + 1);
    let sum: usize = (0..images.len()).map(needed).sum();
    let fewer = (transforms * images.len()) as f64 / sum as f64;
    text +=
        &format!("verdict stays that of all, known with hindsight: {fewer:.2}x fewer transforms\n");
    Ok(text)
}

/// The scores of all `files`.
fn scores(
    model: &Model,
    files: &[PathBuf],
    config: ScoreConfig,
) -> anyhow::Result<Vec<ImageScore>> {
    let scores: Result<_, _> = model.scores_with(files, config).collect();
    scores.context("a test image cannot be used")
}

/// The time that `count` of `files`, evenly chosen, take with each way of scoring, features extracted.
fn timed(
    model: &Model,
    files: &[PathBuf],
    count: usize,
    configs: [ScoreConfig; 2],
) -> anyhow::Result<(Duration, Duration)> {
    let count = count.clamp(1, files.len());
    let chosen: Vec<PathBuf> =
        (0..count).map(|index| files[index * files.len() / count].clone()).collect();
    let mut total = [Duration::ZERO; 2];
    for group in chosen.chunks(GROUP) {
        for (total, config) in total.iter_mut().zip(configs) {
            let start = Instant::now();
            scores(model, group, config)?;
            *total += start.elapsed();
        }
    }
    Ok(total.into())
}

#[cfg(test)]
mod tests {
    use differnet_data::ContentHash;

    use super::*;

    #[test]
    fn fixed_counts_by_hand() {
        // In the order 3, 1, 2, 0: means 1 1 1 1 and 9 5 4 5; threshold 4.5.
        let image = |transform_scores: [f64; 4]| ImageScore {
            invalid: None,
            statistics: differnet_data::InputStatistics::default(),
            hash: ContentHash([0; 32]),
            score: 0.0,
            verdict: Verdict::Ok,
            transform_scores: transform_scores.to_vec(),
            peak: None,
            mean_features: Vec::new(),
        };
        let images = [image([1.0; 4]), image([8.0, 1.0, 2.0, 9.0])];
        let thresholds = Thresholds { defect: 4.5, unsure: None };
        let text = fixed_counts(&images, &[false, true], Average::Mean, &thresholds);
        let text = text.expect("two kinds of images");
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["1", "1.0000", "2"]);
        assert_eq!(rows[2], ["2", "1.0000", "2"]);
        assert_eq!(rows[3], ["4", "1.0000", "2"]);
        assert_eq!(rows.len(), 5);
        // One transform of the first, all four of the second, whose third mean is below: 8 / 5.
        assert!(rows[4].contains(&"1.60x"), "{text}");
    }
}
