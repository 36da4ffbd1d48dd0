//! Guard in front of every method: refuses a verdict on images that no training image resembles.
//!
//! A score says how unlikely a part is, not whether the camera showed one. A frame with the lamp off, a
//! blurred one or a picture of something else may score low as well as high. So the guard looks at the image
//! itself, whatever the method: at its [`InputStatistics`] and at the distance of its features from training's.

use std::fmt;

use differnet_data::{Compression, InputStatistics};
use differnet_scoring::RobustSpread;
use serde::{Deserialize, Serialize};

/// Fewest images whose features' distances tell how far those of good images lie apart.
const FEWEST_DISTANCES: usize = 4;
/// Robust standard deviations by which a property may leave the range that training showed.
const DEVIATIONS: f64 = 3.0;

/// Range that good images showed of one property, and how far beyond it images are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AcceptedRange {
    /// The property.
    pub property: InputProperty,
    /// The smallest value of good images.
    pub smallest: f64,
    /// The largest.
    pub largest: f64,
    /// Margin accepted beyond the two, in the property's [unit](InputProperty).
    pub margin: f64,
}

/// Property of an image that the guard checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputProperty {
    /// Width over height; margins are of its logarithm.
    Aspect,
    /// [`InputStatistics::brightness`]; margins are of the logarithm of 1 level more.
    Brightness,
    /// [`InputStatistics::contrast`]; margins as of the brightness.
    Contrast,
    /// [`InputStatistics::sharpness`]; margins are of the logarithm of 0.001 more.
    Sharpness,
    /// [`InputStatistics::red`]; margins are shares.
    Red,
    /// [`InputStatistics::blue`]; margins are shares.
    Blue,
    /// Root mean square of the image's mean features, each in deviations from its mean in training; margins
    /// are of its logarithm.
    Features,
}

/// Ranges of what good images look like, learned from all images of the training.
///
/// An image is accepted while every property lies within the range of the good images, widened on both sides
/// by 3 robust standard deviations of theirs or by a fixed margin, whichever is larger. Both grow by the factor
/// 1 + 2/n for n images: few have not shown how much a line varies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InputGuard {
    ranges: Vec<AcceptedRange>,
    /// Distinct compressions of the good images' files.
    compressions: Vec<Compression>,
    /// Pixels of the smallest good image; 0 if unknown.
    #[serde(default)]
    fewest_pixels: u64,
}

/// Reason for an invalid verdict: a property beyond its accepted range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InvalidInput {
    /// The property's value in the image.
    pub value: f64,
    /// The accepted range.
    pub range: AcceptedRange,
}

impl InputProperty {
    /// Those of pixels, in the order in which they are told.
    const OF_PIXELS: [Self; 6] =
        [Self::Aspect, Self::Brightness, Self::Contrast, Self::Sharpness, Self::Red, Self::Blue];

    fn of(self, statistics: &InputStatistics) -> f64 {
        match self {
            Self::Aspect => statistics.aspect(),
            Self::Brightness => statistics.brightness,
            Self::Contrast => statistics.contrast,
            Self::Sharpness => statistics.sharpness,
            Self::Red => statistics.red,
            Self::Blue => statistics.blue,
            Self::Features => f64::NAN,
        }
    }

    /// The value on the scale on which distances are alike everywhere.
    fn scaled(self, value: f64) -> f64 {
        match self {
            Self::Aspect | Self::Features => value.ln(),
            Self::Brightness | Self::Contrast => (value + 1.0).ln(),
            Self::Sharpness => (value + 1e-3).ln(),
            Self::Red | Self::Blue => value,
        }
    }

    fn unscaled(self, value: f64) -> f64 {
        match self {
            Self::Aspect | Self::Features => value.exp(),
            Self::Brightness | Self::Contrast => (value.exp() - 1.0).max(0.0),
            Self::Sharpness => (value.exp() - 1e-3).max(0.0),
            Self::Red | Self::Blue => value,
        }
    }

