//! One request, on a connection of its own: as cameras send them.

use std::io::ErrorKind;
use std::time::Duration;

use ureq::Agent;

/// A server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// End of a request.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// With a whole answer.
    Answered { status: u16, body: Vec<u8> },
    /// Nobody listens any more.
    Refused,
    /// Connected, but there was no answer, or not all of it.
    Unanswered(String),
}

/// A client that keeps no connection and takes every status as an answer.
pub(crate) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        // The server is on this machine, whatever the environment says of proxies.
        .proxy(None)
        .timeout_global(Some(PATIENCE));
    config.build().new_agent()
}

/// Posts `body` to `url`.
pub(crate) fn post(agent: &Agent, url: &str, body: &[u8]) -> Exchange {
    let request = agent.post(url).header("connection", "close");
    let answered = request.content_type("application/octet-stream").send(body);
    let read = answered
        .and_then(|mut answer| Ok((answer.status().as_u16(), answer.body_mut().read_to_vec()?)));
    match read {
        Ok((status, body)) => Exchange::Answered { status, body },
        Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            Exchange::Refused
        }
        Err(error) => Exchange::Unanswered(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn answers_are_told_from_silence_and_from_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/score", listener.local_addr().unwrap());
        let answers = [
            "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\nno",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
            "",
        ];
        let server = thread::spawn(move || {
            answers.map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"an image") {
                    let mut bytes = [0; 1024];
                    let count = stream.read(&mut bytes).unwrap();
                    request.extend(&bytes[..count]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(request).unwrap()
            })
        });
        let agent = agent();
        let send = || post(&agent, &url, b"an image");
        let rejected = send();
        assert!(
            matches!(&rejected, Exchange::Answered { status: 429, body } if body == b"no"),
            "{rejected:?}"
        );
        for _ in 0..2 {
            let unanswered = send();
            assert!(matches!(unanswered, Exchange::Unanswered(_)), "{unanswered:?}");
        }
        for request in server.join().unwrap() {
            assert!(request.starts_with("POST /score HTTP/1.1\r\n"), "{request}");
            assert!(request.to_lowercase().contains("\r\nconnection: close\r\n"), "{request}");
        }
        assert!(matches!(send(), Exchange::Refused));
    }
}
