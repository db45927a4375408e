//! moto: where it is, and what has to be there before a test begins.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::{Value, json};

const REGION: &str = "eu-central-1";

/// The address of the server.
pub fn url() -> String {
    let how =
        "it is the address of moto, such as http://127.0.0.1:5000; `cargo xtask test` starts one";
    std::env::var("PETSWIPE_MOTO").unwrap_or_else(|_| panic!("PETSWIPE_MOTO is not set: {how}"))
}

/// A configuration that leads there.
pub fn config() -> SdkConfig {
    let credentials = Credentials::from_keys("AKIDEXAMPLE", "not a secret", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .endpoint_url(url())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// A name that no other test has, also not in another process.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Calls what the SDKs at hand have no client for.
pub fn post(service: &str, headers: &[(&str, &str)], body: &str) -> String {
    let url = url();
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let scope = format!("AKIDEXAMPLE/20261127/{REGION}/{service}/aws4_request");
    let mut head = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n",
        body.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{service} {headers:?}: {answer}");
    answer
}

fn ecs(operation: &str, request: &Value) {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let headers = [("X-Amz-Target", &*target), ("Content-Type", "application/x-amz-json-1.1")];
    post("ecs", &headers, &request.to_string());
}

/// Creates a cluster with services, so that there is something to scale.
pub fn services(cluster: &str, names: &[&str]) {
    ecs("CreateCluster", &json!({ "clusterName": cluster }));
    let container = json!({ "name": "app", "image": "shop:v1", "memory": 128 });
    let definition = json!({ "family": cluster, "containerDefinitions": [container] });
    ecs("RegisterTaskDefinition", &definition);
    for name in names {
        let service = json!({
            "cluster": cluster, "serviceName": name, "taskDefinition": cluster, "desiredCount": 0,
        });
        ecs("CreateService", &service);
    }
}

/// Registers a scalable target.
pub fn scalable_target(resource: &str, minimum: u32, maximum: u32) {
    let request = json!({
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": resource, "MinCapacity": minimum, "MaxCapacity": maximum,
    });
    let headers = [
        ("X-Amz-Target", "AnyScaleFrontendService.RegisterScalableTarget"),
        ("Content-Type", "application/x-amz-json-1.1"),
    ];
    post("application-autoscaling", &headers, &request.to_string());
}
