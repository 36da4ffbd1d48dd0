//! Checkpoints: everything a training needs to go on as if it had never stopped.
//!
//! One safetensors file with the flow's tensors under `flow.`, Adam's moments under
//! `adam.first.` and `adam.second.`, and settings, step count and a checksum among the metadata.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use differnet_files::{
    Dtype, FileError, NamedTensor, TensorFile, TensorSource, TensorSpec, TensorValues,
    save_tensors, write_tensors,
};

use crate::adam::AdamConfig;
use crate::backend::Backend;
use crate::error::FlowError;
use crate::flow::Flow;
use crate::host::HostMoments;
use crate::io::{CONFIG_KEY, config_from};
use crate::trainer::{Moments, Trainer};

const ADAM_KEY: &str = "differnet_flow.adam";
const STEPS_KEY: &str = "differnet_flow.steps";
const FLOW_PREFIX: &str = "flow.";
const FIRST_PREFIX: &str = "adam.first.";
const SECOND_PREFIX: &str = "adam.second.";

impl Trainer {
    /// Writes weights, moments, settings and step count to `path`; a complete file or none.
    ///
    /// The caller's `metadata` come back from [`load_checkpoint`](Self::load_checkpoint).
    ///
    /// # Errors
    /// [`FileError::Io`] if the file cannot be written.
    pub fn save_checkpoint(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), FlowError> {
        Ok(save_tensors(path, &self.described(metadata), || self.tensors())?)
    }

    /// Writes what [`save_checkpoint`](Self::save_checkpoint) does, one tensor at a time.
    ///
    /// # Errors
    /// The first of `out`.
    pub fn write_checkpoint(
        &self,
        metadata: &BTreeMap<String, String>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        write_tensors(&self.described(metadata), || self.tensors(), out)
    }

    /// `metadata` with settings and step count.
    fn described(&self, metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut metadata = metadata.clone();
        metadata.insert(CONFIG_KEY.into(), self.flow.config().to_json());
        metadata.insert(ADAM_KEY.into(), self.config.to_json());
        metadata.insert(STEPS_KEY.into(), self.steps.to_string());
        metadata
    }

    /// Weights, and each parameter's first and second moments.
    fn tensors(&self) -> impl Iterator<Item = NamedTensor<'_>> {
        let specs = moment_specs(&self.flow).into_iter();
        let specs = specs.flat_map(|(first, second)| [first, second]);
        let moments = specs.zip(self.moments.values()).map(|(spec, values)| NamedTensor {
            name: spec.name,
            shape: spec.shape,
            values: TensorValues::F32(values),
        });
        self.flow.tensors(FLOW_PREFIX).chain(moments)
    }

    /// The trainer saved at `path`, on `backend`, and the metadata saved with it.
    ///
    /// It goes on exactly as the saved one would have: on the host processor, bit for bit.
    ///
    /// # Errors
    /// A [`FlowError`] that names the file, the tensor or the metadata key at fault.
    pub fn load_checkpoint(
        path: &Path,
        backend: &Backend,
    ) -> Result<(Self, BTreeMap<String, String>), FlowError> {
        let mut file = TensorFile::open(path)?;
        let mut metadata = file.metadata();
        let config = config_from(&metadata, CONFIG_KEY)?;
        let adam = parse(&metadata, ADAM_KEY, "settings of Adam as JSON", AdamConfig::from_json)?;
        let steps = parse(&metadata, STEPS_KEY, "a count", |value| u64::from_str(value).ok())?;
        let flow = Flow::from_source(&mut file, FLOW_PREFIX, &config, backend.device())?;
        let specs = moment_specs(&flow);
        let known: BTreeSet<&str> =
            specs.iter().flat_map(|(first, second)| [&*first.name, &*second.name]).collect();
        let stranger =
            |name: &String| !name.starts_with(FLOW_PREFIX) && !known.contains(name.as_str());
        if let Some(name) = file.names().into_iter().find(stranger) {
            return Err(FileError::UnexpectedTensor { name }.into());
        }
        let mut read = |spec: &TensorSpec| file.floats(&spec.name, &spec.shape);
        let moments = specs.iter().map(|(first, second)| {
            Ok(HostMoments { first: read(first)?, second: read(second)? }) //
        });
        let moments = Moments::new(moments.collect::<Result<_, FileError>>()?, backend);
        file.verify()?;
        for key in [CONFIG_KEY, ADAM_KEY, STEPS_KEY] {
            metadata.remove(key);
        }
        Ok((Self::resume(flow, adam, moments, steps), metadata))
    }
}

impl Moments {
    /// Every parameter's first, then its second moments, in the flow's order.
    fn values(&self) -> Box<dyn Iterator<Item = Cow<'_, [f32]>> + '_> {
        match self {
            Self::Host(moments) => {
                let values = moments.iter().flat_map(|moments| [&moments.first, &moments.second]);
                Box::new(values.map(|values| Cow::Borrowed(&**values)))
            }
            Self::Tensors(moments) => {
                let tensors = moments.iter().flat_map(|moments| [&moments.first, &moments.second]);
                Box::new(tensors.map(|tensor| {
                    let data = tensor.to_data().convert::<f32>();
                    Cow::Owned(data.try_into_vec().expect("the data were just converted to f32"))
                }))
            }
        }
    }
}

/// Names of the two moments of each parameter. They are stored flat, in the device's layout.
fn moment_specs(flow: &Flow) -> Vec<(TensorSpec, TensorSpec)> {
    let specs = flow.config().tensors("");
    let parameters = specs.into_iter().filter(|spec| spec.dtype == Dtype::F32);
    let moment = |prefix: &str, spec: &TensorSpec| TensorSpec {
        name: format!("{prefix}{}", spec.name),
        shape: vec![spec.shape.iter().product()],
        dtype: Dtype::F32,
    };
    parameters.map(|spec| (moment(FIRST_PREFIX, &spec), moment(SECOND_PREFIX, &spec))).collect()
}

fn parse<T>(
    metadata: &BTreeMap<String, String>,
    key: &str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, FileError> {
    let Some(value) = metadata.get(key) else {
        return Err(FileError::MissingMetadata { key: key.into() });
    };
    let metadata = || FileError::Metadata { key: key.into(), value: value.clone(), expected };
    parse(value).ok_or_else(metadata)
}
