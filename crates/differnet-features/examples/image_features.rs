//! The 768 features of images, a line of numbers each: `image_features IMAGE...`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;

use differnet_data::{DecodeLimits, ImageInput};
use differnet_features::{Backbone, Extractor, IMAGE_SIZE};

fn main() -> Result<(), Box<dyn Error>> {
    let (limits, side) = (DecodeLimits::default(), u32::try_from(IMAGE_SIZE)?);
    let extractor = Extractor::on_host(Backbone::AlexNet);
    for path in std::env::args().skip(1) {
        let input = ImageInput::from(&*path);
        let image = input.read(&limits)?.decode(input.name(), &limits)?.resized(side, side);
        let features = extractor.extract(&[image.as_raw()])?; // [768]
        let numbers: Vec<String> = features.iter().map(f32::to_string).collect();
        println!("{path} {}", numbers.join(" "));
    }
    Ok(())
}
