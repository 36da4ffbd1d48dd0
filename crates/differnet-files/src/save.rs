//! Writing of safetensors files with a checksum.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use crate::atomic_file::AtomicFile;
use crate::checksum::{CHECKSUM_KEY, Checksum};
use crate::error::FileError;
use crate::header::header_bytes;
use crate::tensor::NamedTensor;

/// Writes `tensors` as a safetensors file; a checksum of all of it joins `metadata`.
///
/// `tensors` gives the same tensors, with names that differ, both times it is called: the checksum
/// stands in front of them, and nothing but the tensor being written is held. Equal content gives
/// equal bytes.
///
/// # Errors
/// The first of `out`.
///
/// # Panics
/// If a shape does not fit its values.
pub fn write_tensors<'a, I: IntoIterator<Item = NamedTensor<'a>>>(
    metadata: &BTreeMap<String, String>,
    tensors: impl Fn() -> I,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut metadata = metadata.clone();
    let mut checksum = Checksum::of(&metadata);
    let mut specs = Vec::new();
    for tensor in tensors() {
        let NamedTensor { name, shape, values } = &tensor;
        assert_eq!(shape.iter().product::<usize>(), values.len(), "the shape of {name:?}");
        checksum.add(name, &values.bytes());
        specs.push(tensor.spec());
    }
    metadata.insert(CHECKSUM_KEY.into(), checksum.to_string());
    out.write_all(&header_bytes(&specs, &metadata))?;
    tensors().into_iter().try_for_each(|tensor| out.write_all(&tensor.values.bytes()))
}

/// Writes the file `path` as [`write_tensors`] does; a complete file or none.
///
/// # Errors
/// [`FileError::Io`] if the file cannot be written.
///
/// # Panics
/// As [`write_tensors`].
pub fn save_tensors<'a, I: IntoIterator<Item = NamedTensor<'a>>>(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    tensors: impl Fn() -> I,
) -> Result<(), FileError> {
    let save = || {
        let mut file = AtomicFile::create(path)?;
        write_tensors(metadata, tensors, &mut file)?;
        file.commit()
    };
    save().map_err(|source| FileError::Io { path: path.to_path_buf(), source })
}
