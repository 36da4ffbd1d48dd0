//! Image file formats: those that are read, told by content, and those that are not, by their names.

use std::fmt;
use std::path::Path;

use image::ImageFormat;

use crate::image_error::ImageError;

/// The formats that are read, for messages.
pub(crate) const READABLE: &str = "PNG, JPEG, BMP, TIFF, WebP, GIF, PNM, QOI or TGA";

/// The format of an image file that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FileFormat {
    /// Portable Network Graphics; of an animated one the default image.
    Png,
    /// JPEG, by Huffman or arithmetic coding; of an MPO the first picture.
    Jpeg,
    /// Windows bitmap.
    Bmp,
    /// TIFF and BigTIFF; of several pages the first.
    Tiff,
    /// WebP; of an animation the first frame.
    WebP,
    /// GIF; of an animation the first frame.
    Gif,
    /// PBM, PGM, PPM and PAM.
    Pnm,
    /// Quite OK Image.
    Qoi,
    /// Truevision TGA.
    Tga,
}

impl FileFormat {
    /// The decoder's name for it.
    pub(crate) fn decoder(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Bmp => ImageFormat::Bmp,
            Self::Tiff => ImageFormat::Tiff,
            Self::WebP => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
            Self::Pnm => ImageFormat::Pnm,
            Self::Qoi => ImageFormat::Qoi,
            Self::Tga => ImageFormat::Tga,
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Pnm => "PNM",
            Self::Qoi => "QOI",
            Self::Tga => "TGA",
        })
    }
}

/// First bytes of the formats that are read.
const SIGNATURES: [(&[u8], FileFormat); 12] = [
    (b"\x89PNG\r\n\x1a\n", FileFormat::Png),
    (b"\xff\xd8\xff", FileFormat::Jpeg),
    (b"BM", FileFormat::Bmp),
    (b"II*\0", FileFormat::Tiff),
    (b"MM\0*", FileFormat::Tiff),
    // BigTIFF: offsets of 8 bytes.
    (b"II+\0\x08\0\0\0", FileFormat::Tiff),
    (b"MM\0+\0\x08\0\0", FileFormat::Tiff),
    (b"GIF87a", FileFormat::Gif),
    (b"GIF89a", FileFormat::Gif),
    (b"qoif", FileFormat::Qoi),
    // Its sub-format is checked below.
    (b"RIFF", FileFormat::WebP),
    (b"P", FileFormat::Pnm),
];

