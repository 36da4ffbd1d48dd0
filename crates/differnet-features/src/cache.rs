//! Features on disk, keyed by what produced them: extractor, image content, transform.
//!
//! `ROOT/v1/EXTRACTOR/HH/IMAGE-HASH/SEGMENT.safetensors`, where a segment holds the rows of some
//! transforms of one image: `features` `[transforms, 768]` and `transforms` `[transforms, 3]`.
//! A segment is written once, under a name derived from its content's keys, by an
//! atomic write: readers never see half a segment, and two processes that extract the same thing
//! write the same name. A damaged segment counts as absent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use differnet_files::AtomicFile;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};

use crate::error::FeatureError;
use crate::extractor::FEATURES;

/// Version of the layout on disk.
const LAYOUT: &str = "v1";
/// File extension of segments that are being written.
const PARTIAL: &str = ".partial";

/// The numbers that define a transform of an image: degrees, brightness, contrast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransformKey(pub [f32; 3]);

impl TransformKey {
    fn bits(self) -> [u32; 3] {
        self.0.map(f32::to_bits)
    }
}

/// A folder of extracted features, shared by every command and safe for several at once.
#[derive(Debug, Clone)]
pub struct FeatureCache {
    root: PathBuf,
}

/// What one extractor's part of a cache holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct CacheUsage {
    /// [`crate::Extractor::id`].
    pub extractor: String,
    /// Distinct images.
    pub images: u64,
    /// Rows of features.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Segments that cannot be read; they are ignored.
    pub damaged: u64,
}

impl FeatureCache {
    /// The cache in folder `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The stored row of each transform of an image, `None` where there is none.
    ///
    /// # Errors
    /// [`FeatureError::Cache`] if the folder exists but cannot be read.
    pub fn read(
        &self,
        extractor: &str,
        image: &[u8; 32],
        transforms: &[TransformKey],
    ) -> Result<Vec<Option<Vec<f32>>>, FeatureError> {
        let folder = self.image_folder(extractor, image);
        let wanted: BTreeSet<[u32; 3]> = transforms.iter().map(|key| key.bits()).collect();
        let mut found: BTreeMap<[u32; 3], Vec<f32>> = BTreeMap::new();
        for path in segments(&folder)? {
            if found.len() == wanted.len() {
                break;
            }
            for (key, row) in read_segment(&path).unwrap_or_default() {
                if wanted.contains(&key) {
                    found.insert(key, row);
                }
            }
        }
        Ok(transforms.iter().map(|key| found.get(&key.bits()).cloned()).collect())
    }

    /// Stores `rows`, row-major `[transforms, 768]`.
    ///
    /// # Errors
    /// [`FeatureError::Cache`] if the folder cannot be written.
    ///
    /// # Panics
    /// If `rows` does not hold one row for each transform.
    pub fn write(
        &self,
        extractor: &str,
        image: &[u8; 32],
        transforms: &[TransformKey],
        rows: &[f32],
    ) -> Result<(), FeatureError> {
        assert_eq!(rows.len(), transforms.len() * FEATURES, "one row for each transform");
        if transforms.is_empty() {
            return Ok(());
        }
        let folder = self.image_folder(extractor, image);
        let keys: Vec<u8> =
            transforms.iter().flat_map(|k| k.0).flat_map(f32::to_le_bytes).collect();
        let name = format!("{}.safetensors", &hex(&Sha256::digest(&keys))[..16]);
        let path = folder.join(name);
        let values: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bytes = serialize_segment(&keys, &values, transforms.len());
        write(&folder, &path, &bytes).map_err(|source| FeatureError::Cache { path, source })
    }

