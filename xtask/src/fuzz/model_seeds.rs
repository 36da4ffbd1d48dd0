//! The smallest valid model file of each kind.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use burn::tensor::Device;
use differnet::{BaselineConfig, BaselineInfo, BaselineMethod, DetectorConfig, ModelInfo, Preset};
use differnet_baselines::{
    AdganConfig, DsebmConfig, FitProgress, FittedModel, GanomalyConfig, GeoTransConfig, Images,
    OneClassSvmConfig, OneNearestNeighbourConfig, Rows,
};
use differnet_features::{Extractor, FEATURES, LOCAL_GRID};
use differnet_flow::{AdamConfig, AuxiliaryTensor, FlowConfig, Trainer, save_flows};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Flows with a table, without the rest of a detector.
    Flows,
    /// The state of a training.
    Checkpoint,
    /// DifferNet.
    Detector,
    /// A competitor.
    Baseline,
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
    let trainer = Trainer::new(flow.init(3, &device), AdamConfig::new());
    keep(Kind::Checkpoint, &|path| Ok(trainer.save_checkpoint(path, &BTreeMap::new())?))?;
    keep(Kind::Detector, &|path| detector(path, &device))?;
    for (method, model) in baselines(&device)? {
        let config = BaselineConfig { method, ..baseline_config()? };
        let info = serde_json::to_string(&baseline_info(config))?;
        let metadata = BTreeMap::from([("differnet.baseline".to_owned(), info)]);
        keep(Kind::Baseline, &|path| Ok(model.save(path, &metadata)?))?;
    }
    Ok(seeds)
}

/// A detector with one block, one hidden neuron a layer and the smallest tables.
fn detector(path: &Path, device: &Device) -> anyhow::Result<()> {
    let sample = DetectorConfig::for_sample(7);
    let config = DetectorConfig { blocks: 1, hidden: 1, flows: 1, ..sample };
    let info = ModelInfo {
        format: ModelInfo::FORMAT,
        version: "0".into(),
        extractor: Extractor::on_host().id().to_owned(),
        config: config.clone(),
        regions: None,
        data_fingerprint: "00".into(),
        training_images: 3,
        training_digests: vec!["0123456789abcdef".into()],
        held_back_images: 1,
        updates: 5,
        threshold: 1.5,
        calibration: None,
        self_test: None,
        map_threshold: 2.0,
        good_scores: vec![0.5, 1.0],
        transform_spread: Some(0.1),
        training_score_quantiles: vec![0.0; 7],
        feature_means: vec![0.0; FEATURES],
        feature_deviations: vec![1.0; FEATURES],
        history: Vec::new(),
    };
    let info = serde_json::to_string(&info)?;
    let metadata = BTreeMap::from([("differnet".to_owned(), info)]);
    let shape = vec![LOCAL_GRID.side, LOCAL_GRID.side, LOCAL_GRID.channels];
    let values = shape.iter().product();
    let table = |name: &str, value: f32| AuxiliaryTensor {
        name: name.to_owned(),
        shape: shape.clone(),
        values: vec![value; values],
    };
    let tables = [table("local.means", 0.0), table("local.deviations", 1.0)];
    let flow = config.flow_config().init(7, device);
    Ok(save_flows(&[flow], path, &metadata, &tables)?)
}

/// A fitted competitor of every method.
fn baselines(device: &Device) -> anyhow::Result<Vec<(BaselineMethod, Box<dyn FittedModel>)>> {
    let go_on = &mut |_: &FitProgress| ControlFlow::Continue(());
    let values: Vec<f32> = (0..6 * FEATURES).map(|at| (at as f32 * 0.37).sin()).collect();
    let rows = Rows::new(&values, FEATURES)?;
    let pixels = |side: usize| -> Vec<u8> { (0..2 * 3 * side * side).map(|at| at as u8).collect() };
    let small = pixels(16);
    let images = Images::new(&small, 16)?;
    let fitted = "nobody interrupts";
    let nearest = OneNearestNeighbourConfig { components: 2 };
    let svm = OneClassSvmConfig::default();
    let geotrans =
        GeoTransConfig { side: 16, updates: 1, batch_size: 2, ..GeoTransConfig::quick() };
    let geotrans = GeoTransConfig { depth: 10, widening: 1, ..geotrans };
    let ganomaly =
        GanomalyConfig { side: 16, updates: 1, batch_size: 2, ..GanomalyConfig::quick() };
    let ganomaly = GanomalyConfig { channels: 1, latent: 2, ..ganomaly };
    let dsebm = DsebmConfig { side: 16, updates: 1, batch_size: 2, ..DsebmConfig::quick() };
    let dsebm = DsebmConfig { channels: 1, outputs: 1, ..dsebm };
    let adgan = AdganConfig { side: 16, updates: 1, critic_updates: 1, ..AdganConfig::quick() };
    let adgan = AdganConfig { channels: 1, latent: 2, batch_size: 2, ..adgan };
    Ok(vec![
        (
            BaselineMethod::OneNearestNeighbour(nearest),
            Box::new(nearest.fit(&rows, go_on)?.context(fitted)?),
        ),
        (BaselineMethod::OneClassSvm(svm), Box::new(svm.fit(&rows, 1, go_on)?.context(fitted)?)),
        (
            BaselineMethod::GeoTrans(geotrans),
            Box::new(geotrans.fit(&images, 1, device, go_on)?.context(fitted)?),
        ),
        (
            BaselineMethod::Ganomaly(ganomaly),
            Box::new(ganomaly.fit(&images, 1, device, go_on)?.context(fitted)?),
        ),
        (
            BaselineMethod::Dsebm(dsebm),
            Box::new(dsebm.fit(&images, 1, device, go_on)?.context(fitted)?),
        ),
        (
            BaselineMethod::Adgan(adgan),
            Box::new(adgan.fit(&images, 1, device, go_on)?.context(fitted)?),
        ),
    ])
}

fn baseline_config() -> anyhow::Result<BaselineConfig> {
    let method = differnet::Method::GeoTrans;
    BaselineConfig::preset(method, Preset::Quick).context("a method has presets")
}

fn baseline_info(config: BaselineConfig) -> BaselineInfo {
    BaselineInfo {
        format: 1,
        version: "0".into(),
        config,
        extractor: None,
        regions: None,
        data_fingerprint: "00".into(),
        training_images: 2,
        training_digests: Vec::new(),
        held_back_images: 0,
        threshold: 1.5,
        calibration: None,
        self_test: None,
        good_scores: vec![1.0],
        facts: BTreeMap::new(),
    }
}
