//! The first directory of a TIFF file, classic or BigTIFF (TIFF 6.0, Section 2): numbers by tag.

/// Tags that tell how an image is stored.
pub(super) mod tag {
    pub(in crate::tiff_file) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in crate::tiff_file) const WIDTH: u16 = 256;
    pub(in crate::tiff_file) const HEIGHT: u16 = 257;
    pub(in crate::tiff_file) const BITS_PER_SAMPLE: u16 = 258;
    pub(in crate::tiff_file) const COMPRESSION: u16 = 259;
    pub(in crate::tiff_file) const PHOTOMETRIC: u16 = 262;
    pub(in crate::tiff_file) const FILL_ORDER: u16 = 266;
    pub(in crate::tiff_file) const STRIP_OFFSETS: u16 = 273;
    pub(in crate::tiff_file) const ORIENTATION: u16 = 274;
    pub(in crate::tiff_file) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in crate::tiff_file) const ROWS_PER_STRIP: u16 = 278;
    pub(in crate::tiff_file) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(in crate::tiff_file) const MAX_SAMPLE_VALUE: u16 = 281;
    pub(in crate::tiff_file) const PLANAR_CONFIGURATION: u16 = 284;
    pub(in crate::tiff_file) const T4_OPTIONS: u16 = 292;
    pub(in crate::tiff_file) const PREDICTOR: u16 = 317;
    pub(in crate::tiff_file) const COLOR_MAP: u16 = 320;
    pub(in crate::tiff_file) const TILE_WIDTH: u16 = 322;
    pub(in crate::tiff_file) const TILE_HEIGHT: u16 = 323;
    pub(in crate::tiff_file) const TILE_OFFSETS: u16 = 324;
    pub(in crate::tiff_file) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in crate::tiff_file) const EXTRA_SAMPLES: u16 = 338;
    pub(in crate::tiff_file) const SAMPLE_FORMAT: u16 = 339;
    pub(in crate::tiff_file) const JPEG_TABLES: u16 = 347;
    pub(in crate::tiff_file) const DNG_VERSION: u16 = 50706;
}

/// Most numbers of one tag that are looked at: strips of the longest images.
const MOST_NUMBERS: u64 = 1 << 20;

/// Directory entry that locates the values of a tag.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Position of the entry in the file.
    at: usize,
}

/// The first directory of a file.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    little_endian: bool,
    big: bool,
    entries: Vec<Entry>,
}

impl Directory {
    /// The first directory of `bytes`; `None` if they are no whole TIFF header.
    pub(super) fn first(bytes: &[u8]) -> Option<Self> {
        let little_endian = bytes.starts_with(b"II");
        let mut directory = Self { little_endian, big: false, entries: Vec::new() };
        directory.big = directory.integer(bytes, 2, 2)? == 43;
        let (offset, counted) = if directory.big { (8, 8) } else { (4, 2) };
        let start = usize::try_from(directory.integer(bytes, offset, offset.min(8))?).ok()?;
        let count = directory.integer(bytes, start, counted)?.min(1 << 12) as usize;
        let (length, width) = if directory.big { (20, 8) } else { (12, 4) };
        for number in 0..count {
            let at = start.checked_add(counted + number * length)?;
            let entry = Entry {
                tag: directory.integer(bytes, at, 2)? as u16,
                kind: directory.integer(bytes, at + 2, 2)? as u16,
                count: directory.integer(bytes, at + 4, width)?,
                at,
            };
            directory.entries.push(entry);
        }
        Some(directory)
    }

