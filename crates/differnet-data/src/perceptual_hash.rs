//! Perceptual hash of an image: knows a photograph again that was saved in another format or size.
//!
//! A hash is the image's luminance in 16 × 16 cells. Two hashes are compared as [`check_dataset`]'s near
//! copies are: by the root mean square of their difference, each without its mean, in levels of 0 to 255.
//!
//! [`check_dataset`]: https://docs.rs/differnet

use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use image::RgbImage;
use rayon::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::content_hash::ContentHash;
use crate::decode::DecodeLimits;
use crate::enhance::luminance;
use crate::image_input::ImageInput;
use crate::input_statistics::InputStatistics;
use crate::load::BadImage;
use crate::masked_input::{MaskedInput, Preprocessing};
use crate::resize::resize_bilinear;

/// Cells in a row and in a column.
const SIDE: usize = 16;
/// Distance up to which two hashes may be of one photograph, levels. Saved as JPEG at quality 50 or in
/// half its size, a photograph of at least 128 × 128 pixels moves by 0.8 at most; two different parts
/// photographed alike are at least 1.3 apart (MVTec AD bottle, screw and zipper, Magnetic Tile Defects).
const SAME: f32 = 1.0;
/// A photograph is this many times closer to its copy than photographs usually are to others: a fixture that
/// holds every part alike makes no copies.
const CLOSER: f32 = 3.0;
/// The others are represented by the one that is this near: the nearest two may be copies themselves.
const NEIGHBOUR: usize = 3;
/// Hashes whose neighbour is looked for to know what is usual.
const SAMPLED: usize = 256;

/// Luminance of an image in 16 × 16 cells, row by row.
#[derive(Clone, PartialEq, Eq)]
pub struct PerceptualHash(Box<[u8; SIDE * SIDE]>);

impl PerceptualHash {
    /// The hash of `image`.
    pub fn of(image: &RgbImage) -> Self {
        let small = resize_bilinear(image, SIDE as u32, SIDE as u32);
        let mut cells = Box::new([0; SIDE * SIDE]);
        for (cell, pixel) in cells.iter_mut().zip(small.pixels()) {
            *cell = luminance(pixel);
        }
        Self(cells)
    }

    /// Root mean square of the difference, each without its mean, in levels.
    pub fn distance(&self, other: &Self) -> f32 {
        Cells::of(self).distance(&Cells::of(other))
    }
}

impl fmt::Debug for PerceptualHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD_NO_PAD.encode(*self.0))
    }
}

/// In Base64 without padding.
impl Serialize for PerceptualHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(*self.0))
    }
}

impl<'de> Deserialize<'de> for PerceptualHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text).map_err(de::Error::custom)?;
        let cells: Result<Box<[u8; SIDE * SIDE]>, _> = bytes.try_into();
        cells.map(Self).map_err(|_| de::Error::custom("a perceptual hash has 256 bytes"))
    }
}

/// Cells less their mean, divided so that the distance of two is the root mean square of their difference.
#[derive(Debug, Clone)]
struct Cells {
    levels: [f32; SIDE * SIDE],
    norm: f32,
}

impl Cells {
    fn of(hash: &PerceptualHash) -> Self {
        let count = (SIDE * SIDE) as f32;
        let sum: u32 = hash.0.iter().map(|&level| u32::from(level)).sum();
        let mean = sum as f32 / count;
        let levels = (*hash.0).map(|level| (f32::from(level) - mean) / count.sqrt());
        let norm = levels.iter().map(|level| level * level).sum::<f32>().sqrt();
        Self { levels, norm }
    }

    fn distance(&self, other: &Self) -> f32 {
        let pairs = self.levels.iter().zip(&other.levels);
        pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    }
}

/// Photographs that are known, to tell copies of them from others.
#[derive(Debug, Clone)]
pub struct KnownHashes {
    /// In ascending order of norms, with the number of the photograph.
    known: Vec<(Cells, usize)>,
    limit: f32,
}

