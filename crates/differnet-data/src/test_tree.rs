//! Folder trees for tests.

use std::fs;

/// A temporary folder holding the named files, each of one byte.
pub(crate) fn tree<Name: AsRef<str>>(files: &[Name]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    root
}
