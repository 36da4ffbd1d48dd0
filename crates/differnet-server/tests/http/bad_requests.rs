//! Everything that can be wrong with a request, each with its status and message.

use differnet_server::Limits;
use image::ImageFormat;

use crate::client::{Answer, multipart, parse, raw, request};
use crate::fake::{Bench, encoded, png};

const SCORE: &str = "/v1/models/part/score";
/// Bytes of a body at most, in this test.
const BODY: usize = 20_000;
/// Pixels of an image at most, in this test.
const PIXELS: u64 = 10_000;

/// Bytes to send, and the answer that has to come back.
struct Case {
    what: &'static str,
    bytes: Vec<u8>,
    status: u16,
    /// A part of the message; empty where the answer comes from below HTTP and has no body.
    message: &'static str,
}

fn case(what: &'static str, bytes: Vec<u8>, status: u16, message: &'static str) -> Case {
    Case { what, bytes, status, message }
}

/// A POST of `body` for a score.
fn image(what: &'static str, body: &[u8], status: u16, message: &'static str) -> Case {
    case(what, request("POST", SCORE, "", body), status, message)
}

/// A request with a good image and this line in its head.
fn header(what: &'static str, line: &str, status: u16, message: &'static str) -> Case {
    case(what, request("POST", SCORE, &format!("{line}\r\n"), &png(4, 4)), status, message)
}

/// A request without a body for another address.
fn get(what: &'static str, path: &str, status: u16, message: &'static str) -> Case {
    case(what, request("GET", path, "", b""), status, message)
}

/// A request with a good image for another address.
fn post(what: &'static str, path: &str, status: u16, message: &'static str) -> Case {
    case(what, request("POST", path, "", &png(4, 4)), status, message)
}

/// A multipart request whose boundary is `limit`.
fn parts(what: &'static str, body: &[u8], status: u16, message: &'static str) -> Case {
    let head = "Content-Type: multipart/form-data; boundary=limit\r\n";
    case(what, request("POST", SCORE, head, body), status, message)
}

/// Head and body as they are.
fn plain(what: &'static str, text: &str, status: u16, message: &'static str) -> Case {
    case(what, text.as_bytes().to_vec(), status, message)
}

/// The PNG with another width and height in its header, whose checksum is right.
fn claiming(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    png
}

/// CRC-32 as PNG defines it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    })
}

fn cut(bytes: &[u8], left: usize) -> &[u8] {
    &bytes[..left]
}

fn images() -> Vec<Case> {
    let (whole, jpeg) = (png(40, 30), encoded(40, 30, ImageFormat::Jpeg));
    let bmp = encoded(40, 30, ImageFormat::Bmp);
    let mut damaged = whole.clone();
    damaged.iter_mut().skip(60).for_each(|byte| *byte ^= 0x5a);
    let mut bad_header = whole.clone();
    bad_header[20] ^= 1;
    let bomb = claiming(whole.clone(), 60_000, 60_000);
    let flat = claiming(whole.clone(), 0, 30);
    let long = claiming(whole.clone(), u32::MAX >> 1, 1);
    vec![
        image("no body", b"", 400, "the body is empty"),
        image("text", b"a photograph of a part", 415, "its content is text"),
        image("zeros", &[0; 999], 415, "nothing but zero bytes"),
        image("noise", &[0x80, 0x81, 0xfe, 0x90, 0x07], 415, "of an unknown kind"),
        image("one byte", &[0x89], 415, "not an image"),
        image(
            "a phone's HEIF",
            b"\0\0\0\x18ftypheic\0\0\0\0",
            415,
            "holds HEIF, which is not read",
        ),
        image("an AVIF", b"\0\0\0\x18ftypavif\0\0\0\0", 415, "holds AVIF, which is not read"),
        image("half a PPM", b"P6 9 9 255 abc", 422, "truncated"),
        image("SVG", b"<svg xmlns='x'/>", 415, "holds SVG drawing"),
        image("a PDF", b"%PDF-1.7\n\x80\x81", 415, "holds PDF"),
        image("a PNG's first bytes", cut(&whole, 8), 422, "truncated"),
        image("a PNG without its end", cut(&whole, whole.len() / 2), 422, "image"),
        image("half a JPEG", cut(&jpeg, jpeg.len() / 2), 422, "truncated"),
        image("a BMP without its end", cut(&bmp, bmp.len() / 2), 422, "truncated"),
        image("a PNG with changed bytes", &damaged, 422, "damaged"),
        image("a PNG with a damaged header", &bad_header, 422, "damaged"),
        image("a bomb of 3.6 gigapixels", &bomb, 422, "60000×60000 pixels, the limit is"),
        image("an image without pixels", &flat, 422, "image"),
        image("an image two thousand million wide", &long, 422, "to decode"),
        image("just over the limit of pixels", &png(101, 100), 422, "101×100 pixels"),
        image("more bytes than allowed", &[7; BODY + 1], 413, "more than 20000 bytes"),
    ]
}

