//! Strips and tiles that are JPEG streams in YCbCr colours (TIFF Technical Note 2).

use std::path::Path;

use image::{RgbImage, imageops};

use super::TiffImage;
use super::directory::tag;
use crate::decode::{DecodeLimits, decode_jpeg};
use crate::image_error::ImageError;

/// Strips or tiles of a file.
struct JpegChunks<'a> {
    /// Pixels that a chunk has at most.
    pixels: u64,
    /// Tables that streams share: what each of them begins with in place of its own start.
    tables: &'a [u8],
    /// Where each lies, pixels, and its stream.
    chunks: Vec<(i64, i64, &'a [u8])>,
}

impl TiffImage {
    /// The image of its strips or tiles.
    ///
    /// # Errors
    /// [`ImageError`]: a stream is damaged or missing.
    pub(super) fn read_jpeg(
        &self,
        bytes: &[u8],
        path: &Path,
        limits: &DecodeLimits,
    ) -> Result<RgbImage, ImageError> {
        let truncated = || ImageError::Truncated { path: path.to_path_buf() };
        let JpegChunks { pixels, tables, chunks } =
            self.jpeg_chunks(bytes).ok_or_else(truncated)?;
        // No chunk of a damaged file is larger than those of the others.
        let limits = &DecodeLimits { max_pixels: pixels.min(limits.max_pixels), ..*limits };
        let (width, height) = self.size;
        let mut image = RgbImage::new(width, height);
        for (x, y, stream) in chunks {
            let chunk = if tables.is_empty() {
                decode_jpeg(stream, path, limits)?
            } else {
                let stream = stream.strip_prefix(&[0xff, 0xd8]).ok_or_else(truncated)?;
                decode_jpeg(&[tables, stream].concat(), path, limits)?
            };
            imageops::replace(&mut image, &chunk.into_rgb8(), x, y);
        }
        Ok(image)
    }

    /// The chunks; `None` if some are missing, or if they share bytes: many may then be few bytes.
    fn jpeg_chunks<'a>(&self, bytes: &'a [u8]) -> Option<JpegChunks<'a>> {
        let (width, height) = (u64::from(self.size.0), u64::from(self.size.1));
        let number = |tag| self.directory.number(bytes, tag);
        let tiled = self.directory.has(tag::TILE_WIDTH);
        let ((chunk_width, chunk_height), offsets, counts) = if tiled {
            let size = (number(tag::TILE_WIDTH)?, number(tag::TILE_HEIGHT)?);
            (size, tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            let rows = number(tag::ROWS_PER_STRIP).unwrap_or(height).min(height);
            ((width, rows), tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        if chunk_width == 0 || chunk_height == 0 {
            return None;
        }
        let across = width.div_ceil(chunk_width);
        let needed = usize::try_from(across.checked_mul(height.div_ceil(chunk_height))?).ok()?;
        let tables = self.directory.bytes(bytes, tag::JPEG_TABLES).unwrap_or(&[]);
        // Without its end marker; the stream's own beginning is left out.
        let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables);
        let offsets = self.directory.numbers(bytes, offsets)?;
        let counts = self.directory.numbers(bytes, counts)?;
        if offsets.len() < needed || counts.len() < needed {
            return None;
        }
        let mut chunks = Vec::with_capacity(needed);
        let mut total = 0;
        for (index, (offset, count)) in (0..).zip(offsets.into_iter().zip(counts)).take(needed) {
            let start = usize::try_from(offset).ok()?;
            let stream = bytes.get(start..start.checked_add(usize::try_from(count).ok()?)?)?;
            total += stream.len();
            if total > bytes.len() {
                return None;
            }
            let place = (index % across * chunk_width, index / across * chunk_height);
            let (x, y) = (place.0.try_into().ok()?, place.1.try_into().ok()?);
            chunks.push((x, y, stream));
        }
        Some(JpegChunks { pixels: chunk_width.checked_mul(chunk_height)?, tables, chunks })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb};

    use super::*;

    const TILE: u32 = 16;

    /// A file of 2 x 2 tiles whose streams lie at these places of `streams`.
    fn tiff(streams: &[u8], places: [(usize, usize); 4]) -> Vec<u8> {
        let entries: [(u16, u32); 9] = [
            (256, 2 * TILE),
            (257, 2 * TILE),
            (258, 8),
            (259, 7),
            (262, 6),
            (277, 3),
            (322, TILE),
            (323, TILE),
            (324, 0),
        ];
        let directory = 8;
        let arrays = directory + 2 + 12 * (entries.len() as u32 + 1) + 4;
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        bytes.extend((entries.len() as u16 + 1).to_le_bytes());
        for (tag, value) in entries {
            let (count, value) = if tag == 324 { (4_u32, arrays) } else { (1, value) };
            bytes.extend([tag, 4].iter().flat_map(|number| number.to_le_bytes()));
            bytes.extend([count, value].iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes.extend([325_u16, 4].iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend([4_u32, arrays + 16, 0].iter().flat_map(|number| number.to_le_bytes()));
        let start = arrays as usize + 32;
        bytes.extend(places.iter().flat_map(|(at, _)| ((start + at) as u32).to_le_bytes()));
        bytes.extend(places.iter().flat_map(|(_, length)| (*length as u32).to_le_bytes()));
        assert_eq!(bytes.len(), start);
        [bytes, streams.to_vec()].concat()
    }

    fn jpeg(side: u32, grey: u8) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let image = RgbImage::from_pixel(side, side, Rgb([grey; 3]));
        image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }

    fn read(bytes: &[u8]) -> Result<RgbImage, ImageError> {
        let tiff = TiffImage::of(bytes).unwrap();
        tiff.read_jpeg(bytes, Path::new("a.tif"), &DecodeLimits::default())
    }

    #[test]
    fn tiles_lie_where_they_belong() {
        let streams: Vec<Vec<u8>> = [10, 90, 170, 250].map(|grey| jpeg(TILE, grey)).to_vec();
        let mut at = 0;
        let places = std::array::from_fn(|tile| {
            at += streams[tile].len();
            (at - streams[tile].len(), streams[tile].len())
        });
        let image = read(&tiff(&streams.concat(), places)).unwrap();
        for (tile, grey) in [10, 90, 170, 250].into_iter().enumerate() {
            let (x, y) = (tile as u32 % 2 * TILE, tile as u32 / 2 * TILE);
            assert!(image.get_pixel(x + 5, y + 5)[0].abs_diff(grey) < 3, "{tile}");
        }
    }

    #[test]
    fn few_bytes_do_not_become_many_tiles_or_large_ones() {
        let stream = jpeg(TILE, 90);
        let error = read(&tiff(&stream, [(0, stream.len()); 4])).unwrap_err();
        assert!(matches!(error, ImageError::Truncated { .. }), "{error}");
        let large = jpeg(2 * TILE, 90).repeat(4);
        let length = large.len() / 4;
        let error =
            read(&tiff(&large, [0, 1, 2, 3].map(|tile| (tile * length, length)))).unwrap_err();
        assert!(matches!(error, ImageError::PixelCount { .. }), "{error}");
    }
}
