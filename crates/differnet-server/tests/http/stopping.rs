//! A server that is told to end.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use differnet_server::{Drained, Limits};

use crate::client::{connect, parse, post, read_all, request};
use crate::fake::{Bench, png};

const SCORE: &str = "/v1/models/part/score?name=";

#[test]
fn everything_accepted_is_answered_and_nothing_new_is_taken() {
    let Bench { server, gate, folder } = Bench::new(Limits::default());
    let address = server.address();
    let ask =
        |name: String| thread::spawn(move || post(address, &format!("{SCORE}{name}"), &png(4, 4)));
    let first = ask("wait".to_owned());
    gate.wait_for(1);
    let others: Vec<_> = (0..8).map(|other| ask(other.to_string())).collect();
    // Two requests of which not everything has been said.
    let (mut asking, question) = (connect(address), request("GET", "/v2/health/ready", "", b""));
    asking.write_all(&question[..question.len() - 1]).unwrap();
    let mut halfway = connect(address);
    let whole = request("POST", SCORE, "", &png(4, 4));
    halfway.write_all(&whole[..whole.len() / 2]).unwrap();
    // The others' requests are on their way: wait until the server has them.
    loop {
        let metrics = crate::client::get(address, "/metrics").body;
        if String::from_utf8_lossy(&metrics).contains("queued_images 8\n") {
            break;
        }
        thread::yield_now();
    }

    server.stopper().stop();
    // Refused as soon as the listener is gone.
    while let Ok(stream) = TcpStream::connect(address) {
        drop(stream);
        thread::yield_now();
    }
    asking.write_all(b"\n").unwrap();
    let ready = parse(&read_all(&mut asking));
    assert_eq!(ready.status, 503);
    assert!(ready.error().contains("the server ends"), "{}", ready.error());
    halfway.write_all(&whole[whole.len() / 2..]).unwrap();
    gate.open();
    assert_eq!(parse(&read_all(&mut halfway)).status, 200);
    for answer in others.into_iter().chain([first]) {
        let answer = answer.join().unwrap();
        assert_eq!((answer.status, &answer.json()["score"]), (200, &16.0.into()));
    }
    assert_eq!(server.wait().unwrap(), Drained::Completely);
    drop(folder);
}
