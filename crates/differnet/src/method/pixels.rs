//! Competitors on the pixels of small images: GeoTrans, GANomaly, DSEBM and ADGAN.

use std::collections::BTreeMap;
use std::path::Path;

use differnet_baselines::{BaselineError, Images, PixelScorer};
use differnet_data::{
    ContentHash, DecodeLimits, ImageError, ImageInput, InputStatistics, MaskedInput, Preprocessing,
    Transform,
};
use differnet_features::IMAGE_SIZE;
use differnet_flow::AuxiliaryTensor;
use differnet_progress::{Monitor, Progress, Stage};
use rayon::prelude::*;

use super::Fitted;
use super::rows::{facts, good_scores};
use crate::batched::Batched;
use crate::error::Error;
use crate::features::BATCH;
use crate::score::ImageScore;
use crate::scorer::{Scorer, Scoring, score_each};
use crate::split::ValidationSplit;
use crate::training::Training;

/// A fitted method on pixels.
#[derive(Debug)]
struct OnPixels<M>(M);

/// Transformed pixels of an image, as a method on pixels sees them.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    /// Width and height that images are reduced to, in pixels.
    side: usize,
    /// Preprocessing of images before.
    preprocessing: Preprocessing<'a>,
    limits: &'a DecodeLimits,
}

/// The pixels of one image under its transforms.
#[derive(Debug)]
struct ImagePixels {
    /// Names the image: [`MaskedInput::hash`].
    hash: ContentHash,
    /// Of the pixels that count.
    statistics: InputStatistics,
    /// Bytes `[transforms, side, side, 3]`.
    pixels: Vec<u8>,
}

/// A method fitted by `fit` to the training images' pixels, `[images · transforms, side, side, 3]`.
pub(super) fn fit<M: PixelScorer + 'static>(
    training: &Training<'_>,
    split: &ValidationSplit,
    side: usize,
    fit: impl FnOnce(&Images<'_>, &Monitor<'_>) -> Result<M, BaselineError>,
) -> Result<Fitted, Error> {
    let images = training.images(&split.training);
    let (transforms, total) = (training.config.transforms, images.len());
    let view =
        View { side, preprocessing: training.preprocessing(), limits: &training.runtime.limits };
    let choice = |hash: &ContentHash| training.training_transforms(hash, 0..transforms);
    let mut pixels = Vec::with_capacity(total * transforms * side * side * 3);
    let images = Batched::new(images, BATCH, |images: &[ImageInput<'_>]| {
        Ok(images.par_iter().map(|image| view.read(*image, &choice)).collect())
    });
    for (done, image) in (1..).zip(images) {
        pixels.extend(image?.map_err(|source| Error::ImageChanged { source })?.pixels);
        training.monitor.report(Progress::new(Stage::Pixels, done, total))?;
    }
    let images = Images::new(&pixels, side)?;
    let model = fit(&images, &training.monitor)?;
    let transforms = transforms * training.images_per_file();
    let good_scores = good_scores(training, split, |image| {
        model.scores(&images.subimages(image * transforms..(image + 1) * transforms))
    })?;
    let facts = facts(model.facts());
    Ok(Fitted { facts, ..Fitted::new(scorer(model), good_scores) })
}

/// A fitted method as a scorer.
pub(super) fn scorer<M: PixelScorer + 'static>(model: M) -> Box<dyn Scorer> {
    Box::new(OnPixels(model))
}

impl View<'_> {
    /// The pixels of one image: transformed at the size that features are extracted from, then
    /// reduced.
    fn read(
        &self,
        input: ImageInput<'_>,
        choice: &impl Fn(&ContentHash) -> Vec<Transform>,
    ) -> Result<ImagePixels, ImageError> {
        let seen = MaskedInput::read(input, self.preprocessing, self.limits)?;
        let (hash, statistics) = (seen.hash, seen.statistics);
        let large = IMAGE_SIZE as u32;
        let image = seen.resized(large, large);
        let side = self.side as u32;
        let small = |transform: &Transform| {
            let turned = transform.apply(&image);
            differnet_data::resize_bilinear(&turned, side, side).into_raw()
        };
        Ok(ImagePixels { hash, statistics, pixels: choice(&hash).iter().flat_map(small).collect() })
    }
}

impl<M: PixelScorer> Scorer for OnPixels<M> {
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        let Scoring { runtime, header, config } = *scoring;
        let transforms = header.config.transform_config();
        let choice = |hash: &ContentHash| config.transforms_of(hash, &transforms);
        let side = self.0.side();
        let view = View { side, preprocessing: header.preprocessing(), limits: &runtime.limits };
        let read: Vec<_> = images.par_iter().map(|&image| view.read(image, &choice)).collect();
        score_each(read, |ImagePixels { hash, statistics, pixels }| {
            let scores = self.0.scores(&Images::new(&pixels, side)?)?;
            Ok(config.judge(hash, statistics, scores, &header.thresholds())?)
        })
    }

    fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        _: &[AuxiliaryTensor],
    ) -> Result<(), Error> {
        self.0.save(path, metadata).map_err(Error::baseline_model(path))
    }
}

#[cfg(test)]
mod tests {
    use differnet_baselines::FittedModel;
    use differnet_data::RgbImage;
    use differnet_scoring::Verdict;

    use super::*;
    use crate::config::Config;
    use crate::device::DeviceChoice;
    use crate::header::Header;
    use crate::method::Method;
    use crate::model::Model;
    use crate::preset::Preset;
    use crate::runtime::Runtime;

    /// Scores an image by the mean of its red bytes.
    #[derive(Debug)]
    struct Redness;

    impl FittedModel for Redness {
        fn facts(&self) -> Vec<(&'static str, String)> {
            Vec::new()
        }

        fn save(&self, _: &Path, _: &BTreeMap<String, String>) -> Result<(), BaselineError> {
            Ok(())
        }
    }

    impl PixelScorer for Redness {
        fn side(&self) -> usize {
            8
        }

        fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError> {
            let red = |image: usize| {
                let bytes = images.image(image).iter().step_by(3);
                bytes.map(|&byte| f64::from(byte)).sum::<f64>() / 64.0
            };
            Ok((0..images.count()).map(red).collect())
        }
    }

    #[test]
    fn a_method_on_pixels_sees_each_transform_and_bad_files_are_passed_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        for (name, red) in [("dark.png", 40), ("bright.png", 200)] {
            let image = RgbImage::from_pixel(20, 30, [red, 0, 90].into());
            image.save(path(name)).expect("writable");
        }
        std::fs::write(path("text.png"), "no image").expect("writable");
        let files = [path("dark.png"), path("text.png"), path("bright.png")];
        let config = Config { score_transforms: 3, ..Config::preset(Method::Dsebm, Preset::Quick) };
        let header = Header { threshold: 100.0, ..Header::new(config) };
        let runtime = Runtime::open(DeviceChoice::Flex).unwrap();
        let model = Model::new(header, scorer(Redness), &runtime);
        let found: Vec<_> = model
            .scores(&files)
            .map(|score| score.map(|score| (score.transform_scores, score.verdict)).ok())
            .collect();
        let expected =
            [Some((vec![40.0; 3], Verdict::Ok)), None, Some((vec![200.0; 3], Verdict::Defect))];
        assert_eq!(found, expected);
    }
}