impl KnownHashes {
    /// The photographs with the hashes `known`, numbered from 0 on. How far apart photographs usually are
    /// is learnt from them; there should be several different ones.
    pub fn new(known: &[PerceptualHash]) -> Self {
        let mut hashes = Self { known: Vec::with_capacity(known.len()), limit: SAME };
        known.iter().for_each(|hash| _ = hashes.add(hash));
        hashes.limit = SAME.min(hashes.usual_distance() / CLOSER);
        hashes
    }

    /// The number of the nearest known photograph that `hash` is a copy of; `None` if it is another one.
    pub fn find(&self, hash: &PerceptualHash) -> Option<usize> {
        let cells = Cells::of(hash);
        let near = |(other, number): &(Cells, usize)| (cells.distance(other), *number);
        // |‖a‖ − ‖b‖| ≤ ‖a − b‖: only neighbours in the order of norms can be close.
        let first = self.known.partition_point(|(other, _)| other.norm < cells.norm - self.limit);
        let close = self.known[first..]
            .iter()
            .take_while(|(other, _)| other.norm <= cells.norm + self.limit)
            .map(near)
            .filter(|(distance, _)| *distance <= self.limit);
        close.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, number)| number)
    }

    /// Adds a photograph and returns its number; what is usual stays as it is.
    pub fn add(&mut self, hash: &PerceptualHash) -> usize {
        let (cells, number) = (Cells::of(hash), self.known.len());
        let at = self.known.partition_point(|(other, _)| other.norm <= cells.norm);
        self.known.insert(at, (cells, number));
        number
    }

    /// Median distance to the third nearest other photograph, of a few; infinite for one.
    fn usual_distance(&self) -> f32 {
        let step = self.known.len().div_ceil(SAMPLED).max(1);
        let neighbour = |at: usize| {
            let others = self.known.iter().enumerate().filter(|(other, _)| *other != at);
            let cells = &self.known[at].0;
            let mut distances: Vec<f32> =
                others.map(|(_, (other, _))| cells.distance(other)).collect();
            distances.sort_by(f32::total_cmp);
            let found = distances.get(NEIGHBOUR - 1).or(distances.last());
            found.copied().unwrap_or(f32::INFINITY)
        };
        let looks: Vec<usize> = (0..self.known.len()).step_by(step).collect();
        let mut distances: Vec<f32> = looks.into_par_iter().map(neighbour).collect();
        distances.sort_by(f32::total_cmp);
        distances.get(distances.len() / 2).copied().unwrap_or(f32::INFINITY)
    }
}

/// A file and what its image is known by.
#[derive(Debug, Clone, PartialEq)]
pub struct HashedImage {
    /// The file.
    pub path: PathBuf,
    /// Names the image by its file, or by what counts in it: see [`MaskedInput::hash`].
    pub content: ContentHash,
    /// Knows it again in another format.
    pub perceptual: PerceptualHash,
    /// Of the pixels that count.
    pub statistics: InputStatistics,
}

impl HashedImage {
    /// Hashes of each of the files `paths`, or what is wrong with it; what regions ignore does not count.
    ///
    /// Reads and decodes every file once, in parallel, and keeps none.
    pub fn of_files(
        paths: &[PathBuf],
        preprocessing: Preprocessing<'_>,
        limits: &DecodeLimits,
    ) -> Vec<Result<Self, BadImage>> {
        let hash =
            |path: &PathBuf| match MaskedInput::read(ImageInput::File(path), preprocessing, limits)
            {
                Ok(seen) => Ok(Self {
                    path: path.clone(),
                    content: seen.hash,
                    perceptual: PerceptualHash::of(seen.image()),
                    statistics: seen.statistics,
                }),
                Err(error) => Err(BadImage { path: path.clone(), error }),
            };
        paths.par_iter().map(hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::jpeg::JpegEncoder;
    use image::{DynamicImage, Rgb, imageops};

    use super::*;

    /// A part with a texture of its own, its place a little different each time.
    fn part(number: u32) -> RgbImage {
        let mut state = 12345 + number * 977;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 27) as u8
        };
        let (x0, y0) = (60.0 + (number % 5) as f32 * 3.0, 60.0 + (number / 5) as f32 * 3.0);
        RgbImage::from_fn(128, 128, |x, y| {
            let far = (x as f32 - x0).hypot(y as f32 - y0);
            let level = if far < 30.0 { 150 } else { 60 } + noise();
            Rgb([level, level, level.saturating_sub(20)])
        })
    }

