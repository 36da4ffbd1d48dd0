//! Changes to image files that know their format: whole chunks, lengths and headers, with checksums
//! that are right again.

use crate::mutation::{EXTREMES, mutate, write_extreme};
use xtask_inputs::Draws;

/// The first bytes of a PNG file.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Chunks that a PNG file may also have.
const PNG_KINDS: [&[u8; 4]; 14] = [
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"gAMA",
    b"iCCP", b"zTXt", b"iTXt", b"sBIT",
];
/// Chunks of a WebP file.
const WEBP_KINDS: [&[u8; 4]; 8] =
    [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"ICCP"];
/// Bytes of an Exif part that asks for a turn.
const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
/// Most chunks of a result.
const MOST: usize = 64;

/// A named part of a file.
#[derive(Debug, Clone)]
struct Chunk {
    kind: [u8; 4],
    data: Vec<u8>,
    /// Claimed length, if not the data's.
    claimed: Option<u32>,
}

/// Changes the parts of an image file; what is of no known format stays as it is.
pub(super) fn mutate_chunks(bytes: &mut Vec<u8>, draws: &mut Draws) {
    if bytes.starts_with(PNG) {
        let mut chunks = png_chunks(&bytes[PNG.len()..]);
        change(&mut chunks, &PNG_KINDS, draws);
        *bytes = png_file(&chunks);
    } else if bytes.starts_with(b"RIFF") && bytes.len() > 12 {
        let mut chunks = riff_chunks(&bytes[12..]);
        change(&mut chunks, &WEBP_KINDS, draws);
        *bytes = riff_file(&chunks, draws);
    } else if bytes.starts_with(&[0xff, 0xd8]) {
        mutate_jpeg(bytes, draws);
    } else if bytes.starts_with(b"BM") {
        // Sizes and offsets of the file header and of the 40 bytes that follow.
        let fields = [2, 10, 14, 18, 22, 26, 28, 30, 34, 38, 42, 46, 50];
        write_extreme(bytes, *draws.pick(&fields), draws);
    } else if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
        mutate_tiff(bytes, draws);
    }
}

/// Changes chunks once to three times.
fn change(chunks: &mut Vec<Chunk>, kinds: &[&[u8; 4]], draws: &mut Draws) {
    for _ in 0..=draws.below(3) {
        if chunks.is_empty() {
            return;
        }
        let (one, other) = (draws.below(chunks.len()), draws.below(chunks.len()));
        match draws.below(8) {
            0 => drop(chunks.remove(one)),
            1 => chunks.insert(other, chunks[one].clone()),
            2 => chunks.swap(one, other),
            3 => {
                let data = if draws.once_in(2) { EXIF.to_vec() } else { vec![draws.byte(); 26] };
                let kind = **draws.pick(kinds);
                chunks.insert(one, Chunk { kind, data, claimed: None });
            }
            4 => chunks[one].claimed = Some(*draws.pick(&EXTREMES) as u32),
            5 => chunks[one].kind = **draws.pick(kinds),
            // The first chunk has the size and the kind of pixels.
            6 => {
                let data = &mut chunks[0].data;
                write_extreme_within(data, draws);
            }
            _ => mutate(&mut chunks[one].data, &[], draws),
        }
        chunks.truncate(MOST);
    }
}

fn write_extreme_within(data: &mut [u8], draws: &mut Draws) {
    if !data.is_empty() {
        write_extreme(data, draws.below(data.len()), draws);
    }
}

/// The chunks of a PNG file after its first bytes.
fn png_chunks(mut rest: &[u8]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, kind @ ..] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(data) = after.get(..length) else { break };
        chunks.push(Chunk { kind, data: data.to_vec(), claimed: None });
        rest = after.get(length + 4..).unwrap_or_default();
    }
    chunks
}

fn png_file(chunks: &[Chunk]) -> Vec<u8> {
    let mut bytes = PNG.to_vec();
    for Chunk { kind, data, claimed } in chunks {
        bytes.extend(claimed.unwrap_or(data.len() as u32).to_be_bytes());
        let named = [&kind[..], data].concat();
        bytes.extend(&named);
        bytes.extend(crc32fast::hash(&named).to_be_bytes());
    }
    bytes
}

