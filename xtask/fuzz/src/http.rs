//! Requests: every one is answered, with 2xx or with 4xx and JSON that says why, and afterwards a good
//! one is scored as before.

use std::io;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use differnet::{DeviceChoice, Runtime};
use differnet_data::DecodeLimits;
use differnet_server::{Application, Limits, ModelFile, RemoteAccess, ServerConfig};
use futures_util::stream;
use http_body_util::BodyExt;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;
use tokio::runtime::{self, Runtime as Tokio};
use tower::ServiceExt;

use crate::images::{self, encoded};
use crate::stub::pixel_count;
use crate::subject::{Reception, Subject, scratch};

/// The address at which images are scored.
const SCORE: &str = "/v1/models/part/score";
/// The first line of a request there.
const SCORED: &str = "POST /v1/models/part/score";
/// Requests besides those for scores of images, without their ends.
const OTHERS: [&str; 24] = [
    "GET /v1/models/part",
    "GET /v1/models",
    "HEAD /v1/models/other",
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /metrics",
    "GET /openapi.json",
    "GET /",
    "GET /page/main.js",
    "GET /page/../Cargo.toml",
    "OPTIONS *",
    "GET //v1//models",
    "PUT /v1/models/part/score",
    "BREW /v1/models/part/score",
    "DELETE /v1/models/part",
    "POST /v1/models/other/score",
    "POST /v1/models/%ff/score",
    "POST /v1/models/part/score?name=a%20b.png",
    "POST /v1/models/part/score?include=map",
    "POST /v1/models/part/localize?include=map,pictures",
    "POST /v1/models/part/localize?include=other",
    "POST /v1/models/part/score?name=",
    "POST /v1/models/part/score?name=%0d%0a&other=1",
    "post /v1/models/part/score",
];
/// Headers that servers look at.
const HEADERS: [&str; 18] = [
    "content-type: application/octet-stream",
    "content-type: image/png",
    "content-type: multipart/form-data; boundary=limit",
    "content-type: multipart/form-data; boundary=\"li mit\"",
    "content-type: multipart/form-data; boundary=",
    "content-type: multipart/form-data",
    "content-type: multipart/mixed; boundary=limit",
    "content-type: application/json; charset=utf-8",
    "content-length: 0",
    "content-length: 20",
    "content-length: 18446744073709551615",
    "content-encoding: identity",
    "content-encoding: gzip",
    "transfer-encoding: chunked",
    "expect: 100-continue",
    "x-request-id: line-4_7",
    "authorization: Bearer x",
    "range: bytes=0-1",
];
/// Most headers of a request.
const MOST_HEADERS: usize = 32;
/// Bytes of a body at most.
const BODY: usize = 20_000;

/// Case that an input encodes.
#[derive(Debug, Arbitrary)]
struct Case<'a> {
    /// Length of the parts in which the body arrives, in 256ths of the body; 0 for one part.
    parts: u8,
    /// Whether the connection breaks off after the last part.
    breaks_off: bool,
    /// The request as it stands on the wire, its body unchanged by any encoding.
    request: &'a [u8],
}

/// A request whose head has been read.
struct Asked<'a> {
    method: &'a str,
    /// Path and query.
    target: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Asked<'a> {
    /// Reads `request`; `None` if it is none.
    fn read(request: &'a [u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(end) = head.parse(request).ok()? else { return None };
        let headers = head.headers.iter().map(|header| (header.name, header.value)).collect();
        Some(Self { method: head.method?, target: head.path?, headers, body: &request[end..] })
    }

    /// The body if it is an image to be scored, and nothing else is asked for.
    fn image(&self) -> Option<&'a [u8]> {
        let plain = |(name, value): &(&str, &[u8])| {
            name.eq_ignore_ascii_case("content-type") && *value == b"application/octet-stream"
        };
        let is_plain = (self.method, self.target) == ("POST", SCORE) && self.headers.len() == 1;
        (is_plain && self.headers.iter().all(plain)).then_some(self.body)
    }
}