    /// The least margin: what no camera, lamp and lens keep constant over months; of features, what a large
    /// defect does to a picture that is otherwise the part's.
    fn least_margin(self) -> f64 {
        match self {
            Self::Aspect => 1.1_f64.ln(),
            Self::Brightness => 1.3_f64.ln(),
            Self::Contrast => 1.5_f64.ln(),
            Self::Sharpness => 1.6_f64.ln(),
            Self::Red | Self::Blue => 0.02,
            Self::Features => 6.0_f64.ln(),
        }
    }

    /// The property in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aspect => "width over height",
            Self::Brightness => "brightness",
            Self::Contrast => "contrast",
            Self::Sharpness => "sharpness",
            Self::Red => "share of red",
            Self::Blue => "share of blue",
            Self::Features => "distance of its features",
        }
    }

    /// Describes the fault of an image whose property is too small, or too large.
    fn complaint(self, too_small: bool) -> &'static str {
        match (self, too_small) {
            (Self::Aspect, true) => "narrower than the training images",
            (Self::Aspect, false) => "wider than the training images",
            (Self::Brightness, true) => "too dark",
            (Self::Brightness, false) => "too bright",
            (Self::Contrast, true) => "too little contrast",
            (Self::Contrast, false) => "too much contrast",
            (Self::Sharpness, true) => "blurred",
            (Self::Sharpness, false) => "noisy",
            (Self::Red | Self::Blue, _) => "another colour",
            (Self::Features, _) => "unlike the training images",
        }
    }

    /// Digits after the point that tell values apart.
    fn digits(self) -> usize {
        if matches!(self, Self::Brightness | Self::Contrast) { 1 } else { 3 }
    }
}

impl AcceptedRange {
    /// The range of `values`; `None` of none.
    fn fit(property: InputProperty, values: impl Iterator<Item = f64>) -> Option<Self> {
        let scaled: Vec<f64> =
            values.map(|value| property.scaled(value)).filter(|value| value.is_finite()).collect();
        let smallest = scaled.iter().copied().reduce(f64::min)?;
        let largest = scaled.iter().copied().reduce(f64::max)?;
        let spread = RobustSpread::of(scaled.iter().copied()).deviation;
        let few = 1.0 + 2.0 / scaled.len() as f64;
        Some(Self {
            property,
            smallest: property.unscaled(smallest),
            largest: property.unscaled(largest),
            margin: few * property.least_margin().max(DEVIATIONS * spread),
        })
    }

    /// The smallest and the largest value that are accepted.
    pub fn accepted(&self) -> (f64, f64) {
        let Self { property, smallest, largest, margin } = *self;
        let low = property.unscaled(property.scaled(smallest) - margin);
        let high = property.unscaled(property.scaled(largest) + margin);
        (low, if property == InputProperty::Brightness { high.min(255.0) } else { high })
    }

    fn check(&self, value: f64) -> Result<(), InvalidInput> {
        let (low, high) = self.accepted();
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(InvalidInput { value, range: *self })
        }
    }
}

fn pixels(image: &InputStatistics) -> u64 {
    u64::from(image.size.0) * u64::from(image.size.1)
}

impl InputGuard {
    /// The guard of a model whose good images have these statistics.
    ///
    /// - `distances`: of the images' features from training's, see [`InputProperty::Features`]; empty if the
    ///   method keeps none
    pub(crate) fn fit(statistics: &[InputStatistics], distances: &[f64]) -> Self {
        let of_pixels = InputProperty::OF_PIXELS.into_iter().filter_map(|property| {
            AcceptedRange::fit(property, statistics.iter().map(|image| property.of(image)))
        });
        // The deviations behind the distances of two images are those of a single difference.
        let distances = if distances.len() < FEWEST_DISTANCES { &[] } else { distances };
        let features = AcceptedRange::fit(InputProperty::Features, distances.iter().copied());
        let ranges = of_pixels.chain(features).collect();
        let mut guard = Self { ranges, compressions: Vec::new(), fewest_pixels: 0 };
        guard.add_files(statistics);
        guard
    }