    /// Tells whether the directory has the tag.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.iter().any(|entry| entry.tag == tag)
    }

    /// The first number of a tag; `None` without the tag.
    pub(super) fn number(&self, bytes: &[u8], tag: u16) -> Option<u64> {
        self.read(bytes, tag, 1)?.first().copied()
    }

    /// The numbers of a tag; `None` without the tag.
    pub(super) fn numbers(&self, bytes: &[u8], tag: u16) -> Option<Vec<u64>> {
        self.read(bytes, tag, MOST_NUMBERS)
    }

    /// The bytes of a tag that has some more than fit its entry.
    pub(super) fn bytes<'a>(&self, bytes: &'a [u8], tag: u16) -> Option<&'a [u8]> {
        let entry = self.entries.iter().find(|entry| entry.tag == tag)?;
        let width = if self.big { 8 } else { 4 };
        let start = usize::try_from(self.integer(bytes, entry.at + 4 + width, width)?).ok()?;
        bytes.get(start..start.checked_add(usize::try_from(entry.count).ok()?)?)
    }

    /// Gives a tag one number in place of what it has; without the tag nothing happens.
    pub(super) fn set(&self, bytes: &mut [u8], tag: u16, number: u32) {
        let Some(entry) = self.entries.iter().find(|entry| entry.tag == tag) else { return };
        let width = if self.big { 8 } else { 4 };
        // Kind 4: an unsigned integer of 32 bits, which lies in the entry itself.
        self.write(bytes, entry.at + 2, 2, 4);
        self.write(bytes, entry.at + 4, width, 1);
        self.write(bytes, entry.at + 4 + width, 4, number);
    }

    fn read(&self, bytes: &[u8], tag: u16, most: u64) -> Option<Vec<u64>> {
        let entry = self.entries.iter().find(|entry| entry.tag == tag)?;
        let size = match entry.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 13 => 4,
            16..=18 => 8,
            _ => return None,
        };
        let width = if self.big { 8 } else { 4 };
        let inline = entry.at + 4 + width;
        let start = if entry.count.checked_mul(size as u64)? <= width as u64 {
            inline
        } else {
            usize::try_from(self.integer(bytes, inline, width)?).ok()?
        };
        let count = entry.count.min(most) as usize;
        (0..count).map(|n| self.integer(bytes, start.checked_add(n * size)?, size)).collect()
    }

    fn integer(&self, bytes: &[u8], at: usize, size: usize) -> Option<u64> {
        let digits = bytes.get(at..at.checked_add(size)?)?;
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if self.little_endian {
            digits.iter().rev().fold(0, fold)
        } else {
            digits.iter().fold(0, fold)
        })
    }

    fn write(&self, bytes: &mut [u8], at: usize, size: usize, number: u32) {
        let digits = u64::from(number);
        for place in 0..size {
            let shift = 8 * if self.little_endian { place } else { size - 1 - place };
            bytes[at + place] = (digits >> shift) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A classic directory: width 3, bits 8, 8, 8 elsewhere.
    fn classic(little: bool) -> Vec<u8> {
        let short = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let long = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let mut bytes = if little { b"II".to_vec() } else { b"MM".to_vec() };
        bytes.extend([&short(42)[..], &long(8), &short(2)].concat());
        bytes.extend([&short(256)[..], &short(3), &long(1), &short(3), &short(0)].concat());
        bytes.extend([&short(258)[..], &short(3), &long(3), &long(38), &long(0)].concat());
        bytes.extend([short(8), short(8), short(8)].concat());
        bytes
    }

    #[test]
    fn numbers_are_read_and_replaced_in_both_byte_orders() {
        for little in [true, false] {
            let mut bytes = classic(little);
            let directory = Directory::first(&bytes).unwrap();
            assert_eq!(directory.number(&bytes, tag::WIDTH), Some(3));
            assert_eq!(directory.numbers(&bytes, tag::BITS_PER_SAMPLE), Some(vec![8, 8, 8]));
            assert_eq!(directory.number(&bytes, tag::HEIGHT), None);
            directory.set(&mut bytes, tag::BITS_PER_SAMPLE, 12);
            directory.set(&mut bytes, tag::HEIGHT, 9);
            let directory = Directory::first(&bytes).unwrap();
            assert_eq!(directory.numbers(&bytes, tag::BITS_PER_SAMPLE), Some(vec![12]));
        }
    }

    #[test]
    fn no_prefix_of_a_directory_is_read() {
        let bytes = classic(true);
        for length in 0..30 {
            assert!(Directory::first(&bytes[..length]).is_none(), "{length}");
        }
        let cut = Directory::first(&bytes[..40]).unwrap();
        assert_eq!(cut.numbers(&bytes[..40], tag::BITS_PER_SAMPLE), None);
        assert!(Directory::first(b"II*\0\xff\xff\xff\xff").is_none());
    }
}
