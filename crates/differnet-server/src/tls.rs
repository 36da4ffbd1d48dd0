//! TLS: the server's certificate and key, and the authorities of clients' certificates, loaded anew when
//! their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use differnet_data::with_causes;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::changes::Changes;
use crate::error::ServerError;
use differnet_files::FileStamp;

/// Files in PEM form that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Authorities of the certificates that clients have to show; `None` to ask for none.
    pub client_authorities: Option<PathBuf>,
}

impl TlsFiles {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let own = [&self.certificate, &self.key];
        own.into_iter().chain(&self.client_authorities).map(PathBuf::as_path)
    }

    fn stamps(&self) -> Vec<Option<FileStamp>> {
        self.paths().map(|path| FileStamp::of(path).ok()).collect()
    }

    /// Loads the files into a configuration for TLS 1.2 and 1.3.
    fn load(&self) -> Result<Arc<ServerConfig>, ServerError> {
        let provider = Arc::new(ring::default_provider());
        let refused = |path: &Path| {
            let path = path.to_path_buf();
            |source| ServerError::Tls { path, source }
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused(&self.certificate))?;
        let builder = match &self.client_authorities {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority).map_err(refused(path))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|source| ServerError::ClientAuthorities {
                        path: path.clone(),
                        source,
                    })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(unreadable(&self.key))?;
        warn_of_readers(&self.key);
        let chain = certificates(&self.certificate)?;
        let mut config =
            builder.with_single_cert(chain, key).map_err(refused(&self.certificate))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Every certificate in a file, which has at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found = found.map_err(unreadable(path))?;
    if found.is_empty() {
        return Err(unreadable(path)(pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn unreadable(path: &Path) -> impl FnOnce(pem::Error) -> ServerError {
    let path = path.to_path_buf();
    move |error| match error {
        pem::Error::Io(source) => ServerError::Io { path, source },
        source => ServerError::Pem { path, source },
    }
}

/// Logs that everybody on this machine can read the key.
fn warn_of_readers(key: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(key)
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o007 != 0
    {
        let key = key.display().to_string();
        tracing::warn!(key, "every user of this machine can read the key: chmod o-rwx");
    }
    #[cfg(not(unix))]
    let _ = key;
}

/// TLS as it is at the moment.
pub(crate) struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
    changes: Mutex<Changes<Vec<Option<FileStamp>>>>,
}

impl Tls {
    /// Loads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, ServerError> {
        let changes = Mutex::new(Changes::since(files.stamps()));
        let current = RwLock::new(files.load()?);
        Ok(Self { files, current, changes })
    }

    /// Returns the acceptor of the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }

    /// Polls the files once; changed ones that have been left alone since the last poll are used from
    /// the next connection on, or, if they cannot be, the log says why.
    pub(crate) fn poll(&self) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if !changes.poll(self.files.stamps()) {
            return;
        }
        let certificate = self.files.certificate.display().to_string();
        match self.files.load() {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!(certificate, "certificate replaced");
            }
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(certificate, error, "TLS files changed, the old ones stay in use");
            }
        }
    }
}
