//! Very many cases on a few threads, watched: panics, hangs and memory become findings with the number
//! of their case.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::command::Target;
use crate::subject::{Outcome, Subject};
use xtask_inputs::Draws;
use xtask_support::memory;

/// Cases that a thread takes at a time.
const TAKEN: u64 = 64;
/// A case that takes so long hangs, even on a busy machine.
const HANGS: Duration = Duration::from_secs(60);
/// Memory, bytes, that such small inputs never need.
const MOST_MEMORY: u64 = 2 << 30;
/// Time between two looks at threads and memory.
const LOOK: Duration = Duration::from_millis(100);
/// Findings after which no more are looked for.
const ENOUGH: usize = 20;

thread_local! {
    /// Message of the last panic on this thread.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Cases of a campaign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Campaign<'a> {
    pub(super) target: Target,
    pub(super) seed: u64,
    pub(super) cases: u64,
    pub(super) threads: usize,
    /// File where each thread writes which case it is at: all that is left if the process dies.
    pub(super) trace: Option<&'a Path>,
}

/// Counts of cases by result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Tally {
    pub(super) target: Target,
    pub(super) cases: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) seconds: f64,
    /// Bytes in memory after a quarter of the cases, and after all.
    pub(super) memory: [u64; 2],
}

/// A case that went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Finding {
    pub(super) case: u64,
    pub(super) message: String,
}

/// Case that a thread is at, and since when.
#[derive(Debug, Default)]
struct Post {
    /// The case's number and 1; 0 in between.
    case: AtomicU64,
    /// Milliseconds since the start.
    since: AtomicU64,
}

/// Lets panics be remembered instead of printed.
pub(super) fn quieten_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("without a message");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        PANIC.set(format!("panic at {place}: {message}"));
    }));
}

/// One case.
pub(super) fn try_case(
    subject: &mut dyn Subject,
    target: Target,
    seed: u64,
    case: u64,
) -> Result<Outcome, String> {
    let mut draws = Draws::new(seed, target as u64, case);
    // The subject is asked again after a panic: what it then holds is what a program would.
    catch_unwind(AssertUnwindSafe(|| subject.try_case(&mut draws)))
        .unwrap_or_else(|_| Err(PANIC.take()))
}

impl Campaign<'_> {
    /// Tries every case.
    ///
    /// # Errors
    /// If a case hangs or takes too much memory, which ends all, or the subject cannot be made.
    pub(super) fn run(&self) -> anyhow::Result<Tally> {
        let start = Instant::now();
        let posts: Vec<Post> = (0..self.threads).map(|_| Post::default()).collect();
        let (next, ended) = (AtomicU64::new(0), AtomicBool::new(false));
        let findings = Mutex::new(Vec::new());
        let counts = [AtomicU64::new(0), AtomicU64::new(0)];
        let early = AtomicU64::new(0);
        let outcome = thread::scope(|scope| {
            let workers: Vec<_> = posts
                .iter()
                .enumerate()
                .map(|(number, post)| {
                    let (next, findings, counts) = (&next, &findings, &counts);
                    scope.spawn(move || self.work(number, post, start, next, findings, counts))
                })
                .collect();
            let watch = scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    self.look(&posts, start);
                    if early.load(Ordering::Relaxed) == 0
                        && 4 * next.load(Ordering::Relaxed) >= self.cases
                    {
                        early.store(resident(), Ordering::Relaxed);
                    }
                    thread::sleep(LOOK);
                }
            });
            let outcomes: Vec<_> =
                workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            ended.store(true, Ordering::Relaxed);
            let _ = watch.join();
            for outcome in outcomes {
                match outcome {
                    Ok(outcome) => outcome?,
                    Err(_) => bail!("a thread died: {}", PANIC.take()),
                }
            }
            Ok(())
        });
        outcome?;
        let mut findings = findings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        findings.sort_by_key(|finding: &Finding| finding.case);
        let [accepted, refused] = counts.map(AtomicU64::into_inner);
        let late = resident();
        let early = match early.into_inner() {
            0 => late,
            early => early,
        };
        Ok(Tally {
            target: self.target,
            cases: accepted + refused + findings.len() as u64,
            accepted,
            refused,
            findings,
            seconds: start.elapsed().as_secs_f64(),
            memory: [early, late],
        })
    }

    fn work(
        &self,
        number: usize,
        post: &Post,
        start: Instant,
        next: &AtomicU64,
        findings: &Mutex<Vec<Finding>>,
        counts: &[AtomicU64; 2],
    ) -> anyhow::Result<()> {
        let mut subject = self.target.subject()?;
        let mut trace = match self.trace {
            Some(folder) => {
                let path = folder.join(format!("{}-{number}", self.target));
                Some(
                    File::create(&path)
                        .with_context(|| format!("cannot write {}", path.display()))?,
                )
            }
            None => None,
        };
        loop {
            let first = next.fetch_add(TAKEN, Ordering::Relaxed);
            for case in first..self.cases.min(first.saturating_add(TAKEN)) {
                if let Some(trace) = &mut trace {
                    trace.seek(SeekFrom::Start(0))?;
                    write!(trace, "{case:020}")?;
                }
                let now = start.elapsed().as_millis() as u64;
                post.since.store(now, Ordering::Relaxed);
                post.case.store(case + 1, Ordering::Relaxed);
                let outcome = try_case(&mut *subject, self.target, self.seed, case);
                post.case.store(0, Ordering::Relaxed);
                match outcome {
                    Ok(outcome) => _ = counts[outcome as usize].fetch_add(1, Ordering::Relaxed),
                    Err(message) => {
                        let mut findings =
                            findings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        findings.push(Finding { case, message });
                        if findings.len() >= ENOUGH {
                            next.store(self.cases, Ordering::Relaxed);
                        }
                    }
                }
            }
            if first >= self.cases {
                return Ok(());
            }
        }
    }

    /// Ends the process if a case hangs or memory grows beyond all measure: a thread cannot be stopped.
    fn look(&self, posts: &[Post], start: Instant) {
        let now = start.elapsed().as_millis() as u64;
        let at = |post: &Post| post.case.load(Ordering::Relaxed).checked_sub(1);
        let (seed, target) = (self.seed, self.target);
        for post in posts {
            if let Some(case) = at(post)
                && now.saturating_sub(post.since.load(Ordering::Relaxed)) > HANGS.as_millis() as u64
            {
                eprintln!(
                    "error: a case hangs: cargo xtask fuzz --target {target} --seed {seed} --case {case}"
                );
                std::process::exit(1);
            }
        }
        if resident() > MOST_MEMORY {
            let cases: Vec<String> =
                posts.iter().filter_map(at).map(|case| case.to_string()).collect();
            eprintln!(
                "error: more than {MOST_MEMORY} bytes of memory: cargo xtask fuzz --target {target} \
                 --seed {seed} --case {}",
                cases.join(" or ")
            );
            std::process::exit(1);
        }
    }
}

/// Bytes in memory; 0 where the system does not say.
fn resident() -> u64 {
    memory::resident("self").unwrap_or(0)
}