    /// What is stored, by extractor; reads every segment.
    ///
    /// # Errors
    /// [`FeatureError::Cache`] if a folder cannot be read.
    pub fn usage(&self) -> Result<Vec<CacheUsage>, FeatureError> {
        let mut usages = Vec::new();
        for extractor in folders(&self.root.join(LAYOUT))? {
            let name = extractor.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut usage = CacheUsage { extractor: name, ..CacheUsage::default() };
            for prefix in folders(&extractor)? {
                for image in folders(&prefix)? {
                    usage.images += 1;
                    for path in segments(&image)? {
                        usage.bytes += fs::metadata(&path).map_or(0, |data| data.len());
                        match read_segment(&path) {
                            Some(rows) => usage.rows += rows.len() as u64,
                            None => usage.damaged += 1,
                        }
                    }
                }
            }
            usages.push(usage);
        }
        Ok(usages)
    }

    /// Deletes every segment of this layout version; whatever else is in the folder stays.
    ///
    /// # Errors
    /// [`FeatureError::Cache`] if something cannot be deleted.
    pub fn clear(&self) -> Result<(), FeatureError> {
        let layout = self.root.join(LAYOUT);
        let mut emptied = vec![layout.clone()];
        for extractor in folders(&layout)? {
            emptied.push(extractor.clone());
            for prefix in folders(&extractor)? {
                emptied.push(prefix.clone());
                for image in folders(&prefix)? {
                    for path in segments(&image)?.into_iter().chain(partial_segments(&image)?) {
                        remove_file(&path)?;
                    }
                    emptied.push(image);
                }
            }
        }
        for folder in emptied.iter().rev() {
            // A folder with anything else in it, perhaps of a process that writes just now, stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn image_folder(&self, extractor: &str, image: &[u8; 32]) -> PathBuf {
        let hash = hex(image);
        self.root.join(LAYOUT).join(extractor).join(&hash[..2]).join(hash)
    }
}

fn serialize_segment(keys: &[u8], values: &[u8], transforms: usize) -> Vec<u8> {
    let view = |shape: [usize; 2], data| {
        TensorView::new(Dtype::F32, shape.to_vec(), data).expect("shape and bytes agree")
    };
    let tensors = [
        ("features", view([transforms, FEATURES], values)),
        ("transforms", view([transforms, 3], keys)),
    ];
    safetensors::serialize(tensors, None).expect("two tensors of known size serialise")
}

/// Keys and rows of a segment; `None` if it is damaged or gone.
fn read_segment(path: &Path) -> Option<Vec<([u32; 3], Vec<f32>)>> {
    let bytes = fs::read(path).ok()?;
    let tensors = SafeTensors::deserialize(&bytes).ok()?;
    let features = tensors.tensor("features").ok()?;
    let transforms = tensors.tensor("transforms").ok()?;
    let count = transforms.shape().first().copied()?;
    let right = features.shape() == [count, FEATURES] && transforms.shape() == [count, 3];
    if !right || features.dtype() != Dtype::F32 || transforms.dtype() != Dtype::F32 {
        return None;
    }
    let floats = |data: &[u8]| -> Vec<f32> {
        data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    let (keys, rows) = (floats(transforms.data()), floats(features.data()));
    let keys =
        keys.chunks_exact(3).map(|key| [key[0].to_bits(), key[1].to_bits(), key[2].to_bits()]);
    Some(keys.zip(rows.chunks_exact(FEATURES).map(<[f32]>::to_vec)).collect())
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    // A segment that a power cut empties counts as damaged, and is extracted anew.
    file.commit_unsynced()
}

/// Sorted segment files of an image's folder; none if there is no such folder.
fn segments(folder: &Path) -> Result<Vec<PathBuf>, FeatureError> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    Ok(paths)
}

/// What writers leave that were killed.
fn partial_segments(folder: &Path) -> Result<Vec<PathBuf>, FeatureError> {
    let mut paths = entries(folder)?;
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.retain(|path| name(path).ends_with(PARTIAL));
    Ok(paths)
}

/// Deletes a file that another process may have deleted meanwhile.
fn remove_file(path: &Path) -> Result<(), FeatureError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FeatureError::Cache { path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, FeatureError> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.is_dir());
    Ok(paths)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FeatureError> {
    let error = |source| FeatureError::Cache { path: folder.to_path_buf(), source };
    let listing = match fs::read_dir(folder) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(error)?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.map_err(error)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TransformKey = TransformKey([0.0, 1.0, 1.0]);
    const B: TransformKey = TransformKey([90.0, 1.0, 0.9]);
    const C: TransformKey = TransformKey([90.0, 1.0, 1.1]);

    fn cache() -> (tempfile::TempDir, FeatureCache) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = FeatureCache::new(folder.path().join("cache"));
        (folder, cache)
    }

