//! `differnet serve`: judges photographs that come over the network.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use differnet::Model;
use differnet_data::DecodeLimits;
use differnet_server::{
    Drained, Limits, ModelFile, Origin, RemoteAccess, Server, ServerConfig, ServerError, TlsFiles,
    Token,
};

use crate::device::DeviceArgs;
use crate::exit::{Exit, UsageError};
use crate::interrupt::Interrupt;
use crate::numbers::{address, positive, seconds};
use crate::output::print;

/// Interval at which the model files are polled.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Bodies that are in memory at once, in units of the longest.
const BODIES: usize = 16;

/// Score photographs over HTTP, with a page to drop them on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  differnet serve --model part.differnet
  differnet serve --model nut=a.differnet --model bolt=b.differnet --listen 0.0.0.0:8080 \\
    --token-file token.txt --tls-cert server.pem --tls-key server.key
  differnet serve --model part.differnet --allow-origin https://line.example
  curl --data-binary @photo.png http://127.0.0.1:8080/v1/models/part/score

Open http://127.0.0.1:8080/ for the page; /openapi.json describes the addresses for programs. The answer
of /score is the object that `differnet score --json` prints. Requests are logged to the standard error,
one JSON object a line. A model file that changes is loaded and then served without a break, and so are
certificates. Where other machines reach it the server wants a token or clients' certificates, and TLS.

SIGTERM and Ctrl-C: the server answers what it has accepted, then ends with exit code 0.")]
pub(crate) struct ServeArgs {
    /// Model file written by `differnet train`; its name in addresses is the file's without ending.
    #[arg(long = "model", required = true, value_name = "[NAME=]M.differnet")]
    models: Vec<String>,
    /// Address to listen on; port 0 for any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,
    /// File with a token that requests have to send as `Authorization: Bearer TOKEN`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Let other machines in without a token and without TLS, as behind a proxy that asks who they are.
    #[arg(long, conflicts_with = "token_file")]
    allow_without_token: bool,
    /// Let other machines in without TLS, as behind a proxy that encrypts: the token is sent as it is.
    #[arg(long, conflicts_with = "tls_cert")]
    allow_without_tls: bool,
    /// File with the server's certificate and those above it, in PEM form, to serve HTTPS.
    #[arg(long, value_name = "FILE.pem", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File with the certificate's private key, in PEM form.
    #[arg(long, value_name = "FILE.pem", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// File with the authorities whose certificates clients have to show, in PEM form.
    #[arg(long, value_name = "FILE.pem", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Origin of a web page that may use the server besides its own, such as https://line.example; may be
    /// repeated.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Stop early, as soon as an image's verdict is clear; see `differnet score`.
    #[arg(long)]
    adaptive: bool,
    /// Images that may wait to be scored; more are refused with status 429.
    #[arg(long, value_name = "N", default_value_t = Limits::default().queue, value_parser = positive)]
    queue: usize,
    /// Images scored together at most.
    #[arg(long, value_name = "N", default_value_t = Limits::default().batch, value_parser = positive)]
    batch: usize,
    /// Bytes of a request at most.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body_bytes, value_parser = bytes)]
    max_body: usize,
    /// Pixels of an image at most, width times height.
    #[arg(long, value_name = "N", default_value_t = Limits::default().pixels, value_parser = pixels)]
    max_pixels: u64,
    /// Seconds from a request to its answer at most; status 504 after that.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    deadline: Duration,
    #[command(flatten)]
    device: DeviceArgs,
}

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    let models = args.models.iter().map(|text| ModelFile::parse(text));
    let models = models.collect::<Result<Vec<_>, _>>().map_err(|error| usage(&error))?;
    let origins = args.origins.iter().map(|text| Origin::parse(text));
    let origins = origins.collect::<Result<Vec<_>, _>>().map_err(|error| usage(&error))?;
    let token = args.token_file.as_deref().map(Token::read).transpose()?;
    let runtime = args.device.open()?;
    let tls = args.tls_cert.clone().zip(args.tls_key.clone()).map(|(certificate, key)| TlsFiles {
        certificate,
        key,
        client_authorities: args.tls_client_ca.clone(),
    });
    let scheme = if tls.is_some() { "https" } else { "http" };
    log();
    let config = ServerConfig {
        listen: args.listen,
        models,
        load: Box::new(move |path| Model::load_verified(path, &runtime)),
        token,
        remote_access: match (args.allow_without_token, args.allow_without_tls) {
            (true, _) => RemoteAccess::Open,
            (false, true) => RemoteAccess::PlainHttp,
            (false, false) => RemoteAccess::Guarded,
        },
        origins,
        tls,
        adaptive: args.adaptive,
        limits: Limits {
            queue: args.queue,
            batch: args.batch,
            body_bytes: args.max_body,
            bodies_bytes: args.max_body.saturating_mul(BODIES),
            pixels: args.max_pixels,
            deadline: args.deadline,
            ..Limits::default()
        },
        poll_every: Some(POLL_EVERY),
    };
    let server = Server::start(config).map_err(|error| match error {
        ServerError::OpenToOthers { address } => UsageError(format!(
            "{address} can be reached from other machines: add --token-file FILE or --tls-client-ca FILE, \
             or --allow-without-token if something else keeps others out"
        ))
        .into(),
        ServerError::PlainToOthers { address } => UsageError(format!(
            "{address} can be reached from other machines, and the token can be read on its way: add \
             --tls-cert FILE and --tls-key FILE, or --allow-without-tls if something else encrypts"
        ))
        .into(),
        ServerError::SameName { .. } => usage(&error),
        other => anyhow::Error::from(other),
    })?;
    let stopper = server.stopper();
    let _interrupt = Interrupt::listen_then(move || stopper.stop())?;
    print(&format!("Listening on {scheme}://{}/", server.address()))?;
    match server.wait()? {
        Drained::Completely => Ok(Exit::Done),
        Drained::Partly => bail!("some connections were cut: they were not done in time"),
    }
}

fn usage(error: &ServerError) -> anyhow::Error {
    UsageError(error.to_string()).into()
}

/// Events as JSON lines on the standard error.
fn log() {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(std::io::stderr);
    subscriber.init();
}

/// Bytes of a request, up to 4 GB.
fn bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if (1..=4_000_000_000).contains(&bytes) => Ok(bytes),
        _ => Err("give bytes from 1 to 4000000000".to_owned()),
    }
}

/// Pixels of an image, up to what files may have.
fn pixels(text: &str) -> Result<u64, String> {
    let most = DecodeLimits::default().max_pixels;
    match text.parse() {
        Ok(pixels) if (1..=most).contains(&pixels) => Ok(pixels),
        _ => Err(format!("give pixels from 1 to {most}")),
    }
}
