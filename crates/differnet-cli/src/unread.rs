//! Files that are images of kinds that are not read: said once, or a folder seems complete.

use std::path::Path;

use differnet_data::folders::UnreadKind;

use crate::output::{counted, tell};

/// Says which files below the folders `paths` are of kinds that are not read.
pub(crate) fn tell_unread<'a>(paths: impl IntoIterator<Item = &'a Path>) {
    let found = UnreadKind::below(paths);
    if found.is_empty() {
        return;
    }
    let kinds = found.iter().map(|found| {
        let files = counted(found.count, "file");
        format!("\n  {}: {files}, such as {}", found.kind, found.first.display())
    });
    tell(&format!("Not read, for they are of other kinds:{}", kinds.collect::<String>()));
    tell("Convert them to PNG or TIFF, or leave them out.");
}
