//! The images that arguments name: files, and folders nested to any depth.

use std::path::PathBuf;

use differnet_data::folders::Listing;

use crate::outputs::skip_outputs;

use crate::unread::tell_unread;

/// An image to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedImage {
    /// The file.
    pub(crate) path: PathBuf,
    /// Name in an output folder: its path below the folder named, or its file name.
    pub(crate) name: PathBuf,
}

/// The images that the arguments name.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Not opened yet: a file is opened when its turn comes.
    pub(crate) images: Vec<NamedImage>,
    /// Arguments and folders that nothing usable was found in, and why.
    pub(crate) unusable: Vec<(PathBuf, String)>,
}

/// Looks for the images that `arguments` name; says how many pictures that this program drew are left out.
///
/// A folder that cannot be read hides no other.
pub(crate) fn named_images(arguments: &[PathBuf]) -> Inputs {
    let mut inputs = Inputs::default();
    tell_unread(arguments.iter().map(PathBuf::as_path));
    for argument in arguments {
        if !argument.is_dir() {
            let name = argument.file_name().map_or_else(|| argument.clone(), PathBuf::from);
            inputs.images.push(NamedImage { path: argument.clone(), name });
            continue;
        }
        match Listing::of(argument) {
            Ok(Listing { images, unreadable }) => {
                inputs.images.extend(images.into_iter().map(|path| {
                    let name = path.strip_prefix(argument).unwrap_or(&path).to_path_buf();
                    NamedImage { path, name }
                }));
                let unreadable = unreadable.into_iter();
                inputs.unusable.extend(unreadable.map(|folder| {
                    let reason = folder.with_causes();
                    (folder.path, reason)
                }));
            }
            Err(error) => inputs.unusable.push((argument.clone(), error.with_causes())),
        }
    }
    let named = inputs.images.len();
    inputs.images = skip_outputs(inputs.images, |image| &image.path);
    if inputs.images.is_empty() && named > 0 {
        let reason = "nothing but pictures that differnet drew: name photographs".to_owned();
        inputs.unusable.push((arguments[0].clone(), reason));
    }
    inputs
}

impl Inputs {
    /// The files, in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.images.iter().map(|image| image.path.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn names_are_relative_to_the_folder_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let nested = folder.path().join("a/b.png");
        std::fs::create_dir(folder.path().join("a"))?;
        std::fs::write(&nested, "")?;
        let empty = tempfile::tempdir()?;
        let arguments = [folder.path().to_path_buf(), nested.clone(), empty.path().to_path_buf()];
        let inputs = named_images(&arguments);
        let names: Vec<&Path> = inputs.images.iter().map(|image| image.name.as_path()).collect();
        assert_eq!(names, [Path::new("a/b.png"), Path::new("b.png")]);
        assert_eq!(inputs.files(), [nested.clone(), nested]);
        assert_eq!(inputs.unusable.len(), 1);
        Ok(())
    }
}
