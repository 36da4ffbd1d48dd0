//! The server's descriptions of itself.

use std::collections::BTreeSet;

use differnet_server::Limits;
use serde_json::Value;

use crate::client::{get, parse, post, raw, request};
use crate::fake::{Bench, png};

/// Fields of answers about unusual images alone: a name that is not UTF-8, an image that is not judged.
const RARE: [&str; 2] = ["path_bytes", "reason"];

/// The names under which a schema of the document describes an ordinary object.
pub(crate) fn described(document: &Value, schema: &str) -> BTreeSet<String> {
    let found = document.pointer(&format!("/components/schemas/{schema}"));
    let mut fields = fields(document, found.unwrap_or_else(|| panic!("no schema {schema}")));
    fields.retain(|field| !RARE.contains(&field.as_str()));
    fields
}

/// The names of a schema's fields and of those that it is joined of.
fn fields(document: &Value, schema: &Value) -> BTreeSet<String> {
    let referred = schema["$ref"].as_str().map(|place| document.pointer(&place[1..]).unwrap());
    let joined = schema["allOf"].as_array().into_iter().flatten().chain(referred);
    let own =
        schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys().cloned());
    joined.flat_map(|part| fields(document, part)).chain(own).collect()
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn answers_have_the_fields_that_the_document_describes() {
    let bench = Bench::new(Limits::default());
    let address = bench.address();
    let document = get(address, "/openapi.json").json();
    let score = post(address, "/v1/models/part/score", &png(2, 2)).json();
    assert_eq!(names(&score), described(&document, "Score"));
    for field in RARE {
        let place = "/components/schemas/Score";
        assert!(fields(&document, document.pointer(place).unwrap()).contains(field), "{field}");
    }
    let failed = post(address, "/v1/models/part/score", b"text").json();
    let mut of_failed = described(&document, "FailedImage");
    // That of an image of another depth alone.
    assert!(of_failed.remove("verdict"));
    assert_eq!(names(&failed), of_failed);
    let problem = get(address, "/v1/models/nobody").json();
    assert_eq!(names(&problem), described(&document, "Problem"));
    let model = get(address, "/v1/models/part").json();
    assert_eq!(names(&model), described(&document, "Model"));
    assert_eq!(names(&model["line"]), described(&document, "Line"));
    let mut brief = described(&document, "Model");
    assert!(brief.remove("good_scores") && brief.remove("line"));
    assert_eq!(names(&get(address, "/v1/models").json()["models"][0]), brief);
    bench.end();
}

#[test]
fn requests_keep_their_id_or_get_one() {
    let bench = Bench::new(Limits::default());
    let ask = |header: &str| {
        let answer = raw(bench.address(), &request("GET", "/v2/health/live", header, b""));
        parse(&answer).header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(ask("X-Request-Id: line-3.0815\r\n"), "line-3.0815");
    let own = [
        ask(""),
        ask("X-Request-Id: two words\r\n"),
        ask(&format!("X-Request-Id: {}\r\n", "a".repeat(65))),
    ];
    let different: BTreeSet<&String> = own.iter().collect();
    assert_eq!(different.len(), 3);
    assert!(own.iter().all(|id| !id.contains(' ') && id.len() < 64));
    bench.end();
}

#[test]
fn every_answer_says_that_the_page_uses_nothing_from_elsewhere() {
    let bench = Bench::new(Limits::default());
    for path in ["/", "/page/main.js", "/v1/models", "/nothing", "/metrics"] {
        let answer = get(bench.address(), path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let metrics = get(bench.address(), "/metrics");
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("differnet_requests_total{route=\"other\",status=\"404\"} 1"), "{text}");
    assert!(text.contains("differnet_model_info{model=\"part\",sha256=\""), "{text}");
    bench.end();
}

#[test]
fn a_line_that_drifts_is_told_of() {
    let bench = Bench::new(Limits::default());
    let address = bench.address();
    let metrics = || String::from_utf8(get(address, "/metrics").body).unwrap();
    let line = || get(address, "/v1/models/part").json()["line"].clone();
    // Good images have 1 to 60 pixels: 49 with up to 49 are neither enough nor unusual.
    for width in 1..50 {
        post(address, "/v1/models/part/score", &png(width, 1));
    }
    assert_eq!((&line()["images"], &line()["quantiles"]), (&49.into(), &Value::Null));
    assert!(metrics().contains("differnet_drift{model=\"part\",direction=\"higher\"} 0.0"));
    for _ in 0..50 {
        post(address, "/v1/models/part/score", &png(100, 1));
    }
    let drift = line()["drift"].clone();
    assert_eq!(
        (&drift["direction"], &drift["score"]),
        (&"higher".into(), &100.0.into()),
        "{drift}"
    );
    assert_eq!(drift["good_share"], 0.0);
    let text = metrics();
    assert!(text.contains("differnet_drift{model=\"part\",direction=\"higher\"} 1.0"), "{text}");
    assert!(text.contains("differnet_drift{model=\"part\",direction=\"lower\"} 0.0"), "{text}");
    assert!(
        text.contains("differnet_recent_score{model=\"part\",quantile=\"0.5\"} 100.0"),
        "{text}"
    );
    bench.end();
}
