//! The traits of deployments.

use async_trait::async_trait;
use hyper::Method;
use petswipe_deploy::{
    Authority, AutoScaling, Compute, Deployment, Environment, Error, Image, Replacement,
    RevisionId, Route, ScalingState, ServiceStatus, Split, TargetHealth, TrafficRouter,
};
use serde_json::json;

use super::LocalClient;
use crate::api::encode;
use crate::registry::Revision;

fn of(environment: &Environment, rest: &str) -> String {
    format!("/v1/services/{}{rest}", encode(environment.as_str()))
}

#[async_trait]
impl Compute for LocalClient {
    async fn service(&self, environment: &Environment) -> Result<ServiceStatus, Error> {
        self.get(&of(environment, "")).await
    }

    async fn resolve(&self, image: &Image) -> Result<Image, Error> {
        let asked = json!({ "image": image });
        let answer: serde_json::Map<String, serde_json::Value> =
            self.call(Method::POST, "/v1/images/resolve", Some(asked)).await?;
        Image::new(answer.get("image").and_then(|name| name.as_str()).unwrap_or_default())
    }

    async fn register(
        &self,
        authority: &Authority,
        from: &RevisionId,
        image: &Image,
    ) -> Result<RevisionId, Error> {
        let asked = json!({
            "authority": authority, "from": from, "image": image, "variables": self.variables,
        });
        let revision: Revision = self.call(Method::POST, "/v1/revisions", Some(asked)).await?;
        Ok(revision.id)
    }

    async fn deploy(
        &self,
        authority: &Authority,
        environment: &Environment,
        deployment: &Deployment,
    ) -> Result<(), Error> {
        let asked = json!({ "authority": authority, "deployment": deployment });
        self.tell(Method::PUT, &of(environment, "/deployment"), asked).await
    }

    async fn set_back(
        &self,
        _authority: &Authority,
        environment: &Environment,
        _replacement: &Replacement,
    ) -> Result<(), Error> {
        Err(Error::Unsupported {
            what: format!("settings by which {environment} replaces its tasks"),
            backend: "the local cloud".to_owned(),
        })
    }

    async fn scale(
        &self,
        authority: &Authority,
        environment: &Environment,
        desired: u32,
    ) -> Result<(), Error> {
        let asked = json!({ "authority": authority, "desired": desired });
        self.tell(Method::PUT, &of(environment, "/desired"), asked).await
    }
}

#[async_trait]
impl TrafficRouter for LocalClient {
    async fn route(&self) -> Result<Route, Error> {
        self.get("/v1/route").await
    }

    async fn set_split(
        &self,
        authority: &Authority,
        expected: &[Split],
        to: &Split,
    ) -> Result<(), Error> {
        let asked = json!({ "authority": authority, "expected": expected, "to": to });
        self.tell(Method::PUT, "/v1/route", asked).await
    }

    async fn set_test_route<'a>(
        &self,
        authority: &Authority,
        environment: Option<&'a Environment>,
    ) -> Result<(), Error> {
        let asked = json!({ "authority": authority, "environment": environment });
        self.tell(Method::PUT, "/v1/route/test", asked).await
    }

    async fn health(&self, environment: &Environment) -> Result<TargetHealth, Error> {
        self.get(&of(environment, "/health")).await
    }
}

#[async_trait]
impl AutoScaling for LocalClient {
    async fn scaling(&self, environment: &Environment) -> Result<Option<ScalingState>, Error> {
        self.list(&of(environment, "/scaling"), "scaling").await
    }

    async fn suspend(&self, authority: &Authority, environment: &Environment) -> Result<(), Error> {
        let asked = json!({ "authority": authority });
        self.tell(Method::POST, &of(environment, "/scaling/suspend"), asked).await
    }

    async fn restore(
        &self,
        authority: &Authority,
        environment: &Environment,
        state: &ScalingState,
    ) -> Result<(), Error> {
        let asked = json!({ "authority": authority, "state": state });
        self.tell(Method::PUT, &of(environment, "/scaling"), asked).await
    }
}
