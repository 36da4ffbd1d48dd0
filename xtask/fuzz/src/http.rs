//! Requests: every one is answered, with 2xx or with 4xx and JSON that says why, and afterwards a good
//! one is scored as before.

use std::path::Path;

use differnet::{DeviceChoice, Runtime};
use differnet_data::{DecodeLimits, decode_bytes};
use differnet_server::{
    BodyEnd, InProcess, Limits, ModelFile, PlainAnswer, PlainRequest, RemoteAccess, ServerConfig,
};
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;

use crate::images::{self, changed, encoded};
use crate::mutation::{mutate, mutate_text};
use crate::stub::pixel_count;
use crate::subject::{Outcome, Subject, scratch};
use xtask_inputs::Draws;

/// The address at which images are scored.
const SCORE: &str = "/v1/models/part/score";
/// Addresses that exist, and some that do not.
const TARGETS: [&str; 16] = [
    SCORE,
    "/v1/models/part/score?name=a%20b.png",
    "/v1/models/part/localize?include=map,pictures",
    "/v1/models/other/score",
    "/v1/models/part",
    "/v1/models",
    "/v2/health/live",
    "/v2/health/ready",
    "/metrics",
    "/openapi.json",
    "/",
    "/page/main.js",
    "/page/../Cargo.toml",
    "/v1/models/%ff/score",
    "*",
    "//v1//models",
];
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW", "post"];
/// Headers that servers look at.
const HEADERS: [(&str, &str); 18] = [
    ("content-type", "application/octet-stream"),
    ("content-type", "image/png"),
    ("content-type", "multipart/form-data; boundary=limit"),
    ("content-type", "multipart/form-data; boundary=\"li mit\""),
    ("content-type", "multipart/form-data; boundary="),
    ("content-type", "multipart/form-data"),
    ("content-type", "multipart/mixed; boundary=limit"),
    ("content-type", "application/json; charset=utf-8"),
    ("content-length", "0"),
    ("content-length", "20"),
    ("content-length", "18446744073709551615"),
    ("content-encoding", "identity"),
    ("content-encoding", "gzip"),
    ("transfer-encoding", "chunked"),
    ("expect", "100-continue"),
    ("x-request-id", "line-4_7"),
    ("authorization", "Bearer x"),
    ("range", "bytes=0-1"),
];
/// Bytes of a body at most.
const BODY: usize = 20_000;

