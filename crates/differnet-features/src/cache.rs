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
        let paths = segments(&folder).unwrap_or_else(|error| {
            self.fail(&error);
            Vec::new()
        });
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
        let keys: Vec<u8> =
            transforms.iter().flat_map(|k| k.0).flat_map(f32::to_le_bytes).collect();
        let name = format!("{}.safetensors", &hex(&Sha256::digest(&keys))[..16]);
        let path = folder.join(name);
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
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::extractor::FEATURES;

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
        cache.write("x", &[7; 32], &[A, B], &values);
        let read = cache.read("x", FEATURES, &[7; 32], &[B, C, A]);
        assert_eq!(read[0].as_deref(), Some(&values[FEATURES..]));
        assert_eq!(read[1], None);
        assert_eq!(read[2].as_deref(), Some(&values[..FEATURES]));
    }

    #[test]
    fn another_image_or_extractor_shares_nothing() {
        let (_folder, cache) = cache();
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1));
        assert_eq!(cache.read("x", FEATURES, &[8; 32], &[A]), [None]);
        assert_eq!(cache.read("y", FEATURES, &[7; 32], &[A]), [None]);
        assert_eq!(cache.read("x", FEATURES - 1, &[7; 32], &[A]), [None]);
    }

    #[test]
    fn a_damaged_segment_counts_as_absent_and_is_replaced() {
        let (_folder, cache) = cache();
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1));
        let folder = cache.image_folder("x", &[7; 32]);
        let path = segments(&folder).expect("readable").remove(0);
        let whole = fs::read(&path).expect("the segment exists");
        fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
        assert_eq!(cache.read("x", FEATURES, &[7; 32], &[A]), [None]);
        assert_eq!(cache.usage().expect("readable")[0].damaged, 1);
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1));
        assert!(cache.read("x", FEATURES, &[7; 32], &[A])[0].is_some());
    }

    #[test]
    fn usage_counts_and_clear_empties() {
        let (_folder, cache) = cache();
        assert_eq!(cache.usage().expect("readable"), []);
        cache.write("x", &[7; 32], &[A, B], &rows(0.0, 2));
        cache.write("x", &[8; 32], &[A], &rows(0.0, 1));
        let usage = cache.usage().expect("readable").remove(0);
        assert_eq!((usage.images, usage.rows, usage.damaged), (2, 3, 0));
        cache.clear().expect("deletable");
        assert_eq!(cache.usage().expect("readable"), []);
        cache.clear().expect("clearing twice is fine");
    }

    #[test]
    fn clear_leaves_files_of_others() {
        let (_folder, cache) = cache();
        cache.write("x", &[7; 32], &[A], &rows(0.0, 1));
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
                scope.spawn(|| cache.write("x", &[7; 32], &[A, B], &values));
            }
        });
        let usage = cache.usage().expect("readable").remove(0);
        assert_eq!((usage.rows, usage.damaged), (2, 0));
    }

    #[test]
    fn a_cache_that_cannot_be_written_tells_once_and_remembers_nothing() {
        static TOLD: AtomicUsize = AtomicUsize::new(0);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let taken = folder.path().join("taken");
        fs::write(&taken, "no folder").expect("writable");
        let tell: fn(&FeatureError) = |error| {
            assert!(error.to_string().contains("taken"), "{error}");
            TOLD.fetch_add(1, Ordering::Relaxed);
        };
        let cache = FeatureCache::new(&taken).on_failure(tell);
        for image in 0..3 {
            assert_eq!(cache.read("x", FEATURES, &[image; 32], &[A]), [None]);
            cache.clone().write("x", &[image; 32], &[A], &rows(0.0, 1));
        }
        assert_eq!(TOLD.load(Ordering::Relaxed), 1);
        assert_eq!(fs::read_to_string(&taken).expect("still there"), "no folder");
    }

    #[test]
    fn the_segments_used_longest_ago_give_way_to_new_ones() {
        let (_folder, cache) = cache();
        let path =
            |image: u8| segments(&cache.image_folder("x", &[image; 32])).expect("readable").pop();
        for image in 0..4 {
            cache.write("x", &[image; 32], &[A], &rows(0.0, 1));
            let path = path(image).expect("written");
            let file = fs::File::options().write(true).open(path).expect("writable");
            let hours = Duration::from_secs(3600 * (100 - u64::from(image)));
            file.set_modified(SystemTime::now() - hours).expect("a time");
        }
        // The oldest is used again.
        assert!(cache.read("x", FEATURES, &[0; 32], &[A])[0].is_some());
        let size = fs::metadata(path(0).expect("there")).expect("readable").len();
        let limited = cache.clone().with_limit(3 * size + size / 2);
        limited.write("x", &[4; 32], &[A], &rows(0.0, 1));
        let kept = [0, 1, 2, 3, 4].map(|image| path(image).is_some());
        assert_eq!(kept, [true, false, false, true, true]);
        assert!(!cache.image_folder("x", &[1; 32]).exists(), "empty folders go, too");
        assert_eq!(cache.trim(size).expect("deletable"), 2 * size);
        assert_eq!(cache.trim(size).expect("deletable"), 0);

        let (_folder, none) = self::cache();
        none.clone().with_limit(0).write("x", &[0; 32], &[A], &rows(0.0, 1));
        assert_eq!(none.usage().expect("readable"), []);
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_no_segment_for_ever() {
        let (_folder, cache) = cache();
        for image in 0..2 {
            cache.write("x", &[image; 32], &[A], &rows(0.0, 1));
        }
        let future = segments(&cache.image_folder("x", &[0; 32])).expect("readable").remove(0);
        let file = fs::File::options().write(true).open(&future).expect("writable");
        file.set_modified(SystemTime::now() + Duration::from_secs(1 << 30)).expect("a time");
        let size = file.metadata().expect("readable").len();
        assert_eq!(cache.trim(size).expect("deletable"), size);
        assert!(!future.exists());
    }

    #[test]
    fn writers_with_limits_and_one_who_clears_leave_each_other_alone() {
        let (_folder, cache) = cache();
        let told: fn(&FeatureError) = |error| panic!("{error:?}");
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let cache = FeatureCache::new(cache.root()).with_limit(20_000).on_failure(told);
                scope.spawn(move || {
                    for image in 0..40 {
                        cache.write("x", &[image; 32], &[A], &rows(f32::from(thread), 1));
                        if let Some(row) = &cache.read("x", FEATURES, &[image; 32], &[A])[0] {
                            assert_eq!(row.len(), FEATURES);
                        }
                        if image % 10 == 9 {
                            cache.clear().expect("deletable");
                        }
                    }
                });
            }
        });
        assert!(cache.usage().expect("readable").iter().all(|usage| usage.damaged == 0));
    }
}
