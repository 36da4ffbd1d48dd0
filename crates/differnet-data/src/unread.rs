//! Files of a folder that are images of kinds that are not read: to be told, or they are missed in silence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::file_format::unread_kind;
use crate::listing::{Entry, readable_entries};

/// Files of one kind that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadKind {
    /// The kind's name, such as `HEIF`.
    pub kind: &'static str,
    /// Number of files.
    pub count: usize,
    /// The first of them.
    pub first: PathBuf,
}

impl UnreadKind {
    /// Files at any depth below the folders `paths` that are images, or data of cameras, of kinds that are
    /// not read, by their names' endings; sorted by kind.
    ///
    /// What cannot be listed is left out: whoever lists images complains of it.
    pub fn below<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<Self> {
        let mut kinds: BTreeMap<&'static str, Self> = BTreeMap::new();
        for path in paths.into_iter().filter(|path| path.is_dir()) {
            descend(path, &mut Vec::new(), &mut kinds);
        }
        kinds.into_values().collect()
    }
}

/// `ancestors` are the canonical folders above: a link back to one of them is not followed.
fn descend(
    folder: &Path,
    ancestors: &mut Vec<PathBuf>,
    kinds: &mut BTreeMap<&'static str, UnreadKind>,
) {
    let Ok(place) = folder.canonicalize() else { return };
    if ancestors.contains(&place) {
        return;
    }
    ancestors.push(place);
    for Entry { path, is_folder } in readable_entries(folder).0 {
        if is_folder {
            descend(&path, ancestors, kinds);
        } else if let Some(kind) = unread_kind(&path) {
            let found = UnreadKind { kind, count: 0, first: path };
            kinds.entry(kind).or_insert(found).count += 1;
        }
    }
    ancestors.pop();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tree::tree;

    #[test]
    fn kinds_are_counted_and_named_and_other_files_are_not() {
        let root = tree(&["b.HEIC", "a/c.heif", "a/d.nef", "e.png", "f.txt", ".g.heic", "h.jp2"]);
        let found = UnreadKind::below([root.path()]);
        let at = |name: &str| root.path().join(name);
        let golden = [
            UnreadKind { kind: "HEIF", count: 2, first: at("a/c.heif") },
            UnreadKind { kind: "JPEG 2000", count: 1, first: at("h.jp2") },
            UnreadKind { kind: "camera raw", count: 1, first: at("a/d.nef") },
        ];
        assert_eq!(found, golden);
        assert_eq!(UnreadKind::below([at("b.HEIC").as_path(), Path::new("absent")]), []);
    }
}
