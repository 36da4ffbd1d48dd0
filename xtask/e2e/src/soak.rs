//! `cargo xtask soak`: the server under more load than it can bear.

mod clients;
mod hostile;
pub(crate) mod post;
mod reloading;
pub(crate) mod served;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use clients::{Tally, work};
use reloading::Reloading;
use served::{Served, batch_command};
use xtask_support::workspace;

/// Part of the time after which memory is looked at for the first time.
const WARM_UP: f64 = 0.25;
/// Rejected requests are to be answered within this time.
const REJECTED_WITHIN: Duration = Duration::from_millis(50);
/// A model has to be taken up before so many more would have been put in its place.
const RELOADS_WAITED: u64 = 4;
/// Most that memory may grow after the first quarter of the time, percent.
const GROWTH: f64 = 3.0;

/// Load the server with more clients than it can serve; compare every answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask soak --model part.differnet --images new_photos
  cargo xtask soak --model part.differnet --images new_photos --seconds 1800 --clients 16

Scores the images with `differnet score` first, by the model and by a copy with another threshold, then asks
`differnet serve` for the same images from all clients at once, while the two files take turns in the model's
place. One request in 20 is hostile: bytes that are no image, cut or damaged images, a size that nobody can
hold, a wrong path. Fails if an answer is neither model's or missing, if a hostile request is answered
by anything but 400 to 429, any other by anything but 200 and 429, if memory grows by more than 3 %, if the server
does not take the models up, or does not end with code 0 when it is told to under load. The time of rejected
requests, p50, p99 and throughput are printed; the machine decides on them.")]
pub(crate) struct SoakArgs {
    /// Model file.
    #[arg(long, value_name = "M.differnet")]
    model: PathBuf,
    /// Folder of images.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Seconds of load; memory settles within some minutes.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Clients that ask at the same time.
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Images that may wait in the server.
    #[arg(long, default_value_t = 6)]
    queue: usize,
    /// Seconds between two replacements of the model.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(4..))]
    reload: u64,
    /// The program `differnet` [default: it is built].
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

pub(crate) fn run(args: &SoakArgs) -> anyhow::Result<ExitCode> {
    let program = workspace::differnet(args.program.as_deref())?;
    let mut models = Reloading::new(&program, &args.model, &args.images)?;
    let (mut images, batch) = batch_command(&program, &args.model, &args.images)?;
    println!("differnet score: {} images, {batch:.2} images/s without its start", images.len());
    let (others, _) = batch_command(&program, &models.other, &args.images)?;
    for (image, other) in images.iter_mut().zip(others) {
        ensure!(image.answers != other.answers, "both models answer alike");
        image.answers.extend(other.answers);
    }
    let mut served = Served::start(&program, &models.served, args.queue)?;
    let stop = AtomicBool::new(false);
    let (tally, memory, seconds) = thread::scope(|scope| {
        let clients: Vec<_> = (0..args.clients)
            .map(|client| {
                scope.spawn({
                    let (images, stop, address) = (&images, &stop, served.address);
                    move || work(address, images, client, stop)
                })
            })
            .collect();
        let loaded = load(args, &mut models, &mut served);
        // Before an error leaves: the scope waits for the clients.
        stop.store(true, Ordering::Relaxed);
        let (memory, seconds, code) = loaded?;
        let mut tally = Tally::default();
        for client in clients {
            tally.add(client.join().ok().context("a client failed")?);
        }
        ensure!(code == Some(0), "the server ended with {code:?}: {}", served.last_words());
        let taken_up = served.logged("model replaced")?;
        println!("models put in place: {}, taken up: {taken_up}", models.replaced);
        // The last may come too late.
        ensure!(taken_up as u64 + 1 >= models.replaced, "models were not taken up");
        let answered = models.replaced < 2 || tally.answers[1] > 0;
        ensure!(answered, "no answer is of the model that was put in place");
        anyhow::Ok((tally, memory, seconds))
    })?;
    report(&tally, &memory, seconds, batch)
}

/// Replaces the model and looks at memory while the clients ask, then ends the server; bytes of memory, seconds of
/// load and the server's exit code.
fn load(
    args: &SoakArgs,
    models: &mut Reloading,
    served: &mut Served,
) -> anyhow::Result<(Vec<u64>, f64, Option<i32>)> {
    let start = Instant::now();
    let (mut memory, mut placed) = (Vec::new(), start);
    let total = Duration::from_secs(args.seconds);
    let patience = Duration::from_secs(args.reload * RELOADS_WAITED);
    while start.elapsed() < total {
        thread::sleep(Duration::from_millis(500).min(total - start.elapsed().min(total)));
        // A model is checked before it is taken up, which takes its time on a busy machine.
        let due = start.elapsed().as_secs() / args.reload > models.replaced;
        if due && served.logged("model replaced")? as u64 == models.replaced {
            models.replace()?;
            placed = Instant::now();
        }
        ensure!(!due || placed.elapsed() < patience, "a model was not taken up in {patience:?}");
        if start.elapsed().as_secs_f64() >= WARM_UP * total.as_secs_f64() {
            memory.push(served.resident()?);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    // Under load: clients go on until nobody answers any more.
    served.terminate()?;
    Ok((memory, seconds, served.wait()?))
}

/// Means of the first and the last third of what was measured, and how many percent the second is more.
///
/// Means, because memory goes up and down by a third with every batch of images.
fn growth(memory: &[u64]) -> (f64, f64, f64) {
    let third = (memory.len() / 3).max(1).min(memory.len());
    let mean = |values: &[u64]| values.iter().sum::<u64>() as f64 / values.len().max(1) as f64;
    let (first, last) = (mean(&memory[..third]), mean(&memory[memory.len() - third..]));
    let growth = if first > 0.0 { 100.0 * (last / first - 1.0) } else { 0.0 };
    (first, last, growth)
}

fn report(tally: &Tally, memory: &[u64], seconds: f64, batch: f64) -> anyhow::Result<ExitCode> {
    let throughput = tally.scored.len() as f64 / seconds;
    println!(
        "scored: {} images, {throughput:.2} images/s, {:.2} of the command's",
        tally.scored.len(),
        throughput / batch
    );
    println!(
        "  p50 {:.0} ms, p99 {:.0} ms",
        quantile(&tally.scored, 0.5),
        quantile(&tally.scored, 0.99)
    );
    let late = tally.rejected.iter().filter(|time| **time > REJECTED_WITHIN).count();
    println!(
        "rejected: {} requests, p50 {:.1} ms, p99 {:.1} ms, slowest {:.1} ms, {late} over {} ms",
        tally.rejected.len(),
        quantile(&tally.rejected, 0.5),
        quantile(&tally.rejected, 0.99),
        quantile(&tally.rejected, 1.0),
        REJECTED_WITHIN.as_millis()
    );
    println!(
        "answers of the model: {}, of its copy: {}, of neither: {}, other statuses: {:?}, without an answer: {}",
        tally.answers[0],
        tally.answers[1],
        tally.wrong.len(),
        tally.others,
        tally.unanswered.len()
    );
    println!("hostile requests: statuses {:?}", tally.hostile);
    let (first, last, growth) = growth(memory);
    let most = memory.iter().copied().max().unwrap_or(0);
    println!(
        "memory: {:.0} MB on average in the second quarter of the time, {:.0} MB in the last ({growth:+.1} %), {:.0} MB at most",
        first / 1e6,
        last / 1e6,
        most as f64 / 1e6
    );
    for line in tally.wrong.iter().chain(&tally.unanswered).take(5) {
        println!("  {line}");
    }
    ensure!(!tally.scored.is_empty(), "nothing was scored");
    ensure!(tally.wrong.is_empty(), "{} answers are wrong", tally.wrong.len());
    ensure!(tally.others.is_empty(), "there were other statuses than 200 and 429");
    let refused = tally.hostile.keys().all(|status| (400..=429).contains(status));
    ensure!(refused, "hostile requests were not refused");
    ensure!(tally.unanswered.is_empty(), "{} requests had no answer", tally.unanswered.len());
    ensure!(growth <= GROWTH, "memory grew by {growth:.1} %");
    println!("the server ended with code 0 under load");
    Ok(ExitCode::SUCCESS)
}

/// The time that a share `q` of `times` do not exceed, milliseconds; 0 without any.
fn quantile(times: &[Duration], q: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_goes_up_and_down_does_not_grow() {
        assert_eq!(growth(&[2, 4, 2, 4, 2, 4]), (3.0, 3.0, 0.0));
        assert_eq!(growth(&[4, 4, 5, 5, 6, 6]), (4.0, 6.0, 50.0));
        assert_eq!(growth(&[7]), (7.0, 7.0, 0.0));
        assert_eq!(growth(&[]), (0.0, 0.0, 0.0));
    }
}
