//! What a scaling operation acts upon: a running local cloud, one of the example's own, or an AWS account.

use std::collections::BTreeMap;
use std::sync::Arc;

use petswipe_deploy::Image;
use petswipe_deploy::scaling::ScalePerformer;
use petswipe_local::{Cloud, CloudConfig, LocalClient};
use petswipe_runbook::{Clock, SystemClock};

use super::Manners;
use crate::Exit;
use crate::cli::Backend;
use crate::leases::Leases;
use crate::target::CallCount;

/// What speaks to a cloud.
pub(crate) struct Parts {
    /// Which cloud it is: the location of its operations.
    pub(crate) id: String,
    /// Does what is decided.
    pub(crate) performer: ScalePerformer,
    /// Where operations are kept apart.
    pub(crate) leases: Leases,
    /// By which answers are dated.
    pub(crate) clock: Arc<dyn Clock>,
    /// Tells how often each action of the cloud's API was called, where calls are counted.
    pub(crate) calls: CallCount,
}

/// A cloud to act upon.
pub(super) struct Target {
    pub(super) parts: Parts,
    own: Option<Cloud>,
}

impl Target {
    /// Connects to the cloud that was named, or starts one.
    pub(super) async fn open(manners: &Manners) -> Result<Self, Exit> {
        match manners.backend {
            Backend::Local => Self::open_local(manners).await,
            #[cfg(feature = "aws")]
            Backend::Aws => {
                Ok(Self { parts: crate::aws::scaling::open(manners).await?, own: None })
            }
            #[cfg(not(feature = "aws"))]
            Backend::Aws => Err(Exit::usage(
                "--backend is aws, which this program was built without; allowed: local, or build it with --features aws",
            )),
        }
    }

    async fn open_local(manners: &Manners) -> Result<Self, Exit> {
        let (client, own) = match manners.cloud()? {
            Some(url) => (LocalClient::new(url), None),
            None => {
                let config = CloudConfig {
                    project: manners.project.clone(),
                    environment: manners.environment.clone(),
                    image: Image::new(format!("{}:v1", manners.project))?,
                    tasks: manners.tasks,
                    ..CloudConfig::default()
                };
                let cloud = Cloud::start(config).await?;
                (cloud.client(), Some(cloud))
            }
        };
        let id = client.cloud().await?.id;
        let client = Arc::new(client);
        let performer = ScalePerformer::new("the local cloud");
        let performer = performer.service(client.clone(), client.clone());
        let clock = Arc::new(SystemClock::new());
        let calls = Arc::new(BTreeMap::new);
        let leases = Leases::near(client);
        Ok(Self { parts: Parts { id, performer, leases, clock, calls }, own })
    }

    /// Whether the cloud ends with this process.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Ends what was started.
    pub(super) async fn close(self) {
        if let Some(cloud) = self.own {
            cloud.shutdown().await;
        }
    }
}
