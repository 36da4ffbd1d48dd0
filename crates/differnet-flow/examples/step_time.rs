//! Seconds per training update at the paper's size: `step_time [HIDDEN] [UPDATES]`.
//!
//! Run under `/usr/bin/time -v` to see the peak memory as well.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::time::Instant;

use burn::tensor::Device;
use differnet_flow::{AdamConfig, Backend, FlowConfig, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let hidden = numbers.next().transpose()?.unwrap_or(2048);
    let updates = numbers.next().transpose()?.unwrap_or(5);
    let config = FlowConfig::new(768).with_hidden(hidden);
    let start = Instant::now();
    let backend = Backend::Host(Device::flex());
    let mut trainer = Trainer::new(config.init(1, backend.device()), AdamConfig::new(), &backend);
    println!("{} parameters drawn in {:.2?}", config.parameters(), start.elapsed());

    let rows: Vec<f32> = (0..96 * 768).map(|i| (i as f32 * 0.731).sin()).collect(); // [96, 768]
    let start = Instant::now();
    for _ in 0..updates {
        let start = Instant::now();
        let report = trainer.step(&rows)?;
        println!("update {} in {:.3?}, loss {:.5}", report.step, start.elapsed(), report.loss);
    }
    println!("{:.3} s per update", start.elapsed().as_secs_f64() / updates as f64);
    Ok(())
}
