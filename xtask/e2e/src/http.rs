//! As much HTTP as checks of the server need: one request a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// How a request ended.
pub(crate) enum Exchange {
    /// With an answer.
    Answered(Answer),
    /// Nobody listens any more.
    Refused,
    /// Connected, but there was no answer.
    Unanswered(String),
}

/// Posts `body` to `path`; gives up after `patience`.
pub(crate) fn post(address: SocketAddr, path: &str, body: &[u8], patience: Duration) -> Exchange {
    let Ok(stream) = TcpStream::connect(address) else { return Exchange::Refused };
    match exchange(stream, &head(path, body.len()), body, patience) {
        Ok(answer) => Exchange::Answered(answer),
        Err(error) => Exchange::Unanswered(format!("{error:#}")),
    }
}

fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: check\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
}

fn exchange(
    mut stream: TcpStream,
    head: &str,
    body: &[u8],
    patience: Duration,
) -> anyhow::Result<Answer> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    stream.write_all(&[head.as_bytes(), body].concat()).context("cannot send")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("no answer")?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no head")?;
    let head = std::str::from_utf8(&answer[..end])?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    let body = answer[end + 4..].to_vec();
    ensure!(length.is_none_or(|length: usize| length == body.len()), "the answer is cut short");
    Ok(Answer { status: status.context("no status")?, body })
}
