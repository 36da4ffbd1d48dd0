//! Writes the sample data set: `write_samples FOLDER [SEED]`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;
use std::path::PathBuf;

use differnet_samples::{SampleConfig, write_sample_dataset};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("give a folder")?);
    let seed = std::env::args().nth(2).map_or(Ok(0), |seed| seed.parse())?;
    let config = SampleConfig { seed, train: 20, ..SampleConfig::default() };
    for category in write_sample_dataset(&folder, &config)? {
        println!("{}", folder.join(category).display());
    }
    Ok(())
}
