//! Photographs in a folder: its images but for those that this program drew, and of what their folders say.

use std::path::{Path, PathBuf};

use crate::dataset_error::DatasetError;
use crate::folder_doubts::DoubtfulFolder;
use crate::listing::find_images;
use crate::output_mark::without_outputs;

/// The photographs below `path`: [`find_images`] without pictures that this program drew, such as maps of
/// defects; a file is taken as it is.
///
/// # Errors
/// As [`find_images`]; [`DatasetError::NoImages`] if all images were drawn.
pub fn find_photographs(path: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let images = find_images(path)?;
    if path.is_file() {
        return Ok(images);
    }
    let (photographs, _) = without_outputs(images, PathBuf::as_path);
    if photographs.is_empty() {
        return Err(DatasetError::NoImages { path: path.to_path_buf() });
    }
    Ok(photographs)
}

/// The photographs of good parts below `folder`, for training: [`find_photographs`], unless a subfolder's
/// name means defects, masks or tests.
///
/// # Errors
/// As [`find_photographs`]; [`DatasetError::OtherImages`] names such subfolders.
pub fn find_good_images(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let photographs = find_photographs(folder)?;
    require_good(folder, &photographs)?;
    Ok(photographs)
}

/// Nothing, if no folder of the images below `folder` is named like something else than good images.
///
/// # Errors
/// [`DatasetError::OtherImages`] names the folders.
pub fn require_good(folder: &Path, images: &[PathBuf]) -> Result<(), DatasetError> {
    require_expected(folder, "good parts", DoubtfulFolder::among(folder, images))
}

/// Nothing, if no folder of the images below `folder` is named like something else than defects.
///
/// # Errors
/// [`DatasetError::OtherImages`] names the folders.
pub fn require_defects(folder: &Path, images: &[PathBuf]) -> Result<(), DatasetError> {
    require_expected(folder, "defects", DoubtfulFolder::among_defects(folder, images))
}

fn require_expected(
    path: &Path,
    expected: &'static str,
    folders: Vec<DoubtfulFolder>,
) -> Result<(), DatasetError> {
    if folders.is_empty() {
        return Ok(());
    }
    Err(DatasetError::OtherImages { path: path.to_path_buf(), expected, folders })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{GrayImage, ImageFormat, Luma};

    use super::*;
    use crate::output_mark::mark_output;
    use crate::test_tree::tree;

    fn drawn() -> Vec<u8> {
        let mut png = Cursor::new(Vec::new());
        GrayImage::from_pixel(3, 2, Luma([7])).write_to(&mut png, ImageFormat::Png).unwrap();
        mark_output(&png.into_inner())
    }

    #[test]
    fn drawn_pictures_are_left_out_of_folders() {
        let root = tree(&["a.png", "b/c.png"]);
        let map = root.path().join("b/map.png");
        std::fs::write(&map, drawn()).unwrap();
        let expected = ["a.png", "b/c.png"].map(|name| root.path().join(name));
        assert_eq!(find_photographs(root.path()).unwrap(), expected);
        assert_eq!(find_good_images(root.path()).unwrap(), expected);
        assert_eq!(find_photographs(&map).unwrap(), [map]);
        for photograph in expected {
            std::fs::remove_file(photograph).unwrap();
        }
        let error = find_photographs(root.path()).unwrap_err();
        assert!(matches!(error, DatasetError::NoImages { path } if path == root.path()));
    }

    #[test]
    fn defects_are_no_good_images() {
        let root = tree(&["ok/a.png", "bad/b.png"]);
        assert_eq!(find_photographs(root.path()).unwrap().len(), 2);
        let error = find_good_images(root.path()).unwrap_err();
        let DatasetError::OtherImages { folders, .. } = &error else { panic!("{error}") };
        assert_eq!(folders[0].folder, Path::new("bad"));
        assert!(find_good_images(&root.path().join("ok")).is_ok());
        let images = find_photographs(&root.path().join("bad")).unwrap();
        assert!(require_defects(root.path(), &images).is_ok());
        assert!(require_good(root.path(), &images).is_err());
    }
}
