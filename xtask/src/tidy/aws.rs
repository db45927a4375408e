//! AWS SDK types stay inside modules named `aws`.

use super::Report;
use crate::source::Source;
use crate::workspace::Workspace;

/// What the names of SDK crates begin with in code.
const SDK: &[&str] =
    &["aws_sdk_", "aws_config", "aws_smithy", "aws_types", "aws_credential_types", "aws_runtime"];

/// Outside a module named `aws` the SDK is not mentioned at all, which keeps it out of public signatures and of
/// `impl From` however it is imported; inside, no public error is built `From` an SDK error.
pub(super) fn check(workspace: &Workspace) -> Report {
    let mut report = Report::new("aws boundary", "library files");
    let test_only = workspace.test_only_files();
    for (path, text) in workspace.library_sources() {
        if test_only.contains(path) {
            continue;
        }
        report.saw();
        let code = Source::read(text).code_without_tests();
        if is_aws(path) {
            conversions(&mut report, path, &code);
            continue;
        }
        for (index, line) in code.lines().enumerate() {
            if let Some(name) = SDK.iter().find(|name| begins_word(line, name)) {
                report.violation(
                    path,
                    index + 1,
                    format!("mentions the AWS SDK (`{name}…`) outside a module named `aws`"),
                    "move it to the crate's aws/ and convert to the crate's own types there",
                );
            }
        }
    }
    report
}

/// Finds `impl From<…Sdk…> for Error`: it would make the SDK part of the public interface.
fn conversions(report: &mut Report, path: &str, code: &str) {
    for (start, _) in code.match_indices("impl") {
        let head = code[start..].split('{').next().unwrap_or_default();
        let Some((from, target)) = head.split_once(" for ") else {
            continue;
        };
        let names_sdk = from.contains("SdkError") || SDK.iter().any(|name| from.contains(name));
        let target = target.split_whitespace().next().unwrap_or_default();
        if from.contains("From<") && names_sdk && ["Error", "crate::Error"].contains(&target) {
            report.violation(
                path,
                code[..start].matches('\n').count() + 1,
                "the crate's error is built `From` an AWS SDK type",
                "map it with a private function that names the operation and the resource",
            );
        }
    }
}

fn is_aws(path: &str) -> bool {
    // That crate is about nothing else.
    path.contains("/aws/") || path.ends_with("/aws.rs") || path.contains("/petswipe-aws/")
}

fn begins_word(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(start, _)| {
        !line[..start].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    fn repository(path: &str, text: &str) -> Report {
        check(&Workspace::of(&[(path, text)]))
    }

    #[test]
    fn the_sdk_may_be_named_in_aws_modules_comments_and_tests() {
        let client = "use aws_sdk_ecs::Client;\npub fn new(config: &aws_config::SdkConfig) {}\n\
            impl From<SdkError<X>> for Private {}\n";
        assert_passes(&repository("crates/a/src/aws/ecs.rs", client));
        assert_passes(&repository("crates/a/src/aws.rs", client));
        let other = "/// Like `aws_sdk_ecs`.\nfn f() { my_aws_config() }\n#[cfg(test)]\nmod tests { use aws_sdk_ecs::X; }\n";
        assert_passes(&repository("crates/a/src/lib.rs", other));
    }

    #[test]
    fn the_sdk_is_found_elsewhere() {
        let text =
            "//! x\npub fn new(config: &aws_config::SdkConfig) {}\nuse aws_sdk_ecs::Client as C;\n";
        assert_eq!(
            found(&repository("crates/a/src/backend.rs", text)),
            [
                "crates/a/src/backend.rs:2: mentions the AWS SDK (`aws_config…`) outside a module named `aws`",
                "crates/a/src/backend.rs:3: mentions the AWS SDK (`aws_sdk_…`) outside a module named `aws`",
            ]
        );
    }

    #[test]
    fn a_public_error_is_not_made_from_an_sdk_error() {
        let text = "//! x\n\nimpl<E> From<SdkError<E>> for Error {\n}\n";
        assert_eq!(
            found(&repository("crates/a/src/aws/error.rs", text)),
            ["crates/a/src/aws/error.rs:3: the crate's error is built `From` an AWS SDK type"]
        );
    }
}
