//! Small grey copies of images, and groups of images that are nearly the same.

use std::collections::BTreeMap;

use image::RgbImage;

use crate::enhance::luminance;
use crate::resize::resize_bilinear;

/// Width and height of a thumbnail, pixels.
const SIDE: u32 = 32;
/// Root mean square difference, in levels of 0 to 255, up to which two thumbnails may be copies:
/// saving as JPEG again or in another size changes less, taking another photograph mostly more.
const SAME: f32 = 1.0;
/// Copies are this many times closer than an image usually is to its nearest one: a fixture that
/// holds every part alike makes no copies.
const CLOSER: f32 = 4.0;
/// Images whose nearest one is looked for to know what is usual.
const LOOKS: usize = 128;

/// The luminances of a small copy less their mean, so that a change of exposure leaves them alike;
/// divided so that the distance of two is the root mean square of their difference, in levels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thumbnail {
    levels: Vec<f32>,
    norm: f32,
}

impl Thumbnail {
    pub(crate) fn of(image: &RgbImage) -> Self {
        let small = resize_bilinear(image, SIDE, SIDE);
        let mut levels: Vec<f32> =
            small.pixels().map(|pixel| f32::from(luminance(pixel))).collect();
        let count = levels.len() as f32;
        let mean = levels.iter().sum::<f32>() / count;
        levels.iter_mut().for_each(|level| *level = (*level - mean) / count.sqrt());
        let norm = levels.iter().map(|level| level * level).sum::<f32>().sqrt();
        Self { levels, norm }
    }

    fn distance(&self, other: &Self) -> f32 {
        let pairs = self.levels.iter().zip(&other.levels);
        pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    }
}

/// Groups of at least two thumbnails that are nearly the same, by their positions, sorted.
///
/// Two belong to a group if they, or a chain of others between them, are close.
pub(crate) fn near_copies(thumbnails: &[&Thumbnail]) -> Vec<Vec<usize>> {
    let limit = SAME.min(usual_distance(thumbnails) / CLOSER);
    // |‖a‖ − ‖b‖| ≤ ‖a − b‖: only neighbours in the order of norms can be close.
    let mut order: Vec<usize> = (0..thumbnails.len()).collect();
    order.sort_by(|&a, &b| thumbnails[a].norm.total_cmp(&thumbnails[b].norm));
    let mut group: Vec<usize> = (0..thumbnails.len()).collect();
    for (position, &first) in order.iter().enumerate() {
        for &second in &order[position + 1..] {
            if thumbnails[second].norm - thumbnails[first].norm > limit {
                break;
            }
            if thumbnails[first].distance(thumbnails[second]) <= limit {
                let (a, b) = (root(&group, first), root(&group, second));
                group[a.max(b)] = a.min(b);
            }
        }
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..group.len() {
        members.entry(root(&group, at)).or_default().push(at);
    }
    members.into_values().filter(|group| group.len() > 1).collect()
}

fn root(group: &[usize], mut at: usize) -> usize {
    while group[at] != at {
        at = group[at];
    }
    at
}

/// Median distance to the nearest other thumbnail, of a few evenly chosen; infinite for one.
fn usual_distance(thumbnails: &[&Thumbnail]) -> f32 {
    let step = thumbnails.len().div_ceil(LOOKS).max(1);
    let nearest = |at: usize| {
        let others = thumbnails.iter().enumerate().filter(|(other, _)| *other != at);
        others.map(|(_, other)| thumbnails[at].distance(other)).fold(f32::INFINITY, f32::min)
    };
    let mut distances: Vec<f32> = (0..thumbnails.len()).step_by(step).map(nearest).collect();
    distances.sort_by(f32::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or(f32::INFINITY)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// A bright disc on grey, its centre in pixels of 64.
    fn disc(x: f32, y: f32, exposure: u8) -> RgbImage {
        RgbImage::from_fn(64, 64, |column, row| {
            let far = (column as f32 - x).hypot(row as f32 - y);
            Rgb([exposure + if far < 12.0 { 90 } else { 0 }; 3])
        })
    }

    fn groups(images: &[RgbImage]) -> Vec<Vec<usize>> {
        let thumbnails: Vec<Thumbnail> = images.iter().map(Thumbnail::of).collect();
        near_copies(&thumbnails.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_distance_is_in_levels() {
        let dark = Thumbnail::of(&disc(20.0, 30.0, 40));
        assert!(dark.distance(&Thumbnail::of(&disc(20.0, 30.0, 100))) < 1e-4);
        // Half of the pixels up, half down by 10: a root mean square of 10.
        let half = RgbImage::from_fn(64, 64, |x, _| Rgb([if x < 32 { 100 } else { 120 }; 3]));
        let flat = RgbImage::from_pixel(64, 64, Rgb([110; 3]));
        let distance = Thumbnail::of(&half).distance(&Thumbnail::of(&flat));
        // Less a little for the two columns of 32 in which the halves blend.
        assert!((9.7..=10.0).contains(&distance), "{distance}");
    }

    #[test]
    fn copies_in_other_sizes_and_exposures_are_grouped_and_other_parts_are_not() {
        let mut images: Vec<RgbImage> = (0..9)
            .map(|number| {
                disc(14.0 + 5.0 * (number % 3) as f32, 14.0 + 5.0 * (number / 3) as f32, 60)
            })
            .collect();
        assert_eq!(groups(&images), Vec::<Vec<usize>>::new());
        images.push(resize_bilinear(&images[4], 96, 80));
        images.push(disc(19.0, 19.0, 61));
        images.push(disc(14.0, 14.0, 90));
        assert_eq!(groups(&images), [vec![0, 11], vec![4, 9, 10]]);
    }

    #[test]
    fn images_that_are_all_alike_are_no_copies() {
        let images: Vec<RgbImage> =
            (0..9).map(|number| disc(20.0, 20.0 + 0.05 * number as f32, 60)).collect();
        let mut alike = images.clone();
        alike.iter_mut().enumerate().for_each(|(at, image)| {
            image.put_pixel(2 * at as u32, 2, Rgb([200; 3]));
        });
        assert_eq!(groups(&alike), Vec::<Vec<usize>>::new());
        assert_eq!(groups(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(groups(&images[..1]), Vec::<Vec<usize>>::new());
    }
}
