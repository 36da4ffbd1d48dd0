//! Pictures that this program drew, which are no photographs.

use std::path::{Component, Path, PathBuf};

use anyhow::bail;
use differnet_data::find_images;
use differnet_data::folders::{require_defects, require_good};
use differnet_data::output_mark::{is_output_file, without_outputs};

use crate::exit::UsageError;
use crate::inputs::NamedImage;
use crate::output::{counted, tell};
use crate::unread::tell_unread;

/// Those of `items` whose files are not pictures that this program drew; says how many are left out.
///
/// - `path`: the file of an item
pub(crate) fn skip_outputs<T: Send>(
    items: Vec<T>,
    path: impl Fn(&T) -> &Path + Sync + Copy,
) -> Vec<T> {
    let (photographs, outputs) = without_outputs(items, path);
    if let Some(first) = outputs.first() {
        tell_skipped(outputs.len(), path(first));
    }
    photographs
}

/// Says how many pictures are left out, and one of them.
pub(crate) fn tell_skipped(count: usize, first: &Path) {
    let pictures = counted(count, "picture");
    tell(&format!("Skipped {pictures} that differnet drew, no photographs: {}", first.display()));
}

/// The photographs in the folder of good images `folder`, at least one.
pub(crate) fn good_photographs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let photographs = photographs_in(folder)?;
    require_good(folder, &photographs)?;
    Ok(photographs)
}

/// The photographs in the folder of images of defects `folder`, at least one.
pub(crate) fn defect_photographs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let photographs = photographs_in(folder)?;
    require_defects(folder, &photographs)?;
    Ok(photographs)
}

fn photographs_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    tell_unread([folder]);
    let photographs = skip_outputs(find_images(folder)?, PathBuf::as_path);
    if photographs.is_empty() {
        bail!("{} holds no photographs", folder.display());
    }
    Ok(photographs)
}

/// Nothing, if pictures written to `outputs` do not come to lie among the photographs.
///
/// - `arguments`: the files and folders that were named
/// - `outputs`: a file for each of `images`
///
/// # Errors
/// [`UsageError`] names the folder.
pub(crate) fn require_apart<'a>(
    folder: &Path,
    arguments: &[PathBuf],
    images: &[NamedImage],
    outputs: impl Iterator<Item = &'a Path>,
) -> anyhow::Result<()> {
    let place = place_of(folder);
    let named = arguments.iter().filter(|argument| argument.is_dir());
    let inside = named.map(|folder| place_of(folder)).any(|named| place.starts_with(named));
    let parents: std::collections::BTreeSet<PathBuf> = images
        .iter()
        .filter(|image| !is_output_file(&image.path))
        .filter_map(|image| image.path.parent())
        .map(place_of)
        .collect();
    let among = |output: &Path| output.parent().is_some_and(|to| parents.contains(&place_of(to)));
    if inside || outputs.into_iter().any(among) {
        return Err(UsageError(format!(
            "{} is a folder of the photographs: name another one for the pictures, or add \
             --beside-photos",
            folder.display()
        ))
        .into());
    }
    Ok(())
}

/// The folder without links, `.` and `..`, whether or not it is there yet.
fn place_of(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    for ancestor in folder.ancestors() {
        if let Ok(place) = ancestor.canonicalize() {
            let rest = folder.strip_prefix(ancestor).unwrap_or(Path::new(""));
            // What is not there yet holds no links: `..` takes one name away.
            return rest.components().fold(place, |place, component| match component {
                Component::ParentDir => place.parent().map(Path::to_path_buf).unwrap_or(place),
                name => place.join(name),
            });
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_must_not_lie_among_photographs() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("photos/monday"))?;
        std::fs::write(at("photos/monday/a.png"), "")?;
        let image =
            NamedImage { path: at("photos/monday/a.png"), name: PathBuf::from("monday/a.png") };
        let apart = |argument: &Path, out: &Path, output: &Path| {
            let arguments = [argument.to_path_buf()];
            require_apart(out, &arguments, std::slice::from_ref(&image), [output].into_iter())
        };
        let (photos, file) = (at("photos"), at("photos/monday/a.png"));
        for (argument, out, output) in [
            (&photos, photos.clone(), "photos/monday/a.overlay.png"),
            (&photos, at("photos/maps"), "photos/maps/monday/a.overlay.png"),
            (&photos, at("maps/../photos/new/maps"), "photos/new/maps/monday/a.overlay.png"),
            (&file, at("photos/monday"), "photos/monday/a.overlay.png"),
            (&file, at("photos/monday/."), "photos/monday/./a.overlay.png"),
            (&photos, root.path().to_path_buf(), "photos/monday/a.overlay.png"),
        ] {
            let error = apart(argument, &out, &at(output)).expect_err(output).to_string();
            assert!(error.contains("--beside-photos"), "{error}");
        }
        apart(&photos, &at("maps"), &at("maps/monday/a.overlay.png"))?;
        apart(&file, &at("photos/maps"), &at("photos/maps/a.overlay.png"))?;
        apart(&photos, root.path(), &at("monday/a.overlay.png"))?;
        Ok(())
    }
}