    fn rows(first: f32, count: usize) -> Vec<f32> {
        (0..count * FEATURES).map(|index| first + index as f32).collect()
    }

    #[test]
    fn rows_come_back_bit_for_bit_in_the_order_asked_for() {
        let (_folder, cache) = cache();
        let values = rows(0.1, 2);
        cache.write("x", &[7; 32], &[A, B], &values).expect("writable");
        let read = cache.read("x", &[7; 32], &[B, C, A]).expect("readable");
        assert_eq!(read[0].as_deref(), Some(&values[FEATURES..]));
        assert_eq!(read[1], None);
        assert_eq!(read[2].as_deref(), Some(&values[..FEATURES]));
    }

    #[test]
    fn another_image_or_extractor_shares_nothing() {
        let (_folder, cache) = cache();
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1)).expect("writable");
        assert_eq!(cache.read("x", &[8; 32], &[A]).expect("readable"), [None]);
        assert_eq!(cache.read("y", &[7; 32], &[A]).expect("readable"), [None]);
    }

    #[test]
    fn a_damaged_segment_counts_as_absent_and_is_replaced() {
        let (_folder, cache) = cache();
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1)).expect("writable");
        let folder = cache.image_folder("x", &[7; 32]);
        let path = segments(&folder).expect("readable").remove(0);
        let whole = fs::read(&path).expect("the segment exists");
        fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
        assert_eq!(cache.read("x", &[7; 32], &[A]).expect("readable"), [None]);
        assert_eq!(cache.usage().expect("readable")[0].damaged, 1);
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1)).expect("writable");
        assert!(cache.read("x", &[7; 32], &[A]).expect("readable")[0].is_some());
    }

    #[test]
    fn usage_counts_and_clear_empties() {
        let (_folder, cache) = cache();
        assert_eq!(cache.usage().expect("readable"), []);
        cache.write("x", &[7; 32], &[A, B], &rows(0.0, 2)).expect("writable");
        cache.write("x", &[8; 32], &[A], &rows(0.0, 1)).expect("writable");
        let usage = cache.usage().expect("readable").remove(0);
        assert_eq!((usage.images, usage.rows, usage.damaged), (2, 3, 0));
        cache.clear().expect("deletable");
        assert_eq!(cache.usage().expect("readable"), []);
        cache.clear().expect("clearing twice is fine");
    }

    #[test]
    fn clear_leaves_files_of_others() {
        let (_folder, cache) = cache();
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1)).expect("writable");
        let image = cache.image_folder("x", &[7; 32]);
        let mine = cache.root().join("v1/notes.txt");
        fs::write(&mine, "mine").expect("writable");
        fs::write(image.join("0f.safetensors.77777.0.partial"), "half").expect("writable");
        cache.clear().expect("deletable");
        assert!(mine.exists() && !image.exists());
    }

    #[test]
    fn threads_that_write_the_same_segment_leave_one_whole() {
        let (_folder, cache) = cache();
        let values = rows(0.5, 2);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| cache.write("x", &[7; 32], &[A, B], &values).expect("writable"));
            }
        });
        let usage = cache.usage().expect("readable").remove(0);
        assert_eq!((usage.rows, usage.damaged), (2, 0));
    }
}
