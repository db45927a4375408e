//! Which images there are, and the revisions made of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use petswipe_deploy::{Error, Image, RevisionId};
use petswipe_runbook::OperationId;
use serde::{Deserialize, Serialize};

use crate::{FAULT_VARIABLE, Fault};

/// The images of the sample application.
pub(crate) const BUILT_IN: &str = "petswipe:*";

/// Images that can be run, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSource {
    /// The name, such as `shop:v2`, or with `*` at its end for all that begin so.
    pub name: String,
    /// The command and its arguments; it listens on the port in its variable `PORT`. `None` runs the sample
    /// application, whose version is the tag of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

impl ImageSource {
    fn holds(&self, image: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => image.len() > prefix.len() && image.starts_with(prefix),
            None => image == self.name,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        Image::new(self.name.as_str())?;
        if self.name.contains(crate::fault::MARK) {
            return Err(Error::invalid(
                "image",
                &self.name,
                "a name without +, after which a fault stands",
            ));
        }
        if self.command.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
            return Err(Error::invalid("command", "", "a program and its arguments"));
        }
        Ok(())
    }
}

/// An immutable version of a service's definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its name, such as `petswipe:2`.
    pub id: RevisionId,
    /// What it runs.
    pub image: Image,
    /// The command of the image; `None` for the sample application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The environment variables of its tasks.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

impl Revision {
    /// The tag or digest of the image.
    pub(crate) fn version(&self) -> &str {
        let image = self.image.as_str();
        image.rsplit_once([':', '@']).map_or(image, |(_, version)| version)
    }
}

/// All images and revisions of a cloud.
#[derive(Debug)]
pub(crate) struct Registry {
    project: String,
    images: Vec<ImageSource>,
    revisions: Vec<Arc<Revision>>,
    registered: HashMap<(OperationId, RevisionId, Image), RevisionId>,
}

impl Registry {
    pub(crate) fn new(project: &str) -> Self {
        Self {
            project: project.to_owned(),
            images: vec![ImageSource { name: BUILT_IN.to_owned(), command: None }],
            revisions: Vec::new(),
            registered: HashMap::new(),
        }
    }

    /// Adds images, or replaces those of the same name.
    pub(crate) fn add(&mut self, source: ImageSource) -> Result<(), Error> {
        source.check()?;
        self.images.retain(|known| known.name != source.name);
        self.images.push(source);
        Ok(())
    }

    pub(crate) fn images(&self) -> &[ImageSource] {
        &self.images
    }

    /// The source of an image, with a fault or without one; the newest that holds it.
    pub(crate) fn resolve(&self, image: &Image) -> Result<&ImageSource, Error> {
        let (image, _) = Fault::of(image)?;
        let found = self.images.iter().rev().find(|source| source.holds(image.as_str()));
        found.ok_or_else(|| {
            let known: Vec<_> = self.images.iter().map(|source| source.name.as_str()).collect();
            let what = format!("image {image} (this cloud has {})", known.join(", "));
            Error::NotFound { what }
        })
    }

    pub(crate) fn revisions(&self) -> &[Arc<Revision>] {
        &self.revisions
    }

    pub(crate) fn revision(&self, id: &RevisionId) -> Result<Arc<Revision>, Error> {
        let found = self.revisions.iter().find(|revision| revision.id == *id);
        found.cloned().ok_or_else(|| Error::NotFound { what: format!("revision {id}") })
    }

    /// A first revision, made of nothing but an image.
    pub(crate) fn create(
        &mut self,
        image: &Image,
        mut variables: BTreeMap<String, String>,
    ) -> Result<Arc<Revision>, Error> {
        let (image, fault) = Fault::of(image)?;
        if let Some(fault) = fault {
            variables.insert(FAULT_VARIABLE.to_owned(), fault.to_string());
        }
        check_variables(&variables)?;
        let command = self.resolve(&image)?.command.clone();
        let id = RevisionId::new(format!("{}:{}", self.project, self.revisions.len() + 1))?;
        let revision = Arc::new(Revision { id, image, command, variables });
        self.revisions.push(revision.clone());
        Ok(revision)
    }

    /// `from` with another image and, over its own variables, `overlay`. The same answer for the same operation, `from`
    /// and image. What was wrong with the image of `from` is not wrong with another one.
    pub(crate) fn register(
        &mut self,
        operation: &OperationId,
        from: &RevisionId,
        image: &Image,
        overlay: &BTreeMap<String, String>,
    ) -> Result<Arc<Revision>, Error> {
        let origin = self.revision(from)?;
        self.resolve(image)?;
        let key = (operation.clone(), from.clone(), image.clone());
        if let Some(id) = self.registered.get(&key) {
            return self.revision(id);
        }
        let mut variables = origin.variables.clone();
        variables.remove(FAULT_VARIABLE);
        variables.extend(overlay.clone());
        let revision = self.create(image, variables)?;
        self.registered.insert(key, revision.id.clone());
        Ok(revision)
    }
}