/// The chunks of a RIFF file after its twelve first bytes.
fn riff_chunks(mut rest: &[u8]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [k0, k1, k2, k3, a, b, c, d] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some(data) = after.get(..length) else { break };
        chunks.push(Chunk { kind: [k0, k1, k2, k3], data: data.to_vec(), claimed: None });
        rest = after.get(length + length % 2..).unwrap_or_default();
    }
    chunks
}

fn riff_file(chunks: &[Chunk], draws: &mut Draws) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for Chunk { kind, data, claimed } in chunks {
        body.extend(kind);
        body.extend(claimed.unwrap_or(data.len() as u32).to_le_bytes());
        body.extend(data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let length = if draws.once_in(8) { *draws.pick(&EXTREMES) as u32 } else { body.len() as u32 };
    [b"RIFF", &length.to_le_bytes()[..], &body].concat()
}

/// Changes a segment before the scan: removes, repeats, alters it or its length, or adds one.
fn mutate_jpeg(bytes: &mut Vec<u8>, draws: &mut Draws) {
    let mut segments = Vec::new();
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        if end > bytes.len() {
            break;
        }
        segments.push(at..end);
        at = end;
        if marker == 0xda {
            break;
        }
    }
    if segments.is_empty() {
        return;
    }
    let segment = draws.pick(&segments).clone();
    match draws.below(6) {
        0 => drop(bytes.drain(segment)),
        1 => {
            let again = bytes[segment].to_vec();
            let at = draws.pick(&segments).start;
            bytes.splice(at..at, again);
        }
        2 => write_extreme(bytes, segment.start + 2, draws),
        3 => bytes[segment.start + 1] = draws.byte(),
        4 => {
            let data = [b"Exif\0\0", EXIF].concat();
            let length = (data.len() as u16 + 2).to_be_bytes();
            let added = [&[0xff, 0xe1], &length[..], &data].concat();
            bytes.splice(segment.start..segment.start, added);
        }
        _ => {
            let body = segment.start + 4..segment.end.max(segment.start + 4).min(bytes.len());
            if !body.is_empty() {
                let at = body.start + draws.below(body.len());
                write_extreme(bytes, at, draws);
            }
        }
    }
}

/// Changes a number of the first directory: how many entries, or an entry's tag, type, count, value.
fn mutate_tiff(bytes: &mut [u8], draws: &mut Draws) {
    let little = bytes.starts_with(b"II");
    let word = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        four.map(|four| if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let Some(directory) = word(4).map(|at| at as usize) else { return };
    let Some(&count) = bytes.get(directory + usize::from(!little)) else { return };
    let entry = directory + 2 + 12 * draws.below(usize::from(count) + 1);
    let at = match draws.below(6) {
        0 => directory,
        1 => 4,
        2 => entry,
        3 => entry + 2,
        4 => entry + 4,
        _ => entry + 8,
    };
    if at < bytes.len() {
        write_extreme(bytes, at, draws);
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, RgbImage};

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        RgbImage::new(5, 4).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn files_taken_apart_are_put_together_again() {
        let png = encoded(ImageFormat::Png);
        assert_eq!(png_file(&png_chunks(&png[PNG.len()..])), png);
        let webp = encoded(ImageFormat::WebP);
        let chunks = riff_chunks(&webp[12..]);
        assert!((0..20).any(|case| riff_file(&chunks, &mut Draws::new(1, 0, case)) == webp));
    }

    #[test]
    fn every_format_is_changed() {
        let formats = [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
            ImageFormat::WebP,
        ];
        for format in formats {
            let whole = encoded(format);
            let changed = (0..100).filter(|&case| {
                let mut bytes = whole.clone();
                mutate_chunks(&mut bytes, &mut Draws::new(2, 0, case));
                bytes != whole
            });
            assert!(changed.count() > 50, "{format:?}");
        }
    }
}
