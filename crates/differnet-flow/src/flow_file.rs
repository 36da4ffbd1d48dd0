//! Files of one flow or several, with a checksum and a caller's auxiliary tensors.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use burn::tensor::Device;
use differnet_files::{
    FileError, NamedTensor, TensorFile, TensorSource, save_tensors, write_tensors,
};

use crate::auxiliary::{self, AuxiliaryTensor};
use crate::error::FlowError;
use crate::flow::{Flow, FlowConfig};
use crate::host_flow::HostFlow;
use crate::io::{CONFIG_KEY, config_from};

/// Metadata key under which a file of several flows keeps their number.
const COUNT_KEY: &str = "differnet_flow.flows";
/// Prefix of the tensors of further flows: `flows.{k}.blocks.…`, from 1.
pub(crate) const FURTHER: &str = "flows.";

/// Writes flows and `auxiliary` tensors to `path`; a complete file or none.
///
/// A file of one flow is that of [`Flow::save`].
///
/// # Errors
/// [`FileError::Io`] if the file cannot be written.
///
/// # Panics
/// If there are no flows.
pub fn save_flows(
    flows: &[Flow],
    path: &Path,
    metadata: &BTreeMap<String, String>,
    auxiliary: &[AuxiliaryTensor],
) -> Result<(), FlowError> {
    let metadata = described(flows, metadata);
    Ok(save_tensors(path, &metadata, || tensors(flows, auxiliary))?)
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
    auxiliary: &[AuxiliaryTensor],
) -> Result<(), FlowError> {
    let metadata = described(flows, metadata);
    Ok(save_tensors(path, &metadata, || tensors(flows, auxiliary))?)
}

/// Writes `auxiliary` tensors alone to `path`; a complete file or none.
///
/// # Errors
/// As [`save_flows`].
pub fn save_auxiliary(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    auxiliary: &[AuxiliaryTensor],
) -> Result<(), FlowError> {
    Ok(save_tensors(path, metadata, || auxiliary.iter().map(AuxiliaryTensor::tensor))?)
}

/// The auxiliary tensors of the file `path` sorted by name, whether or not it has flows.
///
/// # Errors
/// As [`load_flows`].
pub fn load_auxiliary(path: &Path) -> Result<Vec<AuxiliaryTensor>, FlowError> {
    let mut file = TensorFile::open(path)?;
    let auxiliary = auxiliary::read_all(&mut file)?;
    file.verify()?;
    Ok(auxiliary)
}

/// Writes what [`save_flows`] does to `out`.
pub(crate) fn write_all(
    flows: &[Flow],
    metadata: &BTreeMap<String, String>,
    auxiliary: &[AuxiliaryTensor],
    out: &mut impl Write,
) -> io::Result<()> {
    write_tensors(&described(flows, metadata), || tensors(flows, auxiliary), out)
}

/// A flow that can be written.
pub(crate) trait StoredFlow {
    fn config(&self) -> FlowConfig;

    /// As [`Flow::tensors`].
    fn tensors(&self, prefix: &str) -> Box<dyn Iterator<Item = NamedTensor<'_>> + '_>;
}

impl StoredFlow for Flow {
    fn config(&self) -> FlowConfig {
        Flow::config(self)
    }

    fn tensors(&self, prefix: &str) -> Box<dyn Iterator<Item = NamedTensor<'_>> + '_> {
        Box::new(Flow::tensors(self, prefix))
    }
}

/// `metadata` with what tells the flows' number, the first one's configuration, and those that differ.
fn described<F: StoredFlow>(
    flows: &[F],
    metadata: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let first = flows[0].config();
    let mut metadata = metadata.clone();
    metadata.insert(CONFIG_KEY.into(), first.to_json());
    if flows.len() > 1 {
        metadata.insert(COUNT_KEY.into(), flows.len().to_string());
    }
    let others = flows.iter().map(F::config).enumerate().filter(|(_, config)| *config != first);
    metadata.extend(others.map(|(index, config)| (config_key(index), config.to_json())));
    metadata
}

/// Every tensor of a file, in order.
fn tensors<'a, F: StoredFlow>(
    flows: &'a [F],
    auxiliary: &'a [AuxiliaryTensor],
) -> impl Iterator<Item = NamedTensor<'a>> {
    let numbered = flows.iter().enumerate();
    let flows = numbered.flat_map(|(index, flow)| flow.tensors(&flow_prefix(index)));
    flows.chain(auxiliary.iter().map(AuxiliaryTensor::tensor))
}

/// The flows stored at `path` by [`save_flows`], and their auxiliary tensors sorted by name.
///
/// # Errors
/// As [`Flow::load`].
pub fn load_flows(
    path: &Path,
    device: &Device,
) -> Result<(Vec<Flow>, Vec<AuxiliaryTensor>), FlowError> {
    let mut file = TensorFile::open(path)?;
    let metadata = file.metadata();
    let read = |file: &mut TensorFile, prefix: &str, config: &FlowConfig| {
        Flow::from_source(file, prefix, config, device)
    };
    let stored = read_flows(&mut file, &metadata, read)?;
    file.verify()?;
    Ok((stored.flows, stored.auxiliary))
}

/// Contents of a file, before its checksum has been compared.
pub(crate) struct Stored<F> {
    pub(crate) flows: Vec<F>,
    pub(crate) auxiliary: Vec<AuxiliaryTensor>,
}

/// Every flow of a file by `read`, given what its tensors' names begin with, and its auxiliary
/// tensors.
pub(crate) fn read_flows<S: TensorSource, F>(
    file: &mut S,
    metadata: &BTreeMap<String, String>,
    mut read: impl FnMut(&mut S, &str, &FlowConfig) -> Result<F, FlowError>,
) -> Result<Stored<F>, FlowError> {
    let first = config_from(metadata, CONFIG_KEY)?;
    let count = match metadata.get(COUNT_KEY).map(|text| (text, text.parse::<usize>())) {
        None => 1,
        // Every flow has tensors of its own: a damaged number asks for no more memory than those.
        Some((_, Ok(count))) if count > 0 && count <= file.names().len() => count,
        Some((text, _)) => {
            let (key, value) = (COUNT_KEY.into(), text.clone());
            let expected = "the number of flows in the file";
            return Err(FileError::Metadata { key, value, expected }.into());
        }
    };
    let known: Vec<String> = (0..count).map(flow_prefix).collect();
    let stranger = |name: &String| {
        name.starts_with(FURTHER) && !known[1..].iter().any(|prefix| name.starts_with(prefix))
    };
    if let Some(name) = file.names().into_iter().find(stranger) {
        return Err(FileError::UnexpectedTensor { name }.into());
    }
    let flows = known.iter().enumerate().map(|(index, prefix)| {
        let key = config_key(index);
        let own = metadata.contains_key(&key).then(|| config_from(metadata, &key)).transpose()?;
        read(file, prefix, own.as_ref().unwrap_or(&first))
    });
    let flows = flows.collect::<Result<Vec<_>, FlowError>>()?;
    Ok(Stored { flows, auxiliary: auxiliary::read_all(file)? })
}

/// Metadata key of the configuration of flow number `index`, if it is not that of the first.
fn config_key(index: usize) -> String {
    format!("{CONFIG_KEY}.{index}")
}

/// Prefix of the tensors of flow number `index`.
fn flow_prefix(index: usize) -> String {
    if index == 0 { String::new() } else { format!("{FURTHER}{index}.") }
}
