//! CloudWatch of an account.

use petswipe_aws::Policy;
use petswipe_monitor::aws::{CloudWatchAlarms, CloudWatchDashboards};

use super::definitions::Definitions;
use super::{Flags, Place};
use crate::Exit;
use crate::aws::{place_in_any_account, within_budget};

/// The alarms, then the dashboards that show them.
pub(super) async fn places(flags: &Flags, definitions: &Definitions) -> Result<Vec<Place>, Exit> {
    let (alarms, dashboards) = if flags.destroy {
        (Vec::new(), Vec::new())
    } else {
        (definitions.alarms(flags)?, definitions.cloudwatch(flags)?)
    };
    let (config, _budget) = within_budget(&flags.region).await?;
    Ok(vec![
        (Box::new(CloudWatchAlarms::new(&config)), definitions.owner().clone(), alarms),
        (
            Box::new(CloudWatchDashboards::new(&config)),
            definitions.owner_in_region(flags)?,
            dashboards,
        ),
    ])
}

/// The IAM policy document.
pub(super) fn policy(flags: &Flags, definitions: &Definitions) -> Result<String, Exit> {
    let place = place_in_any_account(&flags.region);
    let account = flags.account.clone().filter(|account| !account.is_empty());
    let account = account.unwrap_or(place.account);
    let owner = definitions.owner();
    let alarms = CloudWatchAlarms::policy(owner, &place.partition, &flags.region, &account);
    let owner = definitions.owner_in_region(flags)?;
    let dashboards = CloudWatchDashboards::policy(&owner, &place.partition, &account);
    Ok(Policy::new(alarms.into_iter().chain(dashboards)).to_string())
}