/// Bytes that begin the formats that are not read, the position they are at, and the kind's name.
const UNREAD_SIGNATURES: [(usize, &[u8], &str); 49] = [
    (8, b"CR\x02", "Canon CR2 camera raw"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftyphei", "HEIF"),
    (4, b"ftyphev", "HEIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    (4, b"ftypcrx", "Canon CR3 camera raw"),
    (4, b"ftypqt", "QuickTime video"),
    (4, b"ftyp", "ISO media (video)"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm RAF camera raw"),
    (0, b"IIRO", "Olympus ORF camera raw"),
    (0, b"IIRS", "Olympus ORF camera raw"),
    (0, b"MMOR", "Olympus ORF camera raw"),
    (0, b"IIU\0", "Panasonic RW2 camera raw"),
    (6, b"HEAPCCDR", "Canon CRW camera raw"),
    (0, b"\0MRM", "Minolta MRW camera raw"),
    (0, b"FOVb", "Sigma X3F camera raw"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"DDS ", "DDS"),
    (0, b"\0\0\x01\0", "icon (ICO)"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"gimp xcf", "GIMP (XCF)"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"FLIF", "FLIF"),
    (128, b"DICM", "DICOM"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"\x89HDF\r\n", "HDF5"),
    (0, b"MATLAB 5.0", "MATLAB"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"<svg", "SVG drawing"),
    (0, b"PK\x03\x04", "ZIP archive"),
    (0, b"\x1f\x8b", "gzip archive"),
    (0, b"7z\xbc\xaf", "7-Zip archive"),
    (0, b"\x1aE\xdf\xa3", "Matroska video"),
    (0, b"PF\n", "PFM (floating-point map)"),
    (0, b"Pf\n", "PFM (floating-point map)"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"\x01\xda", "SGI image"),
];

/// Endings of files that are images or data of cameras and are not read, without dot, lower case.
const UNREAD_ENDINGS: [(&str, &[&str]); 22] = [
    ("HEIF", &["heic", "heif", "hif"]),
    ("AVIF", &["avif", "avifs"]),
    ("JPEG 2000", &["jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jpm"]),
    ("JPEG XL", &["jxl"]),
    ("JPEG XR", &["jxr", "wdp", "hdp"]),
    ("JPEG-LS", &["jls"]),
    (
        "camera raw",
        &[
            "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "iiq", "kdc", "mef",
            "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw",
            "x3f",
        ],
    ),
    ("raw samples without a header", &["raw", "yuv", "nv12", "y16"]),
    ("OpenEXR", &["exr"]),
    ("Radiance HDR", &["hdr", "rgbe"]),
    ("PFM (floating-point map)", &["pfm"]),
    ("DDS", &["dds"]),
    ("icon (ICO)", &["ico", "cur"]),
    ("Photoshop (PSD)", &["psd", "psb"]),
    ("GIMP (XCF)", &["xcf"]),
    ("DICOM", &["dcm", "dicom"]),
    ("FITS", &["fits", "fit", "fts"]),
    ("NumPy array", &["npy", "npz"]),
    ("HDF5", &["h5", "hdf5"]),
    ("SVG drawing", &["svg", "svgz"]),
    ("PCX", &["pcx"]),
    ("SGI image", &["sgi"]),
];

/// The kind of image or camera data that `path` names by its ending and that is not read.
pub(crate) fn unread_kind(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    let kind = UNREAD_ENDINGS.iter().find(|(_, endings)| endings.contains(&ending.as_str()));
    kind.map(|(kind, _)| *kind)
}

/// The format of `bytes`, by their content; a TGA file of the first version has nothing but its name
/// and a plausible header.
pub(crate) fn format_of(bytes: &[u8], path: &Path) -> Result<FileFormat, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty { path: path.to_path_buf() });
    }
    let starts = |at: usize, start: &[u8]| bytes.get(at..).is_some_and(|b| b.starts_with(start));
    let unread = UNREAD_SIGNATURES.iter().find(|(at, start, _)| starts(*at, start));
    if let Some((_, _, format)) = unread {
        return Err(ImageError::UnsupportedFormat { path: path.to_path_buf(), format });
    }
    let known = SIGNATURES.iter().find(|(start, format)| {
        starts(0, start)
            && match format {
                FileFormat::WebP => starts(8, b"WEBP"),
                FileFormat::Pnm => {
                    matches!(bytes, [_, b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..])
                }
                _ => true,
            }
    });
    match known {
        Some((_, format)) => Ok(*format),
        None if is_tga(bytes, path) => Ok(FileFormat::Tga),
        None => Err(not_an_image(bytes, path)),
    }
}

fn is_tga(bytes: &[u8], path: &Path) -> bool {
    let named = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tga"));
    let header = match bytes {
        // Length of the identifier, kind of colour map, kind of image; at 16 the bits of a pixel.
        [_, map @ (0 | 1), kind, ..] if bytes.len() > 18 => {
            matches!(kind, 1..=3 | 9..=11)
                && (*map == 1) == matches!(kind, 1 | 9)
                && matches!(bytes[16], 8 | 15 | 16 | 24 | 32)
        }
        _ => false,
    };
    header && (named || bytes.ends_with(b"TRUEVISION-XFILE.\0"))
}

