//! `cargo xtask shard-test`: shards that are killed and started again make up what one process writes.

mod jobs;
mod memory;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Context;
use differnet_data::find_images;
use differnet_samples::{SampleConfig, write_sample_dataset};
use serde::Serialize;
use xtask_support::workspace;

use crate::crash_test::killing::finish;
use jobs::Jobs;
use memory::Memory;

/// Endings of the tables that are compared.
const FORMATS: [&str; 3] = ["jsonl", "csv", "parquet"];

/// Kill shards of a job at random moments; compare merged with one process.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask shard-test
  cargo xtask shard-test --shards 8 --kills 5 --seed 7
  cargo xtask shard-test --program target/release/differnet --json

Generated images, one of them damaged, are scored in shards by several processes at once; at least as many of these
as --kills says are killed (SIGKILL) and started again later. Then every shard is started once more: none may be
scored again. `differnet merge` has to give the bytes of one process that scores the whole manifest, as JSON lines,
CSV and Parquet. At last the memory of one process is compared for a short manifest and one of --lines lines, of
files that are not there. Moments are drawn from the seed, but how far a process gets until then depends on the
machine.
Ends with exit code 1 if bytes differ.")]
pub(crate) struct ShardTestArgs {
    /// Shards of the manifest.
    #[arg(long, default_value_t = 64)]
    shards: usize,
    /// Times that a process is killed.
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// Processes at once.
    #[arg(long, default_value_t = 4)]
    processes: usize,
    /// Lines of the manifest with which memory is measured.
    #[arg(long, default_value_t = 200_000)]
    lines: usize,
    /// Seed of the images and of the moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program `differnet` [default: it is built].
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Result of the test.
#[derive(Debug, Serialize)]
struct Summary {
    seed: u64,
    images: usize,
    shards: usize,
    processes: usize,
    kills: usize,
    /// Processes that were started until all parts were there.
    starts: usize,
    /// Parts that were written again when every shard was started once more.
    written_again: usize,
    one_process_seconds: f64,
    shards_seconds: f64,
    /// Tables that differ from those of one process.
    different: Vec<&'static str>,
    memory: Option<Memory>,
}

/// Setup that all parts of the test share.
pub(crate) struct Setup {
    program: PathBuf,
    folder: PathBuf,
    model: PathBuf,
    manifest: PathBuf,
}

impl Setup {
    /// Images, a manifest of them and a model, in an empty folder.
    fn new(program: PathBuf, folder: &Path, seed: u64) -> anyhow::Result<(Self, usize)> {
        let at = |name: &str| folder.join(name);
        let sample =
            SampleConfig { seed, size: 64, train: 20, test_good: 40, test_defect_per_kind: 10 };
        write_sample_dataset(&at("data"), &sample).context("cannot make the images")?;
        let mut images = find_images(&at("data"))?;
        let broken = at("broken.png");
        fs::write(&broken, "no image")?;
        images.insert(images.len() / 2, broken);
        let lines: String = images.iter().map(|path| format!("{}\n", path.display())).collect();
        fs::write(at("files.txt"), lines)?;
        let (model, manifest) = (at("nut.differnet"), at("files.txt"));
        let setup = Self { program, folder: folder.to_path_buf(), model, manifest };
        let mut train = Command::new(&setup.program);
        train.args(["train", "--method", "padim", "--no-cache", "--data"]);
        train.arg(at("data/hex_nut/train/good")).arg("--out").arg(&setup.model);
        finish(&mut train, &at("log"))?;
        Ok((setup, images.len()))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The program that scores `manifest`, of which it is yet to be said where to.
    fn score(&self, manifest: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["score", "--no-cache", "--model"]).arg(&self.model);
        command.arg("--manifest").arg(manifest);
        command
    }
}

pub(crate) fn run(args: &ShardTestArgs) -> anyhow::Result<ExitCode> {
    let program = workspace::differnet(args.program.as_deref())?;
    let folder = tempfile::tempdir()?;
    let (setup, images) = Setup::new(program, folder.path(), args.seed)?;
    let talk = |text: String| {
        if !args.json {
            eprintln!("{text}");
        }
    };
    talk(format!("{images} images, one process"));
    let mut one_process_seconds = 0.0;
    for format in FORMATS {
        let start = Instant::now();
        let out = setup.at("one").with_extension(format);
        // The damaged image makes it end with code 1.
        let status = setup.score(&setup.manifest).arg("--out").arg(&out).output()?.status;
        anyhow::ensure!(
            status.code() == Some(1) && out.exists(),
            "one process ended with {status}"
        );
        one_process_seconds = start.elapsed().as_secs_f64();
    }

    talk(format!("{} shards, {} processes at once", args.shards, args.processes));
    let start = Instant::now();
    let mut jobs = Jobs::new(&setup, args.shards, args.seed);
    jobs.run(args.processes, args.kills)?;
    let shards_seconds = start.elapsed().as_secs_f64();
    let (starts, kills) = (jobs.starts, jobs.kills);
    let written_again = jobs.restart_all()?;

    let mut different = Vec::new();
    for format in FORMATS {
        let out = setup.at("merged").with_extension(format);
        let mut merge = Command::new(&setup.program);
        merge.arg("merge").arg(setup.at("parts")).arg("--out").arg(&out);
        finish(&mut merge, &setup.at("log"))?;
        if fs::read(&out)? != fs::read(setup.at("one").with_extension(format))? {
            different.push(format);
        }
    }
    talk(format!("memory with {} lines", args.lines));
    let memory = memory::measure(&setup, args.lines)?;
    let summary = Summary {
        seed: args.seed,
        images,
        shards: args.shards,
        processes: args.processes,
        kills,
        starts,
        written_again,
        one_process_seconds,
        shards_seconds,
        different,
        memory,
    };
    let passed = summary.different.is_empty() && written_again == 0 && kills >= args.kills;
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        print!("{}", summary.text());
        let verdict = if passed { "the bytes of one process" } else { "FAILED" };
        println!("seed {}: {verdict}", args.seed);
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Summary {
    fn text(&self) -> String {
        let Self { images, shards, processes, kills, starts, written_again, .. } = self;
        let different =
            if self.different.is_empty() { "none".to_owned() } else { self.different.join(", ") };
        let memory = self.memory.as_ref().map_or(String::new(), |memory| {
            format!(
                "memory of one process      {:.0} MB with {} lines, {:.0} MB with {}\n",
                memory.short_mb, memory.short_lines, memory.long_mb, memory.long_lines
            )
        });
        format!(
            "images                     {images}\n\
             shards                     {shards}, by {processes} processes at once\n\
             kills                      {kills} of {starts} starts\n\
             parts written again        {written_again} of {shards}\n\
             one process                {:.1} s\n\
             shards, kills included     {:.1} s\n\
             tables that differ         {different}\n\
             {memory}",
            self.one_process_seconds, self.shards_seconds,
        )
    }
}
