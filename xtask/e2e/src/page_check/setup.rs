//! A small model, images to judge with it, and servers.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use differnet::methods::DifferNetConfig;
use differnet::{Config, DeviceChoice, Method, Model, Preset, Runtime, Training};
use differnet_data::find_images;
use differnet_samples::{SampleConfig, write_sample_dataset};
use differnet_server::{Limits, ModelFile, RemoteAccess, Server, ServerConfig, Token};
use tempfile::TempDir;

/// Images that the page is to bear.
pub(super) const MANY: usize = 200;
/// Side of the images, pixels.
const SIDE: u32 = 160;

/// A model and images.
pub(super) struct Setup {
    folder: TempDir,
    /// Good parts and defects, in turn.
    pub(super) images: Vec<PathBuf>,
    /// Files that are no usable images.
    pub(super) bad: Vec<PathBuf>,
}

impl Setup {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let sample =
            SampleConfig { seed: 0, size: SIDE, train: 24, test_good: 4, test_defect_per_kind: 1 };
        write_sample_dataset(&data, &sample)?;
        train(&find_images(&data.join("hex_nut/train/good"))?, folder.path())?;
        let test = find_images(&data.join("hex_nut/test"))?;
        let (good, defects): (Vec<_>, Vec<_>) =
            test.into_iter().partition(|path| path.to_string_lossy().contains("good"));
        let mut images = Vec::new();
        for number in 0..MANY {
            // Three good parts, then a defect.
            let of = if number % 4 == 3 { &defects } else { &good };
            let name = format!("part-{number:03}.png");
            let path = folder.path().join(name);
            fs::copy(&of[(number / 4) % of.len()], &path)?;
            images.push(path);
        }
        let whole = fs::read(&images[0])?;
        let mut bad = Vec::new();
        for (name, bytes) in [("notes.png", &b"not a photograph"[..]), ("cut.png", &whole[..900])] {
            let path = folder.path().join(name);
            fs::write(&path, bytes)?;
            bad.push(path);
        }
        Ok(Self { folder, images, bad })
    }

    /// Folder for what the browser saves.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A server of the model that wants `token`.
    pub(super) fn serve(&self, token: Option<&str>) -> anyhow::Result<Server> {
        self.serve_at(([127, 0, 0, 1], 0).into(), token)
    }

    /// The same at this address.
    pub(super) fn serve_at(
        &self,
        listen: SocketAddr,
        token: Option<&str>,
    ) -> anyhow::Result<Server> {
        let runtime = Runtime::open(DeviceChoice::Flex)?;
        let token = token.map(|token| {
            let path = self.folder.path().join("token");
            // One line without spaces.
            fs::write(&path, token.replace(' ', "-"))?;
            anyhow::Ok(Token::read(&path)?)
        });
        Ok(Server::start(ServerConfig {
            listen,
            models: vec![ModelFile {
                name: "hex_nut".to_owned(),
                path: self.folder.path().join("model.differnet"),
            }],
            load: Box::new(move |path| Model::load_on(path, &runtime)),
            token: token.transpose()?,
            remote_access: RemoteAccess::Guarded,
            origins: Vec::new(),
            tls: None,
            adaptive: false,
            limits: Limits::default(),
            poll_every: None,
        })?)
    }
}

/// Trains a model that tells defects from good parts most of the time.
fn train(good: &[PathBuf], folder: &Path) -> anyhow::Result<()> {
    let quick = Config {
        seed: 1,
        transforms: 2,
        score_transforms: 1,
        ..Config::preset(Method::DifferNet, Preset::Quick)
    };
    let config = quick.map_differnet(|own| {
        let flow = own.flow.clone().with_blocks(4).with_hidden(32);
        DifferNetConfig { pool: 2, updates: 150, batch_size: 16, flow, ..own }
    });
    let runtime = Runtime::open(DeviceChoice::Flex)?;
    let model = Training::new(&config, &runtime).run(good)?.model;
    Ok(model.save(folder.join("model.differnet"))?)
}
