//! Every way in which a file can fail to be an image, with the message a person reads.

#![allow(clippy::unwrap_used)]

mod png;

use std::path::{Path, PathBuf};

use differnet_data::{BadImage, DecodeLimits, Preprocessing};

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name)).unwrap()
}

/// The file without its last `missing` bytes.
fn cut(name: &str, missing: usize) -> Vec<u8> {
    let mut bytes = sample(name);
    bytes.truncate(bytes.len() - missing);
    bytes
}

fn half(name: &str) -> Vec<u8> {
    cut(name, sample(name).len() / 2)
}

/// The file with `replacement` at `offset`.
fn patched(name: &str, offset: usize, replacement: &[u8]) -> Vec<u8> {
    let mut bytes = sample(name);
    bytes[offset..offset + replacement.len()].copy_from_slice(replacement);
    bytes
}

/// A PNG whose header claims `width` × `height` pixels, with the right checksum.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = sample("rgb.png");
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    png::with_checksums(bytes)
}

/// A JPEG whose frame header claims `width` × `height` pixels.
fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let bytes = sample("rgb.jpg");
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
    patched("rgb.jpg", frame + 5, &size)
}

#[test]
fn every_kind_of_bad_file_has_its_message() {
    const TRUNCATED: &str = "is truncated: copy it again from its source";
    const DAMAGED: &str = "is damaged: copy it again from its source";
    const NO_IMAGE: &str = ", not PNG, JPEG, BMP, TIFF, WebP, GIF, PNM, QOI or TGA";
    let no_image = |content: &str| format!("is not an image: its content is {content}{NO_IMAGE}");
    let huge =
        |size: &str| format!("has {size} pixels, the limit is 1 to 100000000: shrink the image");
    let frame = sample("rgb.jpg").windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let variant =
        |name: &str| format!("is a {name}, which is not read: save it as PNG, with 8 or 16 bits");
    let table: Vec<(&str, Vec<u8>, String)> = vec![
        ("zero bytes long", vec![], "is empty (0 bytes): copy it again".into()),
        ("text", b"serial;result\n1;ok\n".to_vec(), no_image("text")),
        ("zeros", vec![0; 5000], no_image("nothing but zero bytes")),
        ("random", vec![3, 200, 7, 0, 91, 17, 5, 8, 1], no_image("of an unknown kind")),
        ("PNG signature only", sample("rgb.png")[..8].to_vec(), TRUNCATED.into()),
        ("half a PNG", half("rgb.png"), TRUNCATED.into()),
        ("half a JPEG", half("rgb.jpg"), TRUNCATED.into()),
        ("half a progressive JPEG", half("rgb_progressive.jpg"), TRUNCATED.into()),
        ("JPEG without its last bytes", cut("rgb.jpg", 8), TRUNCATED.into()),
        (
            "progressive JPEG without its end marker",
            cut("rgb_progressive.jpg", 2),
            TRUNCATED.into(),
        ),
        ("12-bit JPEG", patched("rgb.jpg", frame + 4, &[12]), variant("12-bit JPEG")),
        ("lossless JPEG", patched("rgb.jpg", frame + 1, &[0xc3]), variant("lossless JPEG")),
        (
            "arithmetic JPEG",
            patched("rgb.jpg", frame + 1, &[0xc9]),
            variant("JPEG with arithmetic coding"),
        ),
        ("half a BMP", half("rgb.bmp"), TRUNCATED.into()),
        ("half a TIFF", half("rgb.tif"), TRUNCATED.into()),
        ("half a lossy WebP", half("rgb_lossy.webp"), TRUNCATED.into()),
        ("half a lossless WebP", half("rgb_lossless.webp"), TRUNCATED.into()),
        ("PNG with a wrong checksum", patched("rgb.png", 45, &[1, 2, 3, 4]), DAMAGED.into()),
        (
            "PNG whose palette ends within a colour, on which the decoder panics",
            png::with_checksums(patched("grey_palette_alpha.png", 36, &[88])),
            "is damaged so badly that the decoder gave up: copy it again from its source".into(),
        ),
        ("JPEG of markers only", vec![0xff, 0xd8, 0xff, 0xd9], DAMAGED.into()),
        ("PNG bomb", png_claiming(60_000, 60_000), huge("60000×60000")),
        ("JPEG bomb", jpeg_claiming(65_500, 65_500), huge("65500×65500")),
        (
            "BMP bomb",
            patched("rgb.bmp", 18, &[0x60, 0xea, 0, 0, 0x60, 0xea, 0, 0]),
            huge("60000×60000"),
        ),
        (
            "HEIF",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
            "holds HEIF, which is not read: convert it to PNG or TIFF".into(),
        ),
    ];
    for (kind, bytes, golden) in table {
        let error =
            DecodeLimits::default().decode_bytes(&bytes, Path::new("part.png")).expect_err(kind);
        assert_eq!(error.to_string(), format!("part.png {golden}"), "{kind}");
    }
}

