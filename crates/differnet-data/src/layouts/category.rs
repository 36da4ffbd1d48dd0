//! Layouts with categories: a folder each below the root, or the root itself.

use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, dataset_name};
use crate::dataset_error::DatasetError;
use crate::listing::{folders_in, name_of, require_folder};

/// A layout with categories.
pub(crate) struct CategoryLayout {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The folder of good images that every category has.
    pub(crate) marker: &'static str,
    /// Tells whether a folder is a category.
    pub(crate) is_category: fn(&Path) -> bool,
    /// Reads the category in a folder.
    pub(crate) read: fn(&Path) -> Result<Dataset, DatasetError>,
}

impl CategoryLayout {
    /// Tells whether `root` is a category or holds one.
    pub(crate) fn is_root(&self, root: &Path) -> Result<bool, DatasetError> {
        is_root(root, self.is_category)
    }

    /// The categories below `root`, sorted; none if `root` is itself one.
    pub(crate) fn categories(&self, root: &Path) -> Result<Vec<String>, DatasetError> {
        Ok(self.folders(root)?.iter().map(|folder| name_of(folder)).collect())
    }

    /// The folders of [`Self::categories`]: a name need not be text.
    fn folders(&self, root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
        require_folder(root)?;
        let folders = folders_in(root)?.into_iter();
        Ok(folders.filter(|folder| (self.is_category)(folder)).collect())
    }

    /// The category `category` below `root`; `root` itself or its only category if none is given.
    pub(crate) fn load(
        &self,
        root: &Path,
        category: Option<&str>,
    ) -> Result<Dataset, DatasetError> {
        (self.read)(&self.category_folder(root, category)?)
    }

    fn category_folder(
        &self,
        root: &Path,
        category: Option<&str>,
    ) -> Result<PathBuf, DatasetError> {
        let mut folders = self.folders(root)?;
        let categories: Vec<String> = folders.iter().map(|folder| name_of(folder)).collect();
        let named = category.and_then(|name| categories.iter().position(|known| known == name));
        if let Some(at) = named {
            return Ok(folders.swap_remove(at));
        }
        let path = root.to_path_buf();
        match category {
            // The root may be the category asked for.
            Some(name) if (self.is_category)(root) && dataset_name(root) == name => Ok(path),
            Some(name) => {
                Err(DatasetError::UnknownCategory { path, category: name.to_owned(), categories })
            }
            None if (self.is_category)(root) => Ok(path),
            None => match categories.len() {
                0 => {
                    let (layout, marker) = (self.name, self.marker);
                    Err(DatasetError::NoCategory { path, layout, marker })
                }
                1 => Ok(folders.remove(0)),
                _ => Err(DatasetError::ManyCategories { path, categories }),
            },
        }
    }
}

/// Tells whether `root`, or a folder in it, is a category.
pub(crate) fn is_root(
    root: &Path,
    is_category: impl Fn(&Path) -> bool,
) -> Result<bool, DatasetError> {
    Ok(is_category(root) || folders_in(root)?.iter().any(|folder| is_category(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_tree::tree;

    /// Reads nothing but the category's name.
    const NAMES: CategoryLayout = CategoryLayout {
        name: "names",
        marker: "good",
        is_category: |folder| folder.join("good").is_dir(),
        read: |folder| {
            Ok(Dataset { name: dataset_name(folder), train: Vec::new(), test: Vec::new() })
        },
    };

    #[test]
    fn a_category_is_chosen_by_name_or_by_being_the_only_one() {
        let root = tree(&["pill/good/0.png", "docs/a.png"]);
        let pill = root.path().join("pill");
        for (folder, category) in [
            (root.path(), None),
            (root.path(), Some("pill")),
            (pill.as_path(), None),
            (pill.as_path(), Some("pill")),
        ] {
            assert_eq!(NAMES.load(folder, category).unwrap().name, "pill");
            assert!(NAMES.is_root(folder).unwrap());
        }
        assert!(!NAMES.is_root(&root.path().join("docs")).unwrap());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_category_whose_name_is_no_text_is_found() {
        use std::os::unix::ffi::OsStrExt;
        let root = tree(&["pill/good/0.png"]);
        let name = std::ffi::OsStr::from_bytes(b"beh\xe4lter");
        std::fs::rename(root.path().join("pill"), root.path().join(name)).unwrap();
        for category in [None, Some("beh\u{fffd}lter")] {
            let layout = CategoryLayout {
                read: |folder| {
                    assert!(folder.join("good/0.png").is_file());
                    (NAMES.read)(folder)
                },
                ..NAMES
            };
            assert!(layout.load(root.path(), category).is_ok());
        }
    }

    #[test]
    fn categories_are_listed_sorted_and_without_other_folders() {
        let root = tree(&["pill/good/0.png", "cable/good/0.png", "docs/a.png"]);
        assert_eq!(NAMES.categories(root.path()).unwrap(), ["cable", "pill"]);
    }
}
