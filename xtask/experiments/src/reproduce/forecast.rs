//! Forecast of the time of DifferNet's cells before any has run: their work, known beforehand, at the speed
//! that a short probe has here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use differnet::methods::DifferNetConfig;
use differnet::{Config, Method, Runtime};
use differnet_data::Preprocessing;
use differnet_flow::Trainer;
use differnet_report::duration;
use differnet_scoring::quantile;

use super::cell::CellSpec;

/// Images and transforms that the probe extracts; updates that it makes after one that is not timed.
const PROBED_IMAGES: usize = 3;
const PROBED_TRANSFORMS: usize = 4;
const PROBED_UPDATES: usize = 3;

/// Transforms, and images at most, of which a training sees the places, for local statistics and for the
/// threshold of maps; no cache has them.
const PLACE_TRANSFORMS: usize = 8;
const PLACE_IMAGES: usize = 100;
const MAPPED_IMAGES: usize = 50;

/// Work of cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Transformed images to extract features of.
    rows: usize,
    /// Updates of flows.
    updates: usize,
}

/// Speed of this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speed {
    /// Seconds to extract a row, from file to features.
    row: f64,
    /// Seconds of an update.
    update: f64,
}

/// A cell and the number of its images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sized<'a> {
    pub(super) cell: &'a CellSpec,
    /// Good images to train on, those held back included.
    pub(super) train: usize,
    pub(super) test: usize,
}

