//! Splits that a published list makes: which images are trained on, and which are good.

use std::path::{Path, PathBuf};

use crate::copies::Split;
use crate::dataset::{Dataset, Defect, Sample, dataset_name};
use crate::dataset_error::DatasetError;
use crate::listing::canonical;
use crate::mask::Mask;

/// One image of a list.
pub(super) struct ListedImage {
    pub(super) split: Split,
    pub(super) image: PathBuf,
    /// The kind of defect; `None` for a good image.
    pub(super) kind: Option<String>,
    /// Not black where the defect is.
    pub(super) mask: Option<PathBuf>,
}

/// The category in `folder` as `list` splits it; every file has to be there.
pub(super) fn dataset(
    folder: &Path,
    list: &Path,
    images: Vec<ListedImage>,
) -> Result<Dataset, DatasetError> {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for ListedImage { split, image, kind, mask } in images {
        if let Some(path) =
            [Some(&image), mask.as_ref()].into_iter().flatten().find(|p| !p.is_file())
        {
            return Err(DatasetError::ListedMissing { list: list.into(), path: path.clone() });
        }
        match (split, kind) {
            (Split::Train, Some(_)) => {
                return Err(DatasetError::ListedDefect { list: list.into(), image });
            }
            (Split::Train, None) => train.push(Sample::good(image)),
            (Split::Test, kind) => {
                let mask = mask.map(Mask::not_black);
                test.push(Sample { image, defect: kind.map(|kind| Defect { kind, mask }) });
            }
        }
    }
    if train.is_empty() {
        let (path, rule) = (folder.to_path_buf(), "its split lists none");
        return Err(DatasetError::NothingToTrainOn { path, rule });
    }
    train.sort_by(|a, b| a.image.cmp(&b.image));
    test.sort_by(|a, b| a.image.cmp(&b.image));
    Ok(Dataset { name: dataset_name(folder), train, test })
}

/// The text of the first of `names` that is there, each a path from a folder above `folder` on.
///
/// # Errors
/// [`DatasetError::NoSplitList`] if none is, [`DatasetError::Read`] if the operating system refuses.
pub(super) fn read_above(
    folder: &Path,
    layout: &'static str,
    names: &[String],
) -> Result<(PathBuf, String), DatasetError> {
    let Some(list) = find_above(folder, names)? else {
        let (category, name) = (folder.to_path_buf(), names[0].clone());
        return Err(DatasetError::NoSplitList { category, layout, name });
    };
    match std::fs::read_to_string(&list) {
        Ok(text) => Ok((list, text)),
        Err(source) => Err(DatasetError::Read { path: list, source }),
    }
}

/// The first of `names` that is a file in the folder above `folder`, or else in the one above that.
pub(super) fn find_above(folder: &Path, names: &[String]) -> Result<Option<PathBuf>, DatasetError> {
    // The folder may be given as `.`.
    let place = canonical(folder)?;
    let above = place.ancestors().skip(1).take(2);
    let mut paths = above.flat_map(|above| names.iter().map(move |name| above.join(name)));
    Ok(paths.find(|path| path.is_file()))
}
