//! Marked pixels of a mask file, however its author drew them: white on black, labels, two
//! levels, or on a transparent ground.

use image::DynamicImage;

/// Most levels of a mask that is drawn and neither painted nor compressed.
const FEW: usize = 16;

/// Rule for marking the pixels of a mask that has more than two levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marking {
    /// Those at least half white: lossy files blur the edges. All that are not black, if the levels
    /// are few and dark.
    HalfWhite,
    /// Those that are not black.
    NotBlack,
}

/// Tells of each pixel of `mask` whether it is marked, row by row.
///
/// Of two levels the higher one marks, whatever they are. Where transparency varies, what is transparent
/// is not marked; all else is, if it has one colour.
pub(crate) fn marked_pixels(mask: &DynamicImage, marking: Marking) -> Vec<bool> {
    let mask = mask.to_rgba16();
    let alpha: Vec<u16> = mask.pixels().map(|pixel| pixel.0[3]).collect();
    let levels = |pixel: &image::Rgba<u16>| pixel.0[..3].iter().copied().max().unwrap_or(0);
    let mut levels: Vec<u16> = mask.pixels().map(levels).collect();
    let alphas = few_levels(&alpha);
    if alphas.len() > 1 {
        let visible = marked_levels(&alpha, &alphas, Marking::HalfWhite);
        let mut colors = mask.pixels().zip(&visible).filter(|(_, v)| **v).map(|(p, _)| &p.0[..3]);
        let first = colors.next();
        if colors.all(|color| Some(color) == first) {
            return visible;
        }
        levels.iter_mut().zip(visible).filter(|(_, v)| !v).for_each(|(level, _)| *level = 0);
    }
    let few = few_levels(&levels);
    marked_levels(&levels, &few, marking)
}

/// The distinct levels, ascending, if they are few; else the lowest [`FEW`] that came first, and more.
fn few_levels(levels: &[u16]) -> Vec<u16> {
    let mut few: Vec<u16> = Vec::with_capacity(FEW + 1);
    let mut last = None;
    for &level in levels {
        if last == Some(level) {
            continue;
        }
        last = Some(level);
        if let Err(at) = few.binary_search(&level) {
            few.insert(at, level);
            if few.len() > FEW {
                break;
            }
        }
    }
    few
}

fn marked_levels(levels: &[u16], few: &[u16], marking: Marking) -> Vec<bool> {
    const HALF: u16 = 128 * 257;
    let from = match (few, marking) {
        (&[_, higher], _) => higher,
        (_, Marking::NotBlack) => 1,
        (&[lowest, .., highest], _) if few.len() <= FEW && highest < HALF => lowest + 1,
        _ => HALF,
    };
    levels.iter().map(|&level| level >= from).collect()
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, GrayImage, ImageBuffer, Luma, LumaA, Rgba, RgbaImage};

    use super::*;

    fn marked(levels: &[u8], marking: Marking) -> Vec<bool> {
        let image = GrayImage::from_fn(levels.len() as u32, 1, |x, _| Luma([levels[x as usize]]));
        marked_pixels(&image.into(), marking)
    }

    const F: bool = false;
    const T: bool = true;

    #[test]
    fn of_two_levels_the_higher_marks() {
        for (low, high) in [(0, 1), (0, 127), (0, 255), (100, 200), (200, 255)] {
            for marking in [Marking::HalfWhite, Marking::NotBlack] {
                assert_eq!(marked(&[low, high, low], marking), [F, T, F], "{low} {high}");
            }
        }
        let deep = ImageBuffer::from_fn(2, 1, |x, _| Luma([x as u16]));
        assert_eq!(marked_pixels(&deep.into(), Marking::HalfWhite), [F, T]);
    }

    #[test]
    fn labels_mark_and_blurred_edges_do_from_half_on() {
        assert_eq!(marked(&[0, 1, 2, 3], Marking::HalfWhite), [F, T, T, T]);
        assert_eq!(marked(&[0, 127, 128, 255], Marking::HalfWhite), [F, F, T, T]);
        assert_eq!(marked(&[0, 127, 128, 255], Marking::NotBlack), [F, T, T, T]);
        let blurred: Vec<u8> = (0..100).collect();
        assert_eq!(marked(&blurred, Marking::HalfWhite), [F; 100]);
        assert_eq!(marked(&[0, 0], Marking::HalfWhite), [F, F]);
        assert_eq!(marked(&[255, 255], Marking::HalfWhite), [T, T]);
    }

    #[test]
    fn transparent_ground_is_not_marked() {
        let pixels = |pixels: &[[u8; 4]]| {
            let image = RgbaImage::from_fn(pixels.len() as u32, 1, |x, _| Rgba(pixels[x as usize]));
            marked_pixels(&image.into(), Marking::HalfWhite)
        };
        // The mask is in the transparency alone; strokes of any colour; white and black under it.
        assert_eq!(pixels(&[[255, 255, 255, 0], [255, 255, 255, 255]]), [F, T]);
        assert_eq!(pixels(&[[0, 0, 0, 0], [0, 0, 0, 255]]), [F, T]);
        assert_eq!(pixels(&[[255, 255, 255, 0], [90, 0, 0, 255], [90, 0, 0, 254]]), [F, T, T]);
        let all = [[255, 255, 255, 0], [255, 255, 255, 255], [0, 0, 0, 255]];
        assert_eq!(pixels(&all), [F, T, F]);
        // The same transparency everywhere says nothing.
        assert_eq!(pixels(&[[0, 0, 0, 0], [255, 255, 255, 0]]), [F, T]);
        let grey = GrayAlphaImage::from_fn(2, 1, |x, _| LumaA([0, x as u8]));
        assert_eq!(marked_pixels(&grey.into(), Marking::NotBlack), [F, T]);
    }
}
