//! Access control: clients that are let in, and addresses that a server may listen on.

use std::sync::Arc;

use differnet_server::{Limits, Origin, RemoteAccess, Server, ServerConfig, ServerError, Token};

use crate::client::{get, parse, raw, request};
use crate::fake::{Bench, Gate, config, png};

const SCORE: &str = "/v1/models/part/score";

#[test]
fn models_and_metrics_want_the_token_and_nothing_else_does() {
    let bench = Bench::with_token(Limits::default(), Some("open-sesame\n"));
    let address = bench.address();
    let ask = |method: &str, path: &str, header: &str| {
        parse(&raw(address, &request(method, path, header, &png(2, 2))))
    };
    let right = "Authorization: Bearer open-sesame\r\n";
    for (method, path) in [
        ("POST", SCORE),
        ("POST", "/v1/models/part/localize"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/part"),
        ("GET", "/v1/models/nobody"),
        ("GET", "/metrics"),
    ] {
        for (header, message) in [
            ("", "wants a token"),
            ("Authorization: Bearer\r\n", "another kind"),
            ("Authorization: Basic b3Blbi1zZXNhbWU=\r\n", "another kind"),
            ("Authorization: open-sesame\r\n", "another kind"),
            ("Authorization: Bearer open-sesam\r\n", "not the one"),
            ("Authorization: Bearer open-sesame2\r\n", "not the one"),
            ("Authorization: Bearer OPEN-SESAME\r\n", "not the one"),
            ("Authorization: Bearer \u{e4}\r\n", "not the one"),
        ] {
            let answer = ask(method, path, header);
            assert_eq!(answer.status, 401, "{path} {header:?}");
            assert!(answer.error().contains(message), "{header:?}: {}", answer.error());
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        assert_ne!(ask(method, path, right).status, 401, "{path}");
    }
    assert_eq!(ask("POST", SCORE, right).json()["score"], 4.0);
    assert_eq!(ask("POST", SCORE, "authorization: bearer open-sesame\r\n").status, 200);
    for path in ["/", "/page/main.js", "/v2/health/live", "/v2/health/ready", "/openapi.json"] {
        assert_eq!(get(address, path).status, 200, "{path}");
    }
    bench.end();
}

#[test]
fn pages_of_other_origins_are_turned_away() {
    let bench = Bench::new(Limits::default());
    let ask = |site: &str| {
        let header = format!("Sec-Fetch-Site: {site}\r\nOrigin: https://line.example\r\n");
        parse(&raw(bench.address(), &request("POST", SCORE, &header, &png(2, 2))))
    };
    for site in ["cross-site", "same-site"] {
        let answer = ask(site);
        assert_eq!(answer.status, 403, "{site}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!((ask("same-origin").status, ask("none").status), (200, 200));
    // Over plain HTTP browsers name the origin alone.
    let ask = |origin: &str| {
        let header = format!("Origin: {origin}\r\n");
        parse(&raw(bench.address(), &request("POST", SCORE, &header, &png(2, 2)))).status
    };
    for origin in ["http://line.example", "http://parts.example:81", "null", "\u{e4}"] {
        assert_eq!(ask(origin), 403, "{origin}");
    }
    assert_eq!(ask("http://test"), 200);
    bench.end();
}

#[test]
fn pages_of_allowed_origins_may_ask_with_the_token_and_read_the_answer() {
    let origins = vec![Origin::parse("https://line.example").unwrap()];
    let bench = Bench::changed(Limits::default(), Some("open-sesame"), |config| ServerConfig {
        origins,
        ..config
    });
    let ask = |method: &str, origin: &str, more: &str| {
        let header = format!("Sec-Fetch-Site: cross-site\r\nOrigin: {origin}\r\n{more}");
        parse(&raw(bench.address(), &request(method, SCORE, &header, &png(2, 2))))
    };
    // A browser asks first, and sends no token yet.
    let preflight = "Access-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let answer = ask("OPTIONS", "https://line.example", preflight);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://line.example"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);

    let token = "Authorization: Bearer open-sesame\r\n";
    let answer = ask("POST", "https://line.example", token);
    assert_eq!((answer.status, answer.json()["score"].as_f64()), (200, Some(4.0)));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://line.example"));
    assert!(answer.header("vary").unwrap().contains("origin"));
    assert_eq!(ask("POST", "https://line.example", "").status, 401, "the token is wanted as ever");
    for other in
        ["http://line.example", "https://line.example:8443", "https://sub.line.example", "null"]
    {
        assert_eq!(ask("OPTIONS", other, preflight).header("access-control-allow-origin"), None);
        let answer = ask("POST", other, token);
        assert_eq!(answer.status, 403, "{other}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{other}");
    }
    bench.end();
}

#[test]
fn other_machines_are_let_in_with_a_token_and_tls_or_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("part.differnet");
    std::fs::write(&model, "1").unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "open-sesame").unwrap();
    let gate = Arc::new(Gate::default());
    let start = |remote_access, token: bool| {
        Server::start(ServerConfig {
            listen: "0.0.0.0:0".parse().unwrap(),
            remote_access,
            token: token.then(|| Token::read(&file).unwrap()),
            ..config(&model, &gate, Limits::default())
        })
    };
    for (remote_access, token) in [(RemoteAccess::Guarded, false), (RemoteAccess::PlainHttp, false)]
    {
        let refused = start(remote_access, token).err().unwrap();
        assert!(matches!(refused, ServerError::OpenToOthers { .. }), "{refused}");
    }
    let refused = start(RemoteAccess::Guarded, true).err().unwrap();
    assert!(matches!(refused, ServerError::PlainToOthers { .. }), "{refused}");
    for (remote_access, token) in [(RemoteAccess::PlainHttp, true), (RemoteAccess::Open, false)] {
        let server = start(remote_access, token).unwrap();
        server.stopper().stop();
        server.wait().unwrap();
    }
}

#[test]
fn a_server_that_could_not_serve_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let (model, gate) = (folder.path().join("part.differnet"), Arc::new(Gate::default()));
    let start = |config: ServerConfig| Server::start(config).err().unwrap();
    let missing = start(config(&model, &gate, Limits::default()));
    assert!(missing.to_string().contains("cannot read"), "{missing}");
    std::fs::write(&model, "no number").unwrap();
    let bad = start(config(&model, &gate, Limits::default()));
    assert!(bad.to_string().contains("the model part cannot be served"), "{bad}");
    std::fs::write(&model, "1").unwrap();
    let none = config(&model, &gate, Limits::default());
    assert!(matches!(start(ServerConfig { models: Vec::new(), ..none }), ServerError::NoModels));
    let twice = config(&model, &gate, Limits::default());
    let models = [twice.models.clone(), twice.models.clone()].concat();
    assert!(matches!(start(ServerConfig { models, ..twice }), ServerError::SameName { .. }));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let there = config(&model, &gate, Limits::default());
    assert!(matches!(start(ServerConfig { listen, ..there }), ServerError::Listen { .. }));
}
