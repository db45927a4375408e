//! Which files an export consists of.

use std::path::{Path, PathBuf};

use crate::Error;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Parquet,
    /// Perhaps compressed by gzip.
    Csv,
}

/// The files at a path, in order: the file itself, everything below a directory, or what a `*` in the last part stands for.
///
/// Names that begin with a dot or an underscore are left out, and so is what is neither Parquet nor CSV, such as manifests.
pub(super) fn find(path: &Path) -> Result<(Written, Vec<PathBuf>), Error> {
    let mut found = Vec::new();
    let pattern = path.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*'));
    if let (Some(pattern), false) = (pattern, path.exists()) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        for entry in entries(parent.unwrap_or(Path::new(".")))? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if matches(pattern, &name) && entry.is_file() {
                found.extend(written(&entry).map(|written| (written, entry)));
            }
        }
    } else if path.is_dir() {
        walk(path, 0, &mut found)?;
    } else {
        std::fs::metadata(path).map_err(|cause| unreadable(path, cause))?;
        let Some(written) = written(path) else {
            let allowed = "a name that ends with .parquet, .csv or .csv.gz";
            return Err(Error::invalid("file", path.display(), allowed));
        };
        found.push((written, path.to_owned()));
    }
    found.sort_by(|(_, one), (_, other)| one.cmp(other));
    let Some(first) = found.first().map(|(written, _)| *written) else {
        return Err(Error::NotFound {
            what: format!("a Parquet or CSV file at {}", path.display()),
        });
    };
    if found.iter().any(|(written, _)| *written != first) {
        let problem = "has both Parquet and CSV files; name those of one export".to_owned();
        return Err(Error::Malformed { file: path.display().to_string(), problem });
    }
    Ok((first, found.into_iter().map(|(_, path)| path).collect()))
}

/// Directories deeper than this are a circle of links.
const DEEPEST: u32 = 32;

fn walk(dir: &Path, depth: u32, found: &mut Vec<(Written, PathBuf)>) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(Error::invalid("directory", dir.display(), "at most 32 directories deep"));
    }
    for entry in entries(dir)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if entry.is_dir() {
            walk(&entry, depth + 1, found)?;
        } else {
            found.extend(written(&entry).map(|written| (written, entry)));
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(dir).map_err(|cause| unreadable(dir, cause))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(|cause| unreadable(dir, cause))
}

pub(super) fn unreadable(path: &Path, cause: std::io::Error) -> Error {
    match cause.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { what: path.display().to_string() },
        _ => Error::backend(format!("reading {}", path.display()), cause),
    }
}

fn written(path: &Path) -> Option<Written> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".parquet") {
        return Some(Written::Parquet);
    }
    (name.ends_with(".csv") || name.ends_with(".csv.gz")).then_some(Written::Csv)
}

/// Whether a name is what a pattern stands for, in which `*` is anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_anything() {
        for (pattern, name, is_match) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn a_directory_is_all_exports_in_it_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("BILLING_PERIOD=2026-11");
        std::fs::create_dir(&inner).unwrap();
        for name in ["b.csv.gz", "a.csv", "manifest.json", ".hidden.csv", "_temporary.csv"] {
            std::fs::write(inner.join(name), "").unwrap();
        }
        let (written, files) = find(dir.path()).unwrap();
        assert_eq!(
            (written, files),
            (Written::Csv, vec![inner.join("a.csv"), inner.join("b.csv.gz")])
        );
        assert_eq!(find(&inner.join("b*")).unwrap().1, [inner.join("b.csv.gz")]);
        std::fs::write(dir.path().join("c.parquet"), "").unwrap();
        assert!(matches!(find(dir.path()), Err(Error::Malformed { .. })));
        assert!(matches!(find(&dir.path().join("no")), Err(Error::NotFound { .. })));
        assert!(matches!(find(&dir.path().join("no*")), Err(Error::NotFound { .. })));
        assert!(matches!(find(&inner.join("manifest.json")), Err(Error::Invalid { .. })));
    }
}
