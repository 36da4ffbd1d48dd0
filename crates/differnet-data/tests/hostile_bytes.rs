//! Bytes at random and image files changed at random: decoding returns an image within the limits or
//! an error, also where a decoder panics.

#![allow(clippy::unwrap_used)]

mod png;

use std::collections::BTreeMap;
use std::path::Path;

use differnet_data::DecodeLimits;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

/// Small, so that changed sizes cost no time.
const LIMITS: DecodeLimits = DecodeLimits { max_pixels: 1 << 20, max_bytes: 1 << 24 };

/// Bytes in which formats keep their sizes, offsets and types.
const HEADER: usize = 64;

/// Values at which arithmetic goes wrong.
const EXTREMES: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0x10, 0x40];

/// Change of a file's bytes.
#[derive(Debug, Clone)]
enum Change {
    /// Only the first bytes are left.
    Truncate(Index),
    /// One bit is turned.
    FlipBit(Index, u8),
    /// One byte is another.
    Overwrite(Index, u8),
    /// Some bytes near the start are extreme.
    Header { start: Index, values: Vec<u8> },
    /// Some bytes are gone.
    Remove { start: Index, count: usize },
    /// Some bytes are there twice.
    Repeat { start: Index, count: usize },
    /// From here on it is another file.
    Splice { at: Index, other: usize, from: Index },
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        1 => index().prop_map(Change::Truncate),
        3 => (index(), 0_u8..8).prop_map(|(at, bit)| Change::FlipBit(at, bit)),
        3 => (index(), any::<u8>()).prop_map(|(at, value)| Change::Overwrite(at, value)),
        4 => (index(), prop::collection::vec(select(&EXTREMES[..]), 1..5))
            .prop_map(|(start, values)| Change::Header { start, values }),
        1 => (index(), 1_usize..40).prop_map(|(start, count)| Change::Remove { start, count }),
        1 => (index(), 1_usize..40).prop_map(|(start, count)| Change::Repeat { start, count }),
        1 => (index(), any::<usize>(), index())
            .prop_map(|(at, other, from)| Change::Splice { at, other, from }),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, files: &[Vec<u8>]) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Truncate(at) => bytes.truncate(at.index(length)),
            Self::FlipBit(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Self::Overwrite(at, value) => bytes[at.index(length)] = *value,
            Self::Header { start, values } => {
                let start = start.index(length.min(HEADER));
                for (byte, value) in bytes[start..].iter_mut().zip(values) {
                    *byte = *value;
                }
            }
            Self::Remove { start, count } => {
                let start = start.index(length);
                bytes.drain(start..length.min(start + count));
            }
            Self::Repeat { start, count } => {
                let start = start.index(length);
                let again = bytes[start..length.min(start + count)].to_vec();
                bytes.splice(start..start, again);
            }
            Self::Splice { at, other, from } => {
                let other = &files[other % files.len()];
                bytes.truncate(at.index(length));
                bytes.extend(&other[from.index(other.len())..]);
            }
        }
    }
}

/// The files of every format, each by name.
fn files() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let images = entries.filter(|path| path.extension().is_some_and(|end| end != "py"));
    images
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

/// Decoding gives an image within the limits or an error that names the file.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    match LIMITS.decode_bytes(bytes, Path::new("memory")) {
        Ok(image) => {
            let pixels = u64::from(image.width()) * u64::from(image.height());
            prop_assert!((1..=LIMITS.max_pixels).contains(&pixels), "{pixels} pixels");
        }
        Err(error) => {
            prop_assert!(error.to_string().starts_with("memory "), "{error}");
        }
    }
    Ok(())
}

/// The same cases on every run.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
fn arbitrary_bytes_are_no_images() {
    let bytes = prop::collection::vec(any::<u8>(), 0..2000);
    runner(1000).run(&bytes, |bytes| survives(&bytes)).unwrap();
}

#[test]
fn changed_images_decode_within_the_limits_or_fail() {
    let files = files();
    assert_eq!(files.len(), 29);
    let contents: Vec<Vec<u8>> = files.values().cloned().collect();
    for (name, bytes) in &files {
        let changes = prop::collection::vec(change(), 1..6);
        let result = runner(1000).run(&changes, |changes| {
            let mut changed = bytes.clone();
            for change in &changes {
                change.apply(&mut changed, &contents);
            }
            if name.ends_with("png") {
                changed = png::with_checksums(changed);
            }
            survives(&changed)
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_prefix_and_every_extreme_header_byte_is_survived() {
    for (name, bytes) in files() {
        for length in 0..bytes.len() {
            survives(&bytes[..length]).unwrap_or_else(|error| panic!("{name}, {length}: {error}"));
        }
        for position in 0..bytes.len().min(HEADER) {
            for value in EXTREMES {
                let mut changed = bytes.clone();
                changed[position] = value;
                if name.ends_with("png") {
                    changed = png::with_checksums(changed);
                }
                survives(&changed)
                    .unwrap_or_else(|error| panic!("{name}, byte {position} = {value}: {error}"));
            }
        }
    }
}
