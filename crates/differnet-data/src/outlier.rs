//! Images that look unlike the others of their data set: blank, dazzled, dark, blurred, stretched.

use std::collections::BTreeMap;
use std::fmt;

use differnet_scoring::RobustSpread;

use crate::appearance::Appearance;
use crate::color_mode::ColorMode;
use crate::copies::Split;

/// Standard deviation of the luminance below which an image is blank, levels of 0 to 255.
const BLANK: f64 = 2.0;
/// Share of pixels that has to be white or black beyond what is usual.
const DAZZLED: f64 = 0.1;
/// An image with at most this many times the usual detail is blurred.
const BLURRED: f64 = 0.5;
/// Fewest images that say what is usual.
const FEWEST: usize = 8;
/// Ratio of two aspect ratios from which one is stretched.
const STRETCHED: f64 = 1.1;
/// Largest share of images that can be outliers in shape.
const RARE: f64 = 0.1;

/// Outlier among the images of a data set, by what is unusual about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outlier {
    /// Hardly anything is to be seen.
    Blank {
        /// Difference between the 95th and the 5th percentile of the luminance, levels of 0 to 255.
        contrast: f64,
    },
    /// More of it is white than of the others.
    Overexposed {
        /// Share of white pixels.
        white: f64,
        /// The median share.
        usual: f64,
    },
    /// More of it is black than of the others.
    Underexposed {
        /// Share of black pixels.
        black: f64,
        /// The median share.
        usual: f64,
    },
    /// It shows less fine detail than the others.
    Blurred {
        /// Its detail over the median detail.
        ratio: f64,
    },
    /// Nearly all others have another shape.
    Shape {
        /// Width and height, pixels.
        size: (u32, u32),
        /// The commonest size.
        usual: (u32, u32),
    },
    /// Its pixels are stored in another way than those of most others.
    Colors {
        /// Colour mode of its pixels.
        found: ColorMode,
        /// Colour mode of most others.
        usual: ColorMode,
    },
}

impl fmt::Display for Outlier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        match self {
            Self::Blank { contrast } => {
                write!(formatter, "shows next to nothing: contrast {contrast:.1} of 255 levels")
            }
            Self::Overexposed { white, usual } => {
                write!(
                    formatter,
                    "{} of it is white, usual are {}",
                    percent(*white),
                    percent(*usual)
                )
            }
            Self::Underexposed { black, usual } => {
                write!(
                    formatter,
                    "{} of it is black, usual are {}",
                    percent(*black),
                    percent(*usual)
                )
            }
            Self::Blurred { ratio } => {
                write!(formatter, "blurred: {} as sharp as usual", percent(*ratio))
            }
            Self::Shape { size: (width, height), usual } => write!(
                formatter,
                "{width}×{height} pixels have another shape than the usual {}×{}",
                usual.0, usual.1
            ),
            Self::Colors { found, usual } => write!(formatter, "{found}; most are {usual}"),
        }
    }
}

/// Returns the outliers among `images`, in the order given: position and kind of each.
///
/// Training images are compared with each other; test images may look as they like, but have to be
/// stored and shaped as the training images are.
pub(crate) fn outliers(images: &[(Split, &Appearance)]) -> Vec<(usize, Outlier)> {
    let train: Vec<&Appearance> = images
        .iter()
        .filter(|(split, _)| *split == Split::Train)
        .map(|(_, appearance)| *appearance)
        .collect();
    let (Some(size), Some(colors)) = (
        commonest(train.iter().map(|a| a.statistics.size)),
        commonest(train.iter().map(|a| a.colors)),
    ) else {
        return Vec::new();
    };
    let usual_aspect = f64::from(size.0) / f64::from(size.1);
    let stretched = |a: &Appearance| {
        let ratio = a.statistics.aspect() / usual_aspect;
        ratio.max(1.0 / ratio) > STRETCHED
    };
    let outlying_shapes = train.iter().filter(|a| stretched(a)).count();
    let shapes_are_alike = outlying_shapes as f64 <= RARE * train.len() as f64;
    let usual = (train.len() >= FEWEST).then(|| Usual::of(&train));
    let mut found = Vec::new();
    for (at, &(split, seen)) in images.iter().enumerate() {
        let light = match split {
            Split::Train => light(seen, usual.as_ref()),
            Split::Test => None,
        };
        found.extend(light.map(|outlier| (at, outlier)));
        if shapes_are_alike && stretched(seen) {
            found.push((at, Outlier::Shape { size: seen.statistics.size, usual: size }));
        }
        let blank = matches!(light, Some(Outlier::Blank { .. }));
        if seen.colors != colors && !blank {
            found.push((at, Outlier::Colors { found: seen.colors, usual: colors }));
        }
    }
    found
}