    /// The same after it has seen more good images; arguments as of [`Self::fit`].
    pub(crate) fn extend(&mut self, statistics: &[InputStatistics], distances: &[f64]) {
        for range in &mut self.ranges {
            let values: Vec<f64> = match range.property {
                InputProperty::Features => distances.to_vec(),
                property => statistics.iter().map(|image| property.of(image)).collect(),
            };
            for value in values.into_iter().filter(|value| value.is_finite()) {
                range.smallest = range.smallest.min(value);
                range.largest = range.largest.max(value);
            }
        }
        self.add_files(statistics);
    }

    /// Takes in how the files of good images are stored.
    fn add_files(&mut self, statistics: &[InputStatistics]) {
        for image in statistics {
            if self.fewest_pixels == 0 || pixels(image) < self.fewest_pixels {
                self.fewest_pixels = pixels(image);
            }
            if !self.compressions.contains(&image.compression) {
                self.compressions.push(image.compression);
            }
        }
    }

    /// Returns the distinct compressions of the good images' files.
    pub fn compressions(&self) -> &[Compression] {
        &self.compressions
    }

    /// Tells whether files [compressed like this](Compression::is_like) were among the good images.
    /// A model of nothing knows all.
    pub fn knows(&self, compression: Compression) -> bool {
        let alike = |seen: &Compression| seen.is_like(compression);
        self.compressions.is_empty() || self.compressions.iter().any(alike)
    }

    /// Tells whether an image has less than half of the pixels of the smallest good one.
    pub fn is_coarse(&self, image: &InputStatistics) -> bool {
        2 * pixels(image) < self.fewest_pixels
    }

    /// Checks whether an image may be judged.
    ///
    /// - `distance`: of its features from training's; `None` if the method keeps none
    ///
    /// # Errors
    /// [`InvalidInput`]: the first property that is out of range.
    pub fn check(
        &self,
        statistics: &InputStatistics,
        distance: Option<f64>,
    ) -> Result<(), InvalidInput> {
        self.ranges.iter().try_for_each(|range| match range.property {
            InputProperty::Features => distance.map_or(Ok(()), |distance| range.check(distance)),
            property => range.check(property.of(statistics)),
        })
    }

    /// Returns the accepted range of each property.
    pub fn ranges(&self) -> &[AcceptedRange] {
        &self.ranges
    }

    /// Tells whether every number is finite.
    pub(crate) fn is_finite(&self) -> bool {
        let numbers = |range: &AcceptedRange| [range.smallest, range.largest, range.margin];
        self.ranges.iter().flat_map(numbers).all(f64::is_finite)
    }
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, range } = self;
        // NaN is in no range and is not small.
        let complaint = range.property.complaint(*value < range.accepted().0);
        let (name, digits) = (range.property.name(), range.property.digits());
        write!(formatter, "{complaint}: {name} {value:.digits$}, accepted {range}")
    }
}

