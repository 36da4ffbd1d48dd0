//! Training: it learns, it is deterministic, and it resumes as if it had never stopped.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use differnet_flow::{
    AdamConfig, Backend, BatchOrder, Fit, FitConfig, Flow, FlowConfig, TensorValues, TrainError,
    Trainer, fit,
};

/// The host processor.
fn host() -> Backend {
    Backend::Host(Device::flex())
}

fn bits(flow: &Flow) -> Vec<u32> {
    let floats = flow.tensors("").filter_map(|tensor| match tensor.values {
        TensorValues::F32(values) => Some(values.into_owned()),
        _ => None,
    });
    floats.flatten().map(f32::to_bits).collect()
}

/// Rows around (±2, ±2) with standard deviation 0.5, made from standard normal numbers.
fn mixture(rows: usize, seed: u64) -> Vec<f32> {
    let identity = FlowConfig::new(2).with_blocks(1).with_hidden(1).init(0, &Device::flex());
    let samples = identity.sample(rows, seed, &Device::flex());
    let normal = identity.forward(samples).z.into_data(); // [rows, 2]
    let normal = normal.as_slice::<f32>().unwrap();
    let centre = |i: usize| if (i / 2).is_multiple_of(2) { 2.0 } else { -2.0 };
    normal.iter().enumerate().map(|(i, value)| centre(i) + 0.5 * value).collect()
}

#[test]
fn the_loss_of_a_mixture_falls_to_its_entropy() {
    let config = FlowConfig::new(2).with_blocks(6).with_hidden(48);
    let settings = FitConfig::new(800)
        .with_seed(1)
        .with_batch_size(256)
        .with_adam(AdamConfig::new().with_learning_rate(2e-3));
    let rows = mixture(4096, 11);
    let mut fit = Fit::new(&config, &rows, &settings, &host()).unwrap();
    let first = fit.next().unwrap().unwrap().loss;
    assert_eq!(fit.by_ref().map(Result::unwrap).last().unwrap().step, 800);
    let fresh = Trainer::new(fit.into_flow(), AdamConfig::new(), &host()).loss(&mixture(4096, 12));
    // Per feature and without the constant: (log 2 + 2·(1/2 + log 0.5)) / 2 = 0.153. No density does
    // better; the best single Gaussian has (1 + log(8.25 · 0.25) / 2) / 2 = 0.681.
    let entropy = (2.0_f64.ln() + 1.0 + 2.0 * 0.5_f64.ln()) / 2.0;
    assert!(first > entropy + 0.8, "{first}");
    assert!((entropy - 0.02..entropy + 0.06).contains(&fresh), "{fresh}, entropy {entropy}");
}

