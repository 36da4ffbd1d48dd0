//! A job of shards, scored by several processes at once, some of which are killed.

use std::collections::VecDeque;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use xtask_inputs::Draws;

use super::Setup;
use crate::crash_test::killing::{End, finish, moment, run};

/// Shards, and what has become of them.
pub(super) struct Jobs<'a> {
    setup: &'a Setup,
    shards: usize,
    seed: u64,
    pub(super) starts: usize,
    pub(super) kills: usize,
}

/// Work that the processes have yet to do.
struct Queue {
    /// Shards, and how often each was started.
    waiting: VecDeque<(usize, u64)>,
    kills: usize,
    starts: usize,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(setup: &'a Setup, shards: usize, seed: u64) -> Self {
        Self { setup, shards, seed, starts: 0, kills: 0 }
    }

    /// Scores all shards by so many processes at once; so many starts are killed, and their shards started again.
    pub(super) fn run(&mut self, processes: usize, kills: usize) -> anyhow::Result<()> {
        // How long a start takes undisturbed, beside others.
        let start = Instant::now();
        let log = self.setup.at("log");
        let mut timed = self.command(0);
        finish(timed.arg("--out").arg(self.setup.at("timed")), &log)?;
        let whole = start.elapsed() * processes as u32;
        let waiting = (0..self.shards).map(|shard| (shard, 0)).collect();
        let queue = Mutex::new(Queue { waiting, kills: 0, starts: 0 });
        thread::scope(|scope| {
            let workers: Vec<_> = (0..processes)
                .map(|worker| {
                    let queue = &queue;
                    let jobs = &*self;
                    scope.spawn(move || jobs.work(worker, queue, whole, kills))
                })
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))?
            })
        })?;
        let queue = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.starts, self.kills) = (queue.starts, queue.kills);
        Ok(())
    }

    /// Scores shards until none is left.
    fn work(
        &self,
        worker: usize,
        queue: &Mutex<Queue>,
        whole: Duration,
        kills: usize,
    ) -> anyhow::Result<()> {
        let locked = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        let log = self.setup.at(&format!("log-{worker}"));
        loop {
            let (shard, start, may_kill) = {
                let mut queue = locked();
                let Some((shard, start)) = queue.waiting.pop_front() else { return Ok(()) };
                queue.starts += 1;
                (shard, start, queue.kills < kills)
            };
            let mut draws = Draws::new(self.seed, shard as u64, start);
            let patience = may_kill.then(|| moment(whole, &mut draws));
            let mut command = self.command(shard);
            let end = run(command.arg("--out").arg(self.setup.at("parts")), &log, patience)?;
            if end == End::Killed {
                let mut queue = locked();
                queue.kills += 1;
                queue.waiting.push_back((shard, start + 1));
            }
        }
    }

    /// Starts every shard once more; how many parts that wrote again.
    pub(super) fn restart_all(&self) -> anyhow::Result<usize> {
        let mut written = 0;
        for shard in 0..self.shards {
            let name = format!("part-{shard:05}-of-{:05}.jsonl", self.shards);
            let part = self.setup.at("parts").join(name);
            let modified = || {
                let metadata = fs::metadata(&part);
                metadata.and_then(|metadata| metadata.modified())
            };
            let before = modified().with_context(|| format!("{} is missing", part.display()))?;
            let mut command = self.command(shard);
            finish(command.arg("--out").arg(self.setup.at("parts")), &self.setup.at("log"))?;
            written += usize::from(modified()? != before);
        }
        Ok(written)
    }

    fn command(&self, shard: usize) -> Command {
        let mut command = self.setup.score(&self.setup.manifest);
        command.arg("--shard").arg(format!("{shard}/{}", self.shards));
        command
    }
}
