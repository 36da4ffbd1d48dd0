//! Weights that are compiled in, as files of safetensors.

/// The file that `build.rs` arranged as `planes`: the first bytes of its words, then the second, third and fourth.
pub(crate) fn file(planes: &[u8]) -> Vec<u8> {
    let words = planes.len() / 4;
    let mut file = vec![0; 4 * words];
    let (word_of_file, _) = file.as_chunks_mut::<4>();
    let plane = |number: usize| &planes[number * words..(number + 1) * words];
    let [a, b, c, d] = [0, 1, 2, 3].map(plane);
    for (word, (((a, b), c), d)) in word_of_file.iter_mut().zip(a.iter().zip(b).zip(c).zip(d)) {
        *word = [*a, *b, *c, *d];
    }
    file
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_of_words_come_together_again() {
        assert_eq!(super::file(b"AEBFCGDH"), b"ABCDEFGH");
    }
}