fn heads() -> Vec<Case> {
    let announced = format!("POST {SCORE} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n");
    let with = |line: &str| format!("{announced}{line}\r\n\r\n");
    let large = with("Expect: 100-continue\r\nContent-Length: 99999999999");
    let chunk =
        format!("{}{:x}\r\n{}", with("Transfer-Encoding: chunked"), BODY + 1, "a".repeat(BODY + 1));
    let no_chunk = format!("{}zz\r\n", with("Transfer-Encoding: chunked"));
    let endless = format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "a".repeat(100_000));
    vec![
        header("JSON", "Content-Type: application/json", 415, "application/json is no image"),
        header("a form's text", "Content-Type: text/plain", 415, "text/plain is no image"),
        header("other parts", "Content-Type: multipart/mixed; boundary=x", 415, "multipart/mixed"),
        header("a media type of bytes", "Content-Type: \u{e4}", 400, "not plain ASCII"),
        header("a packed body", "Content-Encoding: gzip", 415, "without Content-Encoding"),
        plain("a length of 100 GB", &large, 413, "more than 20000 bytes"),
        plain("a chunk that is too long", &chunk, 413, "more than 20000 bytes"),
        plain("a chunk without a length", &no_chunk, 400, "the body broke off"),
        plain("a length that is no number", &with("Content-Length: ten"), 400, ""),
        plain("two lengths", &with("Content-Length: 1\r\nContent-Length: 2"), 400, ""),
        plain("no HTTP", "hello\r\n\r\n", 400, ""),
        plain("TLS", "\u{16}\u{3}\u{1}\0\u{5}hello", 400, ""),
        plain("HTTP of the future", "GET / HTTP/9.9\r\n\r\n", 400, ""),
        plain("a header without a colon", &with("Nonsense"), 400, ""),
        plain("an endless address", &endless, 414, ""),
    ]
}

fn addresses() -> Vec<Case> {
    vec![
        get("nothing there", "/v1", 404, "there is nothing at /v1"),
        get("another version", "/v3/models", 404, "nothing at /v3/models"),
        get("a slash too many", "/v1/models/", 404, "nothing at"),
        get("a model nobody knows", "/v1/models/bolt", 404, "no model \"bolt\"; there are: part"),
        post("a score of such a model", "/v1/models/bolt/score", 404, "no model \"bolt\""),
        post("a path upwards", "/v1/models/../part/score", 404, "nothing at"),
        post("an encoded path", "/v1/models/..%2f..%2fetc%2fpasswd/score", 404, "no model"),
        post("an encoded zero", "/v1/models/part%00/score", 404, "no model"),
        post("no UTF-8", "/v1/models/%ff/score", 404, "not UTF-8"),
        get("a file of the system", "/page/../../etc/passwd", 404, "nothing at"),
        get("an encoded file", "/page/%2e%2e/Cargo.toml", 404, "nothing at"),
        get("a score by GET", SCORE, 405, "does not take GET"),
        post("a list by POST", "/v1/models", 405, "does not take POST"),
        post("health by POST", "/v2/health/live", 405, "does not take POST"),
        case("a deletion", request("DELETE", "/v1/models/part", "", b""), 405, "not take DELETE"),
        case("an invented method", request("BREW", "/", "", b""), 405, "does not take BREW"),
        post(
            "an unknown option",
            "/v1/models/part/score?threshold=3",
            400,
            "only name and include",
        ),
        post(
            "an option twice",
            "/v1/models/part/score?name=a&name=b",
            400,
            "only name and include",
        ),
        post("a score's pictures", "/v1/models/part/score?include=map", 400, "scores have no"),
        post("a map of a method without", "/v1/models/part/localize", 400, "does not say where"),
    ]
}

