//! More than the server takes upon itself: refused at once, in plain words, and forgotten.

use std::io::Write;
use std::thread;
use std::time::Duration;

use differnet_server::Limits;

use crate::client::{connect, get, parse, post, post_parts, raw, read_all, request};
use crate::fake::{Bench, png};

const SCORE: &str = "/v1/models/part/score?name=";

fn limits() -> Limits {
    Limits { queue: 2, ..Limits::default() }
}

/// Waits until `images` are queued.
fn wait_for_queue(bench: &Bench, images: usize) {
    let line = format!("differnet_queued_images {images}\n");
    for _ in 0..10_000 {
        let text = String::from_utf8(get(bench.address(), "/metrics").body).unwrap();
        if text.contains(&line) {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("{images} images never were in the queue");
}

#[test]
fn what_does_not_fit_into_the_queue_is_refused_while_others_wait() {
    let bench = Bench::new(limits());
    let address = bench.address();
    let ask = |name: &'static str| {
        thread::spawn(move || post(address, &format!("{SCORE}{name}"), &png(4, 4)))
    };
    let first = ask("wait");
    bench.gate.wait_for(1);
    let waiting = [ask("second"), ask("third")];
    wait_for_queue(&bench, 2);

    let refused = post(address, &format!("{SCORE}fourth"), &png(4, 4));
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.error().starts_with("2 images are waiting"), "{}", refused.error());
    // Requests without images are answered meanwhile, and so is one that needs no place.
    assert_eq!(get(address, "/v2/health/ready").status, 200);
    let several = post_parts(address, SCORE, &[("a.txt", b"text")]);
    assert_eq!(several.status, 200);

    bench.gate.open();
    for answer in waiting.into_iter().chain([first]) {
        assert_eq!(answer.join().unwrap().json()["score"], 16.0);
    }
    assert_eq!(bench.gate.batches(), [1, 2], "what waits together is scored together");
    assert_eq!(post(address, &format!("{SCORE}again"), &png(2, 2)).status, 200);
    bench.end();
}

#[test]
fn several_images_are_taken_together_or_not_at_all() {
    let bench = Bench::new(limits());
    let address = bench.address();
    let first = thread::spawn(move || post(address, &format!("{SCORE}wait"), &png(4, 4)));
    bench.gate.wait_for(1);
    let second = thread::spawn(move || post(address, &format!("{SCORE}b"), &png(1, 1)));
    wait_for_queue(&bench, 1);
    let image = png(3, 3);
    assert_eq!(post_parts(address, SCORE, &[("c", &image), ("d", &image)]).status, 429);
    wait_for_queue(&bench, 1);
    bench.gate.open();
    assert_eq!((first.join().unwrap().status, second.join().unwrap().status), (200, 200));
    assert_eq!(post_parts(address, SCORE, &[("c", &image), ("d", &image)]).status, 200);
    bench.end();
}

#[test]
fn after_the_deadline_the_client_is_told_so_and_the_image_is_dropped() {
    let bench = Bench::new(Limits { deadline: Duration::from_millis(200), ..limits() });
    let address = bench.address();
    let first = thread::spawn(move || post(address, &format!("{SCORE}wait"), &png(4, 4)));
    bench.gate.wait_for(1);
    let second = post(address, &format!("{SCORE}second"), &png(4, 4));
    assert_eq!((first.join().unwrap().status, second.status), (504, 504));
    assert!(second.error().starts_with("no result within 0.2 seconds"), "{}", second.error());
    bench.gate.open();
    let metrics = || String::from_utf8(get(address, "/metrics").body).unwrap();
    assert!(metrics().contains("route=\"/v1/models/{name}/score\",status=\"504\"} 2"));
    bench.end();
}

#[test]
fn slow_bodies_and_headers_are_cut_off() {
    let time = Duration::from_millis(150);
    let bench = Bench::new(Limits { body_time: time, header_time: time, ..limits() });
    // All but the last byte of a body.
    let mut whole = request("POST", SCORE, "", &png(4, 4));
    whole.pop();
    let answer = parse(&raw(bench.address(), &whole));
    assert_eq!(answer.status, 408);
    assert!(answer.error().contains("did not arrive within 0.15 seconds"), "{}", answer.error());
    // A head that never ends, and a connection on which nothing is said.
    for said in [&b"POST /v1/models/part/score HTTP/1.1\r\nHost: t\r\nA: "[..], b""] {
        let mut stream = connect(bench.address());
        stream.write_all(said).unwrap();
        let answer = read_all(&mut stream);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"));
    }
    bench.end();
}

#[test]
fn bodies_share_one_memory() {
    let image = png(64, 64);
    let size = image.len();
    let limits = Limits { body_bytes: size, bodies_bytes: size.next_multiple_of(1024), ..limits() };
    let bench = Bench::new(limits);
    let address = bench.address();
    let first = {
        let image = image.clone();
        thread::spawn(move || post(address, &format!("{SCORE}wait"), &image))
    };
    bench.gate.wait_for(1);
    let refused = post(address, SCORE, &image);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(refused.error().contains("memory"), "{}", refused.error());
    bench.gate.open();
    assert_eq!(first.join().unwrap().status, 200);
    // The batch has the first body for a moment after its answer.
    let status = std::iter::repeat_with(|| post(address, SCORE, &image).status);
    assert_eq!(status.take(1000).find(|status| *status != 503), Some(200));
    bench.end();
}
