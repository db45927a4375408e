//! The project's own chores, run as `cargo xtask <command>`.
//!
//! What a command does lives in its own module; here are only the table of commands and the reading of arguments.
//! The documentation check reads the same table, so no README can name a command or an option that is not there.

use std::process::ExitCode;

mod emulators;
mod machine;
mod manifest;
mod markdown;
mod servers;
mod shell;
mod source;
mod test;
mod tidy;
mod toml;
mod workspace;

/// One command of `cargo xtask`.
pub(crate) struct Command {
    /// What is typed.
    pub(crate) name: &'static str,
    /// One line for the overview.
    about: &'static str,
    /// How it is called, after `cargo xtask`.
    usage: &'static str,
    /// Everything its `--help` says below the usage line.
    details: &'static str,
    /// The options it takes, with their explanations.
    pub(crate) options: &'static [(&'static str, &'static str)],
    /// Whether it passes on what stands behind `--`.
    takes_extra: bool,
    run: fn(&Arguments) -> Result<bool, String>,
}

/// What was asked of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// The options given, such as `--quick`.
    options: Vec<String>,
    /// What stands behind `--`.
    extra: Vec<String>,
}

impl Arguments {
    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|given| given == option)
    }
}

/// Every command there is.
pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        about: "everything that must hold: all tests, all doctests, the tidy checks",
        usage: "test [--quick] [-- <arguments of cargo test>]",
        details: "Runs `cargo test --workspace` with all features and again with default features, then the tidy\n\
                  checks, and ends with the totals as `N passed, M failed`. A test that is ignored is an error, and\n\
                  so is a run in which no test ran at all. The pass with all features has two emulators of AWS\n\
                  beside it, which are installed the first time; that needs Python 3.10.2 with venv, and PyPI.\n\
                  Prometheus and PostgreSQL are taken from the machine, or from Debian's packages.",
        options: &[("--quick", "only the pass with all features, then the tidy checks")],
        takes_extra: true,
        run: |arguments| test::run(arguments.has("--quick"), &arguments.extra),
    },
    Command {
        name: "emulators",
        about: "the emulators and servers that the tests use, for a command or until Ctrl-C",
        usage: "emulators [-- <command and its arguments>]",
        details: "Installs moto and ministack the first time, starts them on free ports, and prints the variables that\n\
                  tell tests where they are, and where the programs of Prometheus and PostgreSQL are, which tests start\n\
                  themselves. With a command, runs it with these variables and ends the emulators with it.",
        options: &[],
        takes_extra: true,
        run: |arguments| emulators::run(&arguments.extra),
    },
    Command {
        name: "tidy",
        about: "the checks no compiler makes: documents, contracts, architecture, manners",
        usage: "tidy",
        details: "Compares the documents with the manifests, the contracts of traits with their conformance tests,\n\
                  the dependencies with the architecture, and the sources with the house style. Each check says\n\
                  what it looked at and how much of it; one that found nothing to look at is an error as well.",
        options: &[],
        takes_extra: false,
        run: |_| tidy::run(),
    },
];

/// What the command line asks for.
enum Request {
    Show(String),
    Refuse(String),
    Run(&'static Command, Arguments),
}

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match read(&words) {
        Request::Show(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Request::Refuse(why) => {
            eprintln!("error: {why}\n\n{}", overview());
            ExitCode::from(2)
        }
        Request::Run(command, arguments) => match (command.run)(&arguments) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(why) => {
                eprintln!("error: cargo xtask {}: {why}", command.name);
                ExitCode::FAILURE
            }
        },
    }
}

/// Understands the words after `cargo xtask`.
fn read(words: &[String]) -> Request {
    let Some((name, rest)) = words.split_first() else {
        return Request::Refuse("a command is missing".to_owned());
    };
    if matches!(name.as_str(), "--help" | "-h" | "help") {
        return Request::Show(overview());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return Request::Refuse(format!("there is no command `{name}`"));
    };
    let mut arguments = Arguments::default();
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--help" | "-h" => return Request::Show(help(command)),
            "--" if command.takes_extra => arguments.extra.extend(rest.by_ref().cloned()),
            option if command.options.iter().any(|(known, _)| *known == option) => {
                arguments.options.push(option.to_owned());
            }
            other => {
                return Request::Refuse(format!("`cargo xtask {name}` does not take `{other}`"));
            }
        }
    }
    Request::Run(command, arguments)
}

fn overview() -> String {
    let mut text = "Usage: cargo xtask <command> [--help]\n\nCommands:".to_owned();
    for command in COMMANDS {
        text += &format!("\n  {:<11}{}", command.name, command.about);
    }
    text
}

fn help(command: &Command) -> String {
    let mut text = format!("Usage: cargo xtask {}\n\n{}", command.usage, command.details);
    if !command.options.is_empty() {
        text += "\n\nOptions:";
    }
    for (option, about) in command.options {
        text += &format!("\n  {option:<10}{about}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Request {
        read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_and_extra_arguments_are_told_apart() {
        let Request::Run(command, arguments) = ask("test --quick -- journal --quick") else {
            panic!("it is a valid line");
        };
        assert_eq!(command.name, "test");
        assert_eq!(arguments.options, ["--quick"]);
        assert_eq!(arguments.extra, ["journal", "--quick"]);
    }

    #[test]
    fn every_command_and_the_overview_have_a_help_text() {
        for command in COMMANDS {
            let Request::Show(text) = ask(&format!("{} --help", command.name)) else {
                panic!("--help must show something");
            };
            assert!(text.contains(command.usage));
            assert!(overview().contains(command.about));
        }
        assert!(matches!(ask("--help"), Request::Show(_)));
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        for line in ["", "deploy", "test --fast", "tidy -- more"] {
            assert!(matches!(ask(line), Request::Refuse(_)), "`{line}` must be refused");
        }
    }
}
