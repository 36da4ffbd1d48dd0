//! Finds image files and folders in a tree, always in the same order.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::causes::with_causes;
use crate::dataset_error::DatasetError;

/// Endings of the names that image files have, in any case.
pub(crate) const EXTENSIONS: [&str; 21] = [
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".btf",
    ".tf8", ".webp", ".gif", ".pgm", ".ppm", ".pbm", ".pnm", ".pam", ".qoi", ".tga",
];

/// Result of a search for image files.
#[derive(Debug, Default)]
pub struct Listing {
    /// The image files, sorted.
    pub images: Vec<PathBuf>,
    /// Folders that could not be searched, or not to their end, in the order of the search.
    pub unreadable: Vec<UnreadableFolder>,
}

impl Listing {
    /// As [`find_images`](crate::find_images); folders that cannot be searched are listed beside the images of the others.
    ///
    /// # Errors
    /// [`DatasetError::Missing`] if `path` does not exist, [`DatasetError::NoImages`] if a folder was
    /// searched completely and holds no image.
    pub fn of(path: &Path) -> Result<Self, DatasetError> {
        list_images_outside(path, &[])
    }
}

/// A folder, or a link to one, that could not be searched.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the folder {}", path.display())]
pub struct UnreadableFolder {
    /// The folder.
    pub path: PathBuf,
    /// Error from the operating system.
    pub source: io::Error,
}

impl UnreadableFolder {
    /// The message and those of its causes on one line, for lists and JSON.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

/// The image files below `path`, sorted; a file is taken as it is, whatever its name.
///
/// Folders are searched to any depth, links followed; names that begin with a dot are left out.
///
/// # Errors
/// [`DatasetError::Missing`] if `path` does not exist, [`DatasetError::NoImages`] if a folder holds
/// no image, [`DatasetError::UnreadableFolders`] if some folder cannot be searched.
pub fn find_images(path: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    find_images_outside(path, &[])
}

/// As [`find_images`], leaving out the folders `excluded` (canonical paths).
pub(crate) fn find_images_outside(
    path: &Path,
    excluded: &[PathBuf],
) -> Result<Vec<PathBuf>, DatasetError> {
    let Listing { images, unreadable } = list_images_outside(path, excluded)?;
    if unreadable.is_empty() {
        Ok(images)
    } else {
        Err(DatasetError::UnreadableFolders { folders: unreadable })
    }
}

fn list_images_outside(path: &Path, excluded: &[PathBuf]) -> Result<Listing, DatasetError> {
    let metadata = fs::metadata(path).map_err(|source| not_there(path, source))?;
    if !metadata.is_dir() {
        return Ok(Listing { images: vec![path.to_path_buf()], unreadable: Vec::new() });
    }
    let mut listing = Listing::default();
    descend(path.to_path_buf(), excluded, &mut Vec::new(), &mut listing);
    if listing.images.is_empty() && listing.unreadable.is_empty() {
        return Err(DatasetError::NoImages { path: path.to_path_buf() });
    }
    listing.images.sort();
    Ok(listing)
}

/// The image files right in the folder, sorted; may be none.
///
/// Told by their names; names that begin with a dot are left out.
///
/// # Errors
/// [`DatasetError::UnreadableFolders`] if the operating system refuses.
pub fn images_in(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let entries = entries(folder)?.into_iter().filter(|entry| !entry.is_folder);
    Ok(entries.map(|entry| entry.path).filter(|path| is_image(path)).collect())
}

/// Other files right in the folder, sorted: neither image files nor hidden; may be none.
///
/// # Errors
/// [`DatasetError::UnreadableFolders`] if the operating system refuses.
pub fn others_in(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let is_other = |entry: &Entry| entry.is_folder || !is_image(&entry.path);
    Ok(entries(folder)?.into_iter().filter(is_other).map(|entry| entry.path).collect())
}

/// The folders right in the folder, sorted; may be none.
///
/// # Errors
/// [`DatasetError::UnreadableFolders`] if the operating system refuses.
pub fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let entries = entries(folder)?.into_iter().filter(|entry| entry.is_folder);
    Ok(entries.map(|entry| entry.path).collect())
}

