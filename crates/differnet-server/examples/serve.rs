//! Serves a model on this machine alone: `serve MODEL.differnet [PORT]`.
#![allow(clippy::print_stdout, reason = "an example reports to its user")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use differnet::{DeviceChoice, Model, Runtime};
use differnet_server::{Limits, ModelFile, RemoteAccess, Server, ServerConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let model = std::env::args().nth(1).ok_or("give a model file")?;
    let port = std::env::args().nth(2).map_or(Ok(8080), |port| port.parse())?;
    let runtime = Runtime::open(DeviceChoice::first())?;
    let server = Server::start(ServerConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        models: vec![ModelFile::parse(&model)?],
        load: Box::new(move |path| Model::load_verified(path, &runtime)),
        token: None,
        remote_access: RemoteAccess::Guarded,
        origins: Vec::new(),
        tls: None,
        adaptive: false,
        limits: Limits::default(),
        poll_every: Some(Duration::from_secs(2)),
    })?;
    println!("Listening on http://{}/", server.address());
    server.wait()?;
    Ok(())
}
