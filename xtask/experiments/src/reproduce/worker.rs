//! The process that computes one cell: `reproduce-cell`, started by the other commands.
//!
//! The order comes as one line of JSON on the standard input, which stays open: when it ends, whoever
//! gave the order is gone, and the worker saves its training and stops. How far the work is goes to
//! the standard output, a line of JSON at a time; what went wrong to the standard error.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use differnet::progress::CancelToken;
use differnet::{Model, Runtime};
use differnet_data::{Dataset, Sample};
use differnet_eval::{ScoredImage, evaluate};
use differnet_features::FeatureCache;
use serde::{Deserialize, Serialize};

use super::cell::{CellResult, CellSpec, StepTest, TestResult, TestSpec};
use super::environment::{Environment, Machine};
use super::method::{CellContext, Step, Stopped};
use super::spent::Spent;
use super::{data, store, trained, watch};
use xtask_support::memory;

/// Exit code of a worker that was stopped.
pub(super) const STOPPED: u8 = 130;
/// Time between two lines about how far the work is.
const INTERVAL: Duration = Duration::from_secs(1);

/// Compute one cell; the other commands call this.
#[derive(Debug, clap::Args)]
pub(crate) struct CellArgs {}

/// Order to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    /// The cell.
    pub(super) spec: CellSpec,
    /// Its digest.
    pub(super) digest: String,
    /// The file for the result.
    pub(super) result: PathBuf,
    /// The folder for what takes an interrupted cell up again.
    pub(super) partial: PathBuf,
    /// Environment of whoever gives the order; the machine is the worker's own.
    pub(super) environment: Environment,
}

pub(crate) fn run(_: &CellArgs) -> anyhow::Result<ExitCode> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("cannot read the order")?;
    let order: Order = serde_json::from_str(&line)
        .context("this command is called by the other reproduce commands")?;
    let stop = listen()?;
    match compute(&order, &stop) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is::<Stopped>() => Ok(ExitCode::from(STOPPED)),
        Err(error) => Err(error),
    }
}

/// A token that is cancelled by Ctrl-C, and when whoever gave the order is gone.
fn listen() -> anyhow::Result<CancelToken> {
    let cancel = CancelToken::new();
    let token = cancel.clone();
    ctrlc::set_handler(move || {
        if token.is_cancelled() {
            std::process::exit(i32::from(STOPPED));
        }
        token.cancel();
    })
    .context("cannot listen for Ctrl-C")?;
    let token = cancel.clone();
    std::thread::spawn(move || {
        // Nothing more is ever written: this waits for the end.
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        token.cancel();
    });
    Ok(cancel)
}

fn compute(order: &Order, cancel: &CancelToken) -> anyhow::Result<()> {
    let Order { spec, partial, .. } = order;
    // A worker whose parent was killed may still be saving its state there.
    let _lock = lock(partial)?;
    if store::is_finished(&order.result, &order.digest) {
        return Ok(());
    }
    let cache = spec.cache.clone().map(FeatureCache::new);
    let runtime = Runtime::open(spec.device)?.with_cache(cache);
    let extracted = || runtime.extracted();
    let data: Vec<Dataset> =
        spec.data.iter().map(|part| part.load(spec.seed)).collect::<Result<_, _>>()?;
    let files = training_files(spec, &data)?;
    let told = Mutex::new(Instant::now());

    let environment = Environment { machine: Machine::here(), ..order.environment.clone() };
    let spent = Mutex::new(Spent::take_up(partial, environment.build())?);
    let trained = {
        let tell_and_count = |step: &Step| {
            let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
            // A count that cannot be stored is no reason to give the training up.
            let _ = spent.save_now_and_then(extracted());
            tell(&told, step);
        };
        let context = CellContext { runtime: &runtime, partial, tell: &tell_and_count, cancel };
        train_cell(spec, &files, &data, &context)
    };
    let mut spent = spent.into_inner().unwrap_or_else(PoisonError::into_inner);
    spent.save(extracted())?;
    let (model, looks) = trained?;

    let context =
        CellContext { runtime: &runtime, partial, tell: &|step| tell(&told, step), cancel };
    let mut tests = Vec::with_capacity(spec.tests.len());
    for test in &spec.tests {
        tests.push(run_test(spec, test, &data[test.part].test, &model, &context)?);
    }
    let result = CellResult {
        digest: order.digest.clone(),
        category: spec.category.clone(),
        method: spec.method,
        variant: spec.variant.clone(),
        seed: spec.seed,
        shots: spec.shots,
        config: spec.method.config(&spec.config),
        training_images: files.len(),
        train_seconds: spent.seconds,
        rows_extracted: spent.rows_extracted,
        resumed: spent.resumed,
        builds: spent.builds.clone(),
        peak_mb: spent.peak_mb_with(memory::peak_mb()),
        tests,
        looks,
        environment,
    };
    store::save(&order.result, &result)?;
    fs::remove_dir_all(partial).with_context(|| format!("cannot delete {}", partial.display()))
}

