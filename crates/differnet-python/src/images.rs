//! Images as Python has them: paths, encoded bytes, arrays, and whatever becomes an array.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use differnet::{find_good_images, find_photographs};
use differnet_data::{DatasetError, ImageInput, RgbImage};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use numpy::{
    Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::error::{of_dataset, value_error};

/// An image that Python handed over; it can be used without the interpreter's lock.
///
/// 8-bit pixels of arrays are converted to RGB once, which every method needs; deeper ones become the PNG file
/// that has them, so that they are seen as those of files. Nothing refers to the array afterwards, so that
/// Python may change it.
#[derive(Debug, Clone)]
pub(crate) enum Image {
    /// A file, opened when its turn comes.
    File(PathBuf),
    /// Contents of an image file, in memory: given so, or of samples with more than 8 bits.
    Encoded { name: PathBuf, bytes: Arc<[u8]> },
    /// Pixels of 8 bits a sample.
    Pixels { name: PathBuf, image: Arc<RgbImage> },
}

impl Image {
    /// The image in `object`, number `index` of those given.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` says what an image has to be.
    pub(crate) fn new(object: &Bound<'_, PyAny>, index: usize) -> PyResult<Self> {
        let name = || name_of(index);
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Encoded { name: name(), bytes: bytes.as_bytes().into() });
        }
        if let Ok(array) = object.cast::<PyUntypedArray>() {
            return of_array(array, index);
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
        of_array(array.cast::<PyUntypedArray>()?, index)
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

/// Files in a folder that are wanted.
type Search = fn(&Path) -> Result<Vec<PathBuf>, DatasetError>;

/// The images in `object`: the photographs below a folder, or those of an iterable.
///
/// # Errors
/// As [`Image::new`]; `FileNotFoundError` if the folder is missing, `ValueError` if there is no image.
pub(crate) fn images(object: &Bound<'_, PyAny>) -> PyResult<Vec<Image>> {
    from_folder_or_list(object, find_photographs)
}

/// As [`images`], of good parts.
///
/// # Errors
/// As [`images`]; `ValueError` if the folder has subfolders whose names mean something else.
pub(crate) fn good_images(object: &Bound<'_, PyAny>) -> PyResult<Vec<Image>> {
    from_folder_or_list(object, find_good_images)
}

fn from_folder_or_list(object: &Bound<'_, PyAny>, search: Search) -> PyResult<Vec<Image>> {
    let images = if object.is_instance_of::<PyBytes>() {
        vec![Image::new(object, 0)?]
    } else if let Ok(path) = object.extract::<PathBuf>() {
        in_folder(&path, search)?.into_iter().map(Image::File).collect()
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

/// The images in `object` as an iterable: the photographs below a folder, or the object itself.
///
/// # Errors
/// As [`images`]; what is iterated over is not looked at.
pub(crate) fn listed<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match object.extract::<PathBuf>() {
        Ok(path) => {
            let files = in_folder(&path, find_photographs)?.into_iter();
            Ok(PyList::new(object.py(), files.map(PathBuf::into_os_string))?.into_any())
        }
        Err(_) if object.is_instance_of::<PyBytes>() => {
            Ok(PyList::new(object.py(), [object])?.into_any())
        }
        Err(_) => Ok(object.clone()),
    }
}

/// The image files below a folder, searched to any depth, sorted; pictures that differnet drew are among them.
#[pyfunction]
pub(crate) fn find_images(path: PathBuf) -> PyResult<Vec<PathBuf>> {
    differnet::find_images(&path).map_err(|error| of_dataset(&error))
}

fn in_folder(path: &Path, search: Search) -> PyResult<Vec<PathBuf>> {
    search(path).map_err(|error| {
        let DatasetError::OtherImages { .. } = &error else { return of_dataset(&error) };
        value_error(format!(
            "{error}, or give a list of images, such as differnet.find_images(folder)"
        ))
    })
}

fn name_of(index: usize) -> PathBuf {
    PathBuf::from(format!("image {index}"))
}

/// The image in an array, number `index` of those given.
fn of_array(array: &Bound<'_, PyUntypedArray>, index: usize) -> PyResult<Image> {
    let name = name_of(index);
    let (width, height, channels) = size_of(array, index)?;
    if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
        // Grey is repeated, as in files.
        let image = RgbImage::from_raw(width, height, samples(&array.readonly(), 3 / channels))
            .ok_or_else(|| value_error(format!("image {index} is too large")))?;
        return Ok(Image::Pixels { name, image: Arc::new(image) });
    }
    let Ok(array) = array.cast::<PyArrayDyn<u16>>() else {
        return Err(PyTypeError::new_err(format!(
            "image {index} has the type {}: an image is uint8 or uint16; for numbers from 0 to 1 use \
             (255 * image).round().astype(numpy.uint8)",
            array.dtype()
        )));
    };
    if array.len() == 0 {
        // Refused as a file without pixels is.
        return Ok(Image::Pixels { name, image: Arc::new(RgbImage::new(width, height)) });
    }
    let color = if channels == 1 { ExtendedColorType::L16 } else { ExtendedColorType::Rgb16 };
    let samples = samples(&array.readonly(), 1).into_iter().flat_map(u16::to_ne_bytes);
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::NoFilter)
        .write_image(&samples.collect::<Vec<u8>>(), width, height, color)
        .map_err(|error| value_error(format!("image {index}: {error}")))?;
    Ok(Image::Encoded { name, bytes: bytes.into() })
}

/// Width, height and channels of an array.
fn size_of(array: &Bound<'_, PyUntypedArray>, index: usize) -> PyResult<(u32, u32, usize)> {
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
    Ok((side(shape[1])?, side(shape[0])?, channels))
}

/// The samples of an array in order, each `times` times.
fn samples<T: Element + Copy>(array: &PyReadonlyArrayDyn<'_, T>, times: usize) -> Vec<T> {
    let mut samples = Vec::with_capacity(array.len() * times);
    let mut push = |sample: T| samples.extend(std::iter::repeat_n(sample, times));
    match array.as_slice() {
        // A slice of an array in Fortran's order is one, too, in another order.
        Ok(values) if array.is_c_contiguous() => values.iter().copied().for_each(&mut push),
        _ => array.as_array().iter().copied().for_each(&mut push),
    }
    samples
}
