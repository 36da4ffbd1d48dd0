//! Scores over HTTP against scores of files, with a trained model.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use differnet::methods::DifferNetConfig;
use differnet::{Config, DeviceChoice, Method, Model, Preset, Runtime, Training};
use differnet_data::find_images;
use differnet_samples::{SampleConfig, write_sample_dataset};
use differnet_server::{Drained, Limits, ModelFile, RemoteAccess, Server, ServerConfig};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Answer, parse, post, post_parts, raw, request};
use crate::fake::{Bench, png};

/// A trained model, images, and a server.
pub(crate) struct Trained {
    pub(crate) server: Server,
    pub(crate) model: PathBuf,
    pub(crate) images: Vec<PathBuf>,
    _folder: TempDir,
}

impl Trained {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sample =
            SampleConfig { seed: 0, size: 64, train: 5, test_good: 2, test_defect_per_kind: 1 };
        let data = folder.path().join("data");
        write_sample_dataset(&data, &sample).unwrap();
        let quick = Config {
            seed: 7,
            transforms: 2,
            score_transforms: 3,
            ..Config::preset(Method::DifferNet, Preset::Quick)
        };
        let config = quick.map_differnet(|own| {
            let flow = own.flow.clone().with_blocks(2).with_hidden(16);
            DifferNetConfig { pool: 2, updates: 12, batch_size: 8, flow, ..own }
        });
        let runtime = Runtime::open(DeviceChoice::Flex).unwrap();
        let good = find_images(&data.join("hex_nut/train/good")).unwrap();
        let trained = Training::new(&config, &runtime).run(&good).unwrap();
        let model = folder.path().join("nut.differnet");
        trained.model.save(&model).unwrap();
        let server = Server::start(ServerConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            models: vec![ModelFile::parse(model.to_str().unwrap()).unwrap()],
            load: Box::new(move |path| Model::load_on(path, &runtime)),
            token: None,
            remote_access: RemoteAccess::Guarded,
            origins: Vec::new(),
            tls: None,
            adaptive: false,
            limits: Limits { queue: 32, ..Limits::default() },
            poll_every: None,
        })
        .unwrap();
        let images = find_images(&data.join("hex_nut/test")).unwrap();
        Self { server, model, images, _folder: folder }
    }

    /// The scores of the images as files.
    fn scores(&self) -> Vec<f64> {
        let model =
            Model::load_on(&self.model, &Runtime::open(DeviceChoice::Flex).unwrap()).unwrap();
        model.scores(&self.images).map(|score| score.unwrap().score).collect()
    }
}

fn bits(answer: &Value) -> u64 {
    answer["score"].as_f64().unwrap().to_bits()
}

#[test]
fn scores_have_the_bits_of_files_alone_together_and_in_any_company() {
    let trained = Trained::new();
    let expected: Vec<u64> = trained.scores().iter().map(|score| score.to_bits()).collect();
    let (address, path) = (trained.server.address(), "/v1/models/nut/score");
    let images: Vec<Vec<u8>> =
        trained.images.iter().map(|image| std::fs::read(image).unwrap()).collect();

    let alone = images.iter().map(|image| bits(&post(address, path, image).json()));
    assert_eq!(alone.collect::<Vec<_>>(), expected);

    let parts: Vec<(&str, &[u8])> = images.iter().map(|image| ("a.png", &image[..])).collect();
    let together = post_parts(address, path, &parts);
    let together: Vec<u64> = together.json().as_array().unwrap().iter().map(bits).collect();
    assert_eq!(together, expected);

    let images = Arc::new(images);
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let images = Arc::clone(&images);
            thread::spawn(move || {
                let order = (0..images.len()).map(|at| (at + client) % images.len());
                let scored = order.map(|at| (at, bits(&post(address, path, &images[at]).json())));
                scored.collect::<Vec<_>>()
            })
        })
        .collect();
    for (at, score) in clients.into_iter().flat_map(|client| client.join().unwrap()) {
        assert_eq!(score, expected[at]);
    }
    trained.server.stopper().stop();
    assert_eq!(trained.server.wait().unwrap(), Drained::Completely);
}

/// A request for a map.
pub(crate) fn localize(trained: &Trained, query: &str, image: &[u8]) -> Answer {
    let path = format!("/v1/models/nut/localize{query}");
    parse(&raw(trained.server.address(), &request("POST", &path, "", image)))
}

#[test]
fn an_image_in_pieces_of_a_byte_scores_as_the_whole() {
    let bench = Bench::new(Limits::default());
    let png = png(3, 2);
    let chunks: Vec<u8> =
        png.iter().flat_map(|&byte| [&b"1\r\n"[..], &[byte], b"\r\n"].concat()).collect();
    let head = "POST /v1/models/part/score HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let answer = parse(&raw(bench.address(), &[head.as_bytes(), &chunks, b"0\r\n\r\n"].concat()));
    let whole = post(bench.address(), "/v1/models/part/score", &png);
    assert_eq!((answer.status, answer.json()), (200, whole.json()));
    bench.end();
}