/// Response to a request.
#[derive(Debug)]
struct Answer {
    status: u16,
    media_type: Option<String>,
    body: Vec<u8>,
}

/// The server.
pub(super) struct Http {
    application: Application,
    tokio: Tokio,
    images: Vec<Vec<u8>>,
    /// An image that is scored in between.
    good: Vec<u8>,
}

impl Http {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = scratch()?;
        let path = folder.path().join("part.differnet");
        std::fs::write(&path, "computes nothing")?;
        let limits = Limits {
            queue: 4,
            body_bytes: BODY,
            bodies_bytes: 4 * BODY,
            pixels: images::LIMITS.max_pixels,
            ..Limits::default()
        };
        let runtime = Runtime::open(DeviceChoice::Flex)?;
        let application = Application::new(ServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            models: vec![ModelFile { name: "part".into(), path }],
            load: Box::new(move |_| Ok(pixel_count(&runtime))),
            token: None,
            remote_access: RemoteAccess::Guarded,
            origins: Vec::new(),
            tls: None,
            adaptive: false,
            limits,
            poll_every: None,
        })?;
        let good = encoded(&DynamicImage::ImageRgb8(RgbImage::new(6, 7)), ImageFormat::Png)?;
        let tokio = runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { application, tokio, images: images::seeds()?, good })
    }

    /// Compares the answer to an image that may be damaged with what the decoder says of it.
    fn compare(image: &[u8], answer: &Answer) -> Result<(), String> {
        let limits =
            DecodeLimits { max_pixels: images::LIMITS.max_pixels, ..DecodeLimits::default() };
        let expected = limits.decode_bytes(image, Path::new("image"));
        let score = serde_json::from_slice::<Value>(&answer.body).ok();
        let score = score.and_then(|value| value["score"].as_f64());
        match (expected, score) {
            (Ok(image), Some(score)) if score == f64::from(image.width() * image.height()) => {
                Ok(())
            }
            (Err(_), None) if answer.status >= 400 && !image.is_empty() => Ok(()),
            (Err(_), None) if answer.status == 400 => Ok(()),
            (expected, score) => {
                let expected = expected.map(|image| image.dimensions());
                Err(format!("{} and score {score:?}, the decoder says {expected:?}", answer.status))
            }
        }
    }

    /// The answer to a request; `None` if it has a form that HTTP does not allow, so that it would have
    /// been refused before.
    fn answer(
        &self,
        asked: &Asked<'_>,
        parts: u8,
        breaks_off: bool,
    ) -> Result<Option<Answer>, String> {
        let mut builder = Request::builder().method(asked.method).uri(asked.target);
        for &(name, value) in &asked.headers {
            builder = builder.header(name, value);
        }
        let length = match parts {
            0 => asked.body.len().max(1),
            parts => 1 + asked.body.len() * usize::from(parts) / 256,
        };
        let broken = breaks_off.then(|| Err(io::ErrorKind::UnexpectedEof.into()));
        let arriving = asked.body.chunks(length).map(|part| Ok(Bytes::copy_from_slice(part)));
        let arriving: Vec<io::Result<Bytes>> = arriving.chain(broken).collect();
        let Ok(request) = builder.body(Body::from_stream(stream::iter(arriving))) else {
            return Ok(None);
        };
        self.tokio.block_on(async {
            let Ok(response) = self.application.router().oneshot(request).await;
            let (head, body) = response.into_parts();
            let media_type = head.headers.get(header::CONTENT_TYPE);
            let media_type = media_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = body.collect().await.map_err(|error| format!("half an answer: {error}"))?;
            let (status, body) = (head.status.as_u16(), body.to_bytes().to_vec());
            Ok(Some(Answer { status, media_type, body }))
        })
    }
}

