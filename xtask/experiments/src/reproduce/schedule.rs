//! Runs the cells that are not stored yet, a few at a time, and tells how long it will take.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::Context;
use differnet_report::duration;

use super::cell::{CellResult, CellSpec};
use super::child::{Child, End, Event, Launch};
use super::environment::Environment;
use super::estimate::{Open, time_left};
use super::method::{PaperMethod, Step, Stopped};
use super::store::Store;
use super::worker::Order;

/// Time between two looks at whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(200);
/// Time between two lines about how far the running cells are.
const INTERVAL: Duration = Duration::from_secs(15);

/// A cell that could not be finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The cell.
    pub(super) label: String,
    /// Its category.
    pub(super) category: String,
    /// Its method's name.
    pub(super) method: String,
    /// Reason.
    pub(super) reason: String,
}

/// Cells that were run, by result.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// Finished cells, in the order asked for.
    pub(super) results: Vec<CellResult>,
    /// The others.
    pub(super) failures: Vec<Failure>,
}

/// Cells on their way.
struct Schedule<'a> {
    store: &'a Store,
    environment: &'a Environment,
    jobs: usize,
    launch: Launch,
    cells: Vec<(CellSpec, String)>,
    results: Vec<Option<CellResult>>,
    failures: Vec<Failure>,
    /// Methods and seconds of finished cells.
    finished: Vec<(PaperMethod, f64)>,
    waiting: VecDeque<usize>,
    running: BTreeMap<usize, Running>,
    told: Instant,
}

struct Running {
    /// `None` once it was asked to stop.
    child: Option<Child>,
    started: Instant,
    stage: Option<Step>,
}

/// The results of `cells`, each with its digest: stored ones are read, the others computed, `jobs`
/// at a time, started as `launch` says.
///
/// # Errors
/// [`Stopped`] if the user asked to stop; if a process cannot be started. A cell that fails does not
/// stop the others.
pub(super) fn run(
    cells: Vec<(CellSpec, String)>,
    store: &Store,
    environment: &Environment,
    jobs: usize,
    launch: Launch,
) -> anyhow::Result<Ran> {
    let results: Vec<Option<CellResult>> =
        cells.iter().map(|(spec, digest)| store.load(spec, digest)).collect();
    let finished = results.iter().flatten().map(|result| (result.method, result.seconds()));
    let waiting = (0..cells.len()).filter(|&cell| results[cell].is_none());
    let mut schedule = Schedule {
        store,
        environment,
        jobs,
        launch,
        finished: finished.collect(),
        waiting: waiting.collect(),
        cells,
        results,
        failures: Vec::new(),
        running: BTreeMap::new(),
        told: Instant::now(),
    };
    let (all, left) = (schedule.cells.len(), schedule.waiting.len());
    eprintln!("{all} cells: {} stored, {left} to compute", all - left);
    if left > 0 {
        schedule.work(listen()?.as_ref())?;
    }
    let Schedule { results, failures, .. } = schedule;
    Ok(Ran { results: results.into_iter().flatten().collect(), failures })
}

/// A flag that is set by Ctrl-C; a second Ctrl-C ends the program at once.
fn listen() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nStopping; press Ctrl-C again to end at once.");
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

impl Schedule<'_> {
    fn work(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let (sender, receiver) = mpsc::channel();
        loop {
            let stopping = stop.load(Ordering::Relaxed);
            if stopping {
                // Their training is saved before they end.
                self.running.values_mut().for_each(|running| running.child = None);
            } else {
                self.start(&sender)?;
            }
            if self.running.is_empty() {
                return if stopping { Err(Stopped.into()) } else { Ok(()) };
            }
            self.listen(&receiver);
        }
    }

    /// Starts waiting cells while there is room.
    fn start(&mut self, events: &Sender<Event>) -> anyhow::Result<()> {
        while self.running.len() < self.jobs {
            let Some(cell) = self.waiting.pop_front() else { break };
            let (spec, digest) = &self.cells[cell];
            let order = Order {
                spec: spec.clone(),
                digest: digest.clone(),
                result: self.store.file(spec, digest),
                partial: self.store.partial(spec, digest),
                environment: self.environment.clone(),
            };
            let child = Some(Child::start(&order, cell, &self.launch, events)?);
            self.running.insert(cell, Running { child, started: Instant::now(), stage: None });
        }
        Ok(())
    }

    /// Waits a moment for what the children tell.
    fn listen(&mut self, events: &Receiver<Event>) {
        match events.recv_timeout(LOOK) {
            Ok(Event::Stage { cell, stage }) => {
                if let Some(running) = self.running.get_mut(&cell) {
                    running.stage = Some(stage);
                }
            }
            Ok(Event::Ended { cell, end }) => self.ended(cell, end),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        if self.told.elapsed() >= INTERVAL {
            self.told = Instant::now();
            for (&cell, running) in &self.running {
                if let Some(Step { name, done, total }) = &running.stage {
                    eprintln!("  {}: {name}, {done} of {total}", self.cells[cell].0.label());
                }
            }
        }
    }

    fn ended(&mut self, cell: usize, end: End) {
        self.running.remove(&cell);
        let (spec, digest) = &self.cells[cell];
        let reason = match (end, self.store.load(spec, digest)) {
            (End::Done, Some(result)) => {
                self.finished.push((result.method, result.seconds()));
                self.told = Instant::now();
                eprintln!("{}", self.progress_line(spec, &result));
                self.results[cell] = Some(result);
                return;
            }
            (End::Done, None) => "its process left no result".to_owned(),
            (End::Stopped, _) => "it was asked to stop".to_owned(),
            (End::Failed(reason), _) => reason,
        };
        self.failures.push(Failure {
            label: spec.label(),
            category: spec.category.clone(),
            method: spec.method_name(),
            reason,
        });
    }

    /// `[3 of 21] bottle, differnet, seed 1: AUROC 0.987 after 12 min 03 s; about 2 h 10 min left`
    fn progress_line(&self, spec: &CellSpec, result: &CellResult) -> String {
        let open = self.running.iter().map(|(&cell, running)| Open {
            method: self.cells[cell].0.method,
            elapsed: running.started.elapsed().as_secs_f64(),
        });
        let waiting = self
            .waiting
            .iter()
            .map(|&cell| Open { method: self.cells[cell].0.method, elapsed: 0.0 });
        let open: Vec<Open> = open.chain(waiting).collect();
        let done = self.cells.len() - open.len();
        let left = match time_left(&self.finished, &open, self.jobs) {
            Some(left) if !open.is_empty() => format!("; about {} left", duration(left)),
            _ => String::new(),
        };
        let mut aurocs: Vec<String> =
            result.tests.iter().map(|test| format!("{:.3}", test.metrics.auroc)).collect();
        aurocs.dedup();
        format!(
            "[{done} of {}] {}: AUROC {} after {}{left}",
            self.cells.len(),
            spec.label(),
            aurocs.join(", "),
            duration(Duration::from_secs_f64(result.seconds()))
        )
    }
}
