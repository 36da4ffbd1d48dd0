//! AUROC with its interval, of lines `SCORE,good` or `SCORE,KIND-OF-DEFECT` in a file: `auroc SCORES.csv`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;

use differnet_eval::{BootstrapConfig, auroc, bootstrap_auroc, recall_at_zero_false_positives};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("give a file of scores")?;
    let (mut scores, mut defects) = (Vec::new(), Vec::new());
    for line in std::fs::read_to_string(path)?.lines() {
        let (score, kind) = line.split_once(',').ok_or("a line is SCORE,KIND")?;
        scores.push(score.trim().parse()?);
        defects.push(kind.trim() != "good");
    }
    let config = BootstrapConfig::default();
    let interval = bootstrap_auroc(&scores, &defects, &config)?;
    println!("AUROC {:.4}", auroc(&scores, &defects)?);
    println!(
        "  {} % interval {:.4} to {:.4}",
        100.0 * config.confidence,
        interval.lower,
        interval.upper
    );
    let recall = recall_at_zero_false_positives(&scores, &defects)?;
    println!("defects above every good image: {:.1} %", 100.0 * recall);
    Ok(())
}
