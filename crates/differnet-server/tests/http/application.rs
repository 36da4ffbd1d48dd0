//! The server as a service without sockets.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use differnet_server::{Application, Limits};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::client::post;
use crate::fake::{Bench, config, png};

#[tokio::test]
async fn a_request_given_as_a_value_is_answered_as_one_over_a_socket() {
    let bench = Bench::new(Limits::default());
    let path = "/v1/models/part/score";
    let over_socket = post(bench.address(), path, &png(3, 5)).json();
    let application =
        Application::new(config(&bench.model(), &Arc::clone(&bench.gate), Limits::default()));
    let router = application.as_ref().unwrap().router();
    let request = Request::post(path).body(Body::from(png(3, 5))).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), over_socket);
    assert_eq!(over_socket["score"], 15.0);
    bench.end();
}
