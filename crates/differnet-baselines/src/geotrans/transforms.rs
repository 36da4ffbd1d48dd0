//! The 72 geometric transforms: mirrored or not, moved by a quarter of the side or not, turned by
//! quarter turns (Golan and El-Yaniv 2018, Section 4).
//!
//! All of them move pixels without mixing any, so each is a table of where a pixel comes from.

use crate::images::CHANNELS;

/// Number of transforms: 2 mirrorings × 3 × 3 shifts × 4 turns.
pub(crate) const TRANSFORMS: usize = 72;

/// Every transform of images of one size.
#[derive(Debug, Clone)]
pub(crate) struct Transforms {
    /// For each transform, the source of each pixel.
    sources: Vec<Vec<usize>>,
}

impl Transforms {
    /// The transforms of images of `side` × `side` pixels; the first changes nothing.
    pub(crate) fn new(side: usize) -> Self {
        let quarter = side / 4;
        let mut sources = Vec::with_capacity(TRANSFORMS);
        for mirror in [Mirror::Not, Mirror::LeftRight] {
            for across in [Shift::None, Shift::Back(quarter), Shift::Forth(quarter)] {
                for down in [Shift::None, Shift::Back(quarter), Shift::Forth(quarter)] {
                    for quarter_turns in 0..4 {
                        let map = |place| {
                            let place = turned(place, quarter_turns, side);
                            let (row, column) = (down.source(place.0, side), place.1);
                            let column = across.source(column, side);
                            mirror.source((row, column), side)
                        };
                        sources.push(table(side, map));
                    }
                }
            }
        }
        Self { sources }
    }

    /// Appends transform `index` of an image `[pixels, 3]` as planes `[3, pixels]`.
    pub(crate) fn append(&self, index: usize, image: &[u8], values: &mut Vec<f32>) {
        for channel in 0..CHANNELS {
            let pixels = self.sources[index].iter();
            values.extend(
                pixels.map(|&pixel| crate::images::scaled(image[pixel * CHANNELS + channel])),
            );
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Mirror {
    Not,
    LeftRight,
}

impl Mirror {
    fn source(self, (row, column): (usize, usize), side: usize) -> (usize, usize) {
        match self {
            Self::Not => (row, column),
            Self::LeftRight => (row, side - 1 - column),
        }
    }
}

/// A move along one axis; what it uncovers is filled with the mirrored border.
#[derive(Debug, Clone, Copy)]
enum Shift {
    None,
    Back(usize),
    Forth(usize),
}

impl Shift {
    fn source(self, place: usize, side: usize) -> usize {
        match self {
            Self::None => place,
            Self::Forth(pixels) if place < pixels => pixels - 1 - place,
            Self::Forth(pixels) => place - pixels,
            Self::Back(pixels) if place + pixels >= side => 2 * side - 1 - place - pixels,
            Self::Back(pixels) => place + pixels,
        }
    }
}

/// Place of the pixel at `place` before counter-clockwise quarter turns.
fn turned(place: (usize, usize), quarter_turns: usize, side: usize) -> (usize, usize) {
    (0..quarter_turns).fold(place, |(row, column), _| (column, side - 1 - row))
}

/// Sources of all pixels, row by row.
fn table(side: usize, map: impl Fn((usize, usize)) -> (usize, usize)) -> Vec<usize> {
    let places = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
    places.map(map).map(|(row, column)| row * side + column).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The tables without shifts: mirrorings and turns.
    fn turns_and_mirrorings(transforms: &Transforms) -> Vec<&Vec<usize>> {
        let sources = transforms.sources.iter().enumerate();
        sources.filter(|(index, _)| index % 36 < 4).map(|(_, sources)| sources).collect()
    }

    #[test]
    fn there_are_72_and_no_two_agree() {
        for side in [8, 32] {
            let transforms = Transforms::new(side);
            assert_eq!(transforms.sources.len(), TRANSFORMS);
            let distinct: BTreeSet<_> = transforms.sources.iter().collect();
            assert_eq!(distinct.len(), TRANSFORMS);
            assert_eq!(transforms.sources[0], (0..side * side).collect::<Vec<_>>());
        }
    }

    #[test]
    fn turns_and_mirrorings_form_a_group() {
        let transforms = Transforms::new(8);
        let group = turns_and_mirrorings(&transforms);
        assert_eq!(group.len(), 8);
        for first in &group {
            for second in &group {
                let product: Vec<usize> = second.iter().map(|&pixel| first[pixel]).collect();
                assert!(group.contains(&&product));
            }
        }
        for turns in [1, 2, 3] {
            let sources = &transforms.sources[turns];
            let power = |count| {
                let mut pixels: Vec<usize> = (0..64).collect();
                for _ in 0..count {
                    pixels = sources.iter().map(|&pixel| pixels[pixel]).collect();
                }
                pixels
            };
            assert_eq!(&power(4), &transforms.sources[0], "four times {turns} quarter turns");
        }
    }

    #[test]
    fn each_part_agrees_with_an_example_by_hand() {
        let transforms = Transforms::new(4);
        let rows = |index: usize| -> Vec<Vec<usize>> {
            transforms.sources[index].chunks(4).map(<[usize]>::to_vec).collect()
        };
        // A quarter turn counter-clockwise: the right column becomes the top row.
        assert_eq!(rows(1)[0], [3, 7, 11, 15]);
        // One pixel up: the second row becomes the first, the last one is repeated.
        assert_eq!(rows(4), [[4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15], [12, 13, 14, 15]]);
        // One pixel down.
        assert_eq!(rows(8)[..2], [[0, 1, 2, 3], [0, 1, 2, 3]]);
        // One pixel to the left.
        assert_eq!(rows(12)[0], [1, 2, 3, 3]);
        // One pixel to the right.
        assert_eq!(rows(24)[0], [0, 0, 1, 2]);
        // Mirrored.
        assert_eq!(rows(36)[0], [3, 2, 1, 0]);
    }
}
