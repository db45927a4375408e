//! The rollout that is under way, or was left half-way: how traffic is divided, who holds the service, and what journals in
//! this directory say. It only reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use petswipe_deploy::{Plan, TrafficRouter};
use petswipe_local::LocalClient;
use petswipe_monitor::diagnosis::{
    Command, Looked, Redacted, RolloutDriver, RolloutReport, Symptom, UnfinishedOperation,
};
use petswipe_monitor::explain;
use petswipe_runbook::journal::{Durability, FileJournal, Journal, MemoryJournal};
use petswipe_runbook::{Error, EventLog, History, Journaled};

use super::Flags;
use crate::aws_flags::PORT;
use crate::cli::{Backend, ENVIRONMENT, PROJECT, default_journal};
use crate::going_on::{beginning, quoted};
use crate::journal::OWN_CLOUD;
use crate::leases::{LEASES, Leases};

/// The examples whose operations move traffic; each writes a journal of its name unless it is told another.
const EXAMPLES: [&str; 3] = ["canary", "blue_green", "rolling"];

/// Who knows about rollouts.
pub(crate) struct Rollouts {
    pub(crate) router: Arc<dyn TrafficRouter>,
    /// Or why there are none to be asked.
    pub(crate) leases: Result<Leases, String>,
    pub(crate) place: Place,
}

/// Where operations belong whose journals count.
pub(crate) enum Place {
    /// The cloud says which it is.
    Local(Arc<LocalClient>),
    /// As its operations say it.
    #[cfg(feature = "aws")]
    Account(String),
}

/// Looks, and gives up at the deadline.
pub(super) async fn look(
    flags: &Flags,
    rollouts: Result<&Rollouts, &str>,
) -> Looked<RolloutReport> {
    let missing = |why: String| Looked::Missing(Redacted::line(why));
    let rollouts = match rollouts {
        Ok(rollouts) => rollouts,
        Err(why) => return missing(why.to_owned()),
    };
    match tokio::time::timeout(flags.deadline, report(flags, rollouts)).await {
        Ok(Ok(report)) => Looked::Seen(report),
        Ok(Err(why)) => missing(why),
        Err(_) => missing(format!("the load balancer did not answer within {:?}", flags.deadline)),
    }
}

async fn report(flags: &Flags, rollouts: &Rollouts) -> Result<RolloutReport, String> {
    let failed = |error: petswipe_deploy::Error| explain(&error);
    let location = match &rollouts.place {
        Place::Local(client) => client.cloud().await.map_err(failed)?.id,
        #[cfg(feature = "aws")]
        Place::Account(location) => location.clone(),
    };
    let split = rollouts.router.route().await.map_err(failed)?.split;
    let driver = match &rollouts.leases {
        Ok(leases) => driver(flags, leases).await,
        Err(why) => Looked::Missing(Redacted::line(why)),
    };
    let mut operations = Vec::new();
    for path in journals(flags) {
        let found = operation(&path, &flags.service()).await;
        operations.extend(found.map_err(|error| explain(&error))?);
    }
    let unfinished = unfinished(operations, &location)?;
    let weights = split.iter().map(|(side, share)| (side.to_string(), u32::from(share.get())));
    let (next, hint) = match &unfinished {
        Some(operation) => (Command::changes(resume(flags, operation)), to_be_added(flags)),
        None => (
            Command::reads(look_where_it_began(flags)),
            "FILE is the journal of that rollout, on the machine where it was begun",
        ),
    };
    let (weights, hint) = (weights.collect(), hint.to_owned());
    Ok(RolloutReport { weights, driver, unfinished, next, hint })
}

async fn driver(flags: &Flags, leases: &Leases) -> Looked<Option<RolloutDriver>> {
    let key = format!("service/{}", flags.service());
    match leases.current(&key, Timestamp::now()).await {
        Ok(held) => Looked::Seen(held.map(|lease| RolloutDriver {
            operation: lease.operation.to_string(),
            holder: Redacted::line(lease.holder),
            until: lease.expires_at,
        })),
        Err(error) => Looked::Missing(Redacted::line(explain(&error))),
    }
}

/// The journal that was named, or those that are where the examples write them. Where there is none yet, nothing has begun.
fn journals(flags: &Flags) -> Vec<PathBuf> {
    let mut all = match &flags.journal {
        Some(path) => vec![path.clone()],
        None => EXAMPLES.map(default_journal).to_vec(),
    };
    all.retain(|path| path.exists());
    all
}

