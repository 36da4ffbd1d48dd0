//! Strips and tiles that are JPEG streams in YCbCr colours (TIFF Technical Note 2).

use std::path::Path;

use image::{RgbImage, imageops};

use super::TiffImage;
use super::directory::tag;
use crate::decode::{DecodeLimits, decode_jpeg};
use crate::image_error::ImageError;

/// A strip or a tile: where it lies, pixels, and its stream.
struct JpegChunk {
    x: i64,
    y: i64,
    stream: Vec<u8>,
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
        let chunks = self.jpeg_chunks(bytes).ok_or_else(truncated)?;
        let (width, height) = self.size;
        let mut image = RgbImage::new(width, height);
        for JpegChunk { x, y, stream } in chunks {
            let chunk = decode_jpeg(&stream, path, limits)?;
            imageops::replace(&mut image, &chunk.into_rgb8(), x, y);
        }
        Ok(image)
    }

    /// The chunks, their streams with the tables that they share.
    fn jpeg_chunks(&self, bytes: &[u8]) -> Option<Vec<JpegChunk>> {
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
        let mut chunks = Vec::new();
        for (index, (offset, count)) in (0..).zip(offsets.into_iter().zip(counts)).take(needed) {
            let start = usize::try_from(offset).ok()?;
            let stream = bytes.get(start..start.checked_add(usize::try_from(count).ok()?)?)?;
            let stream = if tables.is_empty() {
                stream.to_vec()
            } else {
                [tables, stream.strip_prefix(&[0xff, 0xd8])?].concat()
            };
            let place = (index % across * chunk_width, index / across * chunk_height);
            let (x, y) = (place.0.try_into().ok()?, place.1.try_into().ok()?);
            chunks.push(JpegChunk { x, y, stream });
        }
        Some(chunks)
    }
}
