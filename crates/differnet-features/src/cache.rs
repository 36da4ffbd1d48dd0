//! Features on disk, keyed by what produced them: extractor, image content, transform.
//!
//! `ROOT/v1/EXTRACTOR/HH/IMAGE-HASH/SEGMENT.safetensors`, where a segment holds the rows of some
//! transforms of one image: `features` `[transforms, features]` and `transforms` `[transforms, 3]`.
//! A segment is written once, under a name derived from its content's keys, by an
//! atomic write: readers never see half a segment, and two processes that extract the same thing
//! write the same name. A damaged segment counts as absent, and so does one that cannot be read: what a
//! cache cannot do costs time and nothing else. The segments used longest ago are deleted where a limit is
//! exceeded (`cache_limit.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use differnet_files::AtomicFile;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};

use crate::cache_limit::{CacheLimit, note_use};
use crate::error::FeatureError;

/// Version of the layout on disk.
const LAYOUT: &str = "v1";
/// End of the names of segments that are being written.
const PARTIAL: &str = ".partial";
/// Attempts to write a segment whose folder another process deletes meanwhile.
const ATTEMPTS: usize = 4;

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
    limit: Option<Arc<CacheLimit>>,
    /// Whether something could not be read or written; nothing more is written then.
    failed: Arc<AtomicBool>,
    on_failure: fn(&FeatureError),
}

/// Usage of one extractor's part of a cache.
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
    /// The cache in folder `root`, which need not exist yet; it grows without end.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), limit: None, failed: Arc::default(), on_failure: |_| {} }
    }

    /// The same of at most `bytes`: where they are exceeded, the segments used longest ago are deleted.
    ///
    /// Processes that share the folder count each on their own, and what others wrote meanwhile a little
    /// later.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Self {
        Self { limit: Some(Arc::new(CacheLimit::new(bytes))), ..self }
    }

    /// The same with a function that is told the first time that the folder cannot be read or written.
    #[must_use]
    pub fn on_failure(self, on_failure: fn(&FeatureError)) -> Self {
        Self { on_failure, ..self }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The stored row of each transform of an image, of `features` numbers; `None` where there is none or it
    /// cannot be read.
    pub fn read(
        &self,
        extractor: &str,
        features: usize,
        image: &[u8; 32],
        transforms: &[TransformKey],
    ) -> Vec<Option<Vec<f32>>> {
        let folder = self.image_folder(extractor, image);
        let wanted: BTreeSet<[u32; 3]> = transforms.iter().map(|key| key.bits()).collect();
        let mut found: BTreeMap<[u32; 3], Vec<f32>> = BTreeMap::new();
        let mut paths = segments(&folder).unwrap_or_else(|error| {
            self.fail(&error);
            Vec::new()
        });
        // Often the same transforms were asked for before: then the other segments need not be read.
        let likely = folder.join(segment_name(transforms));
        paths.sort_by_key(|path| *path != likely);
        for path in paths {
            if found.len() == wanted.len() {
                break;
            }
            let before = found.len();
            for (key, row) in read_segment(&path).unwrap_or_default() {
                if wanted.contains(&key) && row.len() == features {
                    found.insert(key, row);
                }
            }
            if found.len() > before {
                note_use(&path);
            }
        }
        transforms.iter().map(|key| found.get(&key.bits()).cloned()).collect()
    }

    /// Stores `rows`, row-major `[transforms, features]`, if the folder can be written.
    ///
    /// # Panics
    /// If `rows` does not hold one row for each transform.
    pub fn write(
        &self,
        extractor: &str,
        image: &[u8; 32],
        transforms: &[TransformKey],
        rows: &[f32],
    ) {
        let nothing_fits = self.limit.as_ref().is_some_and(|limit| limit.is_zero());
        if transforms.is_empty() || nothing_fits || self.failed.load(Ordering::Relaxed) {
            return;
        }
        let features = rows.len() / transforms.len();
        let whole = features > 0 && rows.len() == transforms.len() * features;
        assert!(whole, "one row for each transform");
        let folder = self.image_folder(extractor, image);
        let path = folder.join(segment_name(transforms));
        let keys = key_bytes(transforms);
        let values: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bytes = serialize_segment(&keys, &values, [transforms.len(), features]);
        match write(&folder, &path, &bytes) {
            Err(source) => self.fail(&FeatureError::Cache { path, source }),
            Ok(()) => {
                let Some(limit) = &self.limit else { return };
                if let Err(error) = limit.wrote(bytes.len() as u64, || self.files()) {
                    self.fail(&error);
                }
            }
        }
    }

    /// Deletes the segments used longest ago until the others fit into `bytes`; returns how many bytes that
    /// freed.
    ///
    /// # Errors
    /// [`FeatureError::Cache`] if a folder cannot be read or something cannot be deleted.
    pub fn trim(&self, bytes: u64) -> Result<u64, FeatureError> {
        CacheLimit::new(bytes).enforce(self.files()?)
    }

    /// Tells the first failure, and writes nothing from then on.
    fn fail(&self, error: &FeatureError) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            (self.on_failure)(error);
        }
    }

    /// Every segment, and every file that a writer was killed at.
    fn files(&self) -> Result<Vec<PathBuf>, FeatureError> {
        let mut files = Vec::new();
        for extractor in folders(&self.root.join(LAYOUT))? {
            for prefix in folders(&extractor)? {
                for image in folders(&prefix)? {
                    files.extend(segments(&image)?);
                    files.extend(partial_segments(&image)?);
                }
            }
        }
        Ok(files)
    }

    /// Usage by extractor; reads every segment.
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

