//! Files of one flow or several, with a checksum and a caller's tables.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use burn::tensor::Device;

use crate::companion::{self, Companion};
use crate::error::FlowError;
use crate::flow::{Flow, FlowConfig};
use crate::host_flow::HostFlow;
use crate::io::{FlowTensor, FlowValues, config_from};
use crate::tensor_file::{self, Checksum, TensorFile, TensorSource, TensorSpec};

/// Metadata key under which a flow's file keeps the checksum of all the rest.
pub(crate) const CHECKSUM_KEY: &str = "differnet_flow.checksum";
/// Metadata key under which a file of several flows keeps their number.
const COUNT_KEY: &str = "differnet_flow.flows";
/// What the names of tensors of further flows begin with: `flows.{k}.blocks.…`, from 1.
pub(crate) const FURTHER: &str = "flows.";

/// Writes flows of one configuration, and `companions`, to `path`; a complete file or none.
///
/// A file of one flow is that of [`Flow::save`].
///
/// # Errors
/// [`FlowError::Io`] if the file cannot be written.
///
/// # Panics
/// If there are no flows, or their configurations differ.
pub fn save_flows(
    flows: &[Flow],
    path: &Path,
    metadata: &BTreeMap<String, String>,
    companions: &[Companion],
) -> Result<(), FlowError> {
    save_stored(flows, path, metadata, companions)
}

/// As [`save_flows`], of flows for scoring.
///
/// # Errors
/// As [`save_flows`].
///
/// # Panics
/// As [`save_flows`].
pub fn save_host_flows(
    flows: &[HostFlow],
    path: &Path,
    metadata: &BTreeMap<String, String>,
    companions: &[Companion],
) -> Result<(), FlowError> {
    save_stored(flows, path, metadata, companions)
}

fn save_stored(
    flows: &[impl StoredFlow],
    path: &Path,
    metadata: &BTreeMap<String, String>,
    companions: &[Companion],
) -> Result<(), FlowError> {
    tensor_file::replace(path, |out| write_all(flows, metadata, companions, out))
}

/// A flow that can be written.
pub(crate) trait StoredFlow {
    fn config(&self) -> FlowConfig;

    /// As [`Flow::to_tensors`].
    fn to_tensors(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(FlowTensor<'_>) -> Result<(), FlowError>,
    ) -> Result<(), FlowError>;
}

impl StoredFlow for Flow {
    fn config(&self) -> FlowConfig {
        Flow::config(self)
    }

