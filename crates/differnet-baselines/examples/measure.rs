//! Fits a competitor to a data set and prints its AUROC:
//! `measure METHOD DATA_ROOT [--paper] [--side N] [--updates N] [--width N] [--seed N]
//! [--train-list FILE]`.
//!
//! Methods: `geotrans`, `ganomaly`, `dsebm`, `adgan`, with the quick settings unless `--paper` is
//! said. It prints to standard output, progress to standard error.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use differnet_baselines::{
    AdganConfig, BaselineError, DsebmConfig, DsebmScore, FitProgress, GanomalyConfig,
    GeoTransConfig, Images, PixelScorer,
};
use differnet_data::{DecodeLimits, Layout, Sample, load_dataset, load_image};
use differnet_eval::auroc;

type Failure = Box<dyn std::error::Error>;

/// What the command line says.
struct Options {
    method: String,
    root: PathBuf,
    flags: BTreeMap<String, String>,
}

impl Options {
    fn parse() -> Result<Self, Failure> {
        let mut words = std::env::args().skip(1);
        let (method, root) = words.next().zip(words.next()).ok_or("name a method and a folder")?;
        let mut flags = BTreeMap::new();
        while let Some(flag) = words.next() {
            let value = if flag == "--paper" { Some(String::new()) } else { words.next() };
            flags.insert(flag, value.ok_or("the last flag lacks its value")?);
        }
        Ok(Self { method, root: root.into(), flags })
    }

    /// One of two presets.
    fn preset<C>(&self, paper: impl FnOnce() -> C, quick: impl FnOnce() -> C) -> C {
        if self.flags.contains_key("--paper") { paper() } else { quick() }
    }

    /// Overrides settings by flags.
    fn apply(
        &self,
        side: &mut usize,
        updates: &mut usize,
        width: &mut usize,
    ) -> Result<(), Failure> {
        for (flag, setting) in [("--side", side), ("--updates", updates), ("--width", width)] {
            *setting = self.number(flag)?.unwrap_or(*setting);
        }
        Ok(())
    }

    fn number(&self, flag: &str) -> Result<Option<usize>, Failure> {
        Ok(self.flags.get(flag).map(|value| value.parse()).transpose()?)
    }
}

fn main() -> Result<(), Failure> {
    let options = Options::parse()?;
    let layout = match options.flags.get("--train-list") {
        Some(list) => Layout::Mtd { train_list: Some(list.into()) },
        None => Layout::Auto,
    };
    let dataset = load_dataset(&options.root, &layout, 0)?;
    println!(
        "{}: {} to train on, {} to test with",
        dataset.name,
        dataset.train.len(),
        dataset.test.len()
    );
    let samples = Samples { train: &dataset.train, test: &dataset.test };
    let seed = options.number("--seed")?.unwrap_or(0) as u64;
    let (device, mut watch) = (Device::flex(), watch());
    match options.method.as_str() {
        "geotrans" => {
            let mut config = options.preset(GeoTransConfig::new, GeoTransConfig::quick);
            options.apply(&mut config.side, &mut config.updates, &mut config.widening)?;
            println!("{config:?}");
            let fit = |train: &Images<'_>| config.fit(train, seed, &device, &mut watch);
            samples
                .measure(config.side, fit, |model, test| Ok(vec![("score", model.scores(test)?)]))
        }
        "ganomaly" => {
            let mut config = options.preset(GanomalyConfig::new, GanomalyConfig::quick);
            options.apply(&mut config.side, &mut config.updates, &mut config.channels)?;
            println!("{config:?}");
            let fit = |train: &Images<'_>| config.fit(train, seed, &device, &mut watch);
            samples
                .measure(config.side, fit, |model, test| Ok(vec![("score", model.scores(test)?)]))
        }
        "dsebm" => {
            let mut config = options.preset(DsebmConfig::new, DsebmConfig::quick);
            options.apply(&mut config.side, &mut config.updates, &mut config.channels)?;
            println!("{config:?}");
            let fit = |train: &Images<'_>| config.fit(train, seed, &device, &mut watch);
            samples.measure(config.side, fit, |model, test| {
                let energy = model.scores_by(test, DsebmScore::Energy)?;
                let residual = model.scores_by(test, DsebmScore::Reconstruction)?;
                Ok(vec![("energy", energy), ("reconstruction", residual)])
            })
        }
        "adgan" => {
            let mut config = options.preset(AdganConfig::new, AdganConfig::quick);
            options.apply(&mut config.side, &mut config.updates, &mut config.channels)?;
            println!("{config:?}");
            let fit = |train: &Images<'_>| config.fit(train, seed, &device, &mut watch);
            samples
                .measure(config.side, fit, |model, test| Ok(vec![("score", model.scores(test)?)]))
        }
        method => Err(format!("{method} is none of the methods").into()),
    }
}