fn key_bytes(transforms: &[TransformKey]) -> Vec<u8> {
    transforms.iter().flat_map(|key| key.0).flat_map(f32::to_le_bytes).collect()
}

/// The file name of the segment that holds just these transforms, in this order.
fn segment_name(transforms: &[TransformKey]) -> String {
    format!("{}.safetensors", &hex(&Sha256::digest(key_bytes(transforms)))[..16])
}

fn serialize_segment(keys: &[u8], values: &[u8], [transforms, features]: [usize; 2]) -> Vec<u8> {
    let view = |shape: [usize; 2], data| {
        TensorView::new(Dtype::F32, shape.to_vec(), data).expect("shape and bytes agree")
    };
    let tensors = [
        ("features", view([transforms, features], values)),
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
    let &[rows, width] = features.shape() else { return None };
    let right = rows == count && width > 0 && transforms.shape() == [count, 3];
    if !right || features.dtype() != Dtype::F32 || transforms.dtype() != Dtype::F32 {
        return None;
    }
    let floats = |data: &[u8]| -> Vec<f32> {
        data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    let (keys, rows) = (floats(transforms.data()), floats(features.data()));
    let keys =
        keys.chunks_exact(3).map(|key| [key[0].to_bits(), key[1].to_bits(), key[2].to_bits()]);
    Some(keys.zip(rows.chunks_exact(width).map(<[f32]>::to_vec)).collect())
}

/// Writes a segment; again if another process deletes the folder, which was empty for a moment.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let attempt = || {
        fs::create_dir_all(folder)?;
        let mut file = AtomicFile::create(path)?;
        file.write_all(bytes)?;
        // A segment that a power cut empties counts as damaged, and is extracted anew.
        file.commit_unsynced()
    };
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
    }
    attempt()
}

/// Sorted segment files of an image's folder; none if there is no such folder.
fn segments(folder: &Path) -> Result<Vec<PathBuf>, FeatureError> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    Ok(paths)
}

/// Partial segments that killed writers leave.
fn partial_segments(folder: &Path) -> Result<Vec<PathBuf>, FeatureError> {
    let mut paths = entries(folder)?;
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.retain(|path| name(path).ends_with(PARTIAL));
    Ok(paths)
}

/// Deletes a file that another process may have deleted meanwhile.
pub(crate) fn remove_file(path: &Path) -> Result<(), FeatureError> {
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
mod tests;
