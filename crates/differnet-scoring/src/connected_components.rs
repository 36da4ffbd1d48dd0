//! Connected components of a mask: the regions of a map, each one defect to find.

/// Connected components: the pixels of each 8-connected region of `true`, regions in the order of
/// their first pixels.
///
/// - `mask`: `[height, width]`, row by row
/// - result: indices into `mask`, the first of each region at its beginning
pub fn connected_components(mask: &[bool], width: usize) -> Vec<Vec<usize>> {
    let mut unseen = mask.to_vec();
    let mut regions = Vec::new();
    for start in 0..mask.len() {
        if !unseen[start] {
            continue;
        }
        unseen[start] = false;
        // The region is its own queue: what lies behind `next` still has neighbours to visit.
        let mut region = vec![start];
        let mut next = 0;
        while let Some(&pixel) = region.get(next) {
            for neighbour in neighbours(pixel, width, mask.len()) {
                if std::mem::take(&mut unseen[neighbour]) {
                    region.push(neighbour);
                }
            }
            next += 1;
        }
        regions.push(region);
    }
    regions
}

/// The pixel and those that touch it at a side or a corner.
fn neighbours(pixel: usize, width: usize, pixels: usize) -> impl Iterator<Item = usize> {
    let (row, column) = (pixel / width, pixel % width);
    let last_row = pixels / width - 1;
    let rows = row.saturating_sub(1)..=(row + 1).min(last_row);
    let columns = column.saturating_sub(1)..=(column + 1).min(width - 1);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A mask drawn with `#`, and its width.
    fn mask(rows: &[&str]) -> (Vec<bool>, usize) {
        (rows.concat().chars().map(|pixel| pixel == '#').collect(), rows[0].len())
    }

    /// The first pixel of each pixel's region, spread from neighbour to neighbour until nothing changes.
    fn labels_by_propagation(mask: &[bool], width: usize) -> Vec<Option<usize>> {
        let mut labels: Vec<Option<usize>> =
            mask.iter().enumerate().map(|(pixel, &defect)| defect.then_some(pixel)).collect();
        let touch = |a: usize, b: usize| {
            (a / width).abs_diff(b / width) <= 1 && (a % width).abs_diff(b % width) <= 1
        };
        loop {
            let before = labels.clone();
            for pixel in 0..mask.len() {
                for other in 0..mask.len() {
                    if let (Some(own), Some(its)) = (labels[pixel], labels[other])
                        && touch(pixel, other)
                    {
                        labels[pixel] = Some(own.min(its));
                    }
                }
            }
            if labels == before {
                return labels;
            }
        }
    }

    proptest! {
        #[test]
        fn equal_those_found_by_spreading_labels(
            (mask, width) in (1_usize..9).prop_flat_map(|width| {
                (prop::collection::vec(any::<bool>(), width * 7), Just(width))
            })
        ) {
            let labels = labels_by_propagation(&mask, width);
            let mut golden = vec![None; mask.len()];
            for region in connected_components(&mask, width) {
                let first = region[0];
                for pixel in region {
                    prop_assert_eq!(golden[pixel], None);
                    golden[pixel] = Some(first);
                }
            }
            prop_assert_eq!(labels, golden);
        }
    }

    #[test]
    fn corners_connect_but_row_ends_do_not() {
        let (mask, width) = mask(&[
            "#..#.", //
            ".#..#", //
            "#....", //
            "....#",
        ]);
        let mut found = connected_components(&mask, width);
        found.iter_mut().for_each(|region| region.sort_unstable());
        // Pixels 9 and 10 follow each other in memory only.
        assert_eq!(found, [vec![0, 6, 10], vec![3, 9], vec![19]]);
    }

    #[test]
    fn an_empty_mask_has_no_region_and_a_full_one_has_one() {
        assert!(connected_components(&[false; 12], 4).is_empty());
        assert_eq!(connected_components(&[true; 12], 4)[0].len(), 12);
        assert_eq!(connected_components(&[true; 12], 1).len(), 1);
    }
}
