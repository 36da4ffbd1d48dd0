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
    // Connected, but nothing said yet; and half of a request.
    let mut silent = connect(address);
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
    silent.write_all(&request("GET", "/v2/health/ready", "", b"")).unwrap();
    let ready = parse(&read_all(&mut silent));
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
