//! Lists of training images: a text file with one name a line.

use std::path::Path;

use crate::dataset_error::DatasetError;

/// One image of a train list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedName {
    /// The line, counted from 1.
    pub line: usize,
    /// The file's name or stem, without folders.
    pub name: String,
}

impl ListedName {
    /// The names in the file `list`, in its order, at least one.
    ///
    /// Folders before the name, blank lines and lines that begin with `#` are ignored.
    ///
    /// # Errors
    /// [`DatasetError`]: the list cannot be read, is not text or names nothing.
    pub fn read(list: &Path) -> Result<Vec<Self>, DatasetError> {
        let path = list.to_path_buf();
        if !list.exists() {
            return Err(DatasetError::Missing { path });
        }
        if !list.is_file() {
            return Err(DatasetError::NotAListFile { path });
        }
        let bytes = match std::fs::read(list) {
            Ok(bytes) => bytes,
            Err(source) => return Err(DatasetError::Read { path, source }),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(DatasetError::TrainListNotText { path });
        };
        let mut names = Vec::new();
        // Some editors begin a file with a byte order mark.
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let entry = line.trim();
            if !entry.is_empty() && !entry.starts_with('#') {
                let name = entry.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(entry);
                names.push(Self { line: index + 1, name: name.to_owned() });
            }
        }
        if names.is_empty() {
            return Err(DatasetError::EmptyTrainList { path });
        }
        Ok(names)
    }

    /// Tells whether this is the name or the stem of the file `image`.
    pub fn is_name_of(&self, image: &Path) -> bool {
        [image.file_name(), image.file_stem()].contains(&Some(self.name.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_last_parts_of_lines_and_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.txt");
        std::fs::write(&list, "a/b.png\n c\\d.png \nfolder/\n\n#e\n").unwrap();
        let names = ListedName::read(&list).unwrap();
        let names: Vec<&str> = names.iter().map(|listed| listed.name.as_str()).collect();
        assert_eq!(names, ["b.png", "d.png", "folder"]);
    }
}
