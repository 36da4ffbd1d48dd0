//! Files: bits survive the round trip, and every damage is named.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::fs;

use burn::tensor::Device;
use differnet_files::read_metadata;
use differnet_flow::{
    AdamConfig, AuxiliaryTensor, Backend, FileError, Flow, FlowConfig, FlowError, HostFlow,
    Trainer, load_flows, save_flows,
};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// The host processor.
fn host() -> Backend {
    Backend::Host(Device::flex())
}

fn config() -> FlowConfig {
    FlowConfig::new(5).with_blocks(2).with_hidden(3).with_hidden_layers(1).with_clamp(1.7)
}

/// A stored tensor: element type, shape, bytes.
type Stored = (Dtype, Vec<usize>, Vec<u8>);

/// The tensors of a small flow's file, by name.
fn stored() -> BTreeMap<String, Stored> {
    let mut bytes = Vec::new();
    config().init(1, &Device::flex()).write(&BTreeMap::new(), &[], &mut bytes).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.tensors().into_iter();
    tensors
        .map(|(name, view)| (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect()
}

fn serialized(tensors: &BTreeMap<String, Stored>, metadata: Option<&FlowConfig>) -> Vec<u8> {
    let metadata = metadata.map(|config| {
        let config = serde_json::to_string(config).unwrap();
        HashMap::from([("differnet_flow.config".to_string(), config)])
    });
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, metadata).unwrap()
}

fn write(flow: &Flow) -> Vec<u8> {
    let mut bytes = Vec::new();
    flow.write(&BTreeMap::new(), &[], &mut bytes).unwrap();
    bytes
}

#[test]
fn a_saved_flow_loads_bit_for_bit_with_its_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let flow = config().init(1, &Device::flex());
    let metadata = BTreeMap::from([("name".to_string(), "bottle".to_string())]);
    flow.save(&path, &metadata, &[]).unwrap();
    flow.save(&path, &metadata, &[]).unwrap();
    let (loaded, auxiliary) = Flow::load(&path, &Device::flex()).unwrap();
    assert!(auxiliary.is_empty());
    assert_eq!(loaded.config(), config());
    assert_eq!(write(&loaded), write(&flow));
    assert_eq!(read_metadata(&path).unwrap()["name"], "bottle");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing partial remains");
}

#[test]
fn auxiliary_tensors_come_back_sorted_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let table = |name: &str, values: Vec<f32>| {
        let (name, shape) = (name.to_string(), vec![1, values.len()]);
        AuxiliaryTensor { name, shape, values }
    };
    let (means, spreads) = (table("means", vec![1.0, -2.5]), table("spreads", vec![0.0]));
    let flow = config().init(1, &Device::flex());
    flow.save(&path, &BTreeMap::new(), &[spreads.clone(), means.clone()]).unwrap();
    let (loaded, auxiliary) = Flow::load(&path, &Device::flex()).unwrap();
    assert_eq!(auxiliary, [means, spreads]);
    assert_eq!(write(&loaded), write(&flow));

    let infinite = table("means", vec![f32::INFINITY]);
    flow.save(&path, &BTreeMap::new(), &[infinite]).unwrap();
    let error = Flow::load(&path, &Device::flex()).unwrap_err().to_string();
    assert_eq!(error, "tensor \"auxiliary.means\" holds a value that is not finite, at position 0");

    // The last byte of the file is one of an auxiliary tensor.
    flow.save(&path, &BTreeMap::new(), &[table("means", vec![1.0])]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        Flow::load(&path, &Device::flex()),
        Err(FlowError::File(FileError::Checksum { .. }))
    ));
}

#[test]
fn names_and_shapes_are_those_of_the_golden_file() {
    let tensors = stored();
    assert_eq!(tensors.len(), 2 * (1 + 2 * 2 * 2));
    let shape = |name: &str| tensors[name].1.clone();
    assert_eq!(shape("blocks.1.permutation"), [5]);
    assert_eq!(shape("blocks.0.net1.0.weight"), [3, 2]);
    assert_eq!(shape("blocks.0.net1.1.weight"), [6, 3]);
    assert_eq!(shape("blocks.0.net2.1.weight"), [4, 3]);
    assert_eq!(shape("blocks.0.net2.1.bias"), [4]);
}

