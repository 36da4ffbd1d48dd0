//! Tests of the feature cache.

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
