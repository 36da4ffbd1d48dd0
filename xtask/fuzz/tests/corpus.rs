//! Every seed, whole and cut, and every stored input is received as it has to be.

#![allow(clippy::unwrap_used)]

use xtask_fuzz::{Reception, Target, Tested, corpus_files};

/// Replays what there is for `target`; both receptions have to be among what comes of it.
fn replay(target: Target) {
    let mut tested = Tested::new(target).unwrap();
    let mut inputs: Vec<(String, Vec<u8>)> = tested
        .seeds()
        .into_iter()
        .enumerate()
        .map(|(number, seed)| (format!("seed {number}"), seed))
        .collect();
    for (number, seed) in tested.seeds().into_iter().enumerate() {
        inputs.push((format!("half of seed {number}"), seed[..seed.len() / 2].to_vec()));
    }
    for path in corpus_files(target).unwrap() {
        inputs.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }
    let mut counts = [0_usize; 2];
    for (name, input) in &inputs {
        match tested.receive(input) {
            Ok(reception) => counts[reception as usize] += 1,
            Err(message) => panic!("{name}: {message}"),
        }
    }
    let [accepted, refused] = counts;
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
    assert_eq!(tested.receive(&[]), Ok(Reception::Refused));
}

#[test]
fn stored_images_decode_within_the_limits_or_are_refused_by_name() {
    replay(Target::Images);
}

#[test]
fn stored_models_are_refused_by_name_or_come_back() {
    replay(Target::Models);
}

#[test]
fn stored_manifests_hold_what_they_promise_or_are_refused_by_name() {
    replay(Target::Manifests);
}

#[test]
fn stored_requests_are_answered_and_good_ones_still_scored() {
    replay(Target::Http);
}