#[test]
fn limits_are_the_callers() {
    let path = Path::new("part.png");
    let few = DecodeLimits { max_pixels: 24 * 16 - 1, ..DecodeLimits::default() };
    let message = few.decode_bytes(&sample("rgb.png"), path).unwrap_err().to_string();
    let golden = "part.png has 24×16 pixels, the limit is 1 to 383: shrink the image";
    assert_eq!(message, golden);
    let enough = DecodeLimits { max_pixels: 24 * 16, ..DecodeLimits::default() };
    assert!(enough.decode_bytes(&sample("rgb.png"), path).is_ok());
    let small = DecodeLimits { max_bytes: 1000, ..DecodeLimits::default() };
    let message = small.decode_bytes(&sample("rgb.png"), path).unwrap_err().to_string();
    let golden = "part.png needs more than 1000 bytes to decode: shrink the image";
    assert_eq!(message, golden);
}

#[test]
fn folders_missing_files_and_long_files_have_their_messages() {
    let root = tempfile::tempdir().unwrap();
    let limits = DecodeLimits { max_bytes: 10, ..DecodeLimits::default() };
    let long = root.path().join("long.png");
    std::fs::write(&long, [0; 11]).unwrap();
    let folder = root.path().join("folder.png");
    std::fs::create_dir(&folder).unwrap();
    let table: [(PathBuf, &str, &str); 3] = [
        (root.path().join("none.png"), "cannot read ", ""),
        (folder, "", " is not a file: name an image file"),
        (long, "", " has 11 bytes, more than the limit of 10: shrink the image"),
    ];
    for (path, before, after) in &table {
        let message = limits.decode_file(path).unwrap_err().to_string();
        assert_eq!(message, format!("{before}{}{after}", path.display()));
    }
    let paths = table.map(|(path, _, _)| path);
    let bad = BadImage::among(&paths, Preprocessing::default(), &limits);
    assert_eq!(bad.len(), 3);
    // The list a person reads names each cause on the same line.
    let golden = format!("cannot read {}: ", paths[0].display());
    assert!(bad[0].to_string().starts_with(&golden), "{}", bad[0]);
}

#[test]
fn a_jpeg_that_lacks_nothing_but_its_end_marker_is_whole() {
    let limits = DecodeLimits::default();
    let whole = limits.decode_bytes(&sample("rgb.jpg"), Path::new("a.jpg")).unwrap();
    for missing in [1, 2] {
        let cut = limits.decode_bytes(&cut("rgb.jpg", missing), Path::new("a.jpg"));
        assert_eq!(cut.unwrap(), whole, "without its last {missing} bytes");
    }
}

#[test]
fn trailing_bytes_do_no_harm() {
    for name in ["rgb.png", "rgb.jpg", "rgb.bmp", "rgb.tif", "rgb_lossy.webp"] {
        let bytes = [sample(name), vec![0xff; 100]].concat();
        let image = DecodeLimits::default().decode_bytes(&bytes, Path::new(name));
        assert!(image.is_ok(), "{name}: {image:?}");
    }
}

#[test]
fn no_prefix_of_an_image_is_taken_for_the_whole() {
    // The last bytes of a PNG (its empty end chunk) and of a TIFF (tags) carry no pixels.
    let table = [("rgb.png", 12), ("rgb.jpg", 1), ("rgb.bmp", 2), ("rgb_lossless.webp", 1)];
    for (name, spare) in table {
        for missing in (spare + 4)..sample(name).len() {
            let image = DecodeLimits::default().decode_bytes(&cut(name, missing), Path::new(name));
            assert!(image.is_err(), "{name} without its last {missing} bytes");
        }
    }
}
