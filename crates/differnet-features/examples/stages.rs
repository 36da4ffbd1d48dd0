//! Shapes of EfficientNet-Lite0's maps of one image, and the milliseconds that they take: `stages [SIDE [LAST_STAGE]]`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::time::Instant;

use differnet_features::HostEfficientNetLite;

/// Passes that are timed.
const PASSES: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let side = std::env::args().nth(1).map_or(Ok(448), |side| side.parse::<usize>())?;
    let pixels: Vec<u8> = (0..3 * side * side).map(|at| (at * at / 97 % 251) as u8).collect();
    let network = HostEfficientNetLite::new();
    for (number, map) in (1..).zip(network.maps(&pixels, side, side, &[1, 2, 3, 4, 5])) {
        println!("stage {number}: {} x {} x {}", map.height, map.width, map.channels);
    }
    let last = std::env::args().nth(2).map_or(Ok(5), |last| last.parse::<usize>())?;
    let stages: Vec<usize> = (3..=last).collect();
    let mut times = Vec::with_capacity(PASSES);
    for _ in 0..PASSES {
        let start = Instant::now();
        let maps = network.maps(&pixels, side, side, &stages);
        times.push(start.elapsed());
        assert_eq!(maps.len(), stages.len());
    }
    times.sort();
    println!("stages 3 to {last}: median {:.1} ms", times[PASSES / 2].as_secs_f64() * 1e3);
    Ok(())
}
