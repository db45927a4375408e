//! Whose credentials these are, and whether a region knows them.

use aws_sdk_sts::Client;
use aws_types::SdkConfig;
use futures_util::lock::Mutex;
use petswipe_aws::CallError;

use super::error::{called, disabled, is_stranger};
use crate::{Error, Region};

const ACTION: &str = "sts:GetCallerIdentity";

/// The account as its own region knows it. Asked once.
pub(super) struct Identity {
    /// The code of the account's own region.
    region: Option<String>,
    home: Client,
    account: Mutex<Option<String>>,
}

impl Identity {
    pub(super) fn new(config: &SdkConfig) -> Self {
        let region = config.region().map(ToString::to_string);
        Self { region, home: Client::new(config), account: Mutex::new(None) }
    }

    /// The account's number.
    pub(super) async fn account(&self) -> Result<String, Error> {
        let mut known = self.account.lock().await;
        if let Some(account) = &*known {
            return Ok(account.clone());
        }
        let account = ask(&self.home, "the account").await.map_err(called)?;
        Ok(known.insert(account).clone())
    }

    /// What a call's error means: where the service does not know the credentials, and the account's own region does, the region
    /// is not enabled. The own region can't be such a one.
    ///
    /// Tokens of the global endpoint of STS are not valid in regions that have to be enabled, whether they are or not, so such a
    /// region is taken for one that is not. Source: "Manage AWS STS in an AWS Region".
    pub(super) async fn meaning(&self, error: CallError, region: &Region) -> Error {
        let is_home = self.region.as_deref() == Some(region.as_str());
        if is_stranger(&error) && !is_home && self.account().await.is_ok() {
            return disabled(region);
        }
        called(error)
    }

    /// Checks that a region is enabled, of which no service was asked for itself. It needs no permission.
    pub(super) async fn check(&self, there: &Client, region: &Region) -> Result<(), Error> {
        match ask(there, region.as_str()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.meaning(error, region).await),
        }
    }
}

/// The account of the credentials now.
pub(super) async fn ask(client: &Client, about: &str) -> Result<String, CallError> {
    let asked = client.get_caller_identity().send().await;
    let identity = asked.map_err(|error| CallError::new(ACTION, about, error))?;
    let account = identity.account().map(str::to_owned);
    account.ok_or_else(|| CallError::unusable(ACTION, about, "it has no account"))
}
