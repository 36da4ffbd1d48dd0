//! A server with a model that computes nothing, waits when told to and fails when told to.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use differnet::scorer::{Scorer, Scoring};
use differnet::{
    AuxiliaryTensor, Config, DeviceChoice, Error, Header, ImageScore, Method, Model, Preset,
    Runtime,
};
use differnet_data::{ImageError, ImageInput, InputStatistics};
use differnet_server::{Limits, ModelFile, RemoteAccess, Server, ServerConfig, Token};
use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

/// Scores of good images: 1 to 60.
const GOOD: [f64; 60] = {
    let mut scores = [1.0; 60];
    let mut at = 1;
    while at < scores.len() {
        scores[at] = scores[at - 1] + 1.0;
        at += 1;
    }
    scores
};

/// A gate that images named `wait…` have to pass.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    open: bool,
    /// Images that stand or stood before it.
    arrived: usize,
    /// Sizes of the batches scored.
    batches: Vec<usize>,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| !state.open).unwrap());
    }

    /// Returns once `images` have arrived.
    pub(crate) fn wait_for(&self, images: usize) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.arrived < images).unwrap());
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.changed.notify_all();
    }

    pub(crate) fn batches(&self) -> Vec<usize> {
        self.state.lock().unwrap().batches.clone()
    }
}

/// Scores an image by the number of its pixels.
#[derive(Debug)]
struct Fake {
    gate: Arc<Gate>,
}

impl Scorer for Fake {
    fn score(
        &self,
        images: &[ImageInput<'_>],
        scoring: &Scoring<'_>,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        self.gate.state.lock().unwrap().batches.push(images.len());
        let limits = &scoring.runtime.limits;
        let score = |input: &ImageInput<'_>| {
            let name = input.name().to_string_lossy();
            if name.starts_with("wait") {
                self.gate.pass();
            }
            assert!(!name.starts_with("panic"), "asked to fail");
            if name.starts_with("refuse") {
                let (path, reason) = ("the model".into(), "asked to refuse".into());
                return Err(Error::NotAModel { path, reason });
            }
            let read = input.read(limits).and_then(|read| {
                let image = read.decode(input.name(), limits)?.into_image();
                let pixels = f64::from(image.width() * image.height());
                Ok((read.hash(), pixels))
            });
            Ok(match read {
                Ok((hash, pixels)) => {
                    let thresholds = scoring.header.thresholds();
                    Ok(scoring.config.judge(
                        hash,
                        InputStatistics::default(),
                        vec![pixels],
                        &thresholds,
                    )?)
                }
                Err(error) => Err(error),
            })
        };
        images.iter().map(score).collect()
    }

    fn save(
        &self,
        _: &Path,
        _: &BTreeMap<String, String>,
        _: &[AuxiliaryTensor],
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// A running server; its model file holds a threshold as text.
pub(crate) struct Bench {
    pub(crate) server: Server,
    pub(crate) gate: Arc<Gate>,
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with_token(limits, None)
    }

    pub(crate) fn with_token(limits: Limits, token: Option<&str>) -> Self {
        Self::changed(limits, token, |config| config)
    }

    /// As [`Self::with_token`], with other settings that `change` makes.
    pub(crate) fn changed(
        limits: Limits,
        token: Option<&str>,
        change: impl FnOnce(ServerConfig) -> ServerConfig,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gate = Arc::new(Gate::default());
        std::fs::write(folder.path().join("part.differnet"), "100").unwrap();
        let token = token.map(|token| {
            std::fs::write(folder.path().join("token"), token).unwrap();
            Token::read(&folder.path().join("token")).unwrap()
        });
        let config = config(&folder.path().join("part.differnet"), &gate, limits);
        let server = Server::start(change(ServerConfig { token, ..config })).unwrap();
        Self { server, gate, folder }
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.folder.path().join("part.differnet")
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Ends the server, which must have nothing left to do.
    pub(crate) fn end(self) {
        self.server.stopper().stop();
        assert_eq!(self.server.wait().unwrap(), differnet_server::Drained::Completely);
    }
}

/// Settings of a server whose only model is in `path`.
pub(crate) fn config(path: &Path, gate: &Arc<Gate>, limits: Limits) -> ServerConfig {
    let gate = Arc::clone(gate);
    ServerConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        models: vec![ModelFile { name: "part".into(), path: path.to_path_buf() }],
        load: Box::new(move |path| load(path, &gate)),
        token: None,
        remote_access: RemoteAccess::Guarded,
        origins: Vec::new(),
        tls: None,
        adaptive: false,
        limits,
        poll_every: None,
    }
}

fn load(path: &Path, gate: &Arc<Gate>) -> Result<Model, Error> {
    let io = |source| Error::Io { path: path.to_path_buf(), source };
    let text = std::fs::read_to_string(path).map_err(io)?;
    let threshold = text.parse().map_err(|_| Error::NotAModel {
        path: path.to_path_buf(),
        reason: "it holds no number".into(),
    })?;
    let header = Header {
        training_images: 9,
        held_back_images: GOOD.len(),
        threshold,
        good_scores: GOOD.to_vec(),
        ..Header::new(Config::preset(Method::Dsebm, Preset::Quick))
    };
    let fake = Fake { gate: Arc::clone(gate) };
    Ok(Model::new(header, Box::new(fake), &Runtime::open(DeviceChoice::Flex).unwrap()))
}

/// A PNG of this size.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(width, height, ImageFormat::Png)
}

pub(crate) fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 77]));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
