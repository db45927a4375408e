//! Commands for a shell.

/// A word, quoted where a shell would read anything else in it.
pub(super) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A command of the AWS CLI for a region. The words of `command` are ours; those of `arguments` come from the account.
pub(super) fn aws(region: &crate::Region, command: &str, arguments: &[(&str, &str)]) -> String {
    let mut line = format!("aws {command} --region {region}");
    for (flag, value) in arguments {
        line.push_str(&format!(" {flag} {}", quote(value)));
    }
    line
}

/// Commands of which each needs those before it to have worked. Line by line they are one program for a shell.
pub(super) fn chain(mut commands: Vec<String>) -> Vec<String> {
    if let Some((_, before)) = commands.split_last_mut() {
        before.iter_mut().for_each(|command| command.push_str(" &&"));
    }
    commands
}

/// A command whose output a variable keeps.
pub(super) fn kept(variable: &str, command: &str) -> String {
    format!("{variable}=$({command})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_is_quoted() {
        assert_eq!(quote("/aws/lambda/a-b_c"), "/aws/lambda/a-b_c");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("$(reboot)"), "'$(reboot)'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("a\nb"), "'a\nb'");
    }

    #[test]
    fn what_follows_needs_what_is_before_it() {
        let all = |commands: &[&str]| chain(commands.iter().map(ToString::to_string).collect());
        assert_eq!(all(&["a", "b", "c"]), ["a &&", "b &&", "c"]);
        assert_eq!(all(&["a"]), ["a"]);
        assert!(all(&[]).is_empty());
        assert_eq!(kept("id", "aws x"), "id=$(aws x)");
    }
}
