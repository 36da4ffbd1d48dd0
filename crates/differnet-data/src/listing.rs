//! Finds image files and folders in a tree, always in the same order.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::dataset_error::DatasetError;

/// Endings of the names that image files have, in any case.
pub(crate) const EXTENSIONS: [&str; 8] =
    [".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".webp"];

/// The image files below `path`, sorted; a file is taken as it is, whatever its name.
///
/// Folders are searched to any depth, links followed; names that begin with a dot are left out.
///
/// # Errors
/// [`DatasetError::Missing`] if `path` does not exist, [`DatasetError::NoImages`] if a folder holds
/// no image, [`DatasetError::Read`] if the operating system refuses.
pub fn find_images(path: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    find_images_outside(path, &[])
}

/// As [`find_images`], leaving out the folders `excluded` (canonical paths).
pub(crate) fn find_images_outside(
    path: &Path,
    excluded: &[PathBuf],
) -> Result<Vec<PathBuf>, DatasetError> {
    if !path.exists() {
        return Err(DatasetError::Missing { path: path.to_path_buf() });
    }
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut images = Vec::new();
    descend(path, excluded, &mut Vec::new(), &mut images)?;
    if images.is_empty() {
        return Err(DatasetError::NoImages { path: path.to_path_buf() });
    }
    images.sort();
    Ok(images)
}

/// The image files right in the folder, sorted; may be none.
///
/// Told by their names; names that begin with a dot are left out.
///
/// # Errors
/// [`DatasetError::Read`] if the operating system refuses.
pub fn images_in(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    Ok(entries(folder)?.into_iter().filter(|path| is_image(path) && !path.is_dir()).collect())
}

/// What else lies right in the folder, sorted: neither image files nor hidden; may be none.
///
/// # Errors
/// [`DatasetError::Read`] if the operating system refuses.
pub fn others_in(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    Ok(entries(folder)?.into_iter().filter(|path| !is_image(path) || path.is_dir()).collect())
}

/// The folders right in the folder, sorted; may be none.
///
/// # Errors
/// [`DatasetError::Read`] if the operating system refuses.
pub fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Nothing, if `path` is a folder.
pub(crate) fn require_folder(path: &Path) -> Result<(), DatasetError> {
    if path.is_dir() {
        Ok(())
    } else if path.exists() {
        Err(DatasetError::NotAFolder { path: path.to_path_buf() })
    } else {
        Err(DatasetError::Missing { path: path.to_path_buf() })
    }
}

/// The path without links, `.` and `..`: equal for equal folders.
pub(crate) fn canonical(path: &Path) -> Result<PathBuf, DatasetError> {
    path.canonicalize().map_err(|source| DatasetError::Read { path: path.to_path_buf(), source })
}

/// The last part of a path, for names and messages.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned()
}

/// `ancestors` are the canonical folders above: a link back to one of them is not followed.
fn descend(
    folder: &Path,
    excluded: &[PathBuf],
    ancestors: &mut Vec<PathBuf>,
    images: &mut Vec<PathBuf>,
) -> Result<(), DatasetError> {
    let place = canonical(folder)?;
    if excluded.contains(&place) || ancestors.contains(&place) {
        return Ok(());
    }
    ancestors.push(place);
    for path in entries(folder)? {
        if path.is_dir() {
            descend(&path, excluded, ancestors, images)?;
        } else if is_image(&path) {
            images.push(path);
        }
    }
    ancestors.pop();
    Ok(())
}

/// What the folder holds, sorted, without names that begin with a dot: those are bookkeeping of
/// file managers, some of them named like images.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let io = |source| DatasetError::Read { path: folder.to_path_buf(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if !name_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.iter().any(|known| known[1..] == extension)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tree::tree;

    #[test]
    fn images_are_found_at_any_depth_sorted_and_by_any_case() {
        let root = tree(&["b.PNG", "a/z.jpg", "a/b/c.TiFf", "notes.txt", "noextension", "d.webp"]);
        let images = find_images(root.path()).unwrap();
        let golden = ["a/b/c.TiFf", "a/z.jpg", "b.PNG", "d.webp"];
        assert_eq!(images, golden.map(|name| root.path().join(name)));
    }

    #[test]
    fn hidden_files_and_folders_are_left_out() {
        let root = tree(&["good.png", "._good.png", ".thumbnails/good.png"]);
        assert_eq!(find_images(root.path()).unwrap(), [root.path().join("good.png")]);
    }

    #[test]
    fn a_file_is_itself_whatever_its_name() {
        let root = tree(&["camera_frame"]);
        let file = root.path().join("camera_frame");
        assert_eq!(find_images(&file).unwrap(), [file]);
    }

    #[test]
    fn what_lies_right_in_a_folder_is_an_image_or_not() {
        let root = tree(&["a.png", "b.txt", ".hidden", "c.png/d.png"]);
        let paths = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| root.path().join(name)).collect()
        };
        assert_eq!(images_in(root.path()).unwrap(), paths(&["a.png"]));
        assert_eq!(others_in(root.path()).unwrap(), paths(&["b.txt", "c.png"]));
        assert_eq!(folders_in(root.path()).unwrap(), paths(&["c.png"]));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once() {
        let root = tree(&["parts/a.png"]);
        std::os::unix::fs::symlink(root.path(), root.path().join("parts/back")).unwrap();
        std::os::unix::fs::symlink(root.path().join("parts"), root.path().join("zlink")).unwrap();
        let images = find_images(root.path()).unwrap();
        let golden = ["parts/a.png", "zlink/a.png"];
        assert_eq!(images, golden.map(|name| root.path().join(name)));
    }
}