/// Variables that would make a task something else than a task are refused, and a fault nobody knows, too.
fn check_variables(variables: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, value) in variables {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Error::invalid(
                "variable",
                name,
                "a name without = and a value without NUL",
            ));
        }
        if name.starts_with("PETSWIPE_LOCAL_") || name == "PORT" {
            return Err(Error::invalid("variable", name, "any name the cloud does not set itself"));
        }
        if name == FAULT_VARIABLE {
            value.parse::<Fault>()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> Image {
        Image::new(name).unwrap()
    }

    fn operation(name: &str) -> OperationId {
        OperationId::new(name).unwrap()
    }

    #[test]
    fn an_unknown_image_is_refused_with_what_is_known() {
        let mut registry = Registry::new("petswipe");
        let error = registry.create(&image("shop:v1"), BTreeMap::new()).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }));
        assert_eq!(error.to_string(), "image shop:v1 (this cloud has petswipe:*) was not found");
        assert!(registry.resolve(&image("petswipe:")).is_err());
        assert!(registry.revisions().is_empty());
    }

    #[test]
    fn a_new_revision_differs_in_its_image_alone() {
        let mut registry = Registry::new("petswipe");
        let variables = BTreeMap::from([("COLOUR".to_owned(), "blue".to_owned())]);
        let first = registry.create(&image("petswipe:v1"), variables.clone()).unwrap();
        let none = BTreeMap::new();
        let register = |registry: &mut Registry, name: &str, image: &Image| {
            registry.register(&operation(name), &first.id, image, &none).unwrap()
        };
        let second = register(&mut registry, "a", &image("petswipe:v2"));
        assert_eq!((second.version(), &second.variables), ("v2", &variables));
        assert_ne!(second.id, first.id);
        assert_eq!(register(&mut registry, "a", &image("petswipe:v2")).id, second.id);
        assert_ne!(register(&mut registry, "b", &image("petswipe:v2")).id, second.id);
        assert_ne!(register(&mut registry, "a", &image("petswipe:v3")).id, second.id);
        assert_eq!(registry.revisions().len(), 4);
    }

    #[test]
    fn an_overlay_adds_variables() {
        let mut registry = Registry::new("petswipe");
        let first = registry.create(&image("petswipe:v1"), BTreeMap::new()).unwrap();
        let overlay =
            |value: &str| BTreeMap::from([("PETSWIPE_FAULT".to_owned(), value.to_owned())]);
        let register = |registry: &mut Registry, value| {
            registry.register(&operation("a"), &first.id, &image("petswipe:v2"), &overlay(value))
        };
        assert!(register(&mut registry, "fire").is_err());
        let second = register(&mut registry, "unhealthy").unwrap();
        assert_eq!(second.variables, overlay("unhealthy"));
    }

    #[test]
    fn an_image_may_have_a_fault_which_its_revision_has_and_no_later_one() {
        let mut registry = Registry::new("petswipe");
        let first = registry.create(&image("petswipe:v1+unhealthy"), BTreeMap::new()).unwrap();
        assert_eq!(first.image, image("petswipe:v1"));
        assert_eq!(first.variables["PETSWIPE_FAULT"], "unhealthy");
        let none = BTreeMap::new();
        let mut register = |name: &str, of: &str| {
            registry.register(&operation(name), &first.id, &image(of), &none)
        };
        let slow = register("a", "petswipe:v2+latency=1s").unwrap();
        assert_eq!(
            (slow.version(), slow.variables["PETSWIPE_FAULT"].as_str()),
            ("v2", "latency=1s")
        );
        assert_eq!(register("a", "petswipe:v2+latency=1s").unwrap().id, slow.id);
        assert!(register("a", "petswipe:v2").unwrap().variables.is_empty());
        for bad in ["petswipe:v2+fire", "petswipe:v2+", "petswipe:v2+unhealthy+unhealthy"] {
            assert!(register("b", bad).unwrap_err().to_string().starts_with("fault is "), "{bad}");
        }
        assert!(registry.add(ImageSource { name: "a+b".to_owned(), command: None }).is_err());
    }

    #[test]
    fn images_with_a_command_win_over_the_built_in_ones() {
        let mut registry = Registry::new("petswipe");
        let source = |words: &[&str]| ImageSource {
            name: "petswipe:v9".to_owned(),
            command: Some(words.iter().map(|word| (*word).to_owned()).collect()),
        };
        assert!(registry.add(source(&[])).is_err());
        registry.add(source(&["serve"])).unwrap();
        registry.add(source(&["serve", "more"])).unwrap();
        assert_eq!(registry.images().len(), 2);
        let revision = registry.create(&image("petswipe:v9"), BTreeMap::new()).unwrap();
        assert_eq!(revision.command.as_deref().unwrap().len(), 2);
    }
}
