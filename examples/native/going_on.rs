//! The command that goes on with a native deployment in a journal.

use super::{Flags, Place};
use crate::cli::{ENVIRONMENT, PROJECT};
use crate::going_on::quoted;
use crate::leases::LEASES;

/// The command that goes on with what is in the journal. Credentials and profile of the account stay in their variables.
pub(super) fn command(flags: &Flags, flag: &str) -> String {
    let mut command =
        format!("cargo run -p petswipe-examples --features aws --example native -- {flag}");
    let mut add = |name: &str, value: &str| command += &format!(" {name} {}", quoted(value));
    let Place { region, project, environment, .. } = &flags.place;
    add("--journal", &flags.journal.display().to_string());
    add("--region", region);
    if project != PROJECT {
        add("--project", project);
    }
    if environment != ENVIRONMENT {
        add("--environment", environment);
    }
    let texts = [
        ("--cluster", &flags.place.cluster),
        ("--service", &flags.place.service),
        ("--load-balancer", &flags.place.load_balancer),
        ("--container", &flags.place.container),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            add(name, value);
        }
    }
    let leases = flags.place.leases.to_string();
    if leases != LEASES {
        add("--leases", &leases);
    }
    for group in &flags.place.target_groups {
        add("--target-group", group);
    }
    if flags.place.port != 443 {
        add("--port", &flags.place.port.to_string());
    }
    for (key, value) in &flags.place.tag {
        add("--tag", &format!("{key}={value}"));
    }
    let lag = flags.place.metric_lag.as_secs_f64().to_string();
    if lag != "120" {
        add("--metric-lag", &lag);
    }
    let switches =
        [("--moving-tags", flags.place.moving_tags), ("--pin-digest", flags.place.pin_digest)];
    for (name, _) in switches.into_iter().filter(|(_, given)| *given) {
        command += &format!(" {name}");
    }
    command
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn the_command_to_go_on_is_complete() {
        let plain = Flags::parse_from(["native", "--region", "eu-west-1"]);
        let begin = "cargo run -p petswipe-examples --features aws --example native --";
        assert_eq!(
            command(&plain, "--resume"),
            format!("{begin} --resume --journal .petswipe/native.jsonl --region eu-west-1")
        );
        let given = "native --region eu-west-1 --project shop --environment test --cluster c --service s --load-balancer l \
                     --container app --target-group a --target-group b --port 80 --tag Cost=1 --metric-lag 1.5 \
                     --moving-tags --pin-digest";
        let mut given: Vec<_> = given.split(' ').collect();
        given.extend(["--journal", "my journal"]);
        assert_eq!(
            command(&Flags::parse_from(given), "--undo"),
            format!(
                "{begin} --undo --journal 'my journal' --region eu-west-1 --project shop --environment test --cluster c \
                 --service s --load-balancer l --container app --target-group a --target-group b --port 80 --tag Cost=1 \
                 --metric-lag 1.5 --moving-tags --pin-digest"
            )
        );
    }
}
