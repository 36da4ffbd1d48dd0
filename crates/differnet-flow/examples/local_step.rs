//! Milliseconds per update, and to score an image, of a flow of local features given their place:
//! `local_step [FEATURES] [HIDDEN] [UPDATES]`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::time::Instant;

use burn::tensor::Device;
use differnet_flow::{AdamConfig, Backend, FlowConfig, FlowInput, HostFlow, Trainer};

/// Rows of an update, and places of an image.
const ROWS: [usize; 2] = [1024, 784];
/// Sines and cosines of a place.
const CONDITION: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let number = |at: usize, default: usize| numbers.get(at).copied().unwrap_or(default);
    let (features, hidden, updates) = (number(0, 128), number(1, 192), number(2, 100));
    let config = FlowConfig::new(features)
        .with_condition(CONDITION)
        .with_blocks(6)
        .with_hidden(hidden)
        .with_hidden_layers(1)
        .with_clamp(1.9)
        .with_output_scale(Some(0.1));
    let adam = AdamConfig::new()
        .with_learning_rate(2e-3)
        .with_beta_1(0.9)
        .with_beta_2(0.999)
        .with_epsilon(1e-8)
        .with_weight_decay(0.0)
        .with_max_gradient_norm(Some(1.0));
    let backend = Backend::Host(Device::flex());
    let mut trainer = Trainer::new(config.init(1, backend.device()), adam, &backend);
    let values = |count: usize, step: f32| (0..count).map(move |i| (i as f32 * step).sin());
    let [(rows, condition), (image, places)] = ROWS.map(|rows| {
        let rows_of = |width, step| values(rows * width, step).collect::<Vec<f32>>();
        (rows_of(features, 0.731), rows_of(CONDITION, 0.313))
    });
    let mut times = Vec::new();
    for _ in 0..updates {
        let start = Instant::now();
        let report = trainer.step(FlowInput { rows: &rows, condition: &condition })?;
        times.push(start.elapsed());
        if report.step.is_multiple_of(50) {
            println!("update {}: loss {:.5}", report.step, report.loss);
        }
    }
    report("update", times);

    let flow = HostFlow::of(&trainer.flow());
    let mut times = Vec::new();
    for _ in 0..updates {
        let start = Instant::now();
        let latents = flow.latents(FlowInput { rows: &image, condition: &places });
        let scores = (latents.energy(), latents.nll());
        times.push(start.elapsed());
        assert_eq!(scores.0.len() + scores.1.len(), 2 * ROWS[1]);
    }
    report("scoring", times);
    Ok(())
}

fn report(what: &str, mut times: Vec<std::time::Duration>) {
    times.sort();
    let (fastest, median) = (times[0].as_secs_f64(), times[times.len() / 2].as_secs_f64());
    println!("{what}: median {:.2} ms, fastest {:.2} ms", median * 1e3, fastest * 1e3);
}
