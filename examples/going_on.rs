//! Going on with an operation in a journal, by `--resume` or `--undo`: the command for it, and when it is refused.

use std::path::Path;

use petswipe_deploy::{Direction, Move, Plan, State, Target as Wanted};
use petswipe_local::Fault;
use petswipe_runbook::History;

use crate::Exit;
use crate::cli::{Backend, Common, ENVIRONMENT, PROJECT};
use crate::journal::Located;

/// The command that goes on with what is in a journal. The token of a cloud, and the credentials and profile of an account,
/// stay in their variables.
pub(crate) fn command(example: &str, common: &Common, flag: &str, journal: &Path) -> String {
    let mut command = beginning(example, common.backend, flag);
    let mut add = |name: &str, value: &str| command += &format!(" {name} {}", quoted(value));
    add("--journal", &journal.display().to_string());
    if common.backend == Backend::Aws {
        add("--region", &common.region);
    }
    if common.project != PROJECT {
        add("--project", &common.project);
    }
    if common.environment != ENVIRONMENT {
        add("--environment", &common.environment);
    }
    if let Some(file) = common.approval_file.as_ref().filter(|_| flag == "--resume") {
        add("--approval-file", &file.display().to_string());
    }
    let mut arguments = common.metrics.arguments();
    if common.backend == Backend::Aws {
        arguments.extend(common.aws.arguments());
    }
    for argument in arguments {
        command += &format!(" {}", quoted(&argument));
    }
    command
}

/// How it begins.
pub(crate) fn beginning(example: &str, backend: Backend, flag: &str) -> String {
    match backend {
        Backend::Local => {
            format!("cargo run --example {example} -- --cloud \"$PETSWIPE_CLOUD\" {flag}")
        }
        Backend::Aws => {
            format!("cargo run --features aws --example {example} -- --backend aws {flag}")
        }
    }
}

/// For a shell: what has nothing special in it stays as it is.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Refuses to go on with an operation on another cloud than where it was begun: there it would find other sides, other
/// revisions and other weights than those it knows.
///
/// # Errors
/// Exit code 2, with both clouds.
pub(crate) fn same_cloud<R: Located>(
    backend: Backend,
    path: &Path,
    history: &History<R>,
    here: &str,
) -> Result<(), Exit> {
    let there = history.opening.plan.location();
    // Journals of older versions do not say where they belong.
    if there.is_empty() || there == here {
        return Ok(());
    }
    let allowed = match backend {
        Backend::Local => {
            "that cloud. One that was stopped is gone, with everything that was begun on it"
        }
        Backend::Aws => {
            "--region and credentials of that account and region, aws:ACCOUNT:REGION, and the --load-balancer, --port and \
             --rule that it names, or none of them"
        }
    };
    let journal = path.display();
    let operation = &history.opening.operation;
    let (here, there) = (place(backend, here), noun(backend, there));
    Err(Exit::usage(format!(
        "{here}, but {journal} holds operation {operation} of {there}; allowed: {allowed}"
    )))
}

/// Which cloud is acted upon, in terms of the flag that says so.
pub(crate) fn place(backend: Backend, id: &str) -> String {
    let flag = if backend == Backend::Local { "--cloud" } else { "--backend aws" };
    format!("{flag} is {}", noun(backend, id))
}

/// What its id names: a cloud, or an account and region.
pub(crate) fn noun(backend: Backend, id: &str) -> String {
    if backend == Backend::Local && !id.starts_with("aws:") {
        return format!("cloud {id}");
    }
    id.to_owned()
}

/// Refuses a fault that the new version does not get: what is deployed was decided when the operation was begun.
///
/// # Errors
/// Exit code 2, with both faults.
pub(crate) fn same_fault(wanted: Fault, plan: &Plan) -> Result<(), Exit> {
    let Wanted::Image(image) = &plan.target else { return Ok(()) };
    let (_, held) = Fault::of(image)?;
    let held = held.unwrap_or_default();
    if wanted == Fault::None || wanted == held {
        return Ok(());
    }
    Err(Exit::usage(format!(
        "--fault is {wanted}, but the new version in the journal has {held}; allowed: {held}, or no --fault"
    )))
}