impl Work {
    /// The work of those of `cells` that train DifferNet; cells of the same data share rows if there is a
    /// cache.
    ///
    /// Features that are in the cache already, and trainings that stop early, take less.
    fn of(cells: &[Sized<'_>]) -> Self {
        let mut work = Self::default();
        let mut shared: BTreeMap<String, usize> = BTreeMap::new();
        for Sized { cell, train, test } in cells {
            let config = cell.method.config(&cell.config);
            let Some(own) = config.differnet() else { continue };
            let train = cell.shots.map_or(*train, |shots| shots.min(*train));
            let held_back = held_back(&config, train);
            let trained_on = train - held_back;
            work.updates += own.flows * updates(&config, own, train);
            let mapped = if held_back > 0 { held_back } else { trained_on };
            let placed = trained_on.min(PLACE_IMAGES) + mapped.min(MAPPED_IMAGES);
            work.rows += PLACE_TRANSFORMS * placed;
            // Tests of the fixed transforms share rows, and so do those of random ones.
            let most = |random: bool| {
                let tests = cell.tests.iter().filter(|test| test.random == random);
                tests.map(|test| test.transforms).max().unwrap_or(0)
            };
            let rows = trained_on * own.rounds * config.transforms
                + held_back * config.score_transforms
                + test * (most(false) + most(true));
            if cell.cache.is_none() {
                work.rows += rows;
                continue;
            }
            let network = config.backbone.map_or("", |backbone| backbone.name());
            let known = shared.entry(format!("{} {network}", cell.category)).or_default();
            *known = (*known).max(rows);
        }
        work.rows += shared.values().sum::<usize>();
        work
    }

    fn seconds(self, speed: Speed) -> f64 {
        self.rows as f64 * speed.row + self.updates as f64 * speed.update
    }
}

/// How many of `images` good images a training holds back.
fn held_back(config: &Config, images: usize) -> usize {
    (images as f64 * config.validation).round() as usize
}

/// Updates of one flow on `images` good images, those held back included.
pub(super) fn updates(config: &Config, own: &DifferNetConfig, images: usize) -> usize {
    let trained_on = images - held_back(config, images);
    let rows = |round: usize| ((round + 1) * config.transforms).min(own.pool) * trained_on;
    match own.updates {
        0 => (0..own.rounds).map(|round| rows(round).div_ceil(own.batch_size)).sum(),
        updates => updates,
    }
}

impl Speed {
    /// The speed of the training of `cell` on all cores.
    fn probe(cell: &CellSpec, config: &Config) -> anyhow::Result<Self> {
        let backend = cell.device.open()?;
        let runtime = Runtime::new(backend.clone());
        let backbone = config.require_backbone()?;
        let part = cell.data.first().context("a cell has data")?;
        let images = part.load(cell.seed)?.train.into_iter().take(PROBED_IMAGES);
        let files: Vec<PathBuf> = images.map(|sample| sample.image).collect();
        let transforms = config.transform_config().fixed(PROBED_TRANSFORMS);
        let choice = |_: &_| transforms.clone();
        let extract = |files: &[PathBuf]| -> anyhow::Result<f64> {
            let start = Instant::now();
            for features in runtime.features(backbone, Preprocessing::default(), files, choice) {
                features?;
            }
            Ok(start.elapsed().as_secs_f64() / (files.len() * transforms.len()).max(1) as f64)
        };
        // Makes the network.
        extract(&files[..1.min(files.len())])?;
        let row = extract(&files)?;

        let own = config.differnet().context("a cell of DifferNet")?;
        let flow = own.flow_config(backbone);
        let rows = own.batch_size * flow.features;
        let rows: Vec<f32> = (0..rows).map(|at| (at as f32 * 0.731).sin()).collect();
        let flow = flow.init(cell.seed, backend.device());
        let mut trainer = Trainer::new(flow, own.adam.clone(), &backend);
        let mut seconds = Vec::with_capacity(PROBED_UPDATES);
        for update in 0..=PROBED_UPDATES {
            let start = Instant::now();
            trainer.step(&rows)?;
            if update > 0 {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
        Ok(Self { row, update: quantile(&seconds, 0.5)? })
    }
}

/// Sentence on the time that `cells` will take; `None` if none of them trains DifferNet.
///
/// # Errors
/// If the probe cannot read or train.
pub(super) fn sentence(cells: &[Sized<'_>]) -> anyhow::Result<Option<String>> {
    let Some((cell, config)) = cells.iter().find_map(own) else {
        return Ok(None);
    };
    let (work, speed) = (Work::of(cells), Speed::probe(cell, &config)?);
    let others = cells.iter().filter(|sized| own(sized).is_none()).count();
    Ok(Some(told(work, speed, others)))
}

/// A cell that trains DifferNet, and its settings; `None` for others.
fn own<'a>(sized: &Sized<'a>) -> Option<(&'a CellSpec, Config)> {
    let config = sized.cell.method.config(&sized.cell.config);
    (config.method.method() == Method::DifferNet).then_some((sized.cell, config))
}

fn told(work: Work, speed: Speed, others: usize) -> String {
    let others = match others {
        0 => String::new(),
        1 => "; 1 cell of another method comes on top".to_owned(),
        count => format!("; {count} cells of other methods come on top"),
    };
    format!(
        "About {} for DifferNet, less with features in the cache or if trainings stop early: {} rows of \
         {:.1} ms and {} updates of {:.1} ms, by a probe{others}",
        duration(Duration::from_secs_f64(work.seconds(speed))),
        work.rows,
        1e3 * speed.row,
        work.updates,
        1e3 * speed.update,
    )
}

#[cfg(test)]
mod tests {
    use differnet::Preset;

    use super::super::method::PaperMethod;
    use super::super::test_inputs::spec;
    use super::*;

    fn paper(seed: u64) -> CellSpec {
        let config = Config { seed, ..Config::preset(Method::DifferNet, Preset::Paper) };
        CellSpec { config, ..spec(seed) }
    }

    #[test]
    fn work_of_the_settings_of_the_paper_by_hand() {
        let cell = paper(1);
        let sized = Sized { cell: &cell, train: 209, test: 83 };
        // 21 held back; 192 rounds of 4 · 188 rows, 8 batches of 96 each; 32 transforms of a test image.
        let rows = 188 * 4 * 192 + 21 * 64 + 83 * 32;
        // Places of 100 images, and maps of those held back, under 8 transforms each.
        let golden = Work { rows: rows + 8 * (100 + 21), updates: 192 * 8 };
        assert_eq!(Work::of(&[sized]), golden);
        // Rows of another seed are not shared without a cache.
        let twice = Work::of(&[sized, sized]);
        assert_eq!(twice, Work { rows: 2 * golden.rows, updates: 2 * golden.updates });
    }

    #[test]
    fn cells_share_rows_by_the_cache_and_others_do_not_count() {
        let cached = |method| CellSpec { method, cache: Some("cache".into()), ..paper(1) };
        let (one, lite) = (cached(PaperMethod::DifferNet), cached(PaperMethod::DifferNetLite));
        let other = cached(PaperMethod::Padim);
        let sized = |cell| Sized { cell, train: 209, test: 83 };
        let alone = Work::of(&[sized(&one)]);
        let found = Work::of(&[sized(&one), sized(&one), sized(&lite), sized(&other)]);
        let rows = 2 * alone.rows + 8 * (100 + 21);
        assert_eq!(found, Work { rows, updates: 3 * alone.updates });
        let shots = CellSpec { shots: Some(16), ..one.clone() };
        // 2 of 16 held back: a batch a round.
        assert_eq!(Work::of(&[sized(&shots)]).updates, 192);
    }

    #[test]
    fn the_sentence_multiplies_work_by_speed() {
        let (work, speed) = (Work { rows: 1000, updates: 500 }, Speed { row: 0.025, update: 0.2 });
        assert_eq!(work.seconds(speed), 125.0);
        let golden = "About 2 min 05 s for DifferNet, less with features in the cache or if trainings stop \
                      early: 1000 rows of 25.0 ms and 500 updates of 200.0 ms, by a probe";
        assert_eq!(told(work, speed, 0), golden);
        assert_eq!(told(work, speed, 2), format!("{golden}; 2 cells of other methods come on top"));
    }
}
