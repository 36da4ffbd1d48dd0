//! Pixels counted by value: a histogram with bins of equal relative width over all finite floats.

use super::share::Share;

/// Bits of the significand that tell bins apart; with the leading one, 13 significant bits.
///
/// Half-precision floats have 11, and 12 stored bits keep a bin below 2⁻¹² = 0.025 % of its value
/// while an octave fits in a processor's cache.
const KEPT_BITS: u32 = 12;
/// Bits of the significand that bins ignore.
const DROPPED_BITS: u32 = 23 - KEPT_BITS;
/// Bins an octave.
const BINS: usize = 1 << KEPT_BITS;
/// Octaves of all floats: one for each sign and exponent.
const OCTAVES: usize = 1 << 9;

/// The pixels of one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Bin {
    /// Pixels outside the masks.
    pub(super) good: usize,
    /// Pixels inside the masks.
    pub(super) defects: usize,
    /// Sum over the regions of their pixels' share of the region.
    pub(super) overlap: Share,
}

impl Bin {
    fn is_empty(&self) -> bool {
        self.good == 0 && self.defects == 0
    }
}

/// Bins by value; octaves are allocated when a value falls in them.
///
/// The bit pattern of a float, flipped to sort like the value, is cut to its sign, exponent and
/// [`KEPT_BITS`], so that a bin is found without arithmetic on the value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueBins {
    octaves: Vec<Option<Box<[Bin]>>>,
}

impl Default for ValueBins {
    fn default() -> Self {
        Self { octaves: vec![None; OCTAVES] }
    }
}

impl ValueBins {
    /// The bin of a finite value; `-0.0` shares that of `0.0`.
    pub(super) fn bin_mut(&mut self, value: f32) -> &mut Bin {
        let place = (ordered(value) >> DROPPED_BITS) as usize;
        let octave = self.octaves[place / BINS]
            .get_or_insert_with(|| vec![Bin::default(); BINS].into_boxed_slice());
        &mut octave[place % BINS]
    }

    /// The counts of both, bin by bin.
    pub(super) fn merge(mut self, other: Self) -> Self {
        for (ours, theirs) in self.octaves.iter_mut().zip(other.octaves) {
            match (ours.as_deref_mut(), theirs) {
                (Some(ours), Some(theirs)) => {
                    for (bin, added) in ours.iter_mut().zip(&theirs) {
                        bin.good += added.good;
                        bin.defects += added.defects;
                        bin.overlap += added.overlap;
                    }
                }
                (None, theirs) => *ours = theirs,
                (Some(_), None) => {}
            }
        }
        self
    }

    /// The bins that hold pixels with their lower edges, from the largest values down.
    ///
    /// Flagging all pixels at or above a lower edge flags that bin and those before it, no others.
    pub(super) fn falling(&self) -> impl Iterator<Item = (f32, &Bin)> {
        self.octaves
            .iter()
            .enumerate()
            .filter_map(|(octave, bins)| bins.as_deref().map(|bins| (octave, bins)))
            .rev()
            .flat_map(|(octave, bins)| {
                bins.iter()
                    .enumerate()
                    .rev()
                    .filter(|(_, bin)| !bin.is_empty())
                    .map(move |(place, bin)| (lower_edge(octave * BINS + place), bin))
            })
    }
}

/// A pattern that sorts like the value: of positive floats the sign bit flips, of negative ones
/// every bit.
fn ordered(value: f32) -> u32 {
    // Adding 0.0 turns -0.0 into 0.0, so that the order agrees with ==.
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The smallest value of the bin at `place`, counted over all octaves.
fn lower_edge(place: usize) -> f32 {
    let pattern = (place as u32) << DROPPED_BITS;
    f32::from_bits(if pattern >> 31 == 1 { pattern & !(1 << 31) } else { !pattern })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(value: f32) -> f32 {
        lower_edge((ordered(value) >> DROPPED_BITS) as usize)
    }

    #[test]
    fn values_of_13_significant_bits_are_lower_edges() {
        for whole in 0..=8192_u16 {
            let value = f32::from(whole);
            assert_eq!(edge(value), value);
            assert_eq!(edge(value / 1024.0), value / 1024.0);
        }
        assert_eq!(edge(f32::MIN_POSITIVE), f32::MIN_POSITIVE);
        assert_eq!(edge(8193.0), 8192.0);
    }

    #[test]
    fn a_bin_is_narrower_than_its_share_of_the_value() {
        let mut value = 1e-37_f32;
        while value < 1e38 {
            let below = edge(value);
            assert!(below <= value && value - below < value / 4096.0, "{below} {value}");
            assert!(edge(-value) <= -value && edge(-value) + value > -value / 4000.0);
            value *= 1.037;
        }
    }

    #[test]
    fn edges_sort_like_the_values() {
        let values = [-f32::MAX, -3.0, -1e-3, -1e-40, 0.0, 1e-40, 1e-3, 3.0, f32::MAX];
        assert!(values.windows(2).all(|pair| edge(pair[0]) < edge(pair[1])));
        assert_eq!(edge(-0.0).to_bits(), 0);
    }

    #[test]
    fn bins_come_by_falling_value_and_empty_ones_not_at_all() {
        let mut bins = ValueBins::default();
        for value in [0.5, -2.0, 3.0, 0.0, 3.0, -0.0] {
            bins.bin_mut(value).good += 1;
        }
        bins.bin_mut(0.5).defects += 1;
        let found: Vec<(f32, usize, usize)> =
            bins.falling().map(|(edge, bin)| (edge, bin.good, bin.defects)).collect();
        assert_eq!(&found[..3], [(3.0, 2, 0), (0.5, 1, 1), (0.0, 2, 0)]);
        assert_eq!((found.len(), found[3].1), (4, 1));
    }

    #[test]
    fn memory_grows_with_octaves_not_with_pixels() {
        let mut bins = ValueBins::default();
        for step in 0..100_000_u32 {
            bins.bin_mut(1.0 + step as f32 / 100_000.0).good += 1;
        }
        assert_eq!(bins.octaves.iter().flatten().count(), 1);
        assert_eq!(std::mem::size_of::<Bin>() * BINS, 128 * 1024);
    }
}
