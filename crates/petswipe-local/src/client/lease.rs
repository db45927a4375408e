//! Leases kept by the cloud, by the cloud's clock.

use async_trait::async_trait;
use hyper::Method;
use jiff::Timestamp;
use petswipe_runbook::Error;
use petswipe_runbook::lease::{Lease, LeaseRequest, LeaseStore};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Failed, LocalClient};
use crate::api::encode;

impl LocalClient {
    async fn lease_call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, Error> {
        self.call_with_leases(method, path, body).await.map_err(|failed| match failed {
            Failed::Here(error) => Error::backend(path, error),
            Failed::There(problem) => match problem.into() {
                Err(lease) => lease,
                Ok(petswipe_deploy::Error::InvalidPlan { field, value, allowed }) => {
                    Error::InvalidPlan { field, value, allowed }
                }
                Ok(other) => Error::backend(path, other),
            },
        })
    }
}

/// `now` is not sent: the cloud goes by its own clock, which is the same for all who ask.
#[async_trait]
impl LeaseStore for LocalClient {
    async fn acquire(&self, request: &LeaseRequest, _: Timestamp) -> Result<Lease, Error> {
        let asked = json!({ "request": request });
        self.lease_call(Method::POST, "/v1/leases/acquire", Some(asked)).await
    }

    async fn renew(&self, lease: &Lease, _: Timestamp) -> Result<Lease, Error> {
        self.lease_call(Method::POST, "/v1/leases/renew", Some(json!({ "lease": lease }))).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let asked = json!({ "lease": lease });
        self.lease_call::<Value>(Method::POST, "/v1/leases/release", Some(asked)).await.map(drop)
    }

    async fn current(&self, key: &str, _: Timestamp) -> Result<Option<Lease>, Error> {
        let path = format!("/v1/leases?key={}", encode(key));
        let mut answer: Value = self.lease_call(Method::GET, &path, None).await?;
        let lease = answer.get_mut("lease").map(Value::take).unwrap_or_default();
        serde_json::from_value(lease).map_err(|why| Error::backend(path, why))
    }
}
