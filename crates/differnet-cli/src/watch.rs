//! A folder that is watched: its files, what is known of them, and where defects go.

pub(crate) mod debounce;
pub(crate) mod journal;
pub(crate) mod moving;
pub(crate) mod version;
