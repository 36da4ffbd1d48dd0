//! A copy of a TIFF file whose strips are not compressed and whose samples are whole bytes.

use std::borrow::Cow;
use std::io::Read;

use fax::{BitWriter, Bits, VecWriter};

use super::directory::tag;
use super::{GROUP_3, PALETTE, TiffImage, ZSTANDARD};
use crate::decode::DecodeLimits;

impl TiffImage {
    /// The file with strips, sizes and colours that the decoder takes as plain grey.
    pub(super) fn plain_copy<'a>(
        &self,
        bytes: &'a [u8],
        limits: &DecodeLimits,
    ) -> Option<Cow<'a, [u8]>> {
        let mut copy = Cow::Borrowed(bytes);
        let set = |copy: &mut Cow<'a, [u8]>, tag, number| {
            self.directory.set(copy.to_mut(), tag, number);
        };
        let row_bytes =
            (u64::from(self.size.0) * self.samples as u64 * u64::from(self.bits)).div_ceil(8);
        if matches!(self.compression, ZSTANDARD | GROUP_3) {
            let length = usize::try_from(row_bytes.checked_mul(u64::from(self.size.1))?).ok()?;
            let strips = self.strips(bytes, length, limits)?;
            let start = u32::try_from(bytes.len()).ok()?;
            copy.to_mut().extend(&strips);
            set(&mut copy, tag::STRIP_OFFSETS, start);
            set(&mut copy, tag::STRIP_BYTE_COUNTS, u32::try_from(strips.len()).ok()?);
            set(&mut copy, tag::ROWS_PER_STRIP, self.size.1);
            set(&mut copy, tag::COMPRESSION, 1);
        }
        if self.photometric == PALETTE {
            set(&mut copy, tag::PHOTOMETRIC, 1);
        }
        if self.is_packed() {
            set(&mut copy, tag::WIDTH, u32::try_from(row_bytes).ok()?);
            set(&mut copy, tag::BITS_PER_SAMPLE, 8);
            set(&mut copy, tag::SAMPLES_PER_PIXEL, 1);
            // White is zero stays so: inverting bytes inverts the samples packed in them.
            set(&mut copy, tag::PHOTOMETRIC, u32::from(self.photometric != 0));
            set(&mut copy, tag::EXTRA_SAMPLES, 0);
        }
        Some(copy)
    }

    /// All strips, decompressed, `length` bytes.
    fn strips(&self, bytes: &[u8], length: usize, limits: &DecodeLimits) -> Option<Vec<u8>> {
        if length as u64 > limits.max_bytes {
            return None;
        }
        let offsets = self.directory.numbers(bytes, tag::STRIP_OFFSETS)?;
        let counts = self.directory.numbers(bytes, tag::STRIP_BYTE_COUNTS)?;
        let low_bit_first = self.directory.number(bytes, tag::FILL_ORDER) == Some(2);
        let mut strips = Vec::with_capacity(length);
        for (offset, count) in offsets.into_iter().zip(counts) {
            if strips.len() >= length {
                break;
            }
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(count).ok()?)?;
            let strip = bytes.get(start..end)?;
            if self.compression == ZSTANDARD {
                let left = (length - strips.len()) as u64;
                let decoder = ruzstd::decoding::StreamingDecoder::new(strip).ok()?;
                decoder.take(left).read_to_end(&mut strips).ok()?;
            } else {
                let turn = |byte: &u8| if low_bit_first { byte.reverse_bits() } else { *byte };
                let width = u16::try_from(self.size.0).ok()?;
                let (mut packed, mut rows) = (VecWriter::new(), 0..self.size.1);
                // It asks for an end that many writers leave out: the length tells what is missing.
                let _ = fax::decoder::decode_g3(strip.iter().map(turn), |transitions| {
                    // A strip of few bytes may say far more rows than there are.
                    if rows.next().is_none() {
                        return;
                    }
                    for color in fax::decoder::pels(transitions, width) {
                        let data = u16::from(color == fax::Color::Black);
                        let _ = packed.write(Bits { data, len: 1 });
                    }
                    packed.pad();
                });
                strips.extend(packed.finish());
            }
        }
        (strips.len() >= length).then(|| {
            strips.truncate(length);
            strips
        })
    }
}

/// Rows of samples of fewer than 16 bits, the high bit first, each row from a byte's beginning.
pub(super) fn unpack(bytes: &[u8], bits: u16, row: usize) -> Vec<u16> {
    let row_bytes = (row * usize::from(bits)).div_ceil(8).max(1);
    let mut samples = Vec::with_capacity(bytes.len() / row_bytes * row);
    for packed in bytes.chunks_exact(row_bytes) {
        let (mut held, mut count) = (0_u32, 0);
        let mut packed = packed.iter();
        for _ in 0..row {
            while count < bits {
                held = held << 8 | u32::from(*packed.next().expect("a row has all its samples"));
                count += 8;
            }
            count -= bits;
            samples.push((held >> count) as u16 & ((1 << bits) - 1));
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rows_begin_at_bytes_by_hand() {
        // 0xabc, 0xdef, 0x123 and four bits of padding.
        assert_eq!(unpack(&[0xab, 0xcd, 0xef, 0x12, 0x30], 12, 3), [0xabc, 0xdef, 0x123]);
        assert_eq!(unpack(&[0b1100_0110, 0b1000_0000], 2, 4), [3, 0, 1, 2, 2, 0, 0, 0]);
        assert_eq!(unpack(&[0xff, 0xc0, 0x00, 0x40], 10, 1), [0x3ff, 0x001]);
        assert_eq!(unpack(&[0xff], 12, 1), [0; 0]);
    }
}