/// The folder and all folders below it, as paths from it on, sorted; the first is empty.
///
/// A link back to a folder above is not followed.
pub(crate) fn folders_below(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    fn descend(
        folder: &Path,
        below: PathBuf,
        ancestors: &mut Vec<PathBuf>,
        found: &mut Vec<PathBuf>,
    ) -> Result<(), DatasetError> {
        let place = canonical(folder)?;
        if ancestors.contains(&place) {
            return Ok(());
        }
        found.push(below.clone());
        ancestors.push(place);
        for child in folders_in(folder)? {
            let name = child.file_name().unwrap_or_default();
            descend(&child, below.join(name), ancestors, found)?;
        }
        ancestors.pop();
        Ok(())
    }
    let mut found = Vec::new();
    descend(folder, PathBuf::new(), &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// Checks that `path` is a folder.
pub(crate) fn require_folder(path: &Path) -> Result<(), DatasetError> {
    let metadata = fs::metadata(path).map_err(|source| not_there(path, source))?;
    if metadata.is_dir() {
        Ok(())
    } else {
        Err(DatasetError::NotAFolder { path: path.to_path_buf() })
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

/// Returns the error for an unknown `path`: nothing has this name, or the operating system refuses.
fn not_there(path: &Path, source: io::Error) -> DatasetError {
    let path = path.to_path_buf();
    match source.kind() {
        ErrorKind::NotFound => DatasetError::Missing { path },
        _ => DatasetError::Read { path, source },
    }
}

/// `ancestors` are the canonical folders above: a link back to one of them is not followed.
fn descend(
    folder: PathBuf,
    excluded: &[PathBuf],
    ancestors: &mut Vec<PathBuf>,
    listing: &mut Listing,
) {
    let place = match folder.canonicalize() {
        Ok(place) => place,
        // Gone since it was listed.
        Err(error) if error.kind() == ErrorKind::NotFound && !ancestors.is_empty() => return,
        Err(source) => {
            return listing.unreadable.push(UnreadableFolder { path: folder, source });
        }
    };
    if excluded.contains(&place) || ancestors.contains(&place) {
        return;
    }
    ancestors.push(place);
    let (entries, unreadable) = readable_entries(&folder);
    listing.unreadable.extend(unreadable);
    for Entry { path, is_folder } in entries {
        if is_folder {
            descend(path, excluded, ancestors, listing);
        } else if is_image(&path) {
            listing.images.push(path);
        }
    }
    ancestors.pop();
}

/// Something that lies in a folder.
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
}

/// Entries of the folder, sorted, without names that begin with a dot: those are bookkeeping of
/// file managers, some of them named like images.
fn entries(folder: &Path) -> Result<Vec<Entry>, DatasetError> {
    match readable_entries(folder) {
        (entries, unreadable) if unreadable.is_empty() => Ok(entries),
        (_, folders) => Err(DatasetError::UnreadableFolders { folders }),
    }
}

/// As [`entries`], as far as the operating system tells, and what it does not tell.
pub(crate) fn readable_entries(folder: &Path) -> (Vec<Entry>, Vec<UnreadableFolder>) {
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    let refused = |source| UnreadableFolder { path: folder.to_path_buf(), source };
    match fs::read_dir(folder) {
        Err(source) => unreadable.push(refused(source)),
        Ok(found) => {
            for found in found {
                match found {
                    Ok(found) if found.file_name().as_encoded_bytes().starts_with(b".") => {}
                    Ok(found) => match entry(&found) {
                        Ok(entry) => entries.extend(entry),
                        Err(error) => unreadable.push(error),
                    },
                    Err(source) => unreadable.push(refused(source)),
                }
            }
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    (entries, unreadable)
}

/// Reads the kind of `found`, file or folder; `None` if it is gone, or a link to a file that is.
///
/// A link that leads nowhere is taken for one to a folder unless its name has an ending: a share that
/// is not there must not pass for an empty folder.
fn entry(found: &DirEntry) -> Result<Option<Entry>, UnreadableFolder> {
    let path = found.path();
    let kind = found.file_type();
    if let Ok(kind) = kind
        && !kind.is_symlink()
    {
        return Ok(Some(Entry { path, is_folder: kind.is_dir() }));
    }
    match fs::metadata(&path) {
        Ok(metadata) => Ok(Some(Entry { path, is_folder: metadata.is_dir() })),
        // Reading it will say why it cannot be read.
        Err(_) if is_image(&path) => Ok(Some(Entry { path, is_folder: false })),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if kind.is_err() || path.extension().is_some() {
                Ok(None)
            } else {
                Err(UnreadableFolder { path, source: error })
            }
        }
        Err(source) => Err(UnreadableFolder { path, source }),
    }
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

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_read_hides_no_other() {
        use std::os::unix::fs::symlink;
        let root = tree(&["a/0.png", "z/1.png", "2.png"]);
        let at = |name: &str| root.path().join(name);
        // Neither leads anywhere, whoever asks; what they are called decides what they stand for.
        symlink("loop", at("loop")).unwrap();
        symlink("/nowhere/at/all", at("share")).unwrap();
        symlink("/nowhere/at/all", at("old.log")).unwrap();
        symlink("/nowhere/at/all", at("z/gone.png")).unwrap();
        let listing = Listing::of(root.path()).unwrap();
        assert_eq!(listing.images, ["2.png", "a/0.png", "z/1.png", "z/gone.png"].map(at));
        let unreadable: Vec<_> = listing.unreadable.iter().map(|folder| &folder.path).collect();
        assert_eq!(unreadable, [&at("loop"), &at("share")]);
        let message = find_images(root.path()).unwrap_err().to_string();
        for name in ["loop", "share"] {
            assert!(message.contains(&at(name).display().to_string()), "{message}");
        }
        assert!(folders_in(root.path()).is_err());
        let only = tempfile::tempdir().unwrap();
        symlink("loop", only.path().join("loop")).unwrap();
        let listing = Listing::of(only.path()).unwrap();
        assert_eq!((listing.images.len(), listing.unreadable.len()), (0, 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf_8_are_found() {
        use std::os::unix::ffi::OsStrExt;
        let root = tree(&["a.png"]);
        let odd = root.path().join(OsStr::from_bytes(b"b\xff"));
        fs::create_dir(&odd).unwrap();
        let image = odd.join(OsStr::from_bytes(b"\xe4.PNG"));
        fs::write(&image, "x").unwrap();
        assert_eq!(find_images(root.path()).unwrap(), [root.path().join("a.png"), image]);
    }

    #[test]
    fn folders_are_listed_to_any_depth() {
        let root = tree(&["a/b/c.png", "d/e.png"]);
        let golden = ["", "a", "a/b", "d"].map(PathBuf::from);
        assert_eq!(folders_below(root.path()).unwrap(), golden);
    }
}