fn several() -> Vec<Case> {
    let (whole, many) = (png(4, 4), vec![("a.png", &b"x"[..]); 17]);
    let body = multipart(&[("a.png", &whole)]);
    let no_boundary = "Content-Type: multipart/form-data\r\n";
    vec![
        case("no boundary", request("POST", SCORE, no_boundary, &body), 400, "names no boundary"),
        parts("no parts", b"--limit--\r\n", 400, "has no parts"),
        parts("nothing between boundaries", b"", 400, "multipart body"),
        parts("another boundary", b"--other\r\n\r\nx\r\n--other--\r\n", 400, "multipart body"),
        parts("no last boundary", cut(&body, body.len() - 9), 400, "multipart body is damaged"),
        parts("half a head", b"--limit\r\nContent-Dispo", 400, "multipart body is damaged"),
        parts("more images than can wait", &multipart(&many), 413, "more than 16 images"),
    ]
}

#[test]
fn bad_requests_are_answered_with_status_and_message_and_the_server_goes_on() {
    let limits = Limits { body_bytes: BODY, pixels: PIXELS, ..Limits::default() };
    let bench = Bench::new(limits);
    let cases: Vec<Case> =
        [images(), heads(), addresses(), several()].into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut wrong = Vec::new();
    for Case { what, bytes, status, message } in cases {
        let bytes = raw(bench.address(), &bytes);
        if bytes.is_empty() {
            wrong.push(format!("{what}: no answer"));
            continue;
        }
        let answer = parse(&bytes);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != status || !is_plain(&answer, message) {
            wrong
                .push(format!("{what}: {} {text:?}, expected {status} {message:?}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let good = parse(&raw(bench.address(), &request("POST", SCORE, "", &png(4, 4))));
    assert_eq!((good.status, &good.json()["score"]), (200, &16.0.into()));
    bench.end();
}

/// Tells whether the answer is an object whose message is one line with `message`; no body where that is
/// empty.
fn is_plain(answer: &Answer, message: &str) -> bool {
    if message.is_empty() {
        return answer.body.is_empty();
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let error = json.as_ref().and_then(|json| json["error"].as_str());
    error.is_some_and(|error| error.contains(message) && !error.contains('\n'))
        && answer.header("content-type") == Some("application/json")
}

#[test]
fn one_bad_image_among_several_has_its_error_in_its_place() {
    let bench = Bench::new(Limits { pixels: PIXELS, ..Limits::default() });
    let (good, large) = (png(4, 4), png(101, 100));
    let names = ["a.png", "../../b.txt", "c.png", "d.png", "a\\\"e.png"];
    let bytes: [&[u8]; 5] = [&good, b"text", &large, cut(&good, 40), &good];
    let list: Vec<(&str, &[u8])> = names.into_iter().zip(bytes).collect();
    let head = "Content-Type: multipart/form-data; boundary=limit\r\n";
    let body = request("POST", SCORE, head, &multipart(&list));
    let answer = parse(&raw(bench.address(), &body));
    assert_eq!(answer.status, 200);
    let answers = answer.json();
    assert_eq!(answers[0]["score"], 16.0);
    assert_eq!(answers[1]["path"], "../../b.txt");
    for (index, message) in [(1, "../../b.txt is not an image"), (2, "101×100"), (3, "d.png")] {
        let error = answers[index]["error"].as_str().unwrap();
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(answers[4]["verdict"], "ok");
    bench.end();
}
