//! Cells and results that tests share.

use differnet::scoring::Average;
use differnet::{Config, DeviceChoice};
use differnet_eval::{Metrics, ScoredImage, evaluate};

use super::cell::{CellResult, CellSpec, StepTest, TestResult, TestSpec};
use super::data::{DataPart, PartLayout};
use super::environment::{Environment, Machine};
use super::method::PaperMethod;

/// DifferNet on bottle with one test.
pub(super) fn spec(seed: u64) -> CellSpec {
    CellSpec {
        category: "bottle".into(),
        method: PaperMethod::DifferNet,
        variant: None,
        seed,
        data: vec![DataPart {
            category: "bottle".into(),
            root: "data".into(),
            layout: PartLayout::Mvtec { category: Some("bottle".into()) },
        }],
        shots: None,
        config: Config {
            seed,
            ..Config::preset(differnet::Method::DifferNet, differnet::Preset::Quick)
        },
        tests: vec![test_spec()],
        watch: None,
        device: DeviceChoice::Flex,
        cache: None,
    }
}

fn test_spec() -> TestSpec {
    TestSpec { part: 0, transforms: 32, average: Average::Mean, random: false }
}

pub(super) fn environment() -> Environment {
    Environment {
        commit: "0123456789abcdef".into(),
        dirty: false,
        rustc: "rustc 1".into(),
        machine: Machine {
            cpu: "a processor".into(),
            cores: 2,
            vector_instructions: "AVX2".into(),
            os: "a system".into(),
        },
        device: DeviceChoice::Flex,
        differnet: "0.1.0".into(),
        burn: "0.22.1".into(),
    }
}

/// DifferNet's result on `category` with the AUROC given; all other numbers are fixed.
pub(super) fn result(category: &str, seed: u64, auroc: f64) -> CellResult {
    let image = |kind: Option<&str>, score| ScoredImage {
        path: "part.png".into(),
        kind: kind.map(String::from),
        score,
        invalid: None,
    };
    let images = vec![image(None, 1.0), image(None, 2.0), image(Some("dent"), 3.0)];
    let metrics = evaluate(&images, None, 1).expect("both kinds are there");
    let interval = [auroc - 0.05, auroc + 0.05].into();
    CellResult {
        digest: "digest".into(),
        category: category.into(),
        method: PaperMethod::DifferNet,
        variant: None,
        seed,
        shots: None,
        config: Config {
            seed,
            ..Config::preset(differnet::Method::DifferNet, differnet::Preset::Quick)
        },
        training_images: 20,
        train_seconds: 100.0,
        rows_extracted: 640,
        resumed: 0,
        builds: Vec::new(),
        peak_mb: Some(512.0),
        tests: vec![TestResult {
            category: category.into(),
            spec: test_spec(),
            metrics: Metrics { auroc, auroc_ci95: interval, ..metrics },
            evaluate_seconds: 10.0,
            rows_extracted: 96,
            images,
        }],
        looks: Vec::new(),
        environment: environment(),
    }
}

/// A test while training, of 64 transforms and the paper's average.
pub(super) fn look(update: u64, validation: f64, auroc: f64) -> StepTest {
    StepTest {
        update,
        validation: Some(validation),
        transforms: 64,
        average: Average::Mean,
        auroc,
        recall_at_zero_fp: 0.5,
    }
}