struct Samples<'a> {
    train: &'a [Sample],
    test: &'a [Sample],
}

impl Samples<'_> {
    /// Fits, scores and prints.
    fn measure<M>(
        &self,
        side: usize,
        fit: impl FnOnce(&Images<'_>) -> Result<Option<M>, BaselineError>,
        scores: impl Fn(&M, &Images<'_>) -> Result<Vec<(&'static str, Vec<f64>)>, BaselineError>,
    ) -> Result<(), Failure> {
        let train = pixels(self.train, side)?;
        let started = Instant::now();
        let model = fit(&Images::new(&train, side)?)?.ok_or("the training was broken off")?;
        println!("fitted in {:.0} s", started.elapsed().as_secs_f64());
        let test = pixels(self.test, side)?;
        let started = Instant::now();
        let scores = scores(&model, &Images::new(&test, side)?)?;
        println!("scored in {:.0} s", started.elapsed().as_secs_f64());
        for (name, scores) in scores {
            let defects: Vec<bool> =
                self.test.iter().map(|sample| sample.defect.is_some()).collect();
            println!("{name}: AUROC {:.3}", auroc(&scores, &defects)?);
            for kind in kinds(self.test) {
                let chosen = self.test.iter().zip(&scores).filter(|(sample, _)| {
                    sample.defect.as_ref().is_none_or(|defect| defect.kind == kind)
                });
                let (samples, scores): (Vec<_>, Vec<f64>) = chosen.unzip();
                let defects: Vec<bool> = samples.iter().map(|s| s.defect.is_some()).collect();
                println!("  {kind}: {:.3}", auroc(&scores, &defects)?);
            }
        }
        Ok(())
    }
}

fn kinds(samples: &[Sample]) -> BTreeSet<String> {
    samples.iter().filter_map(|sample| Some(sample.defect.as_ref()?.kind.clone())).collect()
}

/// The samples' pixels, `[samples, side, side, 3]`.
fn pixels(samples: &[Sample], side: usize) -> Result<Vec<u8>, Failure> {
    let limits = DecodeLimits::default();
    let image = |path: &Path| -> Result<Vec<u8>, Failure> {
        Ok(load_image(path, u32::try_from(side)?, &limits)?.image.into_raw())
    };
    let images = samples.iter().map(|sample| image(&sample.image));
    Ok(images.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Prints the loss now and then.
fn watch() -> impl FnMut(&FitProgress) -> ControlFlow<()> {
    let started = Instant::now();
    let mut losses = Vec::new();
    move |progress| {
        losses.extend(progress.loss);
        if losses.len() == 25 || (progress.done == progress.total && !losses.is_empty()) {
            let mean = losses.iter().sum::<f64>() / losses.len() as f64;
            let FitProgress { done, total, .. } = progress;
            eprintln!("{done} of {total}: {mean:.4}, {:.0} s", started.elapsed().as_secs_f64());
            losses.clear();
        }
        ControlFlow::Continue(())
    }
}
