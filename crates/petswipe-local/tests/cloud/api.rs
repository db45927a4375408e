//! The control API as any program can use it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use petswipe_local::{Cloud, CloudConfig, Token};
use serde_json::Value;

use super::support::*;

/// A call with the token and the right host unless the headers say otherwise; its status and JSON.
async fn call(
    cloud: &Cloud,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> (u16, Value) {
    let url = cloud.url();
    let secret = url.reveal();
    let token = secret.trim_start_matches("http://").split('@').next().unwrap();
    let mut request = Request::builder().method(method).uri(format!("{url}{path}"));
    if headers.iter().all(|(name, _)| *name != "authorization") {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = http().request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").cloned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    // What Prometheus reads is the one answer that is not JSON.
    let text = || Value::String(String::from_utf8(body.to_vec()).unwrap());
    let is_json = kind.is_some_and(|kind| kind == "application/json");
    (status, if is_json { serde_json::from_slice(&body).unwrap() } else { text() })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_clouds_have_the_same_id() {
    let clouds = [Cloud::start(config()).await.unwrap(), Cloud::start(config()).await.unwrap()];
    let ids = clouds.each_ref().map(Cloud::id);
    assert_ne!(ids[0], ids[1]);
    for (cloud, id) in clouds.iter().zip(ids) {
        let told = call(cloud, "GET", "/v1/cloud", &[], "").await.1;
        assert_eq!(told["id"], id);
        assert_eq!(cloud.client().cloud().await.unwrap().id, id);
        assert!(id.starts_with("local-") && !cloud.url().reveal().contains(id), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_token_is_served() {
    let token = Token::new("a-token-of-this-test").unwrap();
    let cloud = Cloud::start(CloudConfig { token: Some(token), ..config() }).await.unwrap();
    let right = [("authorization", "Bearer a-token-of-this-test")];
    assert_eq!(call(&cloud, "GET", "/v1/cloud", &right, "").await.0, 200);
    for wrong in
        ["", "Bearer", "Bearer ", "Bearer a-token-of-this-tesT", "Basic a-token-of-this-test"]
    {
        let (status, body) =
            call(&cloud, "GET", "/v1/cloud", &[("authorization", wrong)], "").await;
        assert_eq!((status, &body["type"]), (401, &"denied".into()), "{wrong}");
        assert!(!body.to_string().contains("a-token"), "{body}");
    }
    assert_eq!(call(&cloud, "GET", "/healthz", &[("authorization", "")], "").await.0, 200);
    let other_name = [("host", "pets.example.com")];
    for path in ["/v1/cloud", "/healthz"] {
        assert_eq!(call(&cloud, "GET", path, &other_name, "").await.0, 403, "{path}");
    }
    let mut other = cloud.url().reveal().replace("a-token-of-this-test", "another-token-of-it");
    other.push('/');
    let client = petswipe_local::LocalClient::new(other.parse().unwrap());
    let error = client.cloud().await.unwrap_err();
    assert!(matches!(error, petswipe_deploy::Error::Denied { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_endpoint_answers() {
    let cloud = cloud().await;
    let readme = include_str!("../../README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut count = 0;
    for endpoint in rows.filter_map(|row| row.split('`').next()) {
        let Some((method, path)) = endpoint.split_once(" /") else { continue };
        let path = format!("/{path}")
            .replace("{environment}", "petswipe-production-blue")
            .replace("{revision}", "petswipe:1")
            .replace("{task}", "blue-1");
        let (status, body) = call(&cloud, method, &path, &[], "").await;
        // Without a body or query, what they need is missing: that is their answer.
        let expected = status < 300 || status == 400;
        assert!(expected && body["message"] != "endpoint", "{endpoint}: {status} {body}");
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_call_is_told_what_is_wrong() {
    let cloud = cloud().await;
    let desired = "/v1/services/petswipe-production-blue/desired";
    let authority = r#""authority":{"operation":"a","fence":1}"#;
    let cases = [
        ("PUT", desired, "{".to_owned(), 400, "body"),
        ("PUT", desired, "[]".to_owned(), 400, "body"),
        ("PUT", desired, r#"{"desired":1}"#.to_owned(), 400, "authority"),
        ("PUT", desired, format!("{{{authority}}}"), 400, "desired"),
        ("PUT", desired, format!(r#"{{{authority},"desired":"x"}}"#), 400, "desired"),
        ("PUT", desired, format!(r#"{{{authority},"desired":1000}}"#), 400, "desired"),
        ("GET", "/v1/metrics", String::new(), 400, "environment"),
        ("GET", "/v1/leases", String::new(), 400, "key"),
        ("PUT", desired, " ".repeat(1024 * 1024 + 1), 413, "body"),
    ];
    for (method, path, body, status, field) in cases {
        let short: String = body.chars().take(80).collect();
        let (found, answer) = call(&cloud, method, path, &[], body).await;
        assert_eq!((found, &answer["field"]), (status, &field.into()), "{short}: {answer}");
    }
    let (status, answer) = call(&cloud, "GET", "/v2/cloud", &[], "").await;
    assert_eq!((status, &answer["type"]), (404, &"not_found".into()));
    let (status, answer) = call(&cloud, "DELETE", "/v1/route", &[], "").await;
    assert_eq!((status, &answer["type"]), (405, &"unsupported".into()));
    assert!(answer["message"].as_str().unwrap().contains("GET, PUT"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_has_the_type_of_its_error() {
    let cloud = cloud().await;
    let desired = "/v1/services/petswipe-production-blue/desired";
    let body =
        |fence| format!(r#"{{"authority":{{"operation":"a","fence":{fence}}},"desired":2}}"#);
    assert_eq!(call(&cloud, "PUT", desired, &[], body(5)).await.0, 202);
    let (status, answer) = call(&cloud, "PUT", desired, &[], body(4)).await;
    assert_eq!((status, &answer["type"], &answer["newest"]), (409, &"fenced".into(), &5.into()));
    let to = r#""to":{"petswipe-production-green":100}"#;
    let body = format!(r#"{{"authority":{{"operation":"a","fence":5}},"expected":[],{to}}}"#);
    let (status, answer) = call(&cloud, "PUT", "/v1/route", &[], body).await;
    assert_eq!((status, &answer["type"]), (409, &"conflict".into()));
    assert_eq!(answer["found"], "petswipe-production-blue 100 %");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_runs_the_cloud_is_told_that_it_shall_stop() {
    let cloud = cloud().await;
    let client = cloud.client();
    client.ask_to_stop().await.unwrap();
    cloud.stop_asked().await;
    cloud.shutdown().await;
    let error = client.cloud().await.unwrap_err();
    let text = petswipe_monitor::explain(&error);
    assert!(text.contains("start one with `cargo run --example local_cloud`"), "{text}");
}
