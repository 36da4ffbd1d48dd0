//! The mark in pictures that this program draws, so that nobody takes them for photographs.
//!
//! A PNG has it in a text chunk (PNG specification, 11.3.4.3) with the keyword `Software`, before its
//! pixels.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use rayon::prelude::*;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// Keyword, separator and text of the chunk.
const MARK: &[u8] = b"Software\0differnet:output";
/// Chunks that are looked at: pixels come after a few.
const CHUNKS: usize = 64;
/// Signature, and the chunk `IHDR` with its length, type and checksum.
const HEADER: usize = 8 + 25;

/// The PNG `png` with the mark.
///
/// # Panics
/// If it is no PNG.
pub fn mark_output(png: &[u8]) -> Vec<u8> {
    assert!(png.starts_with(SIGNATURE) && png.len() > HEADER, "a PNG");
    let chunk = [b"tEXt", MARK].concat();
    let length = (MARK.len() as u32).to_be_bytes();
    let checksum = crc32fast::hash(&chunk).to_be_bytes();
    [&png[..HEADER], &length, &chunk, &checksum, &png[HEADER..]].concat()
}

/// Tells whether the encoded image `bytes` has the mark.
pub fn is_output(bytes: &[u8]) -> bool {
    has_mark(&mut std::io::Cursor::new(bytes))
}

/// Tells whether the image in the file `path` has the mark; `false` if it cannot be read.
pub fn is_output_file(path: &Path) -> bool {
    // Opening a pipe would wait for a writer.
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
        && File::open(path).is_ok_and(|file| has_mark(&mut BufReader::with_capacity(512, file)))
}

/// Those of `items` whose files have no mark, and those whose files have one, in the order given.
///
/// - `path`: the file of an item
pub fn without_outputs<T: Send>(
    items: Vec<T>,
    path: impl Fn(&T) -> &Path + Sync,
) -> (Vec<T>, Vec<T>) {
    let marked: Vec<(bool, T)> =
        items.into_par_iter().map(|item| (is_output_file(path(&item)), item)).collect();
    let (outputs, others): (Vec<_>, Vec<_>) = marked.into_iter().partition(|(marked, _)| *marked);
    let items = |marked: Vec<(bool, T)>| marked.into_iter().map(|(_, item)| item).collect();
    (items(others), items(outputs))
}

fn has_mark(png: &mut (impl Read + Seek)) -> bool {
    search(png).unwrap_or(false)
}

/// `None` if the bytes end before the pixels begin.
fn search(png: &mut (impl Read + Seek)) -> Option<bool> {
    let mut signature = [0; 8];
    png.read_exact(&mut signature).ok()?;
    if signature != *SIGNATURE {
        return Some(false);
    }
    for _ in 0..CHUNKS {
        let mut start = [0; 8];
        png.read_exact(&mut start).ok()?;
        let [a, b, c, d, kind @ ..] = start;
        let length = u32::from_be_bytes([a, b, c, d]);
        if kind == *b"IDAT" {
            return Some(false);
        }
        let mut rest = i64::from(length) + 4;
        if kind == *b"tEXt" && length as usize == MARK.len() {
            let mut text = [0; MARK.len()];
            png.read_exact(&mut text).ok()?;
            if text == *MARK {
                return Some(true);
            }
            rest = 4;
        }
        png.seek_relative(rest).ok()?;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::PathBuf;

    use image::{GrayImage, ImageFormat, Luma};

    use super::*;
    use crate::test_tree::tree;

    fn png() -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        GrayImage::from_pixel(3, 2, Luma([7])).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_marked_picture_has_the_same_pixels_and_is_known() {
        let marked = mark_output(&png());
        assert!(is_output(&marked) && !is_output(&png()));
        let decoded = image::load_from_memory(&marked).unwrap();
        assert_eq!(decoded.into_luma8(), image::load_from_memory(&png()).unwrap().into_luma8());
        for length in 0..marked.len() {
            // As long as the mark is whole.
            assert_eq!(is_output(&marked[..length]), length >= HEADER + 8 + MARK.len(), "{length}");
        }
        // Of two texts the second.
        let mut other = mark_output(&png());
        other[HEADER + 8] = b's';
        assert!(!is_output(&other));
        assert!(is_output(&mark_output(&mark_output(&png()))));
    }

    #[test]
    fn outputs_are_parted_from_photographs_in_order() {
        let root = tree(&["0.png", "1.png", "2.jpg", "3.png"]);
        let at = |name: &str| root.path().join(name);
        std::fs::write(at("1.png"), mark_output(&png())).unwrap();
        std::fs::write(at("2.jpg"), mark_output(&png())).unwrap();
        std::fs::write(at("3.png"), png()).unwrap();
        let files = ["0.png", "1.png", "2.jpg", "3.png", "gone.png"].map(at).to_vec();
        let (others, outputs) = without_outputs(files, PathBuf::as_path);
        assert_eq!(others, ["0.png", "3.png", "gone.png"].map(at));
        assert_eq!(outputs, ["1.png", "2.jpg"].map(at));
    }
}
