//! Random streams by their keys.

use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_chacha::{ChaCha8Rng, ChaCha12Rng};
use sha2::{Digest, Sha256};

/// Words per ChaCha block: draws of different places never share a block.
const BLOCK_WORDS: u128 = 16;

/// Stream of an item, [`RandomStream::of_item`].
pub type ItemStream = RandomStream<ChaCha8Rng>;
/// Stream of a number, [`RandomStream::indexed`] or [`RandomStream::numbered`].
pub type IndexStream = RandomStream<ChaCha12Rng>;

/// Random stream: a generator whose key names what it is for.
#[derive(Debug, Clone)]
pub struct RandomStream<G>(pub(crate) G);

impl ItemStream {
    /// Stream of `item`, any bytes, for `purpose` under `seed`; the key is their SHA-256.
    pub fn of_item(seed: u64, purpose: &str, item: &[u8]) -> Self {
        let key = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update((purpose.len() as u64).to_le_bytes())
            .chain_update(purpose)
            .chain_update(item)
            .finalize();
        Self(ChaCha8Rng::from_seed(key.into()))
    }

    /// Moves to the draws of place `index`, at most 16 words of them.
    pub fn seek(&mut self, index: u64) {
        self.0.set_word_pos(u128::from(index) * BLOCK_WORDS);
    }
}

impl IndexStream {
    /// Stream number `index` for `purpose` under `seed`; all three make the key.
    pub fn indexed(seed: u64, purpose: &[u8; 16], index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        key[16..].copy_from_slice(purpose);
        Self(ChaCha12Rng::from_seed(key))
    }

    /// Stream number `number` for `purpose` under `seed`; the number is ChaCha's nonce, so that many
    /// streams share one key.
    pub fn numbered(seed: u64, purpose: &[u8; 16], number: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..24].copy_from_slice(purpose);
        let mut generator = ChaCha12Rng::from_seed(key);
        generator.set_stream(number);
        Self(generator)
    }
}

impl<G: Rng> RandomStream<G> {
    /// Any 32 bits.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Any 64 bits.
    pub fn long_word(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_streams_depend_on_seed_purpose_and_item() {
        let draw =
            |seed, purpose, item: &[u8]| RandomStream::of_item(seed, purpose, item).long_word();
        let golden = draw(1, "split", b"a");
        assert_eq!(draw(1, "split", b"a"), golden);
        assert_ne!(draw(2, "split", b"a"), golden);
        assert_ne!(draw(1, "other", b"a"), golden);
        assert_ne!(draw(1, "split", b"b"), golden);
        // The end of the purpose is not the beginning of the item.
        assert_ne!(draw(1, "split", b"a"), draw(1, "spli", b"ta"));
    }

    #[test]
    fn index_streams_depend_on_seed_purpose_and_index() {
        type Of = fn(u64, &[u8; 16], u64) -> IndexStream;
        let of: [Of; 2] = [RandomStream::indexed, RandomStream::numbered];
        for of in of {
            let first = |seed, purpose, index| of(seed, purpose, index).long_word();
            let golden = first(1, b"flow parameter  ", 2);
            assert_eq!(golden, first(1, b"flow parameter  ", 2));
            assert_ne!(golden, first(2, b"flow parameter  ", 2));
            assert_ne!(golden, first(1, b"flow permutation", 2));
            assert_ne!(golden, first(1, b"flow parameter  ", 3));
        }
    }

    #[test]
    fn streams_keep_their_bits() {
        // Trained weights, splits and intervals that are published hang on these.
        let mut stream = RandomStream::of_item(7, "split/mtd", b"item");
        assert_eq!(stream.word(), 0x518a_d8c4);
        stream.seek(3);
        assert_eq!(stream.word(), 0x4e7e_b2d1);
        let indexed = |purpose, index| RandomStream::indexed(7, purpose, index).long_word();
        assert_eq!(indexed(b"flow permutation", 2), 0xb39f_917e_565d_deb4);
        assert_eq!(indexed(b"base latent     ", 4), 0xcaf1_ac65_2a7f_6166);
        let mut numbered = RandomStream::numbered(5, b"auroc bootstrap ", 3);
        let draws: Vec<usize> = (0..6).map(|_| numbered.below(1000)).collect();
        assert_eq!(draws, [327, 650, 58, 35, 396, 55]);
    }
}
