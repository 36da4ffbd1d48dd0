//! Debounced changes of files.

/// Debounced changes of what `S` is the stamp of.
#[derive(Debug)]
pub(crate) struct Changes<S> {
    /// At the last attempt to load, successful or not.
    tried: S,
    /// At the last poll.
    seen: S,
}

impl<S: PartialEq + Clone> Changes<S> {
    /// No changes since `stamp`, at which it was loaded.
    pub(crate) fn since(stamp: S) -> Self {
        Self { tried: stamp.clone(), seen: stamp }
    }

    /// Tells whether it is to be loaded: it changed since the last attempt, and not since the last poll.
    pub(crate) fn poll(&mut self, now: S) -> bool {
        let stable = self.seen == now;
        self.seen = now.clone();
        if !stable || self.tried == now {
            return false;
        }
        self.tried = now;
        true
    }

    /// Notes at which stamp it was loaded, if it changed again meanwhile.
    pub(crate) fn loaded(&mut self, stamp: S) {
        self.tried = stamp;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_loaded_once_when_it_stayed_for_a_look() {
        let mut changes = Changes::since(1);
        assert!(!changes.poll(1));
        assert!(!changes.poll(2) && !changes.poll(3), "it still changes");
        assert!(changes.poll(3));
        assert!(!changes.poll(3), "loaded already");
        assert!(!changes.poll(4) && !changes.poll(3) && !changes.poll(3), "it went back");
    }
}
