//! The rollout that is under way, or was left half-way: how traffic is divided, who holds the service, and what journals in
//! this directory say. It only reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use petswipe_deploy::{Plan, TrafficRouter};
use petswipe_local::LocalClient;
use petswipe_monitor::diagnosis::{
    Looked, Redacted, RolloutDriver, RolloutReport, UnfinishedOperation,
};
use petswipe_monitor::explain;
use petswipe_runbook::journal::{Durability, FileJournal, Journal, MemoryJournal};
use petswipe_runbook::{Error, EventLog, History, Journaled};

use super::Flags;
use crate::cli::{Backend, ENVIRONMENT, PROJECT};
use crate::going_on::quoted;
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
    /// `aws:ACCOUNT:REGION`.
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
    let mut newest: Option<(PathBuf, UnfinishedOperation)> = None;
    for path in journals(flags) {
        let found = unfinished(&path, &location, &flags.service()).await;
        let found = found.map_err(|error| explain(&error))?;
        let is_newer = |one: &UnfinishedOperation| {
            newest.as_ref().is_none_or(|(_, other)| other.last_record_at < one.last_record_at)
        };
        if let Some(one) = found.filter(is_newer) {
            newest = Some((path, one));
        }
    }
    let (path, unfinished) = newest.unzip();
    let weights = split.iter().map(|(side, share)| (side.to_string(), u32::from(share.get())));
    Ok(RolloutReport {
        weights: weights.collect(),
        driver,
        resume: resume(flags, path.as_deref(), unfinished.as_ref()),
        unfinished,
    })
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
    let default = |example| Path::new(".petswipe").join(format!("{example}.jsonl"));
    let mut all = match &flags.journal {
        Some(path) => vec![path.clone()],
        None => EXAMPLES.map(default).to_vec(),
    };
    all.retain(|path| path.exists());
    all
}

/// The operation in a journal, if it is one of that service and place, and has no end. One whose cloud ended with its process
/// is over.
async fn unfinished(
    path: &Path,
    location: &str,
    service: &str,
) -> Result<Option<UnfinishedOperation>, Error> {
    let records = FileJournal::read_only(path)?;
    let copy = MemoryJournal::new();
    if !records.is_empty() {
        copy.append(0, &records, Durability::Durable).await?;
    }
    let history: Option<History<Plan>> = Journaled(Arc::new(copy)).load().await?;
    let is_ours = |history: &History<Plan>| {
        let plan = &history.opening.plan;
        plan.service == service
            && plan.location == location
            && history.outcome().is_none()
            && !history.opening.holder.contains(OWN_CLOUD)
    };
    Ok(history.filter(is_ours).map(|history| UnfinishedOperation {
        name: history.opening.operation.to_string(),
        journal: path.display().to_string(),
        began_at: history.opening.at,
        last_record_at: history.last_at(),
    }))
}

/// The command that goes on with it, by the example that began it. An operation is called `EXAMPLE-TIME-DIGITS`.
fn resume(flags: &Flags, path: Option<&Path>, operation: Option<&UnfinishedOperation>) -> String {
    let began = operation.and_then(|one| one.name.rsplitn(3, '-').last());
    let example = EXAMPLES.into_iter().find(|name| Some(*name) == began).unwrap_or("canary");
    let mut command = match flags.backend {
        Backend::Local => format!("cargo run --example {example} -- --resume"),
        Backend::Aws => {
            format!("cargo run --features aws --example {example} -- --backend aws --resume")
        }
    };
    let mut add = |name: &str, value: &str| command += &format!(" {name} {}", quoted(value));
    if let Some(path) = path {
        add("--journal", &path.display().to_string());
    }
    let defaults = [
        ("--project", &flags.project, PROJECT),
        ("--environment", &flags.environment, ENVIRONMENT),
    ];
    for (name, value, default) in defaults {
        if value != default {
            add(name, value);
        }
    }
    if flags.backend == Backend::Aws {
        add("--region", &flags.region);
        let leases = flags.leases.to_string();
        let given = [
            ("--cluster", flags.cluster.clone()),
            ("--load-balancer", flags.load_balancer.clone()),
            ("--port", (flags.port != 443).then(|| flags.port.to_string())),
            ("--leases", (leases != LEASES).then_some(leases)),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                add(name, &value);
            }
        }
    }
    command
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn flags(arguments: &[&str]) -> Flags {
        let all = ["diagnose"].iter().chain(arguments);
        <Flags as clap::Parser>::parse_from(all)
    }

    fn operation(name: &str) -> UnfinishedOperation {
        UnfinishedOperation {
            name: name.to_owned(),
            journal: "j".to_owned(),
            began_at: Timestamp::UNIX_EPOCH,
            last_record_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_command_goes_on_by_the_example_that_began_and_at_the_same_place() {
        let path = Path::new(".petswipe/rolling.jsonl");
        let began = operation("rolling-20261128T031038Z-7f3a");
        assert_eq!(
            resume(&flags(&[]), Some(path), Some(&began)),
            "cargo run --example rolling -- --resume --journal .petswipe/rolling.jsonl"
        );
        assert_eq!(resume(&flags(&[]), None, None), "cargo run --example canary -- --resume");
        let aws = flags(&[
            "--backend",
            "aws",
            "--project",
            "my shop",
            "--port",
            "80",
            "--leases",
            "s3://shop/leases",
        ]);
        let began = operation("blue_green-20261128T031038Z-7f3a");
        assert_eq!(
            resume(&aws, Some(Path::new("j")), Some(&began)),
            "cargo run --features aws --example blue_green -- --backend aws --resume --journal j --project 'my shop' \
             --region us-east-1 --port 80 --leases s3://shop/leases"
        );
    }
}
