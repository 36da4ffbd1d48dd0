//! A model file that changes while the server runs.

use std::fs;
use std::thread;

use differnet_server::Limits;
use serde_json::Value;

use crate::client::{get, post};
use crate::fake::{Bench, png};

const SCORE: &str = "/v1/models/part/score?name=";

fn model(bench: &Bench) -> Value {
    get(bench.address(), "/v1/models/part").json()
}

/// Replaces the model file as a careful program does.
fn replace(bench: &Bench, text: &str) {
    let new = bench.folder.path().join("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, bench.model()).unwrap();
}

#[test]
fn a_changed_model_is_served_after_it_has_been_left_alone() {
    let bench = Bench::new(Limits::default());
    let before = model(&bench);
    assert_eq!(before["threshold"], 100.0);
    assert!(bench.server.poll_files().is_empty());
    replace(&bench, "10");
    assert!(bench.server.poll_files().is_empty(), "it may still be written to");
    assert_eq!(model(&bench), before);
    let reloads = bench.server.poll_files();
    assert_eq!(reloads.len(), 1);
    let after = model(&bench);
    assert_eq!((&after["threshold"], after["sha256"] == before["sha256"]), (&10.0.into(), false));
    assert_eq!(&after["sha256"], reloads[0].result.as_ref().unwrap().as_str());
    assert_eq!(post(bench.address(), SCORE, &png(4, 4)).json()["verdict"], "defect");
    assert!(bench.server.poll_files().is_empty());
    bench.end();
}

#[test]
fn a_bad_model_leaves_the_old_one_in_place_until_a_good_one_comes() {
    let bench = Bench::new(Limits::default());
    let before = model(&bench);
    fs::write(bench.model(), "no number").unwrap();
    let polls = [bench.server.poll_files(), bench.server.poll_files()];
    assert!(polls[0].is_empty() && polls[1].len() == 1 && polls[1][0].result.is_err());
    assert!(bench.server.poll_files().is_empty(), "it is told once");
    assert_eq!(model(&bench), before);
    fs::remove_file(bench.model()).unwrap();
    let polls = [bench.server.poll_files(), bench.server.poll_files()];
    assert!(polls[1].len() == 1 && polls[1][0].result.is_err());
    assert_eq!(model(&bench), before);
    replace(&bench, "7");
    let _ = (bench.server.poll_files(), bench.server.poll_files());
    assert_eq!(model(&bench)["threshold"], 7.0);
    let metrics = String::from_utf8(get(bench.address(), "/metrics").body).unwrap();
    assert!(metrics.contains("reloads_total{model=\"part\",result=\"kept\"} 2"), "{metrics}");
    assert!(metrics.contains("reloads_total{model=\"part\",result=\"replaced\"} 1"), "{metrics}");
    bench.end();
}

#[test]
fn an_image_is_judged_by_the_model_that_it_was_sent_to() {
    let bench = Bench::new(Limits::default());
    let address = bench.address();
    let early = thread::spawn(move || post(address, &format!("{SCORE}wait"), &png(4, 4)));
    bench.gate.wait_for(1);
    replace(&bench, "10");
    let _ = (bench.server.poll_files(), bench.server.poll_files());
    let late = thread::spawn(move || post(address, &format!("{SCORE}late"), &png(4, 4)));
    bench.gate.open();
    assert_eq!(early.join().unwrap().json()["threshold"], 100.0);
    assert_eq!(late.join().unwrap().json()["threshold"], 10.0);
    bench.end();
}
