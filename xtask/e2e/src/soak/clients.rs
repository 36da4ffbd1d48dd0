//! Clients that ask as fast as they are answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::hostile::hostile;
use super::post::{Exchange, agent, post};

/// Pause after a rejection: long enough for clients not to be the load themselves.
const PAUSE: Duration = Duration::from_millis(100);

/// Requests of which one is hostile.
const HOSTILE: usize = 20;

/// An image and the answers that it may have.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    /// One of each model.
    pub(super) answers: Vec<String>,
}

/// Counts of the clients' requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Times of requests answered with a score.
    pub(super) scored: Vec<Duration>,
    /// Times of requests answered with 429.
    pub(super) rejected: Vec<Duration>,
    /// Answers as the command's by each model.
    pub(super) answers: [usize; 2],
    /// Answers that differ from the command's.
    pub(super) wrong: Vec<String>,
    /// Statuses of hostile requests, and how often.
    pub(super) hostile: BTreeMap<u16, usize>,
    /// Other statuses, and how often.
    pub(super) others: BTreeMap<u16, usize>,
    /// Requests that were sent and not answered.
    pub(super) unanswered: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.scored.extend(other.scored);
        self.rejected.extend(other.rejected);
        self.wrong.extend(other.wrong);
        self.unanswered.extend(other.unanswered);
        for (own, other) in self.answers.iter_mut().zip(other.answers) {
            *own += other;
        }
        for (own, other) in [(&mut self.others, other.others), (&mut self.hostile, other.hostile)] {
            for (status, count) in other {
                *own.entry(status).or_default() += count;
            }
        }
    }
}

/// Asks for one image after the other until told to stop or nobody listens.
pub(super) fn work(
    address: SocketAddr,
    images: &[Image],
    client: usize,
    stop: &AtomicBool,
) -> Tally {
    let mut tally = Tally::default();
    let agent = agent();
    let url = format!("http://{address}/v1/models/soak/score");
    for (number, Image { bytes, answers }) in images.iter().cycle().skip(client).enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if number % HOSTILE == client % HOSTILE {
            let (path, body) = hostile(bytes, number / HOSTILE);
            match post(&agent, &format!("http://{address}{path}"), &body) {
                Exchange::Answered { status, .. } => {
                    *tally.hostile.entry(status).or_default() += 1;
                }
                Exchange::Refused => break,
                Exchange::Unanswered(reason) => tally.unanswered.push(reason),
            }
        }
        let start = Instant::now();
        match post(&agent, &url, bytes) {
            Exchange::Answered { status: 200, body } => {
                tally.scored.push(start.elapsed());
                let text = String::from_utf8_lossy(&body);
                match answers.iter().position(|answer| *answer == text) {
                    Some(model) => tally.answers[model] += 1,
                    None => tally.wrong.push(format!("{text}, expected one of {answers:?}")),
                }
            }
            Exchange::Answered { status: 429, .. } => {
                tally.rejected.push(start.elapsed());
                thread::sleep(PAUSE);
            }
            Exchange::Answered { status, .. } => *tally.others.entry(status).or_default() += 1,
            Exchange::Refused => break,
            Exchange::Unanswered(reason) => tally.unanswered.push(reason),
        }
    }
    tally
}
