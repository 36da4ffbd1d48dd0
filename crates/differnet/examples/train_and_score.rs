//! Trains on a folder of good images and scores those of another: `train_and_score GOOD NEW`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;
use std::path::Path;

use differnet::{Config, Model, find_images};

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [good, new] = &folders[..] else { return Err("give two folders: GOOD NEW".into()) };
    let model = Model::train(&find_images(Path::new(good))?, &Config::default())?;
    let new = find_images(Path::new(new))?;
    for (path, score) in new.iter().zip(model.scores(&new)) {
        let part = score?;
        println!("{} {:.2} {}", part.verdict.word(), part.score, path.display());
    }
    Ok(())
}
