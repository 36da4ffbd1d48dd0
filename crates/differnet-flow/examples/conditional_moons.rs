//! Fits one flow to two half-moons, given which of them a row is of, and draws what it learned for
//! each and halfway between: `conditional_moons [FILE.svg]`.
//!
//! The moon's number is the condition `c` in p(y | c) = N(f(y; c)) · |det ∂f/∂y|. It is read by the
//! subnetworks and nothing transforms it, so that any `c` has a density, one of no training row
//! too.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;
use std::f32::consts::PI;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use differnet_flow::{AdamConfig, Backend, Fit, FitConfig, Flow, FlowConfig, FlowInput};
use plotters::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SEED: u64 = 1;
const ROWS: usize = 2000;
/// Draws of a picture.
const SAMPLES: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let path =
        std::env::args_os().nth(1).map_or_else(|| "conditional_moons.svg".into(), PathBuf::from);
    let backend = Backend::Host(Device::flex());
    let (rows, moons) = two_moons();
    let input = FlowInput { rows: &rows, condition: &moons };
    let config = FlowConfig::new(2)
        .with_condition(1)
        .with_hidden(64)
        .with_hidden_layers(1)
        .with_output_scale(Some(0.1));
    let adam = AdamConfig::new().with_learning_rate(2e-3).with_max_gradient_norm(Some(1.0));
    let settings = FitConfig::new(1500).with_batch_size(250).with_seed(SEED).with_adam(adam);
    let mut fit = Fit::new(&config, input, &settings, &backend)?;
    for report in &mut fit {
        let report = report?;
        if report.step.is_multiple_of(300) {
            println!("update {:4}: loss {:.3} nats per feature", report.step, report.loss);
        }
    }
    let flow = fit.into_flow();

    let root = SVGBackend::new(&path, (1200, 430)).into_drawing_area();
    root.fill(&WHITE)?;
    for (panel, moon) in root.split_evenly((1, 3)).iter().zip([0.0, 0.5, 1.0]) {
        let mut chart = ChartBuilder::on(panel)
            .caption(format!("samples given c = {moon}"), ("sans-serif", 20))
            .margin(10)
            .x_label_area_size(25)
            .y_label_area_size(35)
            .build_cartesian_2d(-2.2_f32..2.2, -1.6_f32..1.6)?;
        chart.configure_mesh().disable_mesh().draw()?;
        let samples = samples(&flow, moon, backend.device());
        chart.draw_series(
            samples.chunks_exact(2).map(|p| Circle::new((p[0], p[1]), 1, BLUE.filled())),
        )?;
    }
    root.present()?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Draws from the density given `moon`, `[SAMPLES, 2]`.
fn samples(flow: &Flow, moon: f32, device: &Device) -> Vec<f32> {
    let condition = TensorData::new(vec![moon; SAMPLES], [SAMPLES, 1]);
    let samples = flow.given(Tensor::from_data(condition, device)).sample(SEED);
    samples.into_data().iter::<f32>().collect()
}

/// Two half circles with noise, `[ROWS, 2]`, and the number of each row's, `[ROWS, 1]`.
fn two_moons() -> (Vec<f32>, Vec<f32>) {
    let mut generator = ChaCha12Rng::seed_from_u64(SEED);
    let mut unit = || (generator.next_u32() >> 8) as f32 / (1 << 24) as f32;
    let mut rows = Vec::with_capacity(2 * ROWS);
    for row in 0..ROWS {
        let angle = PI * unit();
        // The sum of twelve uniform numbers is close to normal.
        let mut noise = || ((0..12).map(|_| unit()).sum::<f32>() - 6.0) * 0.08;
        let [x, y] = match row % 2 {
            0 => [angle.cos(), angle.sin()],
            _ => [1.0 - angle.cos(), 0.5 - angle.sin()],
        };
        rows.extend([x - 0.5 + noise(), y - 0.25 + noise()]);
    }
    (rows, (0..ROWS).map(|row| (row % 2) as f32).collect())
}