    fn to_tensors(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(FlowTensor<'_>) -> Result<(), FlowError>,
    ) -> Result<(), FlowError> {
        Flow::to_tensors(self, prefix, visit)
    }
}

/// The flows stored at `path` by [`save_flows`], and their companions sorted by name.
///
/// # Errors
/// As [`Flow::load`].
pub fn load_flows(path: &Path, device: &Device) -> Result<(Vec<Flow>, Vec<Companion>), FlowError> {
    let mut file = TensorFile::open(path)?;
    let mut metadata = file.metadata();
    let read = |file: &mut TensorFile, prefix: &str, config: &FlowConfig| {
        Flow::from_source(file, prefix, config, device)
    };
    let stored = read_flows(&mut file, &mut metadata, read)?;
    check(path, file.checksum(&metadata), stored.checksum.as_deref())?;
    Ok((stored.flows, stored.companions))
}

/// What a file holds, before its checksum has been compared.
pub(crate) struct Stored<F> {
    pub(crate) flows: Vec<F>,
    pub(crate) companions: Vec<Companion>,
    pub(crate) checksum: Option<String>,
}

/// Every flow of a file by `read`, given what its tensors' names begin with, and its companions; takes
/// the checksum out of `metadata`.
pub(crate) fn read_flows<S: TensorSource, F>(
    file: &mut S,
    metadata: &mut BTreeMap<String, String>,
    mut read: impl FnMut(&mut S, &str, &FlowConfig) -> Result<F, FlowError>,
) -> Result<Stored<F>, FlowError> {
    let config = config_from(metadata)?;
    let count = match metadata.get(COUNT_KEY).map(|text| text.parse::<usize>()) {
        None => 1,
        // Every flow has tensors of its own: a damaged number asks for no more memory than those.
        Some(Ok(count)) if count > 0 && count <= file.names().len() => count,
        Some(_) => {
            let value = metadata.remove(COUNT_KEY).unwrap_or_default();
            let expected = "the number of flows in the file";
            return Err(FlowError::Metadata { key: COUNT_KEY.into(), value, expected });
        }
    };
    let known: Vec<String> = (0..count).map(flow_prefix).collect();
    let stranger = |name: &String| {
        name.starts_with(FURTHER) && !known[1..].iter().any(|prefix| name.starts_with(prefix))
    };
    if let Some(name) = file.names().into_iter().find(stranger) {
        return Err(FlowError::UnexpectedTensor { name });
    }
    let flows = known.iter().map(|prefix| read(file, prefix, &config));
    let flows = flows.collect::<Result<Vec<_>, _>>()?;
    let companions = companion::read_all(file)?;
    Ok(Stored { flows, companions, checksum: metadata.remove(CHECKSUM_KEY) })
}

/// Whether the checksum `found` in the file `path` is the one `expected`.
pub(crate) fn check(path: &Path, found: Checksum, expected: Option<&str>) -> Result<(), FlowError> {
    match expected {
        None => Err(FlowError::MissingMetadata { key: CHECKSUM_KEY.into() }),
        Some(expected) if found.to_string() == expected => Ok(()),
        Some(_) => Err(FlowError::Checksum { path: path.to_path_buf() }),
    }
}

/// What the names of the tensors of flow number `index` begin with.
fn flow_prefix(index: usize) -> String {
    if index == 0 { String::new() } else { format!("{FURTHER}{index}.") }
}

pub(crate) fn write_all<F: StoredFlow>(
    flows: &[F],
    metadata: &BTreeMap<String, String>,
    companions: &[Companion],
    out: &mut impl Write,
) -> Result<(), FlowError> {
    let config = flows[0].config();
    let same = |flow: &F| flow.config().to_string() == config.to_string();
    assert!(flows.iter().all(same), "flows of one file have one configuration");
    let mut metadata = config.added_to(metadata);
    metadata.remove(CHECKSUM_KEY);
    if flows.len() > 1 {
        metadata.insert(COUNT_KEY.into(), flows.len().to_string());
    }
    let sum = checksum(flows, &metadata, companions);
    metadata.insert(CHECKSUM_KEY.into(), sum.to_string());
    let tensors = (0..flows.len()).flat_map(|index| config.tensors(&flow_prefix(index)));
    let specs: Vec<TensorSpec> = tensors.chain(companions.iter().map(Companion::spec)).collect();
    tensor_file::write_header(&specs, &metadata, out)?;
    for (index, flow) in flows.iter().enumerate() {
        flow.to_tensors(&flow_prefix(index), &mut |tensor| match tensor.values {
            FlowValues::Floats(values) => tensor_file::write_floats(values, out),
            FlowValues::Integers(values) => tensor_file::write_integers(values, out),
        })?;
    }
    companions.iter().try_for_each(|table| tensor_file::write_floats(&table.values, out))
}

/// The checksum of the flows' tensors, `companions` and `metadata`.
fn checksum(
    flows: &[impl StoredFlow],
    metadata: &BTreeMap<String, String>,
    companions: &[Companion],
) -> Checksum {
    let mut checksum = Checksum::of(metadata);
    for (index, flow) in flows.iter().enumerate() {
        add_flow(&mut checksum, flow, &flow_prefix(index));
    }
    let mut bytes = Vec::new();
    for table in companions {
        bytes.clear();
        tensor_file::write_floats(&table.values, &mut bytes).expect("memory accepts every byte");
        checksum.add(&table.spec().name, &bytes);
    }
    checksum
}

/// Adds the tensors of `flow`, whose names begin with `prefix`, to `checksum`.
pub(crate) fn add_flow(checksum: &mut Checksum, flow: &impl StoredFlow, prefix: &str) {
    let mut bytes = Vec::new();
    let summed = flow.to_tensors(prefix, &mut |tensor| {
        bytes.clear();
        match tensor.values {
            FlowValues::Floats(values) => tensor_file::write_floats(values, &mut bytes)?,
            FlowValues::Integers(values) => tensor_file::write_integers(values, &mut bytes)?,
        }
        checksum.add(tensor.name, &bytes);
        Ok::<(), FlowError>(())
    });
    summed.expect("memory accepts every byte");
}