/// An operation in a journal.
#[derive(Clone, Debug)]
struct Operation {
    operation: UnfinishedOperation,
    /// Where it belongs; nothing in journals of older versions.
    location: String,
    has_ended: bool,
}

/// The operation in a journal, if it is one of that service. One whose cloud ended with its process is over, and tells nothing.
async fn operation(path: &Path, service: &str) -> Result<Option<Operation>, Error> {
    let records = FileJournal::read_only(path)?;
    let copy = MemoryJournal::new();
    if !records.is_empty() {
        copy.append(0, &records, Durability::Durable).await?;
    }
    let history: Option<History<Plan>> = Journaled(Arc::new(copy)).load().await?;
    let is_ours = |history: &History<Plan>| {
        history.opening.plan.service == service && !history.opening.holder.contains(OWN_CLOUD)
    };
    Ok(history.filter(is_ours).map(|history| Operation {
        operation: UnfinishedOperation {
            name: history.opening.operation.to_string(),
            journal: path.display().to_string(),
            began_at: history.opening.at,
            last_record_at: history.last_at(),
        },
        location: history.opening.plan.location.clone(),
        has_ended: history.outcome().is_some(),
    }))
}

/// The newest operation of a place, if it has no end: an older one without an end can't be gone on with, as another has moved
/// the traffic since.
///
/// # Errors
/// Where there is none, and the newest of another rule of the same account has no end: what was seen of traffic is not what it
/// divides.
fn unfinished(
    operations: Vec<Operation>,
    location: &str,
) -> Result<Option<UnfinishedOperation>, String> {
    let account = |location: &str| location.split('/').next().unwrap_or_default().to_owned();
    let newest = |all: Vec<Operation>| {
        let newest = all.into_iter().max_by_key(|one| one.operation.began_at);
        newest.filter(|one| !one.has_ended)
    };
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        operations.into_iter().partition(|one| one.location.is_empty() || one.location == location);
    if let Some(newest) = newest(here) {
        return Ok(Some(newest.operation));
    }
    let near = elsewhere.into_iter().filter(|one| account(&one.location) == account(location));
    match newest(near.collect()) {
        Some(other) => Err(format!(
            "{} in {} has not ended and is of {}, and the traffic that was looked at is that of {location}; allowed: its \
             --load-balancer, --port and --rule",
            other.operation.name, other.operation.journal, other.location
        )),
        None => Ok(None),
    }
}

/// The command that goes on with it, by the example that began it. An operation is called `EXAMPLE-TIME-DIGITS`.
fn resume(flags: &Flags, operation: &UnfinishedOperation) -> String {
    let began = operation.name.rsplitn(3, '-').last();
    let example = EXAMPLES.into_iter().find(|name| Some(*name) == began).unwrap_or("canary");
    let command = beginning(example, flags.backend, "--resume");
    let journal = quoted(&operation.journal);
    format!("{command} --journal {journal}{}", names(flags))
}

/// What has to be known of that command: a journal does not hold the flags that say by what a rollout is judged and who approves.
fn to_be_added(flags: &Flags) -> &'static str {
    match flags.backend {
        Backend::Local => "add what else it was begun with, such as --metrics or --approval-file",
        Backend::Aws => {
            "add what else it was begun with, such as --metrics, --approval-file, --container or --smoke-url"
        }
    }
}

/// The command that looks again with the journal that is not here.
fn look_where_it_began(flags: &Flags) -> String {
    let symptom = Symptom::DeploymentStuck.as_str();
    let command = beginning("diagnose", flags.backend, &format!("--symptom {symptom}"));
    format!("{command}{} --journal FILE", names(flags))
}

