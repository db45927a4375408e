//! EC2: it refuses pages that are too large, and gives what was not asked for where nobody says whose it should be.

use petswipe_aws::script::{Answer, Call, Refusal};

use crate::account::{ABROAD, Account, CLOSED, HOME, limit, optional};

/// Operation, list, and the largest page. Source: each operation in the Amazon EC2 API Reference.
const LISTS: [(&str, &str, usize); 9] = [
    ("DescribeVolumes", "volumeSet", 500),
    ("DescribeSnapshots", "snapshotSet", 1000),
    ("DescribeInstances", "reservationSet", 1000),
    ("DescribeImages", "imagesSet", 1000),
    ("DescribeLaunchTemplateVersions", "launchTemplateVersionSet", 200),
    ("DescribeNatGateways", "natGatewaySet", 1000),
    ("DescribeVpcEndpoints", "vpcEndpointSet", 1000),
    ("DescribeSubnets", "subnetSet", 1000),
    ("DescribeRouteTables", "routeTableSet", 100),
];

/// Marks what belongs to somebody else, and what is disabled.
pub const FOREIGN: &str = "<!--foreign-->";
pub const DISABLED: &str = "<!--disabled-->";

pub fn answer(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let form = call.form();
    if form.get("Version") != Some("2016-11-15") {
        return Err("InvalidAction".into());
    }
    match call.operation() {
        "DescribeRegions" => return Ok(Answer::Xml(regions(form.get("AllRegions")))),
        "DescribeAddresses" => {
            if form.get("MaxResults").is_some() || form.get("NextToken").is_some() {
                return Err("UnknownParameter".into());
            }
            let all = account.list(call, "addressesSet");
            return Ok(Answer::Xml(set("addressesSet", all)));
        }
        _ => {}
    }
    let found = LISTS.iter().find(|(operation, ..)| *operation == call.operation());
    let (operation, list, most) = *found.ok_or_else(|| Refusal::from("InvalidAction"))?;
    let mut all = account.list(call, list);
    if ["DescribeSnapshots", "DescribeImages"].contains(&operation)
        && form.get("Owner.1") == Some("self")
    {
        all.retain(|(_, entry)| !entry.contains(FOREIGN));
    }
    if form.get("IncludeDisabled") != Some("true") {
        all.retain(|(_, entry)| !entry.contains(DISABLED));
    }
    if operation == "DescribeLaunchTemplateVersions" {
        let asked = [form.get("LaunchTemplateVersion.1"), form.get("LaunchTemplateVersion.2")];
        match form.get("LaunchTemplateId") {
            Some(id) if account.gone.contains(id) => {
                return Err("InvalidLaunchTemplateId.NotFound".into());
            }
            Some(id) => {
                all.extend(account.list(call, "olderVersionSet"));
                let own = format!("{id}:");
                all.retain(|(version, _)| version.starts_with(&own));
            }
            None if asked == [Some("$Latest"), Some("$Default")] => {}
            None => return Err("MissingParameter".into()),
        }
    }
    // Without MaxResults there are no pages at all.
    let most = limit(form.get("MaxResults"), usize::MAX, 1..=most, "InvalidParameterValue")?;
    let (page, next) = account.paged(call, all, most, form.get("NextToken"), "InvalidNextToken")?;
    Ok(Answer::Xml(format!("{}{}", set(list, page), optional("nextToken", next))))
}

fn set(name: &str, entries: Vec<(String, String)>) -> String {
    let items: String =
        entries.into_iter().map(|(_, entry)| format!("<item>{entry}</item>")).collect();
    format!("<{name}>{items}</{name}>")
}

fn regions(all: Option<&str>) -> String {
    let region = |(name, status): (&str, &str)| {
        format!("<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>")
    };
    let mut known = vec![(ABROAD, "opt-in-not-required"), (HOME, "opt-in-not-required")];
    if all == Some("true") {
        known.push((CLOSED, "not-opted-in"));
    }
    format!("<regionInfo>{}</regionInfo>", known.into_iter().map(region).collect::<String>())
}

/// Tags of EC2.
pub fn tags(tags: &[(&str, &str)]) -> String {
    let tag = |(key, value): &(&str, &str)| {
        format!("<item><key>{key}</key><value>{value}</value></item>")
    };
    format!("<tagSet>{}</tagSet>", tags.iter().map(tag).collect::<String>())
}

pub fn volume(id: &str, kind: &str, gib: u32, state: &str, rest: &str) -> String {
    format!(
        "<volumeId>{id}</volumeId><size>{gib}</size><snapshotId/><availabilityZone>eu-central-1a</availabilityZone>\
         <status>{state}</status><createTime>2026-03-01T10:00:00.000Z</createTime><volumeType>{kind}</volumeType>{rest}"
    )
}

pub fn snapshot(id: &str, volume: &str, rest: &str) -> String {
    format!(
        "<snapshotId>{id}</snapshotId><volumeId>{volume}</volumeId><status>completed</status>\
         <startTime>2026-01-02T03:04:05.678Z</startTime><progress>100%</progress><ownerId>123456789012</ownerId>\
         <volumeSize>20</volumeSize>{rest}"
    )
}

pub fn instance(id: &str, kind: &str, state: &str, rest: &str) -> String {
    format!(
        "<reservationId>r-{id}</reservationId><instancesSet><item><instanceId>{id}</instanceId><instanceState><code>0</code>\
         <name>{state}</name></instanceState><instanceType>{kind}</instanceType>\
         <launchTime>2026-02-01T00:00:00.000Z</launchTime>{rest}</item></instancesSet>"
    )
}
