//! Images as Python has them: paths, encoded bytes, arrays, and whatever becomes an array.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use differnet_data::{ImageInput, RgbImage};
use numpy::{
    Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::error::{of_dataset, value_error};

/// An image that Python handed over; it can be used without the interpreter's lock.
///
/// Pixels of arrays are converted to RGB once, which every method needs; nothing refers to the array
/// afterwards, so that Python may change it.
#[derive(Debug, Clone)]
pub(crate) enum Image {
    /// A file, opened when its turn comes.
    File(PathBuf),
    /// Contents of an image file, in memory.
    Encoded { name: PathBuf, bytes: Arc<[u8]> },
    /// Pixels.
    Pixels { name: PathBuf, image: Arc<RgbImage> },
}

impl Image {
    /// The image in `object`, number `index` of those given.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` says what an image has to be.
    pub(crate) fn new(object: &Bound<'_, PyAny>, index: usize) -> PyResult<Self> {
        let name = || PathBuf::from(format!("image {index}"));
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Encoded { name: name(), bytes: bytes.as_bytes().into() });
        }
        if let Ok(array) = object.cast::<PyUntypedArray>() {
            let image = Arc::new(rgb_image(array, index)?);
            return Ok(Self::Pixels { name: name(), image });
        }
        if let Ok(path) = object.extract::<PathBuf>() {
            return Ok(Self::File(path));
        }
        if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
            return Err(PyTypeError::new_err(
                "expected one image, found a list: give several images to scores() or maps(), and numbers \
                 as numpy.array(numbers, dtype=numpy.uint8)",
            ));
        }
        let array =
            object.py().import("differnet._images")?.getattr("as_array")?.call1((object,))?;
        let image = Arc::new(rgb_image(array.cast::<PyUntypedArray>()?, index)?);
        Ok(Self::Pixels { name: name(), image })
    }

    /// Returns the image as models take it.
    pub(crate) fn input(&self) -> ImageInput<'_> {
        match self {
            Self::File(path) => ImageInput::File(path),
            Self::Encoded { name, bytes } => ImageInput::Memory { name, bytes },
            Self::Pixels { name, image } => ImageInput::Pixels { name, image },
        }
    }

    /// The file's path; `None` for what came from memory.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Encoded { .. } | Self::Pixels { .. } => None,
        }
    }
}

/// The images in `object`: those below a folder, or those of an iterable.
///
/// # Errors
/// As [`Image::new`]; `FileNotFoundError` if the folder is missing, `ValueError` if there is no image.
pub(crate) fn images(object: &Bound<'_, PyAny>) -> PyResult<Vec<Image>> {
    let images = if object.is_instance_of::<PyBytes>() {
        vec![Image::new(object, 0)?]
    } else if let Ok(path) = object.extract::<PathBuf>() {
        find_images(path)?.into_iter().map(Image::File).collect()
    } else {
        let image =
            |(index, object): (usize, PyResult<Bound<'_, PyAny>>)| Image::new(&object?, index);
        object.try_iter()?.enumerate().map(image).collect::<PyResult<Vec<_>>>()?
    };
    if images.is_empty() {
        return Err(value_error("no images: give a folder, or a list with at least one image"));
    }
    Ok(images)
}

/// The images in `object` as an iterable: the files below a folder, or the object itself.
///
/// # Errors
/// As [`images`]; what is iterated over is not looked at.
pub(crate) fn listed<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match object.extract::<PathBuf>() {
        Ok(path) => {
            let files = find_images(path)?.into_iter();
            Ok(PyList::new(object.py(), files.map(PathBuf::into_os_string))?.into_any())
        }
        Err(_) if object.is_instance_of::<PyBytes>() => {
            Ok(PyList::new(object.py(), [object])?.into_any())
        }
        Err(_) => Ok(object.clone()),
    }
}

/// The image files below a folder, searched to any depth, sorted.
#[pyfunction]
pub(crate) fn find_images(path: PathBuf) -> PyResult<Vec<PathBuf>> {
    differnet::find_images(&path).map_err(|error| of_dataset(&error))
}

/// The pixels of an array as 8-bit RGB, as files are converted: grey is repeated, 16-bit samples keep their
/// high byte.
fn rgb_image(array: &Bound<'_, PyUntypedArray>, index: usize) -> PyResult<RgbImage> {
    let shape = array.shape();
    let channels = match *shape {
        [_, _] => 1,
        [_, _, 3] => 3,
        [3, _, _] => {
            return Err(value_error(format!(
                "image {index} has the shape {shape:?}: move the channels last with \
                 numpy.moveaxis(image, 0, -1)"
            )));
        }
        _ => {
            return Err(value_error(format!(
                "image {index} has the shape {shape:?}: an image is [height, width] or [height, width, 3]"
            )));
        }
    };
    let side = |pixels: usize| {
        u32::try_from(pixels)
            .map_err(|_| value_error(format!("image {index} is too large: {shape:?}")))
    };
    let (height, width) = (side(shape[0])?, side(shape[1])?);
    let samples = if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
        samples(&array.readonly(), channels, |sample| sample)
    } else if let Ok(array) = array.cast::<PyArrayDyn<u16>>() {
        samples(&array.readonly(), channels, |sample| (sample >> 8) as u8)
    } else {
        return Err(PyTypeError::new_err(format!(
            "image {index} has the type {}: an image is uint8 or uint16; for numbers from 0 to 1 use \
             (255 * image).round().astype(numpy.uint8)",
            array.dtype()
        )));
    };
    RgbImage::from_raw(width, height, samples)
        .ok_or_else(|| value_error(format!("image {index} is too large: {shape:?}")))
}

/// The samples of an array in order, each of `channels` 3 or repeated thrice.
fn samples<T: Element + Copy>(
    array: &PyReadonlyArrayDyn<'_, T>,
    channels: usize,
    convert: impl Fn(T) -> u8,
) -> Vec<u8> {
    let repeat = 3 / channels;
    let mut samples = Vec::with_capacity(array.len() * repeat);
    let mut push = |sample: T| samples.extend(std::iter::repeat_n(convert(sample), repeat));
    match array.as_slice() {
        // A slice of an array in Fortran's order is one, too, in another order.
        Ok(values) if array.is_c_contiguous() => values.iter().copied().for_each(&mut push),
        _ => array.as_array().iter().copied().for_each(&mut push),
    }
    samples
}