/// Returns the error for a file that is no image, under the best name that content and ending give it.
fn not_an_image(bytes: &[u8], path: &Path) -> ImageError {
    let start = &bytes[..bytes.len().min(512)];
    let is_text = start.iter().all(|&byte| byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r'));
    let ending = unread_kind(path);
    let path = path.to_path_buf();
    let zeros = start.iter().all(|&byte| byte == 0);
    match ending {
        Some(format) if !zeros => ImageError::UnsupportedFormat { path, format },
        _ if zeros => ImageError::NotAnImage { path, content: "nothing but zero bytes" },
        _ if is_text && std::str::from_utf8(&start[..start.len().min(64)]).is_ok_and(is_svg) => {
            ImageError::UnsupportedFormat { path, format: "SVG drawing" }
        }
        _ if is_text => ImageError::NotAnImage { path, content: "text" },
        _ => ImageError::NotAnImage { path, content: "of an unknown kind" },
    }
}

fn is_svg(text: &str) -> bool {
    text.trim_start().starts_with("<?xml") && text.contains("svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(bytes: &[u8], name: &str) -> String {
        match format_of(bytes, Path::new(name)) {
            Ok(format) => format.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn formats_are_told_by_content_whatever_the_name() {
        for (bytes, golden) in [
            (&b"\x89PNG\r\n\x1a\n"[..], "PNG"),
            (b"\xff\xd8\xff\xe0", "JPEG"),
            (b"II+\0\x08\0\0\0", "TIFF"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
            (b"P5 2 2 255\n", "PNM"),
            (b"qoif\0\0\0\x02", "QOI"),
        ] {
            assert_eq!(named(bytes, "a.png"), golden);
        }
    }

    #[test]
    fn other_formats_are_refused_by_their_names() {
        let table: [(&[u8], &str, &str); 12] = [
            (b"\0\0\0\x18ftypheic\0\0\0\0", "a.jpg", "HEIF"),
            (b"\0\0\0\x18ftyphevc\0\0\0\0", "a.jpg", "HEIF"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "a.png", "AVIF"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "a.png", "JPEG 2000"),
            (b"\xff\x4f\xff\x51\0", "a.png", "JPEG 2000"),
            (b"\xff\x0a\xfa\x1f", "a.png", "JPEG XL"),
            (b"II*\0\x10\0\0\0CR\x02\0", "a.tif", "Canon CR2 camera raw"),
            (b"FUJIFILMCCD-RAW 0201", "a.png", "Fujifilm RAF camera raw"),
            (b"\x93NUMPY\x01\0", "a.npy", "NumPy array"),
            (b"8BPS\0\x01", "a.png", "Photoshop (PSD)"),
            (b"\x01\x02\x03\x04unheard of", "a.nef", "camera raw"),
            (b"<?xml version='1.0'?><svg width='2'/>", "a.png", "SVG drawing"),
        ];
        for (bytes, name, golden) in table {
            let message = named(bytes, name);
            assert!(message.contains(&format!("holds {golden}, ")), "{message}");
            assert!(message.contains("convert it to PNG"), "{message}");
        }
        let message = named(b"\x12\x34\x56\x78", "bayer.raw");
        assert!(message.contains("raw samples without a header, which"), "{message}");
    }

    #[test]
    fn what_is_no_image_is_told_from_images() {
        for (bytes, golden) in [
            (&b"part;ok\n"[..], "text"),
            (&[0; 600], "nothing but zero bytes"),
            (&[3, 200, 7, 0, 91], "of an unknown kind"),
            (b"RIFF\x10\0\0\0WAVEfmt ", "of an unknown kind"),
            (b"PLAIN WORDS", "text"),
        ] {
            let message = named(bytes, "a.png");
            assert!(message.contains(&format!("its content is {golden}")), "{message}");
        }
    }

    #[test]
    fn a_tga_file_without_a_footer_is_known_by_name_and_header() {
        let mut bytes = vec![0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 24, 0, 1, 2, 3];
        assert_eq!(named(&bytes, "a.TGA"), "TGA");
        assert!(named(&bytes, "a.png").contains("unknown kind"));
        bytes.extend(b"\0\0\0\0\0\0\0\0TRUEVISION-XFILE.\0");
        assert_eq!(named(&bytes, "a.png"), "TGA");
        bytes[16] = 7;
        assert!(named(&bytes, "a.TGA").contains("unknown kind"));
    }
}
