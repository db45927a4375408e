//! The manners of source files: their length, their header, and the words that do not belong in them.

use super::Report;
use crate::source::{Source, has_word};
use crate::workspace::Workspace;

/// More lines than this want splitting.
const LONGEST: usize = 600;

/// What must not stand in code, and what to do instead.
const NOT_IN_CODE: &[(&str, &str)] = &[
    ("todo!", "write it, or leave it out"),
    ("unimplemented!", "write it, or return `Error::Unsupported`"),
    ("dbg!", "remove it"),
    ("#[ignore", "make the test run, or remove it: a test that does not run proves nothing"),
];

/// What must not stand in a comment.
const NOT_IN_COMMENTS: &[&str] = &["TODO", "FIXME", "XXX"];

/// No file is too long.
pub(super) fn length(workspace: &Workspace) -> Report {
    let mut report = Report::new("length", "source files");
    for (path, text) in workspace.sources() {
        report.saw();
        let lines = text.lines().count();
        if lines > LONGEST {
            report.violation(
                path,
                LONGEST + 1,
                format!("has {lines} lines, more than {LONGEST}"),
                "split it along its nouns",
            );
        }
    }
    report
}

/// Every file says at its top what lives in it.
pub(super) fn headers(workspace: &Workspace) -> Report {
    let mut report = Report::new("headers", "source files");
    for (path, text) in workspace.sources() {
        report.saw();
        if !has_header(text) {
            report.violation(
                path,
                1,
                "does not begin with a `//!` header",
                "say what lives here, and what does not",
            );
        }
    }
    report
}

/// Whether nothing but inner attributes stands before the first line of module documentation.
fn has_header(text: &str) -> bool {
    let mut attribute = false;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix("//!") {
            return !header.trim().is_empty();
        }
        attribute |= line.starts_with("#![");
        if !attribute && !line.is_empty() {
            return false;
        }
        attribute &= !line.ends_with(']');
    }
    false
}

/// No leftovers, and no test that is switched off.
pub(super) fn words(workspace: &Workspace) -> Report {
    let mut report = Report::new("leftovers", "source files");
    for (path, text) in workspace.sources() {
        report.saw();
        let source = Source::read(text);
        for (index, (code, comment)) in source.code.lines().zip(source.comments.lines()).enumerate()
        {
            for (word, remedy) in NOT_IN_CODE {
                if has_word(code, word) {
                    report.violation(path, index + 1, format!("`{word}` in code"), *remedy);
                }
            }
            if code.contains("cfg_attr") && has_word(code, "ignore") {
                report.violation(
                    path,
                    index + 1,
                    "a test is ignored under a condition",
                    "make the test run, or leave it out with `#[cfg(…)]` where it makes no sense",
                );
            }
            for word in NOT_IN_COMMENTS {
                if has_word(comment, word) {
                    report.violation(
                        path,
                        index + 1,
                        format!("`{word}` in a comment"),
                        "do it, or open an issue and say why it is as it is",
                    );
                }
            }
            let info = comment.trim().trim_start_matches(['/', '!', ' ']);
            if info.starts_with("```") && has_word(info, "ignore") {
                report.violation(
                    path,
                    index + 1,
                    "a doctest is ignored",
                    "make it compile (`no_run` if it cannot run), or mark it `text`",
                );
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_passes, found};
    use super::*;

    fn repository(text: &str) -> Workspace {
        Workspace::of(&[("crates/a/src/lib.rs", text)])
    }

    #[test]
    fn a_file_may_have_600_lines_and_no_more() {
        assert_passes(&length(&repository(&"x\n".repeat(600))));
        assert_eq!(
            found(&length(&repository(&"x\n".repeat(601)))),
            ["crates/a/src/lib.rs:601: has 601 lines, more than 600"]
        );
    }

    #[test]
    fn a_file_begins_with_a_header() {
        assert_passes(&headers(&repository("//! Things.\nfn f() {}\n")));
        let attributes =
            "#![cfg_attr(docsrs, feature(doc_cfg))]\n#![allow(\n    x,\n)]\n\n//! Things.\n";
        assert_passes(&headers(&repository(attributes)));
        for text in
            ["fn f() {}\n", "//!\n", "", "// Things.\n", "#![allow(x)]\nfn f() {}\n//! Late.\n"]
        {
            assert_eq!(
                found(&headers(&repository(text))),
                ["crates/a/src/lib.rs:1: does not begin with a `//!` header"]
            );
        }
    }

    #[test]
    fn words_are_looked_for_where_they_count() {
        let text = "//! A to-do list, see `ignore`.\nconst A: &str = \"TODO todo!( #[ignore]\";\nfn ignore() {}\n";
        assert_passes(&words(&repository(text)));
    }

    #[test]
    fn leftovers_are_found() {
        let text = "/// x\n/// ```ignore\n/// ```\nfn f() { todo!() }\nfn g() { dbg!(1); } // FIXME\n\
            #[ignore = \"slow\"]\n#[cfg_attr(windows, ignore)]\nfn h() { unimplemented!() }\n/* XXX */\n";
        assert_eq!(
            found(&words(&repository(text))),
            [
                "crates/a/src/lib.rs:2: a doctest is ignored",
                "crates/a/src/lib.rs:4: `todo!` in code",
                "crates/a/src/lib.rs:5: `dbg!` in code",
                "crates/a/src/lib.rs:5: `FIXME` in a comment",
                "crates/a/src/lib.rs:6: `#[ignore` in code",
                "crates/a/src/lib.rs:7: a test is ignored under a condition",
                "crates/a/src/lib.rs:8: `unimplemented!` in code",
                "crates/a/src/lib.rs:9: `XXX` in a comment",
            ]
        );
    }
}