impl fmt::Display for AcceptedRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((low, high), digits) = (self.accepted(), self.property.digits());
        write!(formatter, "{low:.digits$} to {high:.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: InputStatistics = InputStatistics {
        size: (90, 60),
        brightness: 119.0,
        contrast: 39.0,
        sharpness: 0.199,
        red: 0.35,
        blue: 0.3,
        compression: Compression::Lossless,
    };

    fn guard() -> InputGuard {
        InputGuard::fit(&[USUAL; 200], &[1.0; 200])
    }

    #[test]
    fn images_like_training_are_accepted_and_others_are_told_apart() {
        let guard = guard();
        assert_eq!(guard.check(&USUAL, Some(1.0)), Ok(()));
        let invalid = |image: InputStatistics| guard.check(&image, None).unwrap_err().to_string();
        // 120 / 1.3^1.01 − 1 = 91.1 to 120 · 1.3^1.01 − 1 = 155.4.
        let golden = "too dark: brightness 0.0, accepted 91.1 to 155.4";
        assert_eq!(invalid(InputStatistics { brightness: 0.0, ..USUAL }), golden);
        for (image, beginning) in [
            (InputStatistics { brightness: 180.0, ..USUAL }, "too bright: brightness 180.0, "),
            (InputStatistics { contrast: 0.0, ..USUAL }, "too little contrast: contrast 0.0, "),
            (InputStatistics { contrast: 80.0, ..USUAL }, "too much contrast: contrast 80.0, "),
            (InputStatistics { sharpness: 0.05, ..USUAL }, "blurred: sharpness 0.050, "),
            (InputStatistics { sharpness: 0.9, ..USUAL }, "noisy: sharpness 0.900, "),
            (InputStatistics { red: 0.3, blue: 0.35, ..USUAL }, "another colour: share of red "),
            (InputStatistics { size: (60, 90), ..USUAL }, "narrower than the training images: "),
            (InputStatistics { size: (20_000, 200), ..USUAL }, "wider than the training images: "),
        ] {
            let found = invalid(image);
            assert!(found.starts_with(beginning), "{found}");
        }
        let found = guard.check(&USUAL, Some(9.0)).unwrap_err().to_string();
        assert!(found.starts_with("unlike the training images: distance of its features 9.000"));
        assert!(guard.check(&USUAL, Some(f64::NAN)).is_err());
    }

    #[test]
    fn what_training_varied_may_vary() {
        let images: Vec<InputStatistics> = (0..100)
            .map(|number| InputStatistics { brightness: 60.0 + 2.0 * f64::from(number), ..USUAL })
            .collect();
        let guard = InputGuard::fit(&images, &[]);
        for brightness in [50.0, 255.0] {
            assert_eq!(guard.check(&InputStatistics { brightness, ..USUAL }, None), Ok(()));
        }
        assert!(guard.check(&InputStatistics { brightness: 10.0, ..USUAL }, None).is_err());
    }

    #[test]
    fn other_compression_is_known_from_other_quality() {
        let jpeg = |quality, subsampled| Compression::Jpeg { quality, subsampled };
        let image = InputStatistics { compression: jpeg(85, true), ..USUAL };
        let guard = InputGuard::fit(&[image], &[]);
        assert!(guard.knows(jpeg(95, true)) && guard.knows(jpeg(75, true)));
        assert!(!guard.knows(jpeg(74, true)) && !guard.knows(jpeg(85, false)));
        assert!(!guard.knows(Compression::Lossless) && !guard.knows(Compression::WebP));
        assert!(InputGuard::fit(&[], &[]).knows(Compression::WebP));
    }

    #[test]
    fn images_far_smaller_than_all_good_ones_are_coarse() {
        let image = |width, height| InputStatistics { size: (width, height), ..USUAL };
        let mut guard = InputGuard::fit(&[image(1000, 800), image(900, 900)], &[]);
        assert!(!guard.is_coarse(&image(500, 800)) && guard.is_coarse(&image(499, 800)));
        guard.extend(&[image(450, 450)], &[]);
        assert!(!guard.is_coarse(&image(499, 800)) && guard.is_coarse(&image(300, 300)));
        // Models of before do not know.
        assert!(!InputGuard::default().is_coarse(&image(1, 1)));
    }

    #[test]
    fn few_images_accept_more() {
        let dim = InputStatistics { brightness: 70.0, ..USUAL };
        assert_eq!(InputGuard::fit(&[USUAL], &[]).check(&dim, None), Ok(()));
        assert!(guard().check(&dim, None).is_err());
        assert_eq!(InputGuard::fit(&[], &[]).check(&dim, None), Ok(()));
    }

    #[test]
    fn more_good_images_widen_the_range() {
        let (mut guard, dim) = (guard(), InputStatistics { brightness: 70.0, ..USUAL });
        guard.extend(&[dim], &[9.0]);
        assert_eq!(guard.check(&dim, Some(9.0)), Ok(()));
    }
}
