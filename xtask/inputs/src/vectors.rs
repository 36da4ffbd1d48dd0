//! Tensors in a safetensors file, by name and with their shapes checked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use safetensors::{Dtype, SafeTensors};

/// A safetensors file in memory.
#[derive(Debug)]
pub struct Vectors {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Vectors {
    /// Reads the file `path`.
    ///
    /// # Errors
    /// If it cannot be read or is no safetensors file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let vectors = Self { path: path.to_path_buf(), bytes };
        vectors.tensors()?;
        Ok(vectors)
    }

    /// The file's tensors.
    ///
    /// # Errors
    /// None after [`read`](Self::read): they were parsed there.
    pub fn tensors(&self) -> anyhow::Result<SafeTensors<'_>> {
        let tensors = SafeTensors::deserialize(&self.bytes);
        tensors.with_context(|| format!("{} is not a safetensors file", self.path.display()))
    }

    /// Rests of the names that begin with `prefix`, sorted.
    ///
    /// # Panics
    /// Never: the file was parsed when it was read.
    pub fn names_under(&self, prefix: &str) -> Vec<String> {
        let tensors = self.tensors().expect("the file was parsed when it was read");
        let names = tensors.names().into_iter();
        let mut names: Vec<String> =
            names.filter_map(|name| name.strip_prefix(prefix)).map(String::from).collect();
        names.sort();
        names
    }

    /// The values and the shape of the tensor `name`, of `D` dimensions.
    ///
    /// # Errors
    /// If there is no such tensor, if it has another number of dimensions, or if its values are no floats.
    pub fn shaped<const D: usize>(&self, name: &str) -> anyhow::Result<(Vec<f32>, [usize; D])> {
        let path = self.path.display();
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).with_context(|| format!("no `{name}` in {path}"))?;
        let shape = tensor.shape();
        let Ok(shape) = <[usize; D]>::try_from(shape) else {
            bail!("`{name}` in {path} has shape {shape:?}, expected {D} dimensions");
        };
        let values = match tensor.dtype() {
            Dtype::F32 => {
                let (words, _) = tensor.data().as_chunks::<4>();
                words.iter().map(|word| f32::from_le_bytes(*word)).collect()
            }
            Dtype::F64 => {
                let (words, _) = tensor.data().as_chunks::<8>();
                words.iter().map(|word| f64::from_le_bytes(*word) as f32).collect()
            }
            other => bail!("`{name}` in {path} is {other:?}, expected floats"),
        };
        Ok((values, shape))
    }

    /// The values of the tensor `name`, row by row, of shape `shape`; 0 stands for any size.
    ///
    /// # Errors
    /// As [`shaped`](Self::shaped), and if it has another shape.
    pub fn values<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
    ) -> anyhow::Result<Vec<f32>> {
        let (values, found) = self.shaped::<D>(name)?;
        let fits = found.iter().zip(shape).all(|(&found, wanted)| wanted == 0 || found == wanted);
        let path = self.path.display();
        ensure!(fits, "`{name}` in {path} has shape {found:?}, expected {shape:?} (0: any)");
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    #[test]
    fn shapes_are_checked_and_floats_of_both_widths_read() {
        let single: Vec<u8> = [1.0_f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let double: Vec<u8> = [0.5_f64].iter().flat_map(|x| x.to_le_bytes()).collect();
        let views = [
            ("a", TensorView::new(Dtype::F32, vec![1, 3], &single).unwrap()),
            ("b", TensorView::new(Dtype::F64, vec![1], &double).unwrap()),
            ("c", TensorView::new(Dtype::U8, vec![8], &double).unwrap()),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.safetensors");
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let vectors = Vectors::read(&path).unwrap();
        assert_eq!(vectors.shaped("a").unwrap(), (vec![1.0, 2.0, 3.0], [1, 3]));
        assert_eq!(vectors.values("a", [0, 3]).unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(vectors.values("b", [1]).unwrap(), [0.5]);
        let errors = [
            vectors.values("a", [3, 1]).unwrap_err(),
            vectors.values("a", [3]).unwrap_err(),
            vectors.values("c", [8]).unwrap_err(),
            vectors.values("d", [8]).unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains("some.safetensors"), "{error}");
        }
    }
}