    fn jpeg(image: &RgbImage, quality: u8) -> RgbImage {
        let mut bytes = Cursor::new(Vec::new());
        image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).unwrap();
        image::load_from_memory(bytes.get_ref()).unwrap().into_rgb8()
    }

    fn hashes(images: &[RgbImage]) -> Vec<PerceptualHash> {
        images.iter().map(PerceptualHash::of).collect()
    }

    #[test]
    fn the_distance_is_in_levels_and_the_light_does_not_count() {
        let half = |dark: u8| {
            RgbImage::from_fn(64, 64, |x, _| Rgb([if x < 32 { dark } else { dark + 20 }; 3]))
        };
        let [dark, bright] = [half(100), half(130)].map(|image| PerceptualHash::of(&image));
        assert_eq!(dark.distance(&bright), 0.0);
        // Half of the cells up, half down by 10, less where the halves blend.
        let flat = PerceptualHash::of(&RgbImage::from_pixel(9, 9, Rgb([3; 3])));
        assert!((9.4..=10.0).contains(&dark.distance(&flat)), "{}", dark.distance(&flat));
    }

    #[test]
    fn copies_in_other_formats_and_sizes_are_known_and_other_parts_are_not() {
        let parts: Vec<RgbImage> = (0..25).map(part).collect();
        let known = KnownHashes::new(&hashes(&parts[..20]));
        for (number, image) in parts[..20].iter().enumerate() {
            let half = imageops::resize(image, 64, 64, imageops::FilterType::CatmullRom);
            let mut brighter = DynamicImage::ImageRgb8(image.clone());
            brighter = brighter.brighten(5);
            for copy in
                [image.clone(), jpeg(image, 90), jpeg(image, 50), half, brighter.into_rgb8()]
            {
                assert_eq!(known.find(&PerceptualHash::of(&copy)), Some(number));
            }
        }
        for image in &parts[20..] {
            assert_eq!(known.find(&PerceptualHash::of(image)), None);
        }
    }

    #[test]
    fn photographs_that_are_all_alike_are_no_copies_of_each_other() {
        let mut scene = part(0);
        let mut alike = Vec::new();
        for number in 0..9 {
            scene.put_pixel(13 * number, 5, Rgb([250; 3]));
            let mut shot = scene.clone();
            (0..2).for_each(|x| shot.put_pixel(8 * number + x, 9 * number, Rgb([255; 3])));
            alike.push(shot);
        }
        let known = KnownHashes::new(&hashes(&alike[..8]));
        assert_eq!(known.find(&PerceptualHash::of(&alike[8])), None);
        assert_eq!(known.find(&PerceptualHash::of(&alike[3])), Some(3));
    }

    #[test]
    fn what_is_usual_is_not_learnt_from_copies() {
        let parts: Vec<RgbImage> = (0..12).map(part).collect();
        let twice: Vec<RgbImage> =
            parts.iter().flat_map(|part| [part.clone(), jpeg(part, 95)]).collect();
        let known = KnownHashes::new(&hashes(&twice));
        for image in &parts {
            assert!(known.find(&PerceptualHash::of(&jpeg(image, 60))).is_some());
        }
        assert_eq!(known.find(&PerceptualHash::of(&part(20))), None);
    }

    #[test]
    fn added_photographs_are_known_from_then_on() {
        let images = hashes(&[part(0), part(7), part(14)]);
        let mut known = KnownHashes::new(&[]);
        for (number, image) in images.iter().enumerate() {
            assert_eq!(known.find(image), None);
            assert_eq!(known.add(image), number);
            assert_eq!(known.find(image), Some(number));
        }
    }

    #[test]
    fn a_hash_survives_as_text() {
        let hash = PerceptualHash::of(&part(3));
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<PerceptualHash>(&text).unwrap(), hash);
        for wrong in ["\"\"", "\"?\"", "3", &text[..9]] {
            assert!(serde_json::from_str::<PerceptualHash>(wrong).is_err(), "{wrong}");
        }
    }
}
