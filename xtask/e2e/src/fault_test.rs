//! `cargo xtask fault-test`: what full, read-only and broken disks, clocks that jump and kills leave.

mod archive;
mod disk;
mod files;
mod outputs;
mod whole;

use std::process::ExitCode;

use differnet_report::text_table;
use serde::Serialize;
use xtask_support::workspace;

use crate::crash_test::{self, Part, Setup};
use archive::Archive;
use disk::Disk;
use outputs::Fault;

/// Fill disks, break files, turn times and kill programs; look for losses.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fault-test
  cargo xtask fault-test --kills 20 --seed 7
  cargo xtask fault-test --program target/release/differnet --json

Every command that writes is run on a disk that becomes full after a part of what it writes, and on one that
is read-only: it has to end with code 1 and name the file, what was there has to stay, and nothing may be
half written. The disk is a small tmpfs, which needs root; without, the length of files is limited instead.
A file that cannot be read (EIO) has to be named, and the others used. Files whose times lie in the future or
long ago, as after a clock that jumped, have to be used as any others. Then `crash-test` is run with so many
kills. Ends with exit code 1 if anything is lost.")]
pub(crate) struct FaultTestArgs {
    /// Times that a program is killed.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Seed of the data and of the moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program `differnet` [default: it is built].
    #[arg(long, value_name = "PROGRAM")]
    program: Option<std::path::PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Outcome of one command under one fault.
#[derive(Debug, Serialize)]
struct Row {
    fault: &'static str,
    command: &'static str,
    /// Runs, each with the disk filled at another point.
    cases: usize,
    /// Exit codes, in order.
    codes: Vec<i32>,
    losses: Vec<String>,
}

/// The result of `--json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    seed: u64,
    passed: bool,
    disk: String,
    faults: &'a [Row],
    kills: &'a [Part],
    /// Faults that this machine cannot make.
    left_out: &'a [String],
}

pub(crate) fn run(args: &FaultTestArgs) -> anyhow::Result<ExitCode> {
    let program = workspace::differnet(args.program.as_deref())?;
    let folder = tempfile::tempdir()?;
    let setup = Setup::new(&program, folder.path(), args.seed, !args.json)?;
    let killed = crash_test::kill(&setup, args.kills, args.seed)?;
    if !args.json {
        print!("{}", crash_test::report(&killed.parts));
    }
    let disk = Disk::new(&folder.path().join("disk"))?;
    let archive = Archive::write(&setup, &killed)?;
    let mut left_out = Vec::new();
    let mut rows = Vec::new();
    for fault in [Fault::Full, Fault::ReadOnly] {
        if fault == Fault::ReadOnly && !disk.is_mounted() {
            left_out.push("a read-only disk: mounting one needs root".to_owned());
            continue;
        }
        rows.extend(outputs::test(&setup, &killed, &archive, &disk, fault)?);
    }
    match files::unreadable(&setup, &killed)? {
        Some(found) => rows.extend(found),
        None => left_out.push("EIO: this system has no file that cannot be read".to_owned()),
    }
    rows.extend(files::times(&setup, &killed)?);
    let kills = &killed.parts;
    let losses = rows.iter().flat_map(|row| row.losses.iter().map(move |loss| (row.command, loss)));
    let losses: Vec<(&str, &String)> = losses
        .chain(kills.iter().flat_map(|part| part.losses.iter().map(|loss| (part.name, loss))))
        .collect();
    let passed = losses.is_empty();
    if args.json {
        let (seed, disk) = (args.seed, disk.about().to_owned());
        let summary = Summary { seed, passed, disk, faults: &rows, kills, left_out: &left_out };
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        println!("Disk: {}", disk.about());
        print!("{}", report(&rows));
        left_out.iter().for_each(|fault| println!("left out: {fault}"));
        losses.iter().for_each(|(command, loss)| println!("{command}: {loss}"));
        let verdict = if passed { "nothing was lost" } else { "something was lost" };
        println!("seed {}: {verdict}", args.seed);
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(rows: &[Row]) -> String {
    let head = ["fault", "command", "cases", "exit codes", "losses"];
    let row = |row: &Row| {
        let codes: Vec<String> = row.codes.iter().map(ToString::to_string).collect();
        vec![
            row.fault.to_owned(),
            row.command.to_owned(),
            row.cases.to_string(),
            codes.join(" "),
            row.losses.len().to_string(),
        ]
    };
    text_table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}
