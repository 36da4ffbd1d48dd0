//! Tables of numbers in a model file, by name.

use differnet_flow::AuxiliaryTensor;

/// Tables of a model file, besides its flows.
pub(super) struct Tables(pub(super) Vec<AuxiliaryTensor>);

/// The table `name`.
pub(super) fn table(name: String, shape: &[usize], values: &[f32]) -> AuxiliaryTensor {
    AuxiliaryTensor { name, shape: shape.to_vec(), values: values.to_vec() }
}

impl Tables {
    /// Shape and values of the table `name`; the reason if there is none.
    pub(super) fn any(&self, name: &str) -> Result<(&[usize], &[f32]), String> {
        let found = self.0.iter().find(|table| table.name == name);
        let found = found.ok_or_else(|| format!("it lacks the table {name}"))?;
        Ok((&found.shape, &found.values))
    }

    /// The values of the table `name` of a `shape`; the reason if there is none.
    pub(super) fn shaped(&self, name: &str, shape: &[usize]) -> Result<&[f32], String> {
        let (found, values) = self.any(name)?;
        if found == shape {
            return Ok(values);
        }
        Err(format!("its table {name} has shape {found:?} instead of {shape:?}"))
    }
}
