//! Instances, and what they start from.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, InstanceStateName, Tenancy};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use petswipe_aws::CallError;

use super::{Asked, pages, tags};
use crate::Region;
use crate::Tags;
use crate::aws::error::is_gone;
use crate::aws::values::{need, time};
use crate::inventory::{Image, Instance, InstanceState, LaunchTemplate, Purchase};

pub(super) async fn instances(
    client: &Client,
    region: &Region,
) -> Result<Vec<Instance>, CallError> {
    let asked = Asked { action: "ec2:DescribeInstances", about: region.as_str() };
    let reservations = pages!(asked, client.describe_instances(), 1000, reservations);
    let all = reservations.into_iter().flat_map(|one| one.instances.unwrap_or_default());
    all.map(|one| instance(one, region, asked)).collect()
}

fn instance(one: sdk::Instance, region: &Region, asked: Asked<'_>) -> Result<Instance, CallError> {
    let state = match one.state().and_then(|state| state.name()) {
        Some(InstanceStateName::Running) => InstanceState::Running,
        Some(InstanceStateName::Stopped) => InstanceState::Stopped,
        _ => InstanceState::Other,
    };
    let purchase = match one.instance_lifecycle().map(|lifecycle| lifecycle.as_str()) {
        None => Purchase::OnDemand,
        Some("spot") => Purchase::Spot,
        Some(_) => Purchase::Reserved,
    };
    let instance_type = one.instance_type().map(|one| one.as_str().to_owned());
    Ok(Instance {
        region: region.clone(),
        tags: tags(one.tags()),
        instance_type: need(instance_type, asked, "type")?,
        state,
        purchase,
        linux_shared: is_linux_shared(&one),
        launched_at: need(time(one.launch_time()), asked, "launch time")?,
        id: need(one.instance_id, asked, "id")?,
    })
}

/// Source: "AMI billing information fields": `Linux/UNIX` is the platform of what is billed without a license, `RunInstances` the
/// operation; hardware of one's own has another tenancy.
fn is_linux_shared(one: &sdk::Instance) -> bool {
    let tenancy = one.placement().and_then(|placement| placement.tenancy());
    one.platform_details().is_none_or(|platform| platform == "Linux/UNIX")
        && one.usage_operation().is_none_or(|operation| operation == "RunInstances")
        && tenancy.is_none_or(|tenancy| *tenancy == Tenancy::Default)
}

pub(super) async fn images(client: &Client, region: &Region) -> Result<Vec<Image>, CallError> {
    let asked = Asked { action: "ec2:DescribeImages", about: region.as_str() };
    let own = client.describe_images().owners("self").include_deprecated(true);
    let all = pages!(asked, own.include_disabled(true), 1000, images);
    let image = |one: sdk::Image| {
        let snapshots = snapshots(one.block_device_mappings());
        let tags = tags(one.tags());
        let id = need(one.image_id, asked, "id")?;
        Ok(Image { id, region: region.clone(), tags, snapshots })
    };
    all.into_iter().map(image).collect()
}

fn snapshots(devices: &[sdk::BlockDeviceMapping]) -> Vec<String> {
    let disks = devices.iter().filter_map(|device| device.ebs()?.snapshot_id());
    disks.map(str::to_owned).collect()
}

/// So many calls at once.
const AT_ONCE: usize = 5;

/// Every version of every template: what starts instances may be pinned to any of them.
///
/// One question has the latest and the default version of all templates. A template may have others if its latest is neither the
/// first nor the one after its default one, and is then asked by itself. Source: "DescribeLaunchTemplateVersions".
pub(super) async fn launch_templates(
    client: &Client,
    region: &Region,
) -> Result<Vec<LaunchTemplate>, CallError> {
    let asked = Asked { action: "ec2:DescribeLaunchTemplateVersions", about: region.as_str() };
    let of_all = client.describe_launch_template_versions().versions("$Latest");
    let mut all = pages!(asked, of_all.versions("$Default"), 200, launch_template_versions);
    let mut seen: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for one in &all {
        let id = need(one.launch_template_id(), asked, "id")?.to_owned();
        seen.entry(id).or_default().insert(need(one.version_number(), asked, "version")?);
    }
    // Numbers are given once, from 1 on.
    let has_more = |versions: &BTreeSet<i64>| {
        versions.last().is_some_and(|latest| i64::try_from(versions.len()).ok() < Some(*latest))
    };
    let more: Vec<&String> =
        seen.iter().filter(|(_, all)| has_more(all)).map(|(id, _)| id).collect();
    let each: Vec<_> = more.into_iter().map(|id| versions(client, id)).collect();
    let older: Vec<Vec<_>> = stream::iter(each).buffered(AT_ONCE).try_collect().await?;
    all.extend(older.into_iter().flatten());
    let template = |one: sdk::LaunchTemplateVersion| {
        let id = need(one.launch_template_id(), asked, "id")?;
        let version = need(one.version_number(), asked, "version")?;
        let devices = one.launch_template_data().map(|data| data.block_device_mappings());
        let disks = devices.unwrap_or_default().iter().filter_map(|one| one.ebs()?.snapshot_id());
        Ok(LaunchTemplate {
            id: format!("{id}:{version}"),
            region: region.clone(),
            tags: Tags::new(),
            snapshots: disks.map(str::to_owned).collect(),
        })
    };
    all.into_iter().map(template).collect()
}

/// All versions of a template; none of one that is gone.
async fn versions(
    client: &Client,
    template: &str,
) -> Result<Vec<sdk::LaunchTemplateVersion>, CallError> {
    match versions_of(client, template).await {
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        answer => answer,
    }
}

async fn versions_of(
    client: &Client,
    template: &str,
) -> Result<Vec<sdk::LaunchTemplateVersion>, CallError> {
    let asked = Asked { action: "ec2:DescribeLaunchTemplateVersions", about: template };
    let of_one = client.describe_launch_template_versions().launch_template_id(template);
    Ok(pages!(asked, of_one, 200, launch_template_versions))
}
