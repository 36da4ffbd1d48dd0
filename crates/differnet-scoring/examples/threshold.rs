//! Sets a threshold from scores of good images, one a line, and judges others: `threshold GOOD SCORE...`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;

use differnet_scoring::{FalseAlarmGuarantee, Verdict, p_value, threshold_from_good};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("give a file of good images' scores")?;
    let text = std::fs::read_to_string(path)?;
    let good = text.lines().map(|line| line.trim().parse()).collect::<Result<Vec<f64>, _>>()?;
    let threshold = threshold_from_good(&good, 0.95)?;
    println!("a new good image stays below {threshold} with probability 95 %");
    match FalseAlarmGuarantee::new(0.05, 0.9)?.threshold(&good) {
        Ok(guaranteed) => println!("at most 5 % false alarms, with 90 % confidence: {guaranteed}"),
        Err(error) => println!("no guarantee: {error}"),
    }
    for score in std::env::args().skip(2) {
        let score = score.parse()?;
        let (verdict, p) = (Verdict::of(score, threshold), p_value(&good, score));
        println!("{score}: {}, p-value {p:.4}", verdict.word());
    }
    Ok(())
}
