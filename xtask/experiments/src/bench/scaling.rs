//! Growth of time and memory with images, transforms, width and cores, and how far from the machine's
//! limits they are.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use differnet::DeviceChoice;
use differnet_features::{FEATURES, SCALES};
use differnet_flow::FlowConfig;
use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use differnet_report::{markdown_table, text_table};
use rayon::prelude::*;

use super::BenchArgs;
use super::compare::{DOCUMENT, Worker, generated, median};
use super::worker::ROWS;
use crate::reproduce::{Environment, refresh_block};
use xtask_support::workspace;

/// The block of the document, and the command that refreshes it.
const BLOCK: (&str, &str) = ("scaling", "cargo xtask bench --scaling");

/// Sweeps: what grows, the worker's name for the work, and the sizes.
const SWEEPS: [(&str, &str, &[usize]); 5] = [
    ("features, images of 8 transforms", "images", &[2, 4, 8, 16]),
    ("features, transforms of an image", "turns", &[1, 4, 16, 64]),
    ("latents of 96 rows, hidden width", "latents", &[64, 256, 1024, 2048]),
    ("training step of 96 rows, hidden width", "step", &[64, 256, 1024, 2048]),
    ("score one image, hidden width", "score", &[64, 256, 1024, 2048]),
];
/// Work that is done with 1, 2, … cores.
const ON_CORES: [(&str, &str); 3] = [
    ("features of 16 images, 8 transforms", "images 16"),
    ("training step of 96 rows, hidden 256", "step 256"),
    ("training step of 96 rows, hidden 2048", "step 2048"),
];

/// AlexNet's convolutions: inputs, outputs, kernel, stride, padding; pooling follows some.
const CONVOLUTIONS: [(usize, usize, usize, usize, usize, bool); 5] = [
    (3, 64, 11, 4, 2, true),
    (64, 192, 5, 1, 2, true),
    (192, 384, 3, 1, 1, false),
    (384, 256, 3, 1, 1, false),
    (256, 256, 3, 1, 1, false),
];

/// Limits of a device: 10⁹ operations in single precision and 10⁹ bytes a second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limits {
    gigaflops: f64,
    gigabytes: f64,
}

/// Data-sheet limits of graphics cards, single precision without tensor cores.
const CARDS: [(&str, Limits); 3] = [
    ("T4", Limits { gigaflops: 8_100.0, gigabytes: 320.0 }),
    ("RTX 4090", Limits { gigaflops: 82_600.0, gigabytes: 1_008.0 }),
    ("H100 SXM", Limits { gigaflops: 67_000.0, gigabytes: 3_350.0 }),
];

