//! Errors that keep a server from starting or from ending well.

use std::net::SocketAddr;
use std::path::PathBuf;

use differnet::Error;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// There is nothing to serve.
    #[error("no model is named: give at least one")]
    NoModels,
    /// A name that cannot stand in an address.
    #[error(
        "{name:?} is no name for a model: use up to 64 letters, digits, dots, hyphens and underscores, as in NAME=FILE"
    )]
    ModelName {
        /// The name.
        name: String,
    },
    /// Two models of one name.
    #[error("two models are named {name}: name one of them otherwise, as in NAME=FILE")]
    SameName {
        /// The name.
        name: String,
    },
    /// A model file that cannot be served.
    #[error("the model {name} cannot be served")]
    Model {
        /// The model's name.
        name: String,
        /// Error from loading it.
        source: Box<Error>,
    },
    /// The operating system refused a file.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// A file that holds no usable token.
    #[error("{} holds no token: write one line of 1 to 4096 printable ASCII characters without spaces into it", path.display())]
    Token {
        /// The file.
        path: PathBuf,
    },
    /// Others could reach the server, and nothing asks them who they are.
    #[error(
        "{address} can be reached from other machines and there is neither a token nor an authority for \
         clients' certificates: give one, listen on 127.0.0.1, or allow it explicitly"
    )]
    OpenToOthers {
        /// Address that the server was to listen on.
        address: SocketAddr,
    },
    /// Others could read what clients send, the token included.
    #[error(
        "{address} can be reached from other machines and what is sent can be read on its way: give a \
         certificate and a key for TLS, listen on 127.0.0.1, or allow plain HTTP explicitly"
    )]
    PlainToOthers {
        /// Address that the server was to listen on.
        address: SocketAddr,
    },
    /// A text that is no origin of a web page.
    #[error(
        "{text:?} is no origin: name it exactly, as in https://line.example or http://localhost:3000, \
         without a path; * and null would let in every page"
    )]
    Origin {
        /// The text.
        text: String,
    },
    /// A file that does not hold the certificates or the key that TLS needs.
    #[error("{} does not hold what TLS needs: certificates and keys have to be in PEM form", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Error from reading PEM.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificates, or the key that belongs to them, that TLS refuses.
    #[error("the certificates in {} cannot be used, or the key is not theirs", path.display())]
    Tls {
        /// The file with the certificates.
        path: PathBuf,
        /// Error from the TLS library.
        source: rustls::Error,
    },
    /// Authorities that cannot vouch for clients.
    #[error("the authorities in {} cannot be used", path.display())]
    ClientAuthorities {
        /// The file.
        path: PathBuf,
        /// Error from building the verifier of clients' certificates.
        source: rustls::server::VerifierBuilderError,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Its reason.
        source: std::io::Error,
    },
    /// Threads could not be started.
    #[error("cannot start the server's threads")]
    Threads {
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A limit of 0, under which nothing could be served.
    #[error("the limit {name} must be at least 1")]
    Limit {
        /// The limit.
        name: &'static str,
    },
    /// A thread of the server died.
    #[error("a fault in the server's own thread {thread}")]
    Fault {
        /// Its name.
        thread: &'static str,
    },
}