/// The flags that name the service and what divides its traffic, without those that say what is so anyway.
fn names(flags: &Flags) -> String {
    let is_aws = flags.backend == Backend::Aws;
    let other = |value: &String, default: &str| (value != default).then(|| value.clone());
    let leases = flags.leases.to_string();
    let given = [
        ("--project", other(&flags.project, PROJECT)),
        ("--environment", other(&flags.environment, ENVIRONMENT)),
        ("--region", is_aws.then(|| flags.region.clone())),
        ("--cluster", flags.cluster.clone().filter(|_| is_aws)),
        ("--load-balancer", flags.load_balancer.clone().filter(|_| is_aws)),
        ("--port", (is_aws && flags.port != PORT).then(|| flags.port.to_string())),
        ("--rule", flags.rule.filter(|_| is_aws).map(|rule| rule.to_string())),
        ("--leases", other(&leases, LEASES).filter(|_| is_aws)),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let tags = flags.tag.iter().filter(|_| is_aws);
    let tags = tags.map(|(key, value)| ("--tag", format!("{key}={value}")));
    given.chain(tags).map(|(name, value)| format!(" {name} {}", quoted(&value))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn flags(arguments: &[&str]) -> Flags {
        let all = ["diagnose"].iter().chain(arguments);
        <Flags as clap::Parser>::parse_from(all)
    }

    fn operation(name: &str, journal: &str, began: i64) -> UnfinishedOperation {
        let at = Timestamp::from_second(began).unwrap();
        let (name, journal) = (name.to_owned(), journal.to_owned());
        UnfinishedOperation { name, journal, began_at: at, last_record_at: at }
    }

    #[test]
    fn the_command_goes_on_by_the_example_that_began_and_at_the_same_place() {
        let began = operation("rolling-20261128T031038Z-7f3a", ".petswipe/rolling.jsonl", 0);
        assert_eq!(
            resume(&flags(&[]), &began),
            "cargo run --example rolling -- --cloud \"$PETSWIPE_CLOUD\" --resume --journal .petswipe/rolling.jsonl"
        );
        let given = "--backend aws --port 80 --rule 7 --tag Team=pets --leases s3://shop/leases";
        let mut given: Vec<_> = given.split(' ').collect();
        given.extend(["--project", "my shop"]);
        let aws = flags(&given);
        let began = operation("blue_green-20261128T031038Z-7f3a", "j", 0);
        assert_eq!(
            resume(&aws, &began),
            "cargo run --features aws --example blue_green -- --backend aws --resume --journal j --project 'my shop' \
             --region us-east-1 --port 80 --rule 7 --leases s3://shop/leases --tag Team=pets"
        );
    }

    #[test]
    fn without_a_journal_the_command_only_looks() {
        assert_eq!(
            look_where_it_began(&flags(&["--project", "shop"])),
            "cargo run --example diagnose -- --cloud \"$PETSWIPE_CLOUD\" --symptom deployment-stuck --project shop \
             --journal FILE"
        );
    }

    #[test]
    fn only_the_newest_operation_of_the_place_may_be_unfinished() {
        let here = "aws:1:r/rule-7";
        let one = |began, location: &str, has_ended| Operation {
            operation: operation("canary-1", "j", began),
            location: location.to_owned(),
            has_ended,
        };
        let found = |all: &[Operation]| {
            unfinished(all.to_vec(), here).map(|one| one.map(|one| one.began_at.as_second()))
        };
        assert_eq!(found(&[]), Ok(None));
        assert_eq!(found(&[one(1, here, false)]), Ok(Some(1)));
        assert_eq!(found(&[one(1, here, true)]), Ok(None));
        // Another one has moved the traffic since.
        assert_eq!(found(&[one(1, here, false), one(2, here, true)]), Ok(None));
        assert_eq!(found(&[one(2, here, false), one(1, here, true)]), Ok(Some(2)));
        // Those of other accounts are none of ours; older journals do not say where they belong.
        assert_eq!(found(&[one(1, here, false), one(2, "aws:2:r/rule-7", false)]), Ok(Some(1)));
        assert_eq!(found(&[one(1, "", false)]), Ok(Some(1)));
        // Of another rule the weights say nothing.
        let other = found(&[one(1, "aws:1:r", false)]).unwrap_err();
        assert!(
            other.contains("is of aws:1:r,") && other.contains(&format!("of {here};")),
            "{other}"
        );
        assert_eq!(found(&[one(1, "aws:1:r", true)]), Ok(None));
        // What another rule had since does not move the traffic of this one.
        assert_eq!(found(&[one(1, here, false), one(2, "aws:1:r", true)]), Ok(Some(1)));
        assert_eq!(found(&[one(1, here, false), one(2, "aws:1:r", false)]), Ok(Some(1)));
    }
}
