//! Random streams of the competitors: what each is for.

use differnet_random::IndexStream;

/// Purpose of a random stream; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Rows that a one-class SVM is fitted to.
    Subsample,
    /// Initial values of a parameter.
    Parameter,
    /// Noise added to the images of an update.
    Noise,
    /// Latents that a generator trains on.
    Latent,
    /// Points between real and generated images where a critic's slope is measured.
    Interpolation,
    /// Latents that a search starts from.
    Start,
}

/// The `index`-th stream for `purpose` under `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u64) -> IndexStream {
    let tag = match purpose {
        Purpose::Subsample => b"base subsample  ",
        Purpose::Parameter => b"base parameter  ",
        Purpose::Noise => b"base noise      ",
        Purpose::Latent => b"base latent     ",
        Purpose::Interpolation => b"base interpolate",
        Purpose::Start => b"base start      ",
    };
    IndexStream::indexed(seed, tag, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_keep_their_bits() {
        // Models that are published hang on these.
        for (purpose, first) in [
            (Purpose::Parameter, 0xaf1f_2bf9_bf65_52cf),
            (Purpose::Noise, 0x7af5_9f3f_356a_3ae2),
            (Purpose::Latent, 0xcaf1_ac65_2a7f_6166),
            (Purpose::Start, 0x4ad5_1eb5_d1f7_2695),
        ] {
            assert_eq!(stream(7, purpose, 4).long_word(), first, "{purpose:?}");
        }
        assert_eq!(stream(7, Purpose::Interpolation, 4).unit(), 0.888_067_66);
        let rows = stream(7, Purpose::Subsample, 0).subsample(100, 8);
        assert_eq!(rows, [26, 30, 49, 59, 69, 70, 74, 81]);
    }
}
