//! A fault of the program ends one request, not the server and not the others.

use std::thread;

use differnet_server::Limits;

use crate::client::{get, post, post_parts};
use crate::fake::{Bench, png};

const SCORE: &str = "/v1/models/part/score?name=";

#[test]
fn a_panic_ends_one_request_of_its_batch() {
    let bench = Bench::new(Limits::default());
    let address = bench.address();
    let ask = |name: &'static str, side: u32| {
        thread::spawn(move || post(address, &format!("{SCORE}{name}"), &png(side, side)))
    };
    let first = ask("wait", 1);
    bench.gate.wait_for(1);
    let others: Vec<_> =
        [("a", 2), ("panic", 3), ("b", 4), ("refuse", 5), ("c", 6)].map(|(n, s)| ask(n, s)).into();
    // All of them are queued before the first is done.
    while !String::from_utf8_lossy(&get(address, "/metrics").body).contains("queued_images 5\n") {
        thread::yield_now();
    }
    bench.gate.open();
    assert_eq!(first.join().unwrap().status, 200);
    let answers: Vec<_> = others.into_iter().map(|other| other.join().unwrap()).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 500, 200, 500, 200]);
    for (index, score) in [(0, 4.0), (2, 16.0), (4, 36.0)] {
        assert_eq!(answers[index].json()["score"], score);
    }
    assert!(answers[1].error().contains("a fault in the server"), "{}", answers[1].error());
    assert!(!answers[1].error().contains("asked to fail"), "causes stay in the log");
    assert_eq!(bench.gate.batches()[1], 5, "they were one batch");
    assert_eq!(post(address, &format!("{SCORE}after"), &png(2, 2)).status, 200);
    let several = post_parts(address, SCORE, &[("ok", &png(2, 2)), ("panic", &png(2, 2))]);
    assert_eq!(several.status, 500);
    bench.end();
}