/// A piece of work as operations and bytes that must move between memory and processor.
struct Demand {
    name: &'static str,
    /// The worker's line, and how many of the pieces it does.
    line: (&'static str, f64),
    flops: f64,
    bytes: f64,
}

impl Limits {
    /// The seconds below which no program can do the work.
    fn bound(&self, demand: &Demand) -> f64 {
        (demand.flops / self.gigaflops).max(demand.bytes / self.gigabytes) / 1e9
    }
}

pub(super) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let shell = workspace::shell()?;
    let folder = tempfile::tempdir()?;
    let images = generated(folder.path())?;
    let mut text = String::new();
    for (title, headers, rows) in
        [growth(&images, args.rounds)?, cores(&images, args.rounds)?, limits(&images, args.rounds)?]
    {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        println!("{title}\n{}", text_table(&headers, &rows));
        text += &format!("**{title}**\n\n{}\n", markdown_table(&headers, &rows));
    }
    if args.docs {
        let here = Environment::here(shell.current_dir(), DeviceChoice::Flex);
        text += &format!("Medians of {} turns. {}.\n", args.rounds, here.machine_and_commit());
        refresh_block(&shell.current_dir().join(DOCUMENT), BLOCK.0, BLOCK.1, &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Heading, headers and rows of a table.
type Table = (String, Vec<String>, Vec<Vec<String>>);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn growth(images: &Path, rounds: usize) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    for (name, work, sizes) in SWEEPS {
        let mut before: Option<(usize, f64)> = None;
        for &size in sizes {
            eprintln!("{name}: {size} ...");
            let (seconds, peak) = measure(images, &format!("{work} {size}"), rounds, None)?;
            let exponent = before.map_or("–".to_owned(), |(smaller, faster)| {
                format!("{:.2}", exponent((smaller, faster), (size, seconds)))
            });
            rows.push(vec![
                name.to_owned(),
                size.to_string(),
                format!("{:.1}", 1e3 * seconds),
                exponent,
                format!("{:.0}", peak / 1e6),
            ]);
            before = Some((size, seconds));
        }
    }
    let headers = words(&["work", "size", "ms", "exponent", "peak MB"]);
    let title = "Growth: between a size and the one before, time grew by the power of the exponent";
    Ok((title.to_owned(), headers, rows))
}

/// p where time grows as size to the power of p.
fn exponent(smaller: (usize, f64), larger: (usize, f64)) -> f64 {
    (larger.1 / smaller.1).ln() / (larger.0 as f64 / smaller.0 as f64).ln()
}

fn cores(images: &Path, rounds: usize) -> anyhow::Result<Table> {
    let most = std::thread::available_parallelism().map_or(1, usize::from);
    let counts: Vec<usize> = (0..).map(|power| 1 << power).take_while(|&n| n <= most).collect();
    let mut rows = Vec::new();
    for (name, line) in ON_CORES {
        let mut row = vec![name.to_owned()];
        let mut one = None;
        for &count in &counts {
            eprintln!("{name}: {count} cores ...");
            let (seconds, _) = measure(images, line, rounds, Some(count))?;
            let one = *one.get_or_insert(seconds);
            row.push(format!("{:.1} ms, {:.2}×", 1e3 * seconds, one / seconds));
        }
        rows.push(row);
    }
    let mut headers = words(&["work"]);
    headers.extend(counts.iter().map(|&count| match count {
        1 => "1 core".to_owned(),
        count => format!("{count} cores"),
    }));
    Ok(("Cores: time, and how many times faster than on one".to_owned(), headers, rows))
}

fn limits(images: &Path, rounds: usize) -> anyhow::Result<Table> {
    eprintln!("Measuring the machine's limits ...");
    let here = Limits { gigaflops: gigaflops(), gigabytes: gigabytes() };
    let mut headers =
        words(&["work", "GFLOP", "MB moved", "bound here, ms", "measured, ms", "bound / measured"]);
    headers.extend(CARDS.iter().map(|(name, _)| format!("bound on {name}, ms")));
    let mut rows = Vec::new();
    for demand in demands() {
        eprintln!("{} ...", demand.name);
        let (line, pieces) = demand.line;
        let seconds = measure(images, line, rounds, None)?.0 / pieces;
        let bound = here.bound(&demand);
        let mut row = vec![
            demand.name.to_owned(),
            digits(demand.flops / 1e9),
            digits(demand.bytes / 1e6),
            digits(1e3 * bound),
            digits(1e3 * seconds),
            format!("{:.2}", bound / seconds),
        ];
        row.extend(CARDS.iter().map(|(_, card)| digits(1e3 * card.bound(&demand))));
        rows.push(row);
    }
    let title = format!(
        "Limits: this machine does {:.0} GFLOP/s in a product of ours and moves {:.1} GB/s",
        here.gigaflops, here.gigabytes
    );
    Ok((title, headers, rows))
}

/// A positive number with three significant digits, whole from 100 on.
fn digits(value: f64) -> String {
    let decimals = (2 - value.log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

/// Convolutions as direct sums; Winograd's tiles need fewer operations.
fn demands() -> [Demand; 4] {
    let weights: usize =
        CONVOLUTIONS.iter().map(|(inputs, outputs, side, ..)| inputs * outputs * side * side).sum();
    let parameters = |hidden| FlowConfig::new(FEATURES).with_hidden(hidden).parameters() as f64;
    let step = |name, line, hidden| {
        let parameters = parameters(hidden);
        // Forward, and back to inputs and to weights: two operations each. Adam reads and writes
        // weight and two moments.
        Demand {
            name,
            line: (line, 1.0),
            flops: 6.0 * parameters * ROWS as f64,
            bytes: 6.0 * 4.0 * parameters,
        }
    };
    [
        Demand {
            name: "features of an image under one transform, of 128",
            line: ("images 16", 128.0),
            flops: SCALES.iter().map(|&scale| convolution_flops(scale)).sum(),
            bytes: 4.0 * weights as f64 / 16.0,
        },
        Demand {
            name: "latents of a row, of 96, hidden 256",
            line: ("latents 256", ROWS as f64),
            flops: 2.0 * parameters(256),
            bytes: 4.0 * parameters(256) / ROWS as f64,
        },
        step("training step of 96 rows, hidden 256", "step 256", 256),
        step("training step of 96 rows, hidden 2048", "step 2048", 2048),
    ]
}

/// Operations of AlexNet's convolutions on an image of `side` × `side` pixels.
fn convolution_flops(side: usize) -> f64 {
    let mut side = side;
    let mut flops = 0.0;
    for (inputs, outputs, kernel, stride, padding, pooled) in CONVOLUTIONS {
        side = (side + 2 * padding - kernel) / stride + 1;
        flops += 2.0 * (inputs * outputs * kernel * kernel * side * side) as f64;
        if pooled {
            side = (side - 3) / 2 + 1;
        }
    }
    flops
}

/// Median seconds of a piece of work in a process of its own, and its peak memory in bytes.
fn measure(
    images: &Path,
    line: &str,
    rounds: usize,
    cores: Option<usize>,
) -> anyhow::Result<(f64, f64)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bench-worker").arg(images);
    if let Some(cores) = cores {
        command.env("RAYON_NUM_THREADS", cores.to_string());
    }
    let mut worker = Worker::start(&mut command)?;
    worker.ask(line)?;
    let seconds = (0..rounds).map(|_| worker.turn(line)).collect::<anyhow::Result<Vec<f64>>>()?;
    Ok((median(&seconds), worker.ask("peak")?))
}

/// The best of several large products, 10⁹ operations a second.
fn gigaflops() -> f64 {
    const SIDE: usize = 1536;
    const PART: usize = 96;
    let values: Vec<f32> = (0..SIDE * SIDE).map(|index| (index as f32 * 0.37).sin()).collect();
    let packed = PackedMatrix::new(&values, SIDE);
    let mut products = vec![0.0; SIDE * SIDE];
    let seconds = best(|| {
        let parts = products.par_chunks_mut(PART * SIDE).zip(values.par_chunks(PART * SIDE));
        parts.for_each(|(products, values)| {
            let left = Strided { values, stride: SIDE };
            multiply(left, PART, &packed, Sums::Replace, products);
        });
        black_box(&products);
    });
    2.0 * (SIDE * SIDE * SIDE) as f64 / seconds / 1e9
}

/// The best of several sums of two long arrays, 10⁹ bytes a second read and written.
fn gigabytes() -> f64 {
    const COUNT: usize = 64 << 20;
    const PART: usize = 1 << 16;
    let (from, mut to) = (vec![1.0_f32; COUNT], vec![0.5_f32; COUNT]);
    let seconds = best(|| {
        to.par_chunks_mut(PART).zip(from.par_chunks(PART)).for_each(|(to, from)| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        });
        black_box(&to);
    });
    3.0 * 4.0 * COUNT as f64 / seconds / 1e9
}

/// The shortest of several runs, seconds.
fn best(mut work: impl FnMut()) -> f64 {
    const RUNS: usize = 8;
    let run = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_by_hand() {
        // First convolution at 448: (448 + 4 − 11) / 4 + 1 = 111, 2 · 3 · 64 · 121 · 111².
        let first = 2.0 * 3.0 * 64.0 * 121.0 * 111.0 * 111.0;
        // Pooled to 55: 2 · 64 · 192 · 25 · 55²; to 27: three layers on 27².
        let others = 2.0 * 64.0 * 192.0 * 25.0 * 55.0 * 55.0;
        let last = 2.0 * 9.0 * 27.0 * 27.0 * (192.0 * 384.0 + 384.0 * 256.0 + 256.0 * 256.0);
        assert_eq!(convolution_flops(448), first + others + last);
    }

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [1234.5, 123.4, 12.34, 1.234, 0.01234];
        assert_eq!(numbers.map(digits), ["1234", "123", "12.3", "1.23", "0.0123"]);
    }

    #[test]
    fn bounds_and_exponents_by_hand() {
        let demand = Demand { name: "", line: ("", 1.0), flops: 2e9, bytes: 6e9 };
        assert_eq!(Limits { gigaflops: 1.0, gigabytes: 6.0 }.bound(&demand), 2.0);
        assert_eq!(Limits { gigaflops: 4.0, gigabytes: 6.0 }.bound(&demand), 1.0);
        assert!((exponent((2, 1.0), (8, 16.0)) - 2.0).abs() < 1e-12);
    }
}
