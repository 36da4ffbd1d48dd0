//! HTTPS: who is believed, what is refused, and certificates that are replaced.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use differnet_server::{Limits, Server, ServerConfig, ServerError, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{Answer, connect, parse, raw, request};
use crate::fake::{Bench, Gate, config, png};

const SCORE: &str = "/v1/models/part/score";

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM form.
struct Certificate {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap());
        Self(issuer.unwrap())
    }

    fn sign(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Certificate {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn server(&self) -> Certificate {
        self.sign("localhost", ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self) -> Certificate {
        self.sign("camera", ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// Writes a certificate into `folder`.
fn files(folder: &Path, certificate: &Certificate) -> TlsFiles {
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    fs::write(&cert, &certificate.certificate).unwrap();
    fs::write(&key, &certificate.key).unwrap();
    TlsFiles { certificate: cert, key, client_authorities: None }
}

/// Asks over TLS for a score, believing `authority`, showing a certificate if there is one.
fn ask(
    address: SocketAddr,
    authority: &Authority,
    shown: Option<&Certificate>,
) -> Result<Answer, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(Certificate { certificate, key }) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(address));
    stream.write_all(&request("POST", SCORE, "", &png(2, 3)))?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(parse(&bytes))
}

fn bench(tls: TlsFiles) -> Bench {
    Bench::changed(Limits::default(), None, |config| ServerConfig { tls: Some(tls), ..config })
}

#[test]
fn answers_come_over_tls_and_not_without() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let bench = bench(files(folder.path(), &authority.server()));
    let answer = ask(bench.address(), &authority, None).unwrap();
    assert_eq!((answer.status, answer.json()["score"].as_f64()), (200, Some(6.0)));
    assert!(ask(bench.address(), &Authority::new(), None).is_err(), "another authority");
    let plain = raw(bench.address(), &request("POST", SCORE, "", &png(2, 3)));
    assert!(!String::from_utf8_lossy(&plain).contains("HTTP/1.1"), "{plain:?}");
    bench.end();
}

#[test]
fn clients_show_a_certificate_of_the_authority() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let clients = Authority::new();
    let path = folder.path().join("clients.pem");
    fs::write(&path, clients.pem()).unwrap();
    let tls = files(folder.path(), &authority.server());
    let bench = bench(TlsFiles { client_authorities: Some(path), ..tls });
    let score = |shown: Option<&Certificate>| {
        ask(bench.address(), &authority, shown).map(|answer| answer.status).ok()
    };
    assert_eq!(score(Some(&clients.client())), Some(200));
    assert_eq!(score(None), None);
    assert_eq!(score(Some(&authority.client())), None, "the server's authority is another");
    assert_eq!(score(Some(&clients.server())), None, "a server's certificate is no client's");
    bench.end();
}

#[test]
fn clients_certificates_guard_an_address_that_other_machines_reach() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let model = folder.path().join("part.differnet");
    fs::write(&model, "1").unwrap();
    let path = folder.path().join("clients.pem");
    fs::write(&path, authority.pem()).unwrap();
    let tls = files(folder.path(), &authority.server());
    let gate = Arc::new(Gate::default());
    let start = |tls: TlsFiles| {
        Server::start(ServerConfig {
            listen: "0.0.0.0:0".parse().unwrap(),
            tls: Some(tls),
            ..config(&model, &gate, Limits::default())
        })
    };
    let refused = start(tls.clone()).err().unwrap();
    assert!(matches!(refused, ServerError::OpenToOthers { .. }), "{refused}");
    let server = start(TlsFiles { client_authorities: Some(path), ..tls }).unwrap();
    server.stopper().stop();
    server.wait().unwrap();
}

#[test]
fn a_replaced_certificate_is_shown_from_the_next_connection_on_and_a_bad_one_never() {
    let (folder, old, new) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let tls = files(folder.path(), &old.server());
    let bench = bench(tls.clone());
    let poll = || drop((bench.server.poll_files(), bench.server.poll_files()));
    let believed = |authority: &Authority| ask(bench.address(), authority, None).is_ok();

    // The certificate first, the key later: what does not go together is not used.
    let Certificate { certificate, key } = new.server();
    fs::write(&tls.certificate, certificate).unwrap();
    poll();
    assert!(believed(&old) && !believed(&new));
    fs::write(&tls.key, key).unwrap();
    poll();
    assert!(believed(&new) && !believed(&old));

    fs::write(&tls.certificate, "no certificate").unwrap();
    poll();
    fs::remove_file(&tls.key).unwrap();
    poll();
    assert!(believed(&new));
    bench.end();
}

#[test]
fn files_that_make_no_tls_are_refused_by_name() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let model = folder.path().join("part.differnet");
    fs::write(&model, "1").unwrap();
    let right = files(folder.path(), &authority.server());
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let other_key = write("other.key", &authority.server().key);
    let text = write("notes.txt", "my notes");
    let missing = folder.path().join("missing.pem");
    let gate = Arc::new(Gate::default());
    let refused = |tls: TlsFiles, name: &str| {
        let config = config(&model, &gate, Limits::default());
        let error = Server::start(ServerConfig { tls: Some(tls), ..config }).err().unwrap();
        assert!(error.to_string().contains(name), "{name}: {error}");
        error
    };
    let key = |key: &PathBuf| TlsFiles { key: key.clone(), ..right.clone() };
    let cert = |path: &PathBuf| TlsFiles { certificate: path.clone(), ..right.clone() };
    let clients =
        |path: &PathBuf| TlsFiles { client_authorities: Some(path.clone()), ..right.clone() };
    assert!(matches!(refused(key(&other_key), "cert.pem"), ServerError::Tls { .. }));
    assert!(matches!(refused(key(&text), "notes.txt"), ServerError::Pem { .. }));
    assert!(matches!(refused(cert(&text), "notes.txt"), ServerError::Pem { .. }));
    assert!(matches!(refused(cert(&right.key), "key.pem"), ServerError::Pem { .. }));
    assert!(matches!(refused(clients(&text), "notes.txt"), ServerError::Pem { .. }));
    assert!(matches!(refused(cert(&missing), "missing.pem"), ServerError::Io { .. }));
    assert!(matches!(refused(key(&missing), "missing.pem"), ServerError::Io { .. }));
}
