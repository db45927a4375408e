//! A directory from which Grafana reads its dashboards: one file each.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::Value;

use super::{Definition, DefinitionStore};
use crate::Error;

/// Dashboards of Grafana as files `name.json`, for its provisioning: Grafana looks there every few seconds.
///
/// The tags of a definition are among the `tags` of the dashboard, as `Key=value`: there people see them and search by them.
/// A file is replaced as a whole or not at all. An empty list of tags in a body and none are the same.
///
/// Source: "Provision Grafana", Dashboards.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The dashboards in that directory, which is made by the first that is put there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn file(&self, name: &str) -> Result<PathBuf, Error> {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 200 || !name.chars().all(known) {
            let allowed = "1 to 200 letters, digits, hyphens and underscores";
            return Err(Error::invalid("name of a dashboard", name, allowed));
        }
        Ok(self.path.join(format!("{name}.json")))
    }
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    let operation = format!("{what} {}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied => Error::Denied { operation, source: error.into() },
        _ => Error::backend(operation, error),
    }
}

/// Takes the tags of a definition out of those of a dashboard, and gives both.
fn read(name: &str, path: &Path, text: &str) -> Result<Definition, Error> {
    let operation = || format!("reading {}", path.display());
    let mut body: Value =
        serde_json::from_str(text).map_err(|error| Error::backend(operation(), error))?;
    if !body.is_object() {
        return Err(Error::backend(operation(), "it is no dashboard"));
    }
    let mut definition = Definition::new(name, Value::Null);
    let mut without_tags = false;
    if let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut) {
        tags.retain(|tag| {
            let pair = tag.as_str().and_then(|tag| tag.split_once('='));
            pair.is_none_or(|(key, value)| {
                definition.tags.insert(key.to_owned(), value.to_owned());
                false
            })
        });
        without_tags = tags.is_empty();
    }
    // Whether the body had an empty list or none is not in the file.
    if without_tags && let Some(members) = body.as_object_mut() {
        members.remove("tags");
    }
    definition.body = body;
    definition.address = Some(path.display().to_string());
    Ok(definition)
}

fn written(definition: &Definition, held: Option<&Definition>) -> Result<String, Error> {
    let mut body = definition.body.clone();
    let mut tags = held.map(|held| held.tags.clone()).unwrap_or_default();
    tags.extend(definition.tags.clone());
    if let Some(key) = tags.keys().find(|key| key.contains('=')) {
        let field = format!("key of a tag of {}", definition.name);
        return Err(Error::invalid(field, key, "no =, which stands before the value"));
    }
    let Some(members) = body.as_object_mut() else {
        let field = format!("body of {}", definition.name);
        return Err(Error::invalid(field, body, "a JSON object"));
    };
    let all = members.entry("tags").or_insert_with(|| Value::Array(Vec::new()));
    let Some(all) = all.as_array_mut() else {
        let field = format!("tags of {}", definition.name);
        return Err(Error::invalid(field, all.to_string(), "a list"));
    };
    let is_pair = |tag: &&Value| tag.as_str().is_some_and(|tag| tag.contains('='));
    if let Some(pair) = all.iter().find(is_pair).and_then(Value::as_str) {
        let field = format!("tags of {}", definition.name);
        let allowed = "words without =; pairs are tags of the definition, not of its body";
        return Err(Error::invalid(field, pair, allowed));
    }
    all.extend(tags.iter().map(|(key, value)| Value::from(format!("{key}={value}"))));
    let text = serde_json::to_string_pretty(&body);
    text.map_err(|error| Error::backend(format!("writing {}", definition.name), error))
}

#[async_trait]
impl DefinitionStore for Directory {
    fn kind(&self) -> &str {
        "Grafana dashboard"
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Definition>, Error> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("reading", &self.path, error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed("reading", &self.path, error))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.and_then(|name| name.strip_suffix(".json")) else { continue };
            if name.starts_with(prefix) {
                let text =
                    fs::read_to_string(&path).map_err(|error| failed("reading", &path, error))?;
                found.push(read(name, &path, &text)?);
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    async fn put<'a>(
        &self,
        definition: &Definition,
        held: Option<&'a Definition>,
    ) -> Result<(), Error> {
        let path = self.file(&definition.name)?;
        let text = written(definition, held)?;
        let write = || {
            fs::create_dir_all(&self.path)?;
            // Grafana passes over names that do not end in .json.
            let draft = self.path.join(format!(".{}.{}.new", definition.name, std::process::id()));
            let mut file = fs::File::create(&draft)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&draft, &path).inspect_err(|_| drop(fs::remove_file(&draft)))
        };
        write().map_err(|error| failed("writing", &path, error))
    }

    async fn delete(&self, doomed: &[Definition]) -> Result<(), Error> {
        for definition in doomed {
            let path = self.file(&definition.name)?;
            fs::remove_file(&path).map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::NotFound { what: path.display().to_string() },
                _ => failed("deleting", &path, error),
            })?;
        }
        Ok(())
    }

    // Files are deleted one by one.
    fn together(&self) -> usize {
        1
    }
}
