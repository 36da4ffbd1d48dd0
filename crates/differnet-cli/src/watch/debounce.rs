//! Which files have been written completely: those that stayed as they were for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use super::version::Version;

/// Files that may still be written to, and since when they have been as they are.
#[derive(Debug)]
pub(crate) struct Settling {
    settle: Duration,
    since: BTreeMap<Version, Duration>,
}

impl Settling {
    /// Files are complete after staying the same for `settle`.
    pub(crate) fn new(settle: Duration) -> Self {
        Self { settle, since: BTreeMap::new() }
    }

    /// The complete ones among `files`, as they are at the time `now` of any clock that only goes
    /// forward. A file is returned at every look until it is left out of `files`.
    pub(crate) fn look(&mut self, files: Vec<Version>, now: Duration) -> Vec<Version> {
        let mut since = BTreeMap::new();
        let mut complete = Vec::new();
        for version in files {
            let first = self.since.get(&version).copied().unwrap_or(now);
            if first + self.settle <= now && self.since.contains_key(&version) {
                complete.push(version.clone());
            }
            since.insert(version, first);
        }
        self.since = since;
        complete
    }

    /// Whether some file of the last look may still change.
    pub(crate) fn is_waiting(&self, now: Duration) -> bool {
        self.since.values().any(|&first| first + self.settle > now || first == now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, bytes: u64) -> Version {
        Version { name: name.into(), bytes, modified: "2026-01-01T00:00:00.000000000Z".into() }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_file_is_complete_when_it_stayed_the_same_long_enough() {
        let mut settling = Settling::new(at(2));
        let (half, whole) = (version("a", 5), version("a", 10));
        assert!(settling.look(vec![half.clone()], at(0)).is_empty());
        assert!(settling.is_waiting(at(0)));
        assert!(settling.look(vec![half], at(1)).is_empty());
        // It grew: its time begins anew.
        assert!(settling.look(vec![whole.clone()], at(2)).is_empty());
        assert!(settling.look(vec![whole.clone(), version("b", 1)], at(3)).is_empty());
        let all = [whole.clone(), version("b", 1)];
        assert_eq!(settling.look(all.to_vec(), at(4)), all[..1]);
        assert_eq!(settling.look(all.to_vec(), at(9)), all);
        assert!(!settling.is_waiting(at(9)));
        // Gone and back is new.
        assert!(settling.look(Vec::new(), at(10)).is_empty());
        assert!(settling.look(vec![whole], at(20)).is_empty());
    }

    #[test]
    fn one_look_is_never_enough() {
        let mut settling = Settling::new(Duration::ZERO);
        assert!(settling.look(vec![version("a", 1)], at(1)).is_empty());
        assert!(settling.is_waiting(at(1)));
        assert_eq!(settling.look(vec![version("a", 1)], at(1)), [version("a", 1)]);
    }
}