/// The folder's lock, held by one worker at a time.
fn lock(partial: &Path) -> anyhow::Result<fs::File> {
    let cannot_use = || format!("cannot use the folder {}", partial.display());
    fs::create_dir_all(partial).with_context(cannot_use)?;
    let lock = fs::File::create(partial.join("lock")).with_context(cannot_use)?;
    lock.lock().with_context(cannot_use)?;
    Ok(lock)
}

/// The images that the cell trains on.
fn training_files(spec: &CellSpec, data: &[Dataset]) -> anyhow::Result<Vec<PathBuf>> {
    let all: Vec<PathBuf> =
        data.iter().flat_map(|data| &data.train).map(|sample| sample.image.clone()).collect();
    match spec.shots {
        Some(shots) => data::draw(all, shots, spec.seed),
        None => Ok(all),
    }
}

fn train_cell(
    spec: &CellSpec,
    files: &[PathBuf],
    data: &[Dataset],
    context: &CellContext<'_>,
) -> anyhow::Result<(Model, Vec<StepTest>)> {
    let Some(watched) = &spec.watch else {
        let config = spec.method.config(&spec.config);
        return Ok((trained::train(&config, files, context, None)?, Vec::new()));
    };
    let test = data.first().context("a cell has data")?.test.iter();
    let test: Vec<(PathBuf, bool)> =
        test.map(|sample| (sample.image.clone(), sample.defect.is_some())).collect();
    watch::train(&spec.config, files, &test, watched, context)
}

fn run_test(
    spec: &CellSpec,
    test: &TestSpec,
    samples: &[Sample],
    model: &Model,
    context: &CellContext<'_>,
) -> anyhow::Result<TestResult> {
    let (start, before) = (Instant::now(), context.runtime.extracted());
    let files: Vec<PathBuf> = samples.iter().map(|sample| sample.image.clone()).collect();
    let scores = trained::scores(model, &files, test, context)?;
    let part = &spec.data[test.part];
    let image = |(sample, score): (&Sample, f64)| ScoredImage {
        path: sample.image.strip_prefix(&part.root).unwrap_or(&sample.image).display().to_string(),
        kind: sample.defect.as_ref().map(|defect| defect.kind.clone()),
        // JSON knows no infinity.
        score: score.min(f64::MAX),
        invalid: None,
    };
    let images: Vec<ScoredImage> = samples.iter().zip(scores).map(image).collect();
    let metrics = evaluate(&images, trained::threshold(model, test), spec.seed)?;
    Ok(TestResult {
        category: part.category.clone(),
        spec: test.clone(),
        metrics,
        evaluate_seconds: start.elapsed().as_secs_f64(),
        rows_extracted: context.runtime.extracted() - before,
        images,
    })
}

/// Passes on how far the work is, now and then.
fn tell(told: &Mutex<Instant>, step: &Step) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    if told.elapsed() >= INTERVAL
        && let Ok(line) = serde_json::to_string(step)
    {
        *told = Instant::now();
        let mut out = io::stdout().lock();
        // Whoever gave the order may be gone; the end of the standard input tells.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
