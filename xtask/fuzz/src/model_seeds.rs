//! The smallest valid model file of each kind.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use burn::tensor::Device;
use differnet::methods::DifferNetConfig;
use differnet::{Config, Header, Method, MethodConfig, Preset};
use differnet_baselines::{
    AdganConfig, DsebmConfig, FittedModel, GanomalyConfig, GeoTransConfig, Images,
    OneClassSvmConfig, OneNearestNeighbourConfig, Rows,
};
use differnet_features::{Backbone, Extractor, FEATURES, LOCAL_GRID};
use differnet_flow::{AdamConfig, AuxiliaryTensor, Backend, FlowConfig, Trainer, save_flows};
use differnet_progress::Monitor;

/// Kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Flows with a table, without the rest of a detector.
    Flows,
    /// The state of a training.
    Checkpoint,
    /// A model of any method.
    Model,
}

/// A valid file.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

/// A file of every kind, made in `folder`.
pub(super) fn seeds(folder: &Path) -> anyhow::Result<Vec<Seed>> {
    let device = Device::flex();
    let mut seeds = Vec::new();
    let mut keep = |kind, save: &dyn Fn(&Path) -> anyhow::Result<()>| -> anyhow::Result<()> {
        let path = folder.join("seed");
        save(&path).with_context(|| format!("cannot make a file of {kind:?}"))?;
        seeds.push(Seed { kind, bytes: std::fs::read(&path)? });
        Ok(())
    };
    let flow = FlowConfig::new(5).with_blocks(2).with_hidden(3).with_hidden_layers(1);
    let table = AuxiliaryTensor { name: "table".into(), shape: vec![6], values: vec![0.5; 6] };
    for count in [1, 2] {
        let flows: Vec<_> = (0..count).map(|seed| flow.init(seed, &device)).collect();
        let note = BTreeMap::from([("note".to_owned(), "a file of flows".to_owned())]);
        keep(Kind::Flows, &|path| {
            Ok(save_flows(&flows, path, &note, std::slice::from_ref(&table))?)
        })?;
    }
    let trainer =
        Trainer::new(flow.init(3, &device), AdamConfig::new(), &Backend::Host(device.clone()));
    keep(Kind::Checkpoint, &|path| Ok(trainer.save_checkpoint(path, &BTreeMap::new())?))?;
    keep(Kind::Model, &|path| differnet(path, &device))?;
    for (method, model) in competitors(&device)? {
        let metadata = metadata(&competitor_header(method))?;
        keep(Kind::Model, &|path| Ok(model.save(path, &metadata)?))?;
    }
    Ok(seeds)
}

/// Metadata of a model file.
fn metadata(header: &Header) -> anyhow::Result<BTreeMap<String, String>> {
    Ok(BTreeMap::from([("differnet".to_owned(), serde_json::to_string(header)?)]))
}

/// DifferNet with one block, one hidden neuron a layer and the smallest tables.
fn differnet(path: &Path, device: &Device) -> anyhow::Result<()> {
    let config = Config::for_sample(7).map_differnet(|own| {
        let flow = own.flow.clone().with_blocks(1).with_hidden(1);
        DifferNetConfig { flow, flows: 1, ..own }
    });
    let flow = config.differnet().context("DifferNet's settings")?.flow_config(Backbone::AlexNet);
    let header = Header {
        version: "0".into(),
        extractor: Some(Extractor::on_host(Backbone::AlexNet).id().to_owned()),
        data_fingerprint: "00".into(),
        training_images: 3,
        training_digests: vec!["0123456789abcdef".into()],
        held_back_images: 1,
        updates: Some(5),
        threshold: 1.5,
        map_threshold: Some(2.0),
        good_scores: vec![0.5, 1.0],
        transform_spread: Some(0.1),
        feature_means: vec![0.0; FEATURES],
        feature_deviations: vec![1.0; FEATURES],
        facts: vec![("updates".into(), "5".into())],
        ..Header::new(config)
    };
    let shape = vec![LOCAL_GRID.side, LOCAL_GRID.side, LOCAL_GRID.channels];
    let values = shape.iter().product();
    let table = |name: &str, value: f32| AuxiliaryTensor {
        name: name.to_owned(),
        shape: shape.clone(),
        values: vec![value; values],
    };
    let tables = [table("local.means", 0.0), table("local.deviations", 1.0)];
    Ok(save_flows(&[flow.init(7, device)], path, &metadata(&header)?, &tables)?)
}

/// A fitted competitor of every method.
fn competitors(device: &Device) -> anyhow::Result<Vec<(MethodConfig, Box<dyn FittedModel>)>> {
    let silent = &Monitor::silent();
    let values: Vec<f32> = (0..6 * FEATURES).map(|at| (at as f32 * 0.37).sin()).collect();
    let rows = Rows::new(&values, FEATURES)?;
    let pixels = |side: usize| -> Vec<u8> { (0..2 * 3 * side * side).map(|at| at as u8).collect() };
    let small = pixels(16);
    let images = Images::new(&small, 16)?;
    let nearest = OneNearestNeighbourConfig { components: 2 };
    let svm = OneClassSvmConfig::default();
    let geotrans =
        GeoTransConfig { side: 16, updates: 1, batch_size: 2, ..GeoTransConfig::quick() };
    let geotrans = GeoTransConfig { layers: 10, widening: 1, ..geotrans };
    let ganomaly =
        GanomalyConfig { side: 16, updates: 1, batch_size: 2, ..GanomalyConfig::quick() };
    let ganomaly = GanomalyConfig { channels: 1, latent: 2, ..ganomaly };
    let dsebm = DsebmConfig { side: 16, updates: 1, batch_size: 2, ..DsebmConfig::quick() };
    let dsebm = DsebmConfig { channels: 1, outputs: 1, ..dsebm };
    let adgan = AdganConfig { side: 16, updates: 1, critic_updates: 1, ..AdganConfig::quick() };
    let adgan = AdganConfig { channels: 1, latent: 2, batch_size: 2, ..adgan };
    Ok(vec![
        (MethodConfig::OneNearestNeighbour(nearest), Box::new(nearest.fit(&rows, silent)?)),
        (MethodConfig::OneClassSvm(svm), Box::new(svm.fit(&rows, 1, silent)?)),
        (MethodConfig::GeoTrans(geotrans), Box::new(geotrans.fit(&images, 1, device, silent)?)),
        (MethodConfig::Ganomaly(ganomaly), Box::new(ganomaly.fit(&images, 1, device, silent)?)),
        (MethodConfig::Dsebm(dsebm), Box::new(dsebm.fit(&images, 1, device, silent)?)),
        (MethodConfig::Adgan(adgan), Box::new(adgan.fit(&images, 1, device, silent)?)),
    ])
}

fn competitor_header(method: MethodConfig) -> Header {
    let backbone = method.method().default_backbone();
    let config = Config { method, backbone, ..Config::preset(Method::GeoTrans, Preset::Quick) };
    Header {
        version: "0".into(),
        data_fingerprint: "00".into(),
        training_images: 2,
        threshold: 1.5,
        good_scores: vec![1.0],
        ..Header::new(config)
    }
}
