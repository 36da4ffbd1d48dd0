//! A model that computes nothing: what is tested is what surrounds it.

use std::collections::BTreeMap;
use std::path::Path;

use differnet::scorer::{Scorer, Scoring};
use differnet::{
    AuxiliaryTensor, Config, Error, Header, ImageScore, Method, Model, Preset, Runtime,
};
use differnet_data::{ImageError, ImageInput, InputStatistics};

/// Scores from here on are defects.
const THRESHOLD: f64 = 100.0;

/// Scores an image by the number of its pixels.
#[derive(Debug)]
struct PixelCount;

/// A model that scores images by the number of their pixels.
pub(super) fn pixel_count(runtime: &Runtime) -> Model {
    let header = Header {
        training_images: 9,
        held_back_images: 3,
        threshold: THRESHOLD,
        good_scores: vec![1.0, 2.0, 4.0],
        ..Header::new(Config::preset(Method::Dsebm, Preset::Quick))
    };
    Model::new(header, Box::new(PixelCount), runtime)
}

impl Scorer for PixelCount {
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        let limits = &scoring.runtime.limits;
        let score = |input: &ImageInput<'_>| {
            let read = match input.read(limits) {
                Ok(read) => read,
                Err(error) => return Ok(Err(error)),
            };
            let image = match read.decode(input.name(), limits) {
                Ok(image) => image,
                Err(error) => return Ok(Err(error)),
            };
            let (width, height) = image.image().dimensions();
            let pixels = f64::from(width * height);
            let thresholds = scoring.header.thresholds();
            Ok(Ok(scoring.config.judge(
                read.hash(),
                InputStatistics::default(),
                vec![pixels],
                &thresholds,
            )?))
        };
        images.iter().map(score).collect()
    }

    fn save(
        &self,
        _: &Path,
        _: &BTreeMap<String, String>,
        _: &[AuxiliaryTensor],
    ) -> Result<(), Error> {
        Ok(())
    }
}
