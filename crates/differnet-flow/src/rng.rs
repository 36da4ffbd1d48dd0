//! Random streams of the flow: what each is for.

use differnet_random::IndexStream;

/// Purpose of a random stream; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The permutation of a block.
    Permutation,
    /// Initial values of a parameter.
    Parameter,
    /// Latents to sample from.
    Sample,
    /// Noise added to the rows of an update.
    Noise,
    /// Rows of an update that are displaced, along which differences, and how far.
    Difference,
}

/// The `index`-th stream for `purpose` under `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u64) -> IndexStream {
    let tag = match purpose {
        Purpose::Permutation => b"flow permutation",
        Purpose::Parameter => b"flow parameter  ",
        Purpose::Sample => b"flow sample     ",
        Purpose::Noise => b"flow noise      ",
        Purpose::Difference => b"flow difference ",
    };
    IndexStream::indexed(seed, tag, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_keep_their_bits() {
        // Trained weights that are published hang on these.
        for (purpose, first) in [
            (Purpose::Permutation, 0x94f8_d47d_cc4d_7cad),
            (Purpose::Parameter, 0x8e1d_ef8d_51d2_b7b1),
            (Purpose::Sample, 0x86ea_2f13_3236_8a91),
            (Purpose::Noise, 0x61f9_f5b7_f53d_e44a),
            (Purpose::Difference, 0xe363_47f0_9a86_fb05),
        ] {
            assert_eq!(stream(7, purpose, 4).long_word(), first, "{purpose:?}");
        }
    }
}
