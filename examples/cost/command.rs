//! The command that goes on from here, with every flag that it needs.

use clap::ValueEnum as _;

use super::{Backend, Flags, Metering};
use crate::going_on::quoted;

/// This program with those arguments, upon the same account. Credentials and profile stay in their variables.
pub(super) fn command(flags: &Flags, arguments: &[&str]) -> String {
    let mut words = vec!["cargo run".to_owned()];
    if flags.backend == Backend::Aws {
        words.push("--features aws-cost".to_owned());
    }
    words.push("--example cost_report --".to_owned());
    let mut add = |flag: &str, value: &str| words.extend([flag.to_owned(), quoted(value)]);
    match flags.backend {
        Backend::Aws => {
            add("--backend", "aws");
            if let (Metering::MetricStatistics, Some(name)) =
                (flags.metering, flags.metering.to_possible_value())
            {
                add("--metering", name.get_name());
            }
        }
        Backend::Demo => {
            if flags.demo_resources != super::flags::DEMO_RESOURCES {
                add("--demo-resources", &flags.demo_resources.to_string());
            }
            if flags.demo_seed != super::flags::DEMO_SEED {
                add("--demo-seed", &flags.demo_seed.to_string());
            }
        }
    }
    if !flags.regions.is_empty() {
        add("--region", &flags.regions.join(","));
    }
    // What a plan is made by is in it; what was given beside it is not.
    if flags.remove.is_some() {
        for tag in &flags.exclude {
            add("--exclude-tag", &tag.to_string());
        }
        if let Some(file) = &flags.suppressions {
            add("--suppressions", &file.display().to_string());
        }
    }
    for file in &flags.prices {
        add("--prices", &file.display().to_string());
    }
    words.extend(arguments.iter().map(|argument| quoted(argument)));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn told(given: &[&str], arguments: &[&str]) -> String {
        let given = ["cost_report"].iter().chain(given);
        command(&Flags::parse_from(given), arguments)
    }

    #[test]
    fn a_command_has_all_that_names_the_account_and_nothing_that_is_usual() {
        assert_eq!(
            told(&["--demo-seed", "1"], &["--remove", "my plan.json"]),
            "cargo run --example cost_report -- --remove 'my plan.json'"
        );
        let demo = ["--demo-seed", "5", "--demo-resources", "400", "--preset", "trusted-advisor"];
        assert_eq!(
            told(&demo, &["--remove", "p"]),
            "cargo run --example cost_report -- --demo-resources 400 --demo-seed 5 --remove p"
        );
        let aws = "--backend aws --region eu-west-1,eu-west-2 --metering metric-statistics --prices own.yaml \
                   --exclude-tag a=b --suppressions known.yaml --remove p --execute";
        let aws: Vec<_> = aws.split_whitespace().collect();
        assert_eq!(
            told(&aws, &["--remove", "p", "--execute", "--resume", "--journal", "j"]),
            "cargo run --features aws-cost --example cost_report -- --backend aws --metering metric-statistics \
             --region eu-west-1,eu-west-2 --exclude-tag a=b --suppressions known.yaml --prices own.yaml \
             --remove p --execute --resume --journal j"
        );
    }
}
