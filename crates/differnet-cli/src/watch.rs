//! A folder that is watched: its files, what is known of them, and where defects go.

pub(crate) mod debounce;
pub(crate) mod journal;
mod lines;
pub(crate) mod moving;
mod parts;
pub(crate) mod version;
