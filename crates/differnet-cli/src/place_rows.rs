//! A safetensors file of the rows of places: one row for each place of each image.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use differnet::{PlaceView, Runtime};
use serde_json::json;

use crate::interrupt::Interrupt;
use crate::progress::Meter;

/// Images whose places are written, and how they are described.
pub(crate) struct PlaceRows<'a> {
    pub(crate) view: &'a PlaceView,
    pub(crate) runtime: &'a Runtime,
    pub(crate) images: &'a [PathBuf],
    /// Rows and columns of places of each image.
    pub(crate) grids: &'a [(usize, usize)],
}

impl PlaceRows<'_> {
    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.grids.iter().map(|(height, width)| height * width).sum()
    }

    /// Writes the file to `out`, features image by image as they come; `names` are those of the images.
    pub(crate) fn write(
        &self,
        names: &[String],
        interrupt: &Interrupt,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        out.write_all(&self.header(names)?)?;
        let meter = Meter::new();
        let mut counts = Vec::with_capacity(self.count());
        let features = self.view.features(self.runtime, self.images);
        for ((done, features), grid) in (1..).zip(features).zip(self.grids) {
            let features = features.context("an image changed while it was in use")?;
            let same = (features.height, features.width) == *grid;
            anyhow::ensure!(
                same,
                "{} changed while it was in use",
                self.images[done - 1].display()
            );
            counts.extend(features.counts.iter().map(|counts| u8::from(*counts)));
            out.write_all(&bytes(features.values.iter().map(|value| value.to_le_bytes())))?;
            meter.show("Features", done, self.images.len(), "");
            interrupt.check(|| "Stopped; the same command begins anew.".to_owned())?;
        }
        // A data set has fewer images, and an image fewer places, than 32 bits count.
        let numbers = |number: fn(usize, usize, usize) -> usize| {
            let images = self.grids.iter().enumerate();
            let places = images.flat_map(move |(image, &(height, width))| {
                (0..height * width).map(move |place| number(image, place, width) as i32)
            });
            bytes(places.map(i32::to_le_bytes))
        };
        out.write_all(&numbers(|image, _, _| image))?;
        out.write_all(&numbers(|_, place, width| place / width))?;
        out.write_all(&numbers(|_, place, width| place % width))?;
        Ok(out.write_all(&counts)?)
    }

    /// Length and header of the file, written before its data are known.
    fn header(&self, names: &[String]) -> anyhow::Result<Vec<u8>> {
        let (rows, channels) = (self.count(), self.view.channels());
        let mut end = 0;
        let mut tensor = |kind: &str, shape: &[usize], size: usize| {
            let start = end;
            end += shape.iter().product::<usize>() * size;
            json!({ "dtype": kind, "shape": shape, "data_offsets": [start, end] })
        };
        let features = tensor("F32", &[rows, channels], size_of::<f32>());
        let image = tensor("I32", &[rows], size_of::<i32>());
        let row = tensor("I32", &[rows], size_of::<i32>());
        let column = tensor("I32", &[rows], size_of::<i32>());
        let counts = tensor("BOOL", &[rows], size_of::<u8>());
        safetensors_header(&json!({
            "__metadata__": {
                "names": serde_json::to_string(names)?,
                "extractor": self.view.extractor(self.runtime)?,
            },
            "features": features, "image": image, "row": row, "column": column, "counts": counts,
        }))
    }
}

/// Length and text of the header of a safetensors file.
pub(crate) fn safetensors_header(header: &serde_json::Value) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(header)?;
    // The format wants tensors to begin at a multiple of eight bytes.
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text);
    Ok(file)
}

/// The path below the data set's folder.
pub(crate) fn name(image: &Path, root: &Path) -> String {
    image.strip_prefix(root).unwrap_or(image).display().to_string()
}

fn bytes(numbers: impl Iterator<Item = [u8; 4]>) -> Vec<u8> {
    numbers.flatten().collect()
}
