//! Reading the shell commands that documents tell people to type.

/// The commands of a fenced block, each as its words, with the line it begins in.
///
/// In a `console` block only what follows a `$ ` prompt is a command, the rest is output. Leading variable
/// assignments are dropped, and what is joined by `&&`, `||`, `;` or `|` is split.
pub(crate) fn commands(language: &str, lines: &[(usize, &str)]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut lines = lines.iter();
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        let command = match (line.strip_prefix("$ "), language) {
            (Some(command), _) => command,
            (None, "console") => continue,
            (None, _) => line,
        };
        let mut whole = command.to_owned();
        while let Some(open) = whole.strip_suffix('\\') {
            whole = open.to_owned();
            match lines.next() {
                Some((_, more)) => whole += more.trim(),
                None => break,
            }
        }
        for words in split(&whole) {
            let start =
                words.iter().take_while(|word| is_assignment(word) || *word == "env").count();
            if start < words.len() {
                found.push((*number, words[start..].to_vec()));
            }
        }
    }
    found
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// Splits a line at its connectives, and each part into words with quotes taken off.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '\t' | '|' | '&' | ';' | '>' | '<') => {
                if let (Some(done), Some(command)) = (word.take(), commands.last_mut()) {
                    command.push(done);
                }
                match c {
                    '|' | '&' | ';' => commands.push(Vec::new()),
                    '>' | '<' => {
                        while chars.next_if(|c| " >&".contains(*c)).is_some() {}
                        while chars.next_if(|c| !c.is_whitespace()).is_some() {}
                    }
                    _ => {}
                }
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let (Some(done), Some(command)) = (word, commands.last_mut()) {
        command.push(done);
    }
    commands.retain(|command| !command.is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(language: &str, text: &str) -> Vec<String> {
        let lines: Vec<(usize, &str)> = text.lines().enumerate().collect();
        commands(language, &lines)
            .into_iter()
            .map(|(line, words)| format!("{line} {}", words.join("|")))
            .collect()
    }

    #[test]
    fn words_lose_quotes_comments_and_assignments() {
        assert_eq!(
            read(
                "bash",
                "# setup\nIMAGE_TAG=v2 cargo run --example 'can ary' # run it\n\ncargo test"
            ),
            ["1 cargo|run|--example|can ary", "3 cargo|test"]
        );
    }

    #[test]
    fn joined_and_continued_commands_are_told_apart() {
        assert_eq!(
            read("sh", "cd x && cargo test \\\n  --quick | tee log; ls > out.json"),
            ["0 cd|x", "0 cargo|test|--quick", "0 tee|log", "0 ls"]
        );
    }

    #[test]
    fn only_prompts_are_commands_in_a_console_block() {
        assert_eq!(
            read("console", "$ cargo xtask tidy\ncargo: some output\n"),
            ["0 cargo|xtask|tidy"]
        );
    }
}
