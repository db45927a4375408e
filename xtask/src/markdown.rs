//! The parts of Markdown documents that state facts: fenced blocks and tables.

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fence<'a> {
    /// The first word after the fence, such as `bash`.
    pub(crate) language: &'a str,
    /// Its lines, with their numbers in the document.
    pub(crate) lines: Vec<(usize, &'a str)>,
}

/// A row of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) line: usize,
    pub(crate) cells: Vec<&'a str>,
}

/// The fenced blocks of a document, in order.
pub(crate) fn fences(text: &str) -> Vec<Fence<'_>> {
    let mut found = Vec::new();
    let mut open: Option<(&str, Fence<'_>)> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        match &mut open {
            None => {
                if let Some(marker) = fence_marker(trimmed) {
                    let info = trimmed[marker.len()..].trim();
                    let language = info
                        .split(|c: char| c == ',' || c.is_whitespace())
                        .next()
                        .unwrap_or_default();
                    open = Some((marker, Fence { language, lines: Vec::new() }));
                }
            }
            Some((marker, fence)) => {
                let closes = fence_marker(trimmed).is_some_and(|found| found.starts_with(*marker));
                if closes {
                    found.extend(open.take().map(|(_, fence)| fence));
                } else {
                    fence.lines.push((index + 1, line));
                }
            }
        }
    }
    found.extend(open.map(|(_, fence)| fence));
    found
}

fn fence_marker(line: &str) -> Option<&str> {
    let kind = line.chars().next().filter(|c| *c == '`' || *c == '~')?;
    let length = line.chars().take_while(|c| *c == kind).count();
    (length >= 3).then(|| &line[..length])
}

/// The tables outside fenced blocks; the first row of each is its header, the dashes below it are left out.
pub(crate) fn tables(text: &str) -> Vec<Vec<Row<'_>>> {
    let fenced: Vec<usize> =
        fences(text).iter().flat_map(|fence| fence.lines.iter().map(|(line, _)| *line)).collect();
    let mut tables: Vec<Vec<Row<'_>>> = Vec::new();
    let mut last = 0;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let trimmed = line.trim();
        let Some(inner) = trimmed.strip_prefix('|') else {
            continue;
        };
        if fenced.contains(&number) {
            continue;
        }
        let cells: Vec<&str> =
            inner.strip_suffix('|').unwrap_or(inner).split('|').map(str::trim).collect();
        if last == 0 || last + 1 != number {
            tables.push(Vec::new());
        }
        last = number;
        let dashes =
            cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| "-: ".contains(c)));
        if let Some(table) = tables.last_mut().filter(|_| !dashes) {
            table.push(Row { line: number, cells });
        }
    }
    tables
}

/// What stands between the first pair of backticks, if the text begins with one.
pub(crate) fn leading_code(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('`')?;
    rest.split_once('`').map(|(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_have_a_language_and_numbered_lines() {
        let text = "text\n```bash\ncargo test\n```\n\n````rust,no_run\n```\nx\n````\n";
        let found = fences(text);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].language, found[0].lines.as_slice()),
            ("bash", [(3, "cargo test")].as_slice())
        );
        assert_eq!(
            (found[1].language, found[1].lines.as_slice()),
            ("rust", [(7, "```"), (8, "x")].as_slice())
        );
    }

    #[test]
    fn tables_are_split_into_rows_and_cells() {
        let text =
            "| feature | adds |\n|---|:--|\n| `aws` | backends |\n\n```\n| no |\n```\n| other |\n";
        let found = tables(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0][0].cells, ["feature", "adds"]);
        assert_eq!(found[0][1].line, 3);
        assert_eq!(leading_code(found[0][1].cells[0]), Some("aws"));
        assert_eq!(leading_code("aws"), None);
    }
}
