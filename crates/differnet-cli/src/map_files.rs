//! The files that a localization is written to.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use differnet::scoring::AnomalyMap;
use differnet::{Localization, PathText};
use differnet_data::output_mark::mark_output;
use differnet_report::{overlay, with_scale};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::atomic;
use crate::exit::UsageError;
use crate::inputs::NamedImage;
use crate::outputs::require_apart;

/// Destination of maps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MapTarget<'a> {
    /// The folder.
    pub(crate) folder: &'a Path,
    /// Maps that are there may be replaced.
    pub(crate) overwrite: bool,
    /// It may be a folder of the photographs.
    pub(crate) beside_photos: bool,
}

/// Files of one localization.
#[derive(Debug, Clone)]
pub(crate) struct MapFiles {
    /// 16-bit grey PNG.
    pub(crate) map: PathBuf,
    /// NumPy array of `f32`, `[height, width]`.
    pub(crate) array: PathBuf,
    /// PNG of the image as it was seen under the map's colours, with their scale.
    pub(crate) overlay: PathBuf,
}

impl MapFiles {
    /// The files of the image named `stem`, a path below `folder` without an extension.
    fn new(folder: &Path, stem: &Path) -> Self {
        let path = |ending: &str| {
            let mut name = folder.join(stem).into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { map: path(".map.png"), array: path(".map.npy"), overlay: path(".overlay.png") }
    }

    /// The files of each image below the folder; none may be there already, unless they may be replaced, or
    /// be written twice.
    ///
    /// - `arguments`: the files and folders of photographs that were named
    pub(crate) fn of_images(
        target: &MapTarget<'_>,
        arguments: &[PathBuf],
        images: &[NamedImage],
    ) -> anyhow::Result<Vec<Self>> {
        let MapTarget { folder, overwrite, beside_photos } = *target;
        if folder.is_file() {
            return Err(UsageError(format!("{} is a file: name a folder", folder.display())).into());
        }
        let mut names: BTreeMap<PathBuf, &Path> = BTreeMap::new();
        let mut outputs = Vec::with_capacity(images.len());
        for image in images {
            let stem = image.name.with_extension("");
            let output = Self::new(folder, &stem);
            if !overwrite && !output.are_free() {
                let taken = output.overlay.display();
                bail!("{taken} exists: name another folder, or add --overwrite");
            }
            if let Some(other) = names.insert(stem, &image.path) {
                bail!(
                    "{} and {} would both be written to {}: name them in different commands, with \
                     different folders for their maps",
                    other.display(),
                    image.path.display(),
                    output.overlay.display()
                );
            }
            outputs.push(output);
        }
        if !beside_photos {
            let overlays = outputs.iter().map(|output: &Self| output.overlay.as_path());
            require_apart(folder, arguments, images, overlays)?;
        }
        Ok(outputs)
    }

    /// Tells whether none of them exists.
    fn are_free(&self) -> bool {
        [&self.map, &self.array, &self.overlay].iter().all(|path| !path.exists())
    }

    /// Writes all three; `top` is the value of white, and of the end of the colour scale.
    pub(crate) fn write(&self, found: &Localization, top: f32) -> anyhow::Result<()> {
        let grey: Vec<u16> = found
            .map
            .values()
            .iter()
            .map(|value| (value / top * f32::from(u16::MAX) + 0.5) as u16)
            .collect();
        let (width, height) = found.image.dimensions();
        let grey: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_raw(width, height, grey)
            .context("a map has a value for each pixel")?;
        atomic::write(&self.map, &png(&DynamicImage::ImageLuma16(grey))?)?;
        atomic::write(&self.array, &npy(&found.map))?;
        let overlay = with_scale(&overlay(&found.seen_image(), found.map.values(), top), top);
        atomic::write(&self.overlay, &png(&DynamicImage::ImageRgb8(overlay))?)
    }
}

/// Each file as text, and as `NAME_bytes` if its path is not UTF-8.
impl Serialize for MapFiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let files = [("map", &self.map), ("array", &self.array), ("overlay", &self.overlay)];
        let mut map = serializer.serialize_map(None)?;
        for (name, path) in files {
            map.serialize_entry(name, &path.to_string_lossy())?;
            if let Some(bytes) = PathText::bytes_of(path) {
                map.serialize_entry(&format!("{name}_bytes"), &bytes)?;
            }
        }
        map.end()
    }
}

/// The picture as a PNG that says who drew it.
fn png(picture: &DynamicImage) -> anyhow::Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).context("cannot encode the map")?;
    Ok(mark_output(png.get_ref()))
}

/// The map as a NumPy file, format 1.0.
fn npy(map: &AnomalyMap) -> Vec<u8> {
    let shape = format!("({}, {})", map.height(), map.width());
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}").into_bytes();
    // Magic, version and length take 10 bytes; data begin at a multiple of 64, after a line end.
    header.resize((header.len() + 11).next_multiple_of(64) - 11, b' ');
    header.push(b'\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header);
    bytes.extend(map.values().iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numpy_files_have_an_aligned_header() {
        let bytes = npy(&AnomalyMap::new(2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = String::from_utf8_lossy(&bytes[10..10 + length]);
        assert!(header.contains("'shape': (3, 2)") && header.ends_with('\n'), "{header}");
        assert_eq!(bytes.len(), 10 + length + 6 * 4);
    }
}