/// The server.
pub(super) struct Http {
    server: InProcess,
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
        let server = InProcess::start(ServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            models: vec![ModelFile { name: "part".into(), path }],
            load: Box::new(move |_| Ok(pixel_count(&runtime))),
            token: None,
            remote_access: RemoteAccess::Guarded,
            origins: Vec::new(),
            tls: None,
            adaptive: false,
            limits,
            look_every: None,
        })?;
        let good = encoded(&DynamicImage::ImageRgb8(RgbImage::new(6, 7)), ImageFormat::Png)?;
        Ok(Self { server, images: images::seeds()?, good })
    }

    /// A request for a score of `body`.
    fn request(&self, body: Vec<u8>) -> PlainRequest {
        PlainRequest {
            method: "POST".into(),
            target: SCORE.into(),
            headers: vec![("content-type".into(), b"application/octet-stream".to_vec())],
            body: vec![body],
            end: BodyEnd::Complete,
        }
    }

    /// Sends an image that may be damaged: the answer has to be what the decoder says of it.
    fn send_image(&self, draws: &mut Draws) -> Result<Outcome, String> {
        let bytes = changed(&self.images, draws);
        let limits =
            DecodeLimits { max_pixels: images::LIMITS.max_pixels, ..DecodeLimits::default() };
        let expected = decode_bytes(&bytes, Path::new("image"), &limits);
        let is_empty = bytes.is_empty();
        let answer = self.answer(&self.request(bytes))?.ok_or("a good request is none")?;
        let outcome = judge("POST", &answer)?;
        let score = serde_json::from_slice::<Value>(&answer.body).ok();
        let score = score.and_then(|value| value["score"].as_f64());
        match (expected, score) {
            (Ok(image), Some(score)) if score == f64::from(image.width() * image.height()) => {}
            (Err(_), None) if answer.status >= 400 && !is_empty => {}
            (Err(_), None) if answer.status == 400 => {}
            (expected, score) => {
                let expected = expected.map(|image| image.dimensions());
                return Err(format!(
                    "{} and score {score:?}, the decoder says {expected:?}",
                    answer.status
                ));
            }
        }
        Ok(outcome)
    }

    /// Sends whatever: any address, any headers, any parts.
    fn send_anything(&self, draws: &mut Draws) -> Result<Outcome, String> {
        let mut request = self.request(Vec::new());
        if draws.once_in(3) {
            request.target = (*draws.pick(&TARGETS)).to_owned();
        }
        if draws.once_in(8) {
            request.method = (*draws.pick(&METHODS)).to_owned();
        }
        if draws.once_in(8) {
            let mut target = request.target.into_bytes();
            mutate_text(&mut target, &[], draws);
            request.target = String::from_utf8_lossy(&target).into_owned();
        }
        let mut body = self.body(draws);
        if draws.once_in(2) {
            mutate(&mut body, &self.images, draws);
        }
        let parts = draws.once_in(4);
        request.headers[0].1 = b"multipart/form-data; boundary=limit".to_vec();
        for _ in 0..draws.below(3) {
            let (name, value) = *draws.pick(&HEADERS);
            let mut value = value.as_bytes().to_vec();
            if draws.once_in(2) {
                mutate_text(&mut value, &[], draws);
            }
            if draws.once_in(2) {
                request.headers.retain(|(known, _)| known != name);
            }
            request.headers.push((name.to_owned(), value));
        }
        request.body = if parts && !body.is_empty() {
            body.chunks(1 + draws.below(body.len())).map(<[u8]>::to_vec).collect()
        } else {
            vec![body]
        };
        if draws.once_in(8) {
            request.end = BodyEnd::BrokenOff;
        }
        match self.answer(&request)? {
            // Below HTTP nobody would have read it.
            None => Ok(Outcome::Refused),
            Some(answer) => judge(&request.method, &answer),
        }
    }

    /// A multipart body of a few images, whose boundary is `limit`.
    fn body(&self, draws: &mut Draws) -> Vec<u8> {
        let mut body = Vec::new();
        for _ in 0..draws.below(6) {
            let name = *draws.pick(&["a.png", "../b", "ä\u{0}", "", "a\\\"e", "%0d%0a"]);
            let image =
                if draws.once_in(2) { self.good.clone() } else { changed(&self.images, draws) };
            body.extend(b"--limit\r\nContent-Disposition: form-data; name=\"image\"; filename=\"");
            body.extend(name.as_bytes());
            body.extend(b"\"\r\n\r\n");
            body.extend(image);
            body.extend(b"\r\n");
        }
        body.extend(b"--limit--\r\n");
        body
    }

    fn answer(&self, request: &PlainRequest) -> Result<Option<PlainAnswer>, String> {
        Ok(self.server.answer(request))
    }
}

impl Subject for Http {
    fn try_case(&mut self, draws: &mut Draws) -> Result<Outcome, String> {
        let outcome =
            if draws.once_in(2) { self.send_image(draws) } else { self.send_anything(draws) }?;
        let answer =
            self.answer(&self.request(self.good.clone()))?.ok_or("a good request is none")?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 && value["score"] == 42.0 && value["verdict"] == "ok" {
            Ok(outcome)
        } else {
            let text = String::from_utf8_lossy(&answer.body);
            Err(format!("afterwards a good image is answered with {} {text}", answer.status))
        }
    }
}

/// Judges how a request was received, if its answer has a form that it may have.
fn judge(method: &str, answer: &PlainAnswer) -> Result<Outcome, String> {
    let PlainAnswer { status, media_type, body } = answer;
    let wrong = || {
        let text = String::from_utf8_lossy(body);
        format!("answered with {status} {media_type:?} {text}")
    };
    let is_json = media_type.as_deref() == Some("application/json");
    let value = is_json.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    match status {
        200..=299 if !is_json || method == "HEAD" || value.is_some() => Ok(Outcome::Accepted),
        400..=499 if method == "HEAD" => Ok(Outcome::Refused),
        400..=499 => {
            let error = value.as_ref().and_then(|value| value["error"].as_str());
            let plain = error.is_some_and(|error| !error.is_empty() && !error.contains('\n'));
            if plain { Ok(Outcome::Refused) } else { Err(wrong()) }
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
            judge("GET", &PlainAnswer { status, media_type, body: body.into() })
        };
        assert_eq!(answer(200, "text/html", "<p>"), Ok(Outcome::Accepted));
        assert_eq!(answer(404, "application/json", "{\"error\":\"x\"}"), Ok(Outcome::Refused));
        assert!(answer(404, "text/plain", "no").is_err());
        assert!(answer(404, "application/json", "{\"error\":\"x\\ny\"}").is_err());
        assert!(answer(500, "application/json", "{\"error\":\"x\"}").is_err());
        assert!(answer(200, "application/json", "{").is_err());
    }
}