/// The first that applies of blank, dazzled, dark and blurred.
fn light(seen: &Appearance, usual: Option<&Usual>) -> Option<Outlier> {
    if seen.deviation < BLANK {
        return Some(Outlier::Blank { contrast: seen.statistics.contrast });
    }
    let usual = usual?;
    if usual.white.is_exceeded_by(seen.white, DAZZLED) {
        return Some(Outlier::Overexposed { white: seen.white, usual: usual.white.median });
    }
    if usual.black.is_exceeded_by(seen.black, DAZZLED) {
        return Some(Outlier::Underexposed { black: seen.black, usual: usual.black.median });
    }
    let softness = -seen.detail().ln();
    usual
        .softness
        .is_exceeded_by(softness, -BLURRED.ln())
        .then(|| Outlier::Blurred { ratio: (usual.softness.median - softness).exp() })
}

/// Usual appearance of training images.
struct Usual {
    white: RobustSpread,
    black: RobustSpread,
    /// Of the negative logarithm of the detail.
    softness: RobustSpread,
}

impl Usual {
    fn of(train: &[&Appearance]) -> Self {
        Self {
            white: RobustSpread::of(train.iter().map(|a| a.white)),
            black: RobustSpread::of(train.iter().map(|a| a.black)),
            softness: RobustSpread::of(train.iter().map(|a| -a.detail().ln())),
        }
    }
}

/// The value that occurs most often, the smallest of several.
fn commonest<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    // Of equal counts the last in this order, hence the smallest value.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use image::{ColorType, Rgb, RgbImage, imageops};

    use super::*;

    const GREY: ColorMode = ColorMode { colored: false, transparent: false, bits: 8 };

    /// A fine pattern, a little different each time, half of it in the light.
    fn part(number: u32) -> RgbImage {
        RgbImage::from_fn(200, 100, |x, y| {
            let light = if x < 100 { 0 } else { 80 };
            Rgb([light + 60 + 10 * (((x + number) / 4 + y / 5) % 8) as u8; 3])
        })
    }

    fn found(train: &[RgbImage], test: &[RgbImage]) -> Vec<(usize, Outlier)> {
        let mode = ColorMode::of(ColorType::Rgb8);
        let seen: Vec<(Split, Appearance)> = train
            .iter()
            .map(|image| (Split::Train, image))
            .chain(test.iter().map(|image| (Split::Test, image)))
            .map(|(split, image)| (split, Appearance::of(image, mode)))
            .collect();
        outliers(&seen.iter().map(|(split, seen)| (*split, seen)).collect::<Vec<_>>())
    }

    #[test]
    fn each_kind_is_found_and_told_with_its_figures() {
        let mut train: Vec<RgbImage> = (0..40).map(part).collect();
        assert_eq!(found(&train, &[]), []);
        train.push(RgbImage::from_pixel(200, 100, Rgb([77; 3])));
        let window = |level| {
            let mut image = part(3);
            let patch = RgbImage::from_pixel(100, 50, Rgb([level; 3]));
            imageops::replace(&mut image, &patch, 0, 0);
            image
        };
        train.extend([window(255), window(0), imageops::blur(&part(5), 4.0)]);
        train.push(imageops::rotate90(&part(6)));
        let mut tinted = part(7);
        tinted.put_pixel(0, 0, Rgb([250, 0, 0]));
        train.push(tinted);
        let found = found(&train, &train[40..]);
        let told: Vec<(usize, String)> =
            found.iter().map(|(at, outlier)| (*at, outlier.to_string())).collect();
        let golden = [
            (40, "shows next to nothing: contrast 0.0 of 255 levels"),
            (41, "25 % of it is white, usual are 0 %"),
            (42, "25 % of it is black, usual are 0 %"),
            (43, "blurred: "),
            (44, "100×200 pixels have another shape than the usual 200×100"),
            (45, "colour, 8 bits; most are grey, 8 bits"),
            // Of the test images only those that are stored or shaped in another way.
            (50, "100×200 pixels have another shape than the usual 200×100"),
            (51, "colour, 8 bits; most are grey, 8 bits"),
        ];
        assert_eq!(told.len(), golden.len(), "{told:?}");
        for ((at, told), (place, golden)) in told.iter().zip(golden) {
            assert_eq!(*at, place);
            assert!(told.starts_with(golden), "{told}");
        }
    }

    #[test]
    fn white_backgrounds_and_many_shapes_are_usual() {
        let train: Vec<RgbImage> = (0..20)
            .map(|number| {
                let mut image = RgbImage::from_pixel(200, 100 + 20 * (number % 5), Rgb([255; 3]));
                imageops::replace(&mut image, &part(number), 0, 50 + i64::from(number));
                image
            })
            .collect();
        assert_eq!(found(&train, &[]), []);
    }

    #[test]
    fn the_commonest_is_the_smallest_of_equals() {
        assert_eq!(commonest([3, 1, 2, 1, 2].into_iter()), Some(1));
        assert_eq!(commonest([GREY; 0].into_iter()), None);
    }
}
