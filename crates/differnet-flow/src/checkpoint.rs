//! Checkpoints: everything a training needs to go on as if it had never stopped.
//!
//! One safetensors file with the flow's tensors under `flow.`, Adam's moments under
//! `adam.first.` and `adam.second.`, and settings, step count and a checksum among the metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use burn::tensor::Device;
use safetensors::Dtype;

use crate::adam::AdamConfig;
use crate::error::FlowError;
use crate::flow::Flow;
use crate::flow_file::{self, CHECKSUM_KEY};
use crate::host::HostMoments;
use crate::io::{self, CONFIG_KEY, FlowValues};
use crate::tensor_file::{self, Checksum, TensorFile, TensorSource, TensorSpec};
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
    /// [`FlowError::Io`] if the file cannot be written.
    pub fn save_checkpoint(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), FlowError> {
        tensor_file::replace(path, |out| self.write_checkpoint(metadata, out))
    }

    /// Writes what [`save_checkpoint`](Self::save_checkpoint) does, one tensor at a time.
    ///
    /// # Errors
    /// [`FlowError::Write`] if `out` refuses.
    pub fn write_checkpoint(
        &self,
        metadata: &BTreeMap<String, String>,
        out: &mut impl Write,
    ) -> Result<(), FlowError> {
        let mut metadata = self.flow.config().added_to(metadata);
        metadata.insert(ADAM_KEY.into(), self.config.to_text());
        metadata.insert(STEPS_KEY.into(), self.steps.to_string());

        metadata.remove(CHECKSUM_KEY);
        metadata.insert(CHECKSUM_KEY.into(), self.checksum(&metadata).to_string());
        let moments = moment_specs(&self.flow);
        let mut specs = self.flow.config().tensors(FLOW_PREFIX);
        specs.extend(moments.iter().flat_map(|(first, second)| [first.clone(), second.clone()]));
        tensor_file::write_header(&specs, &metadata, out)?;

        self.flow.to_tensors(FLOW_PREFIX, |tensor| match tensor.values {
            FlowValues::Floats(values) => tensor_file::write_floats(values, out),
            FlowValues::Integers(values) => tensor_file::write_integers(values, out),
        })?;
        self.moments.visit(|values| tensor_file::write_floats(values, out))
    }

    /// The checksum of weights, moments and `metadata`.
    fn checksum(&self, metadata: &BTreeMap<String, String>) -> Checksum {
        let mut checksum = Checksum::of(metadata);
        flow_file::add_flow(&mut checksum, &self.flow, FLOW_PREFIX);
        let specs = moment_specs(&self.flow);
        let mut names = specs.iter().flat_map(|(first, second)| [&first.name, &second.name]);
        let mut bytes = Vec::new();
        let summed = self.moments.visit(|values| {
            bytes.clear();
            tensor_file::write_floats(values, &mut bytes)?;
            checksum.add(names.next().expect("a name for each moment"), &bytes);
            Ok::<(), FlowError>(())
        });
        summed.expect("memory accepts every byte");
        checksum
    }

    /// The trainer saved at `path`, on `device`, and the metadata saved with it.
    ///
    /// It goes on exactly as the saved one would have: on the CPU, bit for bit.
    ///
    /// # Errors
    /// A [`FlowError`] that names the file, the tensor or the metadata key at fault.
    pub fn load_checkpoint(
        path: &Path,
        device: &Device,
    ) -> Result<(Self, BTreeMap<String, String>), FlowError> {
        let mut file = TensorFile::open(path)?;
        let mut metadata = file.metadata();
        let config = io::config_from(&metadata)?;
        let adam = parse(&metadata, ADAM_KEY, "five settings of Adam", AdamConfig::from_text)?;
        let steps = parse(&metadata, STEPS_KEY, "a count", |value| u64::from_str(value).ok())?;
        let flow = Flow::from_source(&mut file, FLOW_PREFIX, &config, device)?;
        let specs = moment_specs(&flow);
        let known: BTreeSet<&str> =
            specs.iter().flat_map(|(first, second)| [&*first.name, &*second.name]).collect();
        let stranger =
            |name: &String| !name.starts_with(FLOW_PREFIX) && !known.contains(name.as_str());
        if let Some(name) = file.names().into_iter().find(stranger) {
            return Err(FlowError::UnexpectedTensor { name });
        }
        let moments = specs.iter().map(|(first, second)| {
            Ok(HostMoments { first: file.floats(first)?, second: file.floats(second)? })
        });
        let moments = Moments::new(moments.collect::<Result<_, FlowError>>()?, device);
        let expected = metadata.remove(CHECKSUM_KEY);
        flow_file::check(path, file.checksum(&metadata), expected.as_deref())?;
        for key in [CONFIG_KEY, ADAM_KEY, STEPS_KEY] {
            metadata.remove(key);
        }
        Ok((Self::resume(flow, adam, moments, steps), metadata))
    }
}

impl Moments {
    /// Passes every parameter's first, then its second moments to `visit`, in the flow's order.
    fn visit<E>(&self, mut visit: impl FnMut(&[f32]) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Host(moments) => moments.iter().try_for_each(|HostMoments { first, second }| {
                visit(first)?;
                visit(second)
            }),
            Self::Device(moments) => {
                let tensors = moments.iter().flat_map(|moments| [&moments.first, &moments.second]);
                tensors.into_iter().try_for_each(|tensor| {
                    let data = tensor.to_data().convert::<f32>();
                    visit(data.as_slice().expect("the data were just converted to f32"))
                })
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
) -> Result<T, FlowError> {
    let Some(value) = metadata.get(key) else {
        return Err(FlowError::MissingMetadata { key: key.into() });
    };
    let metadata = || FlowError::Metadata { key: key.into(), value: value.clone(), expected };
    parse(value).ok_or_else(metadata)
}
