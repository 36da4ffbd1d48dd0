//! Shapes of EfficientNet-Lite0's maps of one image, and the milliseconds that they take: `stages [SIDE]`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::time::Instant;

use differnet_features::HostEfficientNetLite;

/// Passes that are timed.
const PASSES: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let side = std::env::args().nth(1).map_or(Ok(448), |side| side.parse::<usize>())?;
    let pixels: Vec<u8> = (0..3 * side * side).map(|at| (at * at / 97 % 251) as u8).collect();
    let network = HostEfficientNetLite::new();
    for (number, map) in (1..).zip(network.stages(&pixels, side, side, 5)) {
        println!("stage {number}: {} x {} x {}", map.height, map.width, map.channels);
    }
    let mut times = Vec::with_capacity(PASSES);
    for _ in 0..PASSES {
        let start = Instant::now();
        let maps = network.stages(&pixels, side, side, 5);
        times.push(start.elapsed());
        assert_eq!(maps.len(), 5);
    }
    times.sort();
    println!("median {:.1} ms", times[PASSES / 2].as_secs_f64() * 1e3);
    Ok(())
}
