//! Scores rows of numbers by their distance to good ones: `nearest_neighbour GOOD.csv NEW.csv`, no header.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;

use differnet_baselines::{OneNearestNeighbourConfig, RowScorer, Rows};
use differnet_progress::Monitor;

/// The numbers of a table and its width.
fn table(path: &str) -> Result<(Vec<f32>, usize), Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let width = text.lines().next().map_or(0, |line| line.split(',').count());
    let numbers = text.lines().flat_map(|line| line.split(',')).map(|number| number.trim().parse());
    Ok((numbers.collect::<Result<_, _>>()?, width))
}

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [good, new] = &files[..] else { return Err("give two tables: GOOD.csv NEW.csv".into()) };
    let ((good, width), (new, new_width)) = (table(good)?, table(new)?);
    if new_width != width {
        return Err(format!("{width} columns of good rows, {new_width} of new ones").into());
    }
    let config = OneNearestNeighbourConfig::default();
    let model = config.fit(&Rows::new(&good, width)?, &Monitor::silent())?;
    for score in model.scores(&Rows::new(&new, width)?) {
        println!("{score}");
    }
    Ok(())
}
