//! One picture in the formats and variants that cameras and programs write, against what other programs
//! show of it; `camera_files/README.md` tells where the files come from.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use differnet_data::{DecodeLimits, RgbImage};

/// Files, and the pictures in `ref` that they show.
const SHOWN: [(&str, &str); 54] = [
    ("a_gif.gif", "apng"),
    ("a_pgm.pgm", "bmp8_inverted_palette"),
    ("a_tga.tga", "apng"),
    ("apng.png", "apng"),
    ("bilevel_bmp.bmp", "bilevel_bmp"),
    ("bilevel_png.png", "bilevel_bmp"),
    ("bilevel_tiff.tif", "bilevel_bmp"),
    ("bilevel_tiff_g3.tif", "bilevel_bmp"),
    ("bilevel_tiff_g4.tif", "bilevel_bmp"),
    ("bilevel_tiff_white0.tif", "bilevel_bmp"),
    ("bmp16_565.bmp", "bmp16_565"),
    ("bmp8_inverted_palette.bmp", "bmp8_inverted_palette"),
    ("bmp_os2.bmp", "apng"),
    ("bmp_rle8.bmp", "bmp8_inverted_palette"),
    ("cmyk_tiff.tif", "apng"),
    ("exif6_jpg.jpg", "exif6_jpg"),
    ("exif6_png.png", "exif6_png"),
    ("exif6_webp.webp", "exif6_png"),
    ("grey16_png.png", "bmp8_inverted_palette"),
    ("grey16_whiteiszero.tif", "bmp8_inverted_palette"),
    ("grey2bit_png.png", "grey2bit_png"),
    ("grey8_whiteiszero.tif", "bmp8_inverted_palette"),
    ("grey_alpha.tif", "bmp8_inverted_palette"),
    ("grey_float01.tif", "bmp8_inverted_palette"),
    ("grey_int16.tif", "bmp8_inverted_palette"),
    ("grey_int8.tif", "bmp8_inverted_palette"),
    ("grey_png.png", "bmp8_inverted_palette"),
    ("grey_uint32.tif", "bmp8_inverted_palette"),
    ("jpg_420.jpg", "jpg_420"),
    ("jpg_444.jpg", "jpg_444"),
    ("jpg_arith.jpg", "jpg_420"),
    ("jpg_cmyk_adobe.jpg", "jpg_cmyk_adobe"),
    ("jpg_cmyk_noadobe.jpg", "jpg_cmyk_adobe"),
    ("jpg_grey.jpg", "jpg_grey"),
    ("jpg_no_eoi.jpg", "jpg_420"),
    ("jpg_progressive.jpg", "jpg_420"),
    ("jpg_rgb_ids_only.jpg", "jpg_cmyk_adobe"),
    ("jpg_rgb_rgb.jpg", "jpg_cmyk_adobe"),
    ("jpg_trailing.jpg", "jpg_420"),
    ("jpg_ycck.jpg", "jpg_ycck"),
    ("la_png.png", "bmp8_inverted_palette"),
    ("mpo.jpg", "jpg_420"),
    ("palette16_png_4bit.png", "palette16_png_4bit"),
    ("palette_bmp.bmp", "palette_bmp"),
    ("palette_png.png", "palette_bmp"),
    ("palette_tiff.tif", "palette_bmp"),
    ("palette_trns_png.png", "palette_bmp"),
    ("rgb8_bigtiff.tif", "apng"),
    ("rgb8_predictor.tif", "apng"),
    ("rgb8_zstd.tif", "apng"),
    ("rgb_float16.tif", "apng"),
    ("rgb_png.png", "apng"),
    ("rgb_webp_lossless.webp", "apng"),
    ("rgba_png.png", "apng"),
];

/// Files that are refused, and what they are called.
const REFUSED: [(&str, &str); 6] = [
    ("a_avif.avif", "holds AVIF, "),
    ("a_jp2.jp2", "holds JPEG 2000, "),
    ("array.npy", "holds NumPy array, "),
    ("bayer.raw", "holds raw samples without a header, "),
    ("jpg_12bit.jpg", "is a 12-bit JPEG, "),
    ("jpg_lossless_sof3.jpg", "is a lossless JPEG, "),
];

/// Grey levels between decoders: of files without loss; of JPEG, whose decoders may each be off by one
/// before colours are computed (ITU-T T.83), more where chroma is interpolated, which some round once and
/// others in each direction; of 256 colours.
fn tolerance(name: &str) -> u8 {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("jpg") => 3,
        Some("gif") => 40,
        _ => 1,
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/camera_files")
}

fn decoded(name: &str) -> RgbImage {
    DecodeLimits::default().decode_file(&folder().join(name)).unwrap()
}

#[test]
fn every_file_shows_its_reference() {
    for (name, reference) in SHOWN {
        let (image, reference) = (decoded(name), decoded(&format!("ref/{reference}.png")));
        assert_eq!(image.dimensions(), reference.dimensions(), "{name}");
        let size = DecodeLimits::default().size_of_file(&folder().join(name)).unwrap();
        assert_eq!(size, image.dimensions(), "{name}");
        let pairs = image.iter().zip(reference.iter());
        let differences: Vec<u8> = pairs.map(|(a, b)| a.abs_diff(*b)).collect();
        let largest = differences.iter().max().unwrap();
        assert!(*largest <= tolerance(name), "{name}: {largest} grey levels");
        if !name.ends_with("gif") {
            let beyond = differences.iter().filter(|&&difference| difference > 2).count();
            assert!(beyond * 2000 <= differences.len(), "{name}: {beyond} beyond two levels");
        }
    }
}

#[test]
fn other_files_are_refused_by_their_right_names() {
    for (name, golden) in REFUSED {
        let error = DecodeLimits::default().decode_file(&folder().join(name)).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(golden) && message.contains("which is not read: "), "{message}");
    }
}

#[test]
fn no_file_is_left_out() {
    let listed: BTreeSet<String> =
        SHOWN.iter().chain(&REFUSED).map(|(name, _)| (*name).to_owned()).collect();
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file());
    let names = files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    let found: BTreeSet<String> = names.filter(|name| name != "README.md").collect();
    assert_eq!(found, listed);
}
