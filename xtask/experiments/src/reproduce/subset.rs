//! A few images drawn from many: training on small sets (paper, Section 4.5 and Figure 7).

use differnet_data::ContentHash;
use differnet_random::ItemStream;

/// Indices, ascending, of `count` of the images with the hashes `images`, drawn from `seed`; all of
/// them if there are no more.
///
/// Which images are drawn depends on the seed and on contents, not on names or order, and a larger
/// draw of the same seed contains every smaller one.
pub(super) fn random_subset(images: &[ContentHash], count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by_key(|&index| (images[index], index));
    ItemStream::of_item(seed, "subset", b"").shuffle(&mut order);
    order.truncate(count);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes() -> Vec<ContentHash> {
        (0..40_u8).map(|index| ContentHash::of(&[index])).collect()
    }

    fn drawn(images: &[ContentHash], count: usize, seed: u64) -> Vec<ContentHash> {
        let indices = random_subset(images, count, seed);
        let mut drawn: Vec<ContentHash> = indices.iter().map(|&index| images[index]).collect();
        drawn.sort();
        drawn
    }

    #[test]
    fn the_order_of_the_images_does_not_matter_and_the_seed_does() {
        let images = hashes();
        let reversed: Vec<ContentHash> = images.iter().rev().copied().collect();
        assert_eq!(drawn(&images, 16, 1), drawn(&reversed, 16, 1));
        assert_ne!(drawn(&images, 16, 1), drawn(&images, 16, 2));
    }

    #[test]
    fn larger_draws_contain_smaller_ones_and_end_at_all() {
        let images = hashes();
        let (few, more) = (random_subset(&images, 5, 3), random_subset(&images, 9, 3));
        assert_eq!((few.len(), more.len()), (5, 9));
        assert!(few.iter().all(|index| more.contains(index)));
        assert_eq!(random_subset(&images, 99, 3), (0..40).collect::<Vec<_>>());
    }
}
