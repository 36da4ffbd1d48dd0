//! Debounced files: those that stayed as they were for a while have been written completely.

use std::collections::BTreeMap;
use std::time::Duration;

use super::version::SeenFile;

/// Files that may still be written to, and since when they have been as they are.
#[derive(Debug)]
pub(crate) struct Debounce {
    settle: Duration,
    since: BTreeMap<SeenFile, Duration>,
    /// Whether the last scan saw a file that was not complete.
    waiting: bool,
}

impl Debounce {
    /// Files are complete after staying the same for `settle`.
    pub(crate) fn new(settle: Duration) -> Self {
        Self { settle, since: BTreeMap::new(), waiting: false }
    }

    /// The complete ones among `files`, as they are at the time `now` of any clock that only goes
    /// forward. A file is returned at every scan until it is left out of `files`.
    pub(crate) fn complete(&mut self, files: Vec<SeenFile>, now: Duration) -> Vec<SeenFile> {
        let mut since = BTreeMap::new();
        let mut complete = Vec::new();
        for file in files {
            let first = self.since.get(&file).copied().unwrap_or(now);
            if first + self.settle <= now && self.since.contains_key(&file) {
                complete.push(file.clone());
            }
            since.insert(file, first);
        }
        self.waiting = complete.len() < since.len();
        self.since = since;
        complete
    }

    /// Tells whether some file of the last scan was not complete then.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::super::version::tests::seen;
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_file_is_complete_when_it_stayed_the_same_long_enough() {
        let mut debounce = Debounce::new(at(2));
        let (half, whole) = (seen("a", 5), seen("a", 10));
        assert!(debounce.complete(vec![half.clone()], at(0)).is_empty());
        assert!(debounce.is_waiting());
        assert!(debounce.complete(vec![half], at(1)).is_empty());
        // It is another: its time begins anew.
        assert!(debounce.complete(vec![whole.clone()], at(2)).is_empty());
        assert!(debounce.complete(vec![whole.clone(), seen("b", 1)], at(3)).is_empty());
        let all = [whole.clone(), seen("b", 1)];
        assert_eq!(debounce.complete(all.to_vec(), at(4)), all[..1]);
        assert_eq!(debounce.complete(all.to_vec(), at(9)), all);
        assert!(!debounce.is_waiting());
        // Gone and back is new.
        assert!(debounce.complete(Vec::new(), at(10)).is_empty());
        assert!(debounce.complete(vec![whole], at(20)).is_empty());
    }

    #[test]
    fn one_look_is_never_enough() {
        let mut debounce = Debounce::new(Duration::ZERO);
        assert!(debounce.complete(vec![seen("a", 1)], at(1)).is_empty());
        assert!(debounce.is_waiting());
        assert_eq!(debounce.complete(vec![seen("a", 1)], at(1)), [seen("a", 1)]);
    }
}