/// Whether a person will still be asked.
pub(crate) fn asks(plan: &Plan, state: &State) -> bool {
    let ahead = state.script.iter().skip(state.cursor);
    match state.direction {
        _ if state.ended.is_some() => false,
        Direction::Starting => plan.approval.is_some(),
        Direction::Forward => ahead.into_iter().any(|step| matches!(step, Move::Approve { .. })),
        Direction::Back(_) | Direction::Stopping { .. } => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use petswipe_deploy::{Environment, Image};
    use petswipe_runbook::{Fence, Opening, OperationId};

    use super::*;

    fn plan(image: &str, location: &str) -> Plan {
        let pair = ["blue", "green"].map(|side| Environment::new(side).unwrap());
        let mut plan = Plan::canary("shop", pair, Wanted::Image(Image::new(image).unwrap()));
        plan.location = location.to_owned();
        plan
    }

    fn begun(plan: Plan) -> History<Plan> {
        let operation = OperationId::new("canary-1").unwrap();
        let (holder, at) = ("a test".to_owned(), jiff::Timestamp::UNIX_EPOCH);
        let opening = Opening { operation, plan, holder, at, fence: Fence(1) };
        History { opening, records: Vec::new() }
    }

    #[test]
    fn an_operation_is_at_home_on_one_cloud() {
        let path = Path::new("journal");
        let held = begun(plan("shop:v2", "local-1"));
        assert!(same_cloud(Backend::Local, path, &held, "local-1").is_ok());
        let refused = same_cloud(Backend::Local, path, &held, "local-2").unwrap_err();
        assert_eq!(refused.code, crate::BAD_USAGE);
        for word in ["journal", "canary-1", "local-1", "local-2"] {
            assert!(refused.message.contains(word), "{}", refused.message);
        }
        // A journal that was written before plans had a location.
        let mut old = serde_json::to_value(plan("shop:v2", "local-1")).unwrap();
        old.as_object_mut().unwrap().remove("location").unwrap();
        let old = begun(serde_json::from_value(old).unwrap());
        assert!(same_cloud(Backend::Local, path, &old, "local-2").is_ok());
    }

    #[test]
    fn an_account_is_named_as_one() {
        let held = begun(plan("shop:v2", "aws:111111111111:us-east-1"));
        let here = "aws:111111111111:eu-west-1";
        let refused = same_cloud(Backend::Aws, Path::new("journal"), &held, here).unwrap_err();
        assert_eq!(
            refused.message,
            "--backend aws is aws:111111111111:eu-west-1, but journal holds operation canary-1 of \
             aws:111111111111:us-east-1; allowed: --region and credentials of that account and region, \
             aws:ACCOUNT:REGION, and the --load-balancer, --port and --rule that it names, or none of them"
        );
        let refused = same_cloud(Backend::Local, Path::new("journal"), &held, "local-1");
        let message = refused.unwrap_err().message;
        assert!(message.starts_with("--cloud is cloud local-1, but"), "{message}");
        assert!(message.contains("of aws:111111111111:us-east-1;"), "{message}");
    }

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        common: Common,
    }

    fn flags(arguments: &[&str]) -> Common {
        let all = ["canary"].iter().chain(arguments);
        <Flags as clap::Parser>::parse_from(all).common
    }

    #[test]
    fn the_command_to_go_on_is_complete_on_an_account() {
        let journal = Path::new("my journal");
        let plain = flags(&["--backend", "aws", "--region", "eu-west-1"]);
        assert_eq!(
            command("canary", &plain, "--resume", journal),
            "cargo run --features aws --example canary -- --backend aws --resume --journal 'my journal' --region eu-west-1"
        );
        let given = "--backend aws --region eu-west-1 --project shop --environment test --cluster c --load-balancer l \
                     --port 80 --rule 7 --container app --tag Cost=1 --alarm down --moving-tags \
                     --pin-digest --test-header X-Mine --smoke-url http://x:1 --smoke-path /a --smoke-path /b \
                     --leases s3://shop/leases --metric-lag 1.5";
        let mut given: Vec<_> = given.split(' ').collect();
        given.extend(["--tag", "Team=a b"]);
        let given = flags(&given);
        let told = command("canary", &given, "--undo", journal);
        assert_eq!(
            told,
            "cargo run --features aws --example canary -- --backend aws --undo --journal 'my journal' --region eu-west-1 \
             --project shop --environment test --cluster c --load-balancer l --container app --smoke-url http://x:1 \
             --port 80 --rule 7 --tag Cost=1 --tag 'Team=a b' --alarm down --test-header X-Mine \
             --smoke-path /a --smoke-path /b --leases s3://shop/leases --metric-lag 1.5 --moving-tags --pin-digest"
        );
    }

    #[test]
    fn the_command_to_go_on_with_a_local_cloud_keeps_its_token_out() {
        let local = flags(&["--port", "80"]);
        assert_eq!(
            command("canary", &local, "--resume", Path::new("j")),
            "cargo run --example canary -- --cloud \"$PETSWIPE_CLOUD\" --resume --journal j"
        );
    }

    #[test]
    fn the_fault_of_the_start_stays() {
        let slow = Fault::Latency(Duration::from_millis(800));
        let refused = |wanted, image| same_fault(wanted, &plan(image, "")).err();
        assert!(refused(Fault::None, "shop:v2+latency=800ms").is_none());
        assert!(refused(slow, "shop:v2+latency=800ms").is_none());
        for (image, held) in [("shop:v2+latency=800ms", "latency=800ms"), ("shop:v2", "none")] {
            let refused = refused(Fault::Unhealthy, image).unwrap();
            assert_eq!(refused.code, crate::BAD_USAGE);
            let words =
                format!("--fault is unhealthy, but the new version in the journal has {held}");
            assert!(refused.message.starts_with(&words), "{}", refused.message);
        }
    }

    #[test]
    fn a_plan_that_has_not_looked_yet_asks_if_it_asks_at_all() {
        let mut asking = plan("shop:v2", "");
        let state = begun(asking.clone()).state();
        assert!(!asks(&asking, &state));
        asking.approval =
            Plan::blue_green("shop", asking.environments.clone(), asking.target.clone()).approval;
        assert!(asks(&asking, &state));
    }

    #[test]
    fn what_is_special_to_a_shell_is_quoted() {
        for plain in [".petswipe/canary.jsonl", "/tmp/a-b_c.jsonl"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted("my journal"), "'my journal'");
        assert_eq!(quoted("it's; $HOME"), "'it'\\''s; $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