impl Subject for Http {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let usual = |request: Vec<u8>| [&[0, 0], &request[..]].concat();
        let short = |image: &&Vec<u8>| image.len() < BODY / 2;
        let images =
            self.images.iter().filter(short).map(|image| wire(SCORED, &[HEADERS[0]], image));
        let others =
            OTHERS.map(|line| wire(line, &[HEADERS[2]], &multipart(&[("a.png", &self.good)])));
        let headers = HEADERS.map(|header| wire(SCORED, &[header], &self.good));
        let names = ["a.png", "../b", "ä\u{0}", "", "a\\\"e", "%0d%0a"];
        let parts = names.map(|name| (name, &self.good[..]));
        let several =
            (0..names.len()).map(|count| wire(SCORED, &[HEADERS[2]], &multipart(&parts[count..])));
        let whole = images.chain(others).chain(headers).chain(several).map(usual);
        let mut seeds: Vec<Vec<u8>> = whole.collect();
        let several = wire(SCORED, &[HEADERS[2]], &multipart(&parts));
        seeds.extend([[20, 0], [1, 0], [0, 1], [40, 1]].map(|how| [&how, &several[..]].concat()));
        seeds
    }

    fn receive(&mut self, input: &[u8]) -> Result<Reception, String> {
        let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(input)) else {
            return Ok(Reception::Refused);
        };
        let asked = Asked::read(case.request);
        let answered = asked
            .as_ref()
            .map(|asked| self.answer(asked, case.parts, case.breaks_off))
            .transpose()?
            .flatten();
        // Below HTTP nobody would have read it.
        let (Some(asked), Some(answer)) = (asked, answered) else { return Ok(Reception::Refused) };
        let reception = judge(asked.method, &answer)?;
        if let Some(image) = asked.image().filter(|_| !case.breaks_off) {
            Self::compare(image, &answer)?;
        }
        let good = wire(SCORED, &[HEADERS[0]], &self.good);
        let good = Asked::read(&good).ok_or("a good request is none")?;
        let answer = self.answer(&good, 0, false)?.ok_or("a good request is none")?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 && value["score"] == 42.0 && value["verdict"] == "ok" {
            Ok(reception)
        } else {
            let text = String::from_utf8_lossy(&answer.body);
            Err(format!("afterwards a good image is answered with {} {text}", answer.status))
        }
    }
}

/// A request as it stands on the wire.
fn wire(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let head = format!("{line} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
    [head.as_bytes(), body].concat()
}

/// A multipart body of images by their names, whose boundary is `limit`.
fn multipart(images: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, image) in images {
        body.extend(b"--limit\r\nContent-Disposition: form-data; name=\"image\"; filename=\"");
        body.extend(name.as_bytes());
        body.extend(b"\"\r\n\r\n");
        body.extend(*image);
        body.extend(b"\r\n");
    }
    body.extend(b"--limit--\r\n");
    body
}

/// Returns the reception of a request if its answer has one of the allowed forms.
fn judge(method: &str, answer: &Answer) -> Result<Reception, String> {
    let Answer { status, media_type, body } = answer;
    let wrong = || {
        let text = String::from_utf8_lossy(body);
        format!("answered with {status} {media_type:?} {text}")
    };
    let is_json = media_type.as_deref() == Some("application/json");
    let value = is_json.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    match status {
        200..=299 if !is_json || method == "HEAD" || value.is_some() => Ok(Reception::Accepted),
        400..=499 if method == "HEAD" => Ok(Reception::Refused),
        400..=499 => {
            let error = value.as_ref().and_then(|value| value["error"].as_str());
            let plain = error.is_some_and(|error| !error.is_empty() && !error.contains('\n'));
            if plain { Ok(Reception::Refused) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_another_form_are_told() {
        let answer = |status, media_type: &str, body: &str| {
            let media_type = Some(media_type.to_owned());
            judge("GET", &Answer { status, media_type, body: body.into() })
        };
        assert_eq!(answer(200, "text/html", "<p>"), Ok(Reception::Accepted));
        assert_eq!(answer(404, "application/json", "{\"error\":\"x\"}"), Ok(Reception::Refused));
        assert!(answer(404, "text/plain", "no").is_err());
        assert!(answer(404, "application/json", "{\"error\":\"x\\ny\"}").is_err());
        assert!(answer(500, "application/json", "{\"error\":\"x\"}").is_err());
        assert!(answer(200, "application/json", "{").is_err());
    }
}
