//! Fits a flow to two interleaved half-moons and draws what it learned: `two_moons [FILE.svg]`.
//!
//! The picture shows the learned density as a heat map, the training rows and samples of the flow.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;
use std::f32::consts::PI;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use differnet_flow::{AdamConfig, Backend, Fit, FitConfig, Flow, FlowConfig};
use plotters::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SEED: u64 = 1;
const ROWS: usize = 2000;
/// Cells of the heat map along each axis.
const CELLS: usize = 120;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(|| "two_moons.svg".into(), PathBuf::from);
    let backend = Backend::Host(Device::flex());
    let rows = two_moons();
    let config = FlowConfig::new(2).with_blocks(8).with_hidden(64).with_hidden_layers(2);
    let settings = FitConfig::new(2000)
        .with_batch_size(250)
        .with_seed(SEED)
        .with_adam(AdamConfig::new().with_learning_rate(1e-3));
    let mut fit = Fit::new(&config, &rows, &settings, &backend)?;
    for report in &mut fit {
        let report = report?;
        if report.step.is_multiple_of(400) {
            println!("update {:4}: loss {:.3} nats per feature", report.step, report.loss);
        }
    }
    draw(&path, &fit.into_flow(), &rows, backend.device())?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Two half circles with Gaussian noise, `[ROWS, 2]`.
fn two_moons() -> Vec<f32> {
    let mut generator = ChaCha12Rng::seed_from_u64(SEED);
    let mut unit = || (generator.next_u32() >> 8) as f32 / (1 << 24) as f32;
    let mut rows = Vec::with_capacity(2 * ROWS);
    for row in 0..ROWS {
        let angle = PI * unit();
        // The sum of twelve uniform numbers is close to normal.
        let mut noise = || ((0..12).map(|_| unit()).sum::<f32>() - 6.0) * 0.08;
        let [x, y] = if row.is_multiple_of(2) {
            [angle.cos(), angle.sin()]
        } else {
            [1.0 - angle.cos(), 0.5 - angle.sin()]
        };
        rows.extend([x - 0.5 + noise(), y - 0.25 + noise()]);
    }
    rows
}

/// White for 0, dark blue for 1; the square root makes the tails visible.
fn shade(value: f32) -> RGBColor {
    let value = value.clamp(0.0, 1.0).sqrt();
    let channel = |low: f32| (255.0 + value * (low - 255.0)) as u8;
    RGBColor(channel(8.0), channel(48.0), channel(107.0))
}

fn draw(path: &Path, flow: &Flow, rows: &[f32], device: &Device) -> Result<(), Box<dyn Error>> {
    let samples = flow.sample(ROWS, SEED, device).into_data(); // [ROWS, 2]
    let root = SVGBackend::new(path, (1200, 430)).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((1, 3));
    for (panel, title) in panels.iter().zip(["training rows", "learned density", "samples"]) {
        let mut chart = ChartBuilder::on(panel)
            .caption(title, ("sans-serif", 20))
            .margin(10)
            .x_label_area_size(25)
            .y_label_area_size(35)
            .build_cartesian_2d(-2.2_f32..2.2, -1.6_f32..1.6)?;
        chart.configure_mesh().disable_mesh().draw()?;
        match title {
            "learned density" => {
                let (width, height) = (4.4 / CELLS as f32, 3.2 / CELLS as f32);
                let corner = |i: usize| {
                    [(i % CELLS) as f32 * width - 2.2, (i / CELLS) as f32 * height - 1.6]
                };
                let cells: Vec<[f32; 2]> = (0..CELLS * CELLS).map(corner).collect();
                let centres = cells.iter().flat_map(|[x, y]| [x + width / 2.0, y + height / 2.0]);
                let centres = TensorData::new(centres.collect(), [CELLS * CELLS, 2]);
                let density = flow.log_likelihood(Tensor::from_data(centres, device)).exp();
                let density = density.into_data(); // [CELLS²]
                let largest = density.iter::<f32>().fold(0.0, f32::max);
                chart.draw_series(cells.iter().zip(density.iter::<f32>()).map(
                    |([x, y], value)| {
                        let colour = shade(value / largest);
                        Rectangle::new([(*x, *y), (x + width, y + height)], colour.filled())
                    },
                ))?;
            }
            _ => {
                let points: Vec<f32> =
                    if title == "samples" { samples.iter().collect() } else { rows.to_vec() };
                chart.draw_series(
                    points.chunks(2).map(|p| Circle::new((p[0], p[1]), 1, BLUE.filled())),
                )?;
            }
        }
    }
    root.present()?;
    Ok(())
}
