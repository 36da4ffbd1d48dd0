//! The server as a program: what it answers, what it refuses, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::fixture::{Fixture, Run};

/// A server that says nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn new(more: &[&str]) -> Self {
        let fixture = Fixture::shared();
        let mut command = fixture.command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--model"]).arg(fixture.model());
        let mut child =
            command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Listening on http://");
        let address = address.and_then(|address| address.trim_end_matches('/').parse().ok());
        Self { child, address: address.unwrap_or_else(|| panic!("{line}")) }
    }

    /// A connection that has sent `body` to be scored.
    fn ask(&self, name: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST /v1/models/nut/score?name={name} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\
             X-Request-Id: {name}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        stream
    }

    /// Asks the program to end and returns what it left.
    fn terminate(self) -> Run {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait_with_output().unwrap().into()
    }
}

/// Status and body of what a server sends.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn answers_are_the_lines_of_the_command_and_a_signal_waits_for_them() {
    let fixture = Fixture::shared();
    let run = fixture.run(&["score", "--json", "--model"], &[&fixture.model(), &fixture.test()]);
    let lines: Vec<String> = run.text().lines().map(str::to_owned).collect();
    let paths: Vec<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["path"].as_str().unwrap().into())
        .collect();
    let served = Served::new(&["--batch", "3"]);
    let asked: Vec<TcpStream> = paths
        .iter()
        .enumerate()
        .map(|(index, path)| served.ask(&format!("image-{index}"), &std::fs::read(path).unwrap()))
        .collect();
    // All requests have arrived when one that came after them is answered.
    let last = served.ask("last", b"no image");
    assert_eq!(answer(last).0, 415);
    let run = served.terminate();
    for (index, (stream, line)) in asked.into_iter().zip(&lines).enumerate() {
        let (status, body) = answer(stream);
        let path = serde_json::to_string(&paths[index]).unwrap();
        assert_eq!(body, line.replacen(&path, &format!("\"image-{index}\""), 1));
        assert_eq!(status, 200);
    }
    assert_eq!(run.code, Some(0), "{}", run.err);
    let log: Vec<Value> = run.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> = log.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), paths.len() + 1);
    assert!(requests.iter().any(|line| line["id"] == "image-0" && line["status"] == 200));
    let bad = requests.iter().find(|line| line["id"] == "last").unwrap();
    assert!(bad["error"].as_str().unwrap().contains("is not an image"));
    assert_eq!(log.last().unwrap()["message"], "stopped");
}

#[test]
fn arguments_that_make_no_server_are_refused() {
    let fixture = Fixture::shared();
    let (model, folder) = (fixture.model(), tempfile::tempdir().unwrap());
    let model = model.to_str().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let empty = empty.to_str().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, "open-sesame").unwrap();
    let secret = secret.to_str().unwrap();
    let unnamed = format!("my part={model}");
    for (words, code, message) in [
        (vec!["--model", model, "--listen", "0.0.0.0:0"], 2, "can be reached from other machines"),
        (vec!["--model", model, "--listen", "[::]:0"], 2, "can be reached from other machines"),
        (vec!["--model", model, "--listen", "localhost"], 2, "invalid"),
        (
            vec!["--model", model, "--listen", "0.0.0.0:0", "--token-file", secret],
            2,
            "the token can be read on its way",
        ),
        (vec!["--model", model, "--allow-origin", "*"], 2, "is no origin"),
        (vec!["--model", model, "--allow-origin", "null"], 2, "is no origin"),
        (vec!["--model", model, "--tls-cert", "cert.pem"], 2, "--tls-key"),
        (vec!["--model", model, "--tls-key", "key.pem"], 2, "--tls-cert"),
        (vec!["--model", model, "--tls-client-ca", "ca.pem"], 2, "--tls-cert"),
        (
            vec!["--model", model, "--tls-cert", empty, "--tls-key", empty],
            1,
            "does not hold what TLS needs",
        ),
        (vec!["--model", &unnamed], 2, "is no name for a model"),
        (vec!["--model", model, "--queue", "0"], 2, "whole number"),
        (vec!["--model", model, "--deadline", "0"], 2, "give seconds"),
        (vec!["--model", model, "--max-pixels", "1000000000"], 2, "give pixels"),
        (vec!["--model", model, "--token-file", "missing"], 1, "cannot read missing"),
        (vec!["--model", model, "--token-file", empty], 1, "holds no token"),
        (vec!["--model", model, "--model", model], 2, "two models are named nut"),
        (vec!["--model", "missing.differnet"], 1, "missing.differnet"),
        (vec![], 2, "--model"),
    ] {
        let run = fixture.run(&[&["serve"], &words[..]].concat(), &[]);
        assert_eq!(run.code, Some(code), "{words:?}: {}", run.err);
        assert!(run.err.contains(message), "{words:?}: {}", run.err);
    }
}