#[test]
fn ten_updates_and_ten_after_a_checkpoint_equal_twenty() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let config = FlowConfig::new(5).with_blocks(2).with_hidden(32);
    let adam = AdamConfig::new().with_learning_rate(1.0 / 3.0 * 1e-3);
    let rows: Vec<f32> = (0..5 * 40).map(|i| (i as f32 * 0.9).sin()).collect(); // [40, 5]
    let train = |trainer: &mut Trainer, updates: std::ops::Range<u64>| {
        let mut order = BatchOrder::new(3, 40, 16);
        for update in updates {
            let batch = order.batch(update).iter().flat_map(|&row| &rows[row * 5..][..5]);
            trainer.step(&batch.copied().collect::<Vec<f32>>()).unwrap();
        }
    };
    let mut whole = Trainer::new(config.init(3, &device), adam.clone(), &host());
    train(&mut whole, 0..20);

    let mut interrupted = Trainer::new(config.init(3, &device), adam.clone(), &host());
    train(&mut interrupted, 0..10);
    let metadata = BTreeMap::from([("made by".to_string(), "a \"test\"\n".to_string())]);
    interrupted.save_checkpoint(&path, &metadata).unwrap();
    let (mut resumed, restored) = Trainer::load_checkpoint(&path, &host()).unwrap();
    assert_eq!(restored, metadata);
    assert_eq!((resumed.steps(), resumed.config()), (10, &adam));
    train(&mut resumed, 10..20);

    assert_eq!(bits(&resumed.flow()), bits(&whole.flow()));
    // The moments too: equal checkpoints are equal byte by byte.
    let bytes = |trainer: &Trainer| {
        let mut bytes = Vec::new();
        trainer.write_checkpoint(&metadata, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(bytes(&resumed), bytes(&whole));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing partial remains");
}

#[test]
fn fitting_is_a_function_of_the_seed() {
    let config = FlowConfig::new(3).with_blocks(2).with_hidden(16);
    let rows: Vec<f32> = (0..3 * 50).map(|i| (i as f32 * 0.7).sin()).collect(); // [50, 3]
    let run = |seed, noise| {
        let settings = FitConfig::new(12).with_batch_size(20).with_seed(seed).with_noise(noise);
        bits(&fit(&config, &rows, &settings, &host()).unwrap())
    };
    assert_eq!(run(1, None), run(1, None));
    assert_eq!(run(1, Some(0.1)), run(1, Some(0.1)));
    assert_ne!(run(1, None), run(2, None));
    assert_ne!(run(1, None), run(1, Some(0.1)));
}

#[test]
fn constant_columns_survive_training() {
    let features = 9;
    let rows: Vec<f32> = (0..features * 64)
        .map(|i| match i % features {
            0 | 4 => 0.0,
            7 => 3.5,
            column => ((i / features * (column + 2)) as f32 * 0.61).sin(),
        })
        .collect(); // [64, 9]
    let config = FlowConfig::new(features).with_blocks(4).with_hidden(32);
    let settings = FitConfig::new(300).with_adam(AdamConfig::new().with_learning_rate(2e-3));
    let flow = fit(&config, &rows, &settings, &host()).unwrap();
    let y = Tensor::<2>::from_data(TensorData::new(rows, [64, features]), &Device::flex());
    let likelihood = flow.log_likelihood(y).into_data();
    assert!(likelihood.iter::<f32>().all(f32::is_finite));
    // A constant column is certain: its density grows as far as the clamp lets it.
    assert!(likelihood.iter::<f32>().sum::<f32>() / 64.0 > 0.0);
}

#[test]
fn fewer_rows_than_a_batch_and_an_early_end_are_fine() {
    let config = FlowConfig::new(2).with_blocks(1).with_hidden(4);
    let rows = [0.1, 0.2];
    let mut long = Fit::new(&config, &rows, &FitConfig::new(50), &host()).unwrap();
    let steps: Vec<u64> = long.by_ref().take(3).map(|report| report.unwrap().step).collect();
    assert_eq!(steps, [1, 2, 3]);
    let short = fit(&config, &rows, &FitConfig::new(3), &host()).unwrap();
    assert_eq!(bits(&long.into_flow()), bits(&short));
}

#[test]
fn the_updates_end_after_the_first_error() {
    let config = FlowConfig::new(2).with_blocks(1).with_hidden(4);
    let (rows, settings) = ([0.1, f32::NAN], FitConfig::new(9));
    let mut updates = Fit::new(&config, &rows, &settings, &host()).unwrap();
    let error = updates.next().unwrap().unwrap_err();
    assert!(matches!(error, TrainError::NonFiniteRow { row: 0, feature: 1 }), "{error}");
    assert!(updates.next().is_none());
    assert!(fit(&config, &rows, &settings, &host()).is_err());
}

#[test]
fn the_reported_loss_is_that_of_before_the_update() {
    let config = FlowConfig::new(4).with_blocks(2).with_hidden(16);
    let mut trainer = Trainer::new(config.init(1, &Device::flex()), AdamConfig::new(), &host());
    // More rows than are evaluated at a time.
    let rows: Vec<f32> = (0..4 * 1100).map(|i| (i as f32 * 0.7).sin()).collect(); // [1100, 4]
    let before = trainer.loss(&rows);
    let report = trainer.step(&rows).unwrap();
    assert!((before - report.loss).abs() < 1e-6, "{before} {report:?}");
    assert!(trainer.loss(&rows) < before);
}

#[test]
fn a_refused_step_changes_nothing() {
    let config = FlowConfig::new(2).with_blocks(1).with_hidden(4);
    let mut trainer = Trainer::new(config.init(1, &Device::flex()), AdamConfig::new(), &host());
    let before = bits(&trainer.flow());
    for (rows, message) in [
        (vec![], "no rows to train on"),
        (vec![1.0; 3], "3 values do not fill rows of 2 features"),
        (vec![0.0, 0.0, 0.0, f32::NAN], "row 1 holds a value that is not finite, at feature 1"),
        (vec![f32::NEG_INFINITY, 0.0], "row 0 holds a value that is not finite, at feature 0"),
        (vec![1e30, 1e30], "the loss of update 1 is not finite"),
    ] {
        assert_eq!(trainer.step(&rows).unwrap_err().to_string(), message);
    }
    trainer.set_learning_rate(-1.0);
    assert!(matches!(trainer.step(&[1.0, 2.0]), Err(TrainError::Setting { .. })));
    assert_eq!((bits(&trainer.flow()), trainer.steps()), (before, 0));
}

#[test]
fn unusable_settings_are_refused() {
    let config = FlowConfig::new(2).with_blocks(1).with_hidden(4);
    let settings = || FitConfig::new(1);
    for (config, rows, settings, message) in [
        (
            config.clone().with_blocks(0),
            4,
            settings(),
            "blocks must be between 1 and 1024, found 0",
        ),
        (config.clone(), 3, settings(), "3 values do not fill rows of 2 features"),
        (config.clone(), 0, settings(), "no rows to train on"),
        (
            config.clone(),
            4,
            settings().with_batch_size(0),
            "batch_size must be at least 1, found 0",
        ),
        (
            config.clone(),
            4,
            settings().with_noise(Some(-0.5)),
            "noise must be finite, at least 0, found -0.5",
        ),
        (
            config.clone(),
            4,
            settings().with_adam(AdamConfig::new().with_beta_1(2.0)),
            "beta_1 must be in [0, 1), found 2",
        ),
    ] {
        let rows = vec![0.5; rows];
        let error = fit(&config, &rows, &settings, &host()).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