#[test]
fn a_prefix_selects_the_flow_among_other_tensors() {
    let prefixed = stored().into_iter().map(|(name, tensor)| (format!("flow.{name}"), tensor));
    let mut tensors: BTreeMap<String, Stored> = prefixed.collect();
    tensors.insert("threshold".into(), (Dtype::F32, vec![1], vec![0; 4]));
    let bytes = serialized(&tensors, Some(&config()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let flow = Flow::from_safetensors(&file, "flow.", &config(), &Device::flex()).unwrap();
    assert_eq!(write(&flow), write(&config().init(1, &Device::flex())));
}

#[test]
fn every_damaged_tensor_is_named() {
    type Damage = fn(&mut BTreeMap<String, Stored>);
    let cases: [(Damage, &str); 10] = [
        (
            |tensors| drop(tensors.remove("blocks.1.net2.0.bias")),
            "tensor \"blocks.1.net2.0.bias\" is missing",
        ),
        (
            |tensors| drop(tensors.remove("blocks.0.permutation")),
            "tensor \"blocks.0.permutation\" is missing",
        ),
        (
            |tensors| {
                tensors.insert("blocks.2.permutation".into(), (Dtype::I64, vec![5], vec![0; 40]));
            },
            "tensor \"blocks.2.permutation\" is no part of this model",
        ),
        (
            |tensors| tensors.get_mut("blocks.0.net1.0.weight").unwrap().1 = vec![2, 3],
            "tensor \"blocks.0.net1.0.weight\" has shape [2, 3], expected [3, 2]",
        ),
        (
            |tensors| tensors.get_mut("blocks.0.net1.0.bias").unwrap().1 = vec![1, 3],
            "tensor \"blocks.0.net1.0.bias\" has shape [1, 3], expected [3]",
        ),
        (
            |tensors| tensors.get_mut("blocks.0.net1.0.bias").unwrap().0 = Dtype::I32,
            "tensor \"blocks.0.net1.0.bias\" holds I32, expected F32",
        ),
        (
            |tensors| {
                tensors.insert("blocks.0.permutation".into(), (Dtype::I32, vec![5], vec![0; 20]));
            },
            "tensor \"blocks.0.permutation\" holds I32, expected I64",
        ),
        (
            |tensors| tensors.get_mut("blocks.0.permutation").unwrap().2[..8].fill(0x7F),
            "tensor \"blocks.0.permutation\" is not a permutation: index 9187201950435737471 at \
             position 0",
        ),
        (
            |tensors| tensors.get_mut("blocks.1.permutation").unwrap().2.fill(0),
            "tensor \"blocks.1.permutation\" is not a permutation: index 0 at position 1",
        ),
        (
            |tensors| {
                let bytes = &mut tensors.get_mut("blocks.1.net1.1.weight").unwrap().2;
                bytes[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
            },
            "tensor \"blocks.1.net1.1.weight\" holds a value that is not finite, at position 2",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    for (damage, message) in cases {
        let mut tensors = stored();
        damage(&mut tensors);
        let bytes = serialized(&tensors, Some(&config()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let error = Flow::from_safetensors(&file, "", &config(), &Device::flex()).unwrap_err();
        assert_eq!(error.to_string(), message);
        fs::write(&path, bytes).unwrap();
        assert_eq!(HostFlow::load_all(&path).unwrap_err().to_string(), message);
    }
}

#[test]
fn every_damaged_file_is_named() {
    let mut whole = Vec::new();
    let metadata = BTreeMap::from([("name".to_string(), "bottle".to_string())]);
    config().init(1, &Device::flex()).write(&metadata, &[], &mut whole).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let no_metadata = serialized(&stored(), None);
    let text = String::from_utf8_lossy(&whole);
    let bad_config = {
        // Same length, so that the header stays valid: "features" is misspelt.
        let at = text.find("features").unwrap();
        let mut bytes = whole.clone();
        bytes[at] = b'F';
        bytes
    };
    let mut bad_weight = whole.clone();
    *bad_weight.last_mut().unwrap() ^= 1;
    let bad_metadata = {
        let at = text.find("bottle").unwrap();
        let mut bytes = whole.clone();
        bytes[at] = b'B';
        bytes
    };
    let cases: [(Vec<u8>, &str); 10] = [
        (bad_weight, "does not match its checksum"),
        (bad_metadata, "does not match its checksum"),
        (vec![], "is not a safetensors file: it is shorter than 8 bytes"),
        (vec![0xFF; 64], "is not a safetensors file: its header does not fit"),
        (whole[..40].to_vec(), "is not a safetensors file: its header does not fit"),
        ([&[2, 0, 0, 0, 0, 0, 0, 0][..], b"[}"].concat(), "is not a safetensors file: "),
        (whole[..whole.len() - 1].to_vec(), "bytes where its header promises"),
        ([&whole[..], b"x"].concat(), "bytes where its header promises"),
        (no_metadata, "metadata lack the key \"differnet_flow.config\""),
        (bad_config, "which is not a flow's configuration"),
    ];
    for (bytes, message) in cases {
        fs::write(&path, bytes).unwrap();
        let error = Flow::load(&path, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}, expected {message}");
        assert_eq!(HostFlow::load_all(&path).unwrap_err().to_string(), error);
    }
    let missing = folder.path().join("missing");
    assert!(
        matches!(Flow::load(&missing, &Device::flex()), Err(FlowError::File(FileError::Io { path, .. })) if path == missing)
    );
    let flow = config().init(1, &Device::flex());
    let nowhere = folder.path().join("missing/file");
    assert!(matches!(
        flow.save(&nowhere, &BTreeMap::new(), &[]),
        Err(FlowError::File(FileError::Io { .. }))
    ));
}

#[test]
fn a_checkpoint_is_checked_like_a_flow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let trainer = Trainer::new(config().init(1, &Device::flex()), AdamConfig::new(), &host());
    trainer.save_checkpoint(&path, &BTreeMap::new()).unwrap();
    let whole = fs::read(&path).unwrap();
    // Replacements keep the length, so that only the named thing is wrong.
    for (from, to, message) in [
        ("adam.first.blocks.0.net1.0.bias", "adam.first.blocks.9.net1.0.bias", "is no part of"),
        ("flow.blocks.0.net1.0.bias", "flow.blocks.9.net1.0.bias", "is no part of this model"),
        ("differnet_flow.steps\":\"0", "differnet_flow.steps\":\"x", "which is not a count"),
        ("differnet_flow.steps", "differnet_flow.stops", "lack the key \"differnet_flow.steps\""),
        ("0.0002", "-.0002", "which is not settings of Adam as JSON"),
        ("0.0002", "-1.000", "which is not settings of Adam as JSON"),
    ] {
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        fs::write(&path, bytes).unwrap();
        let error = Trainer::load_checkpoint(&path, &host()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}, expected {message}");
    }
    let flow = config().init(1, &Device::flex());
    flow.save(&path, &BTreeMap::new(), &[]).unwrap();
    let error = Trainer::load_checkpoint(&path, &host()).unwrap_err();
    assert_eq!(error.to_string(), "metadata lack the key \"differnet_flow.adam\"");
}

#[test]
fn a_checkpoint_with_a_turned_bit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let trainer = Trainer::new(config().init(1, &Device::flex()), AdamConfig::new(), &host());
    let metadata = BTreeMap::from([("state".to_string(), "12".to_string())]);
    trainer.save_checkpoint(&path, &metadata).unwrap();
    let whole = fs::read(&path).unwrap();
    let (_, restored) = Trainer::load_checkpoint(&path, &host()).unwrap();
    assert_eq!(restored, metadata);
    let state = whole.windows(5).position(|window| window == b":\"12\"").unwrap();
    // A caller's metadata, a weight and the last moment.
    let data = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    // Two permutations of five numbers come before the weights.
    for at in [state + 2, data + 2 * 5 * 8, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = Trainer::load_checkpoint(&path, &host()).unwrap_err();
        assert!(matches!(error, FlowError::File(FileError::Checksum { .. })), "byte {at}: {error}");
    }
}

#[test]
fn a_number_of_flows_beyond_the_tensors_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows");
    let flows = [1, 2].map(|seed| config().init(seed, &Device::flex()));
    save_flows(&flows, &path, &BTreeMap::new(), &[]).unwrap();
    let bytes = fs::read(&path).unwrap();
    let key = b"differnet_flow.flows\":\"2\"";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap());
    let many = b"differnet_flow.flows\":\"18446744073709551615\"";
    let more = (many.len() - key.len()) as u64;
    let parts = [&(length + more).to_le_bytes()[..], &bytes[8..at], many, &bytes[at + key.len()..]];
    fs::write(&path, parts.concat()).unwrap();
    let error = load_flows(&path, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("which is not the number of flows in the file"), "{error}");
}
