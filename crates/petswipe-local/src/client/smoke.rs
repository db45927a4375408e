//! The smoke test of the deployment guide: two requests through the load balancer with the test header.

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use petswipe_deploy::{Environment, Error, SmokeResult, SmokeTest, TrafficRouter};

use super::LocalClient;
use super::http::NoAnswer;
use crate::cloud::{SMOKE_REQUESTS, TEST_HEADER};

#[async_trait]
impl SmokeTest for LocalClient {
    /// Without a test route to `environment` nothing is sent: it would be answered by the live side.
    async fn probe(&self, environment: &Environment) -> Result<SmokeResult, Error> {
        let cloud = self.cloud().await?;
        let found = cloud.environments.iter().find(|(_, full)| *full == environment);
        let Some((short, _)) = found else {
            return Err(Error::NotFound { what: format!("environment {environment}") });
        };
        if self.route().await?.test.as_ref() != Some(environment) {
            return Err(Error::NotFound { what: format!("the test route to {environment}") });
        }
        let mut result = SmokeResult::default();
        for path in SMOKE_REQUESTS {
            result.requests += 1;
            let request = Request::get(format!("http://{}{path}", cloud.balancer))
                .header(TEST_HEADER, short)
                .body(Full::<Bytes>::default())
                .map_err(|why| Error::backend(path, why))?;
            let reason = match self.http.send(request, path).await {
                Ok(answer) if answer.status.is_success() || answer.status.is_redirection() => {
                    continue;
                }
                Ok(answer) => format!("{path} answered {}", answer.status),
                Err(NoAnswer::NotThere) => {
                    let listener = format!("no load balancer at {}", cloud.balancer);
                    return Err(Error::backend(format!("GET {path}"), listener));
                }
                Err(NoAnswer::Error(error)) => petswipe_monitor::explain(&error),
            };
            result.failed += 1;
            result.reasons.push(reason);
        }
        Ok(result)
    }
}
