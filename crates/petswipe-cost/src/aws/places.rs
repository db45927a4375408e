//! The clients of each region, made when they are first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_types::SdkConfig;

use crate::Region;

/// All regions, from one configuration.
pub(super) struct Places {
    config: SdkConfig,
    made: Mutex<HashMap<Region, Arc<Place>>>,
}

impl Places {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), made: Mutex::new(HashMap::new()) }
    }

    /// The clients of a region.
    pub(super) fn of(&self, region: &Region) -> Arc<Place> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let there = aws_types::region::Region::new(region.to_string());
            let config = self.config.to_builder().region(there).build();
            Arc::new(Place { region: region.clone(), config, ..Place::empty() })
        };
        Arc::clone(made.entry(region.clone()).or_insert_with(make))
    }
}

/// Says which clients there are.
macro_rules! clients {
    ($($(#[$attribute:meta])* $name:ident: $crate_name:ident $(with $adjust:ident)?,)*) => {
        /// A region with its clients.
        pub(super) struct Place {
            pub(super) region: Region,
            config: SdkConfig,
            $($(#[$attribute])* $name: OnceLock<$crate_name::Client>,)*
        }

        impl Place {
            fn empty() -> Self {
                Self {
                    region: Region::global(),
                    config: SdkConfig::builder().build(),
                    $($(#[$attribute])* $name: OnceLock::new(),)*
                }
            }

            $(
                $(#[$attribute])*
                pub(super) fn $name(&self) -> &$crate_name::Client {
                    self.$name.get_or_init(|| {
                        let config = $crate_name::config::Builder::from(&self.config);
                        $(let config = $adjust(config, &self.config);)?
                        $crate_name::Client::from_conf(config.build())
                    })
                }
            )*
        }
    };
}

clients! {
    classic: aws_sdk_elasticloadbalancing,
    cloudwatch: aws_sdk_cloudwatch,
    #[cfg(feature = "aws-ec2")]
    ec2: aws_sdk_ec2,
    ecs: aws_sdk_ecs,
    elb: aws_sdk_elasticloadbalancingv2,
    logs: aws_sdk_cloudwatchlogs,
    #[cfg(feature = "aws-rds")]
    rds: aws_sdk_rds,
    s3: aws_sdk_s3 with path_style,
    sts: aws_sdk_sts,
}

/// Where the endpoint is given, the name of a bucket is no part of its host.
fn path_style(
    config: aws_sdk_s3::config::Builder,
    given: &SdkConfig,
) -> aws_sdk_s3::config::Builder {
    config.force_path_style(given.endpoint_url().is_some())
}
