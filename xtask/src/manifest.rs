//! What the checks want to know of a `Cargo.toml`.

use crate::toml::{self, Leaf, Value};

/// A name with the line it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// One dependency of a package, of whatever kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether it is taken from `[workspace.dependencies]`.
    pub(crate) inherited: bool,
}

/// A member of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its directory, from the root.
    pub(crate) dir: String,
    pub(crate) version: String,
    pub(crate) rust_version: String,
    /// The keys of `[features]`, with `default`.
    pub(crate) features: Vec<Named>,
    /// The names of its `[[example]]` entries.
    pub(crate) examples: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    /// Whether it says `[lints] workspace = true`.
    pub(crate) inherits_lints: bool,
}

impl Package {
    /// Reads the manifest in `dir`, with what it inherits from the root manifest.
    pub(crate) fn read(dir: &str, text: &str, root: &[Leaf]) -> Result<Package, String> {
        let leaves = toml::parse(text)?;
        let inherited = |field: &str| -> Option<String> {
            let own = find(&leaves, &["package", field]).and_then(Value::text);
            let from_root = || find(root, &["workspace", "package", field]).and_then(Value::text);
            let inherits =
                find(&leaves, &["package", field, "workspace"]) == Some(&Value::Bool(true));
            own.or_else(|| inherits.then(from_root).flatten()).map(str::to_owned)
        };
        let mut dependencies: Vec<Dependency> = Vec::new();
        for leaf in &leaves {
            let Some((name, rest)) = dependency_path(&leaf.path) else {
                continue;
            };
            let inherits = rest == ["workspace"] && leaf.value == Value::Bool(true);
            match dependencies.iter_mut().find(|known| known.name == name) {
                Some(known) => known.inherited |= inherits,
                None => {
                    dependencies.push(Dependency { name: name.to_owned(), inherited: inherits })
                }
            }
        }
        Ok(Package {
            name: inherited("name").ok_or("the package has no name")?,
            dir: dir.to_owned(),
            version: inherited("version").unwrap_or_default(),
            rust_version: inherited("rust-version").unwrap_or_default(),
            features: leaves
                .iter()
                .filter_map(|leaf| {
                    let [name] = leaf.below(&["features"])? else {
                        return None;
                    };
                    Some(Named { name: name.clone(), line: leaf.line })
                })
                .collect(),
            examples: leaves
                .iter()
                .filter(|leaf| matches!(leaf.below(&["example"]), Some([_, key]) if key == "name"))
                .filter_map(|leaf| leaf.value.text().map(str::to_owned))
                .collect(),
            dependencies,
            inherits_lints: find(&leaves, &["lints", "workspace"]) == Some(&Value::Bool(true)),
        })
    }

    /// The path of its manifest, from the root.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }

    /// Whether it is one of the libraries, and not the examples or this program.
    pub(crate) fn is_library(&self) -> bool {
        self.dir.starts_with("crates/")
    }

    /// Whether `[features]` has this one.
    pub(crate) fn has_feature(&self, name: &str) -> bool {
        name == "default" || self.features.iter().any(|feature| feature.name == name)
    }
}

/// The value at a path.
pub(crate) fn find<'a>(leaves: &'a [Leaf], path: &[&str]) -> Option<&'a Value> {
    leaves.iter().find(|leaf| leaf.is(path)).map(|leaf| &leaf.value)
}

/// Splits the path of a dependency into its name and what follows: `dependencies.serde.workspace`, and the same
/// below `target.'cfg(…)'`.
pub(crate) fn dependency_path(path: &[String]) -> Option<(&str, &[String])> {
    let path = match path {
        [target, _, rest @ ..] if target == "target" => rest,
        _ => path,
    };
    let [kind, name, rest @ ..] = path else {
        return None;
    };
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .contains(&kind.as_str())
        .then_some((name.as_str(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_inherits_from_the_root() {
        let root =
            toml::parse("[workspace.package]\nversion = \"0.1.0\"\nrust-version = \"1.94.1\"")
                .unwrap();
        let text = "[package]\nname = \"petswipe-deploy\"\nversion.workspace = true\nrust-version.workspace = true\n\
                    [features]\ndefault = []\nmock = [\"dep:mockall\"]\n\
                    [dependencies]\nserde.workspace = true\n\
                    [target.'cfg(unix)'.dev-dependencies]\nlibc = \"0.2\"\n\
                    [[example]]\nname = \"canary\"\npath = \"canary.rs\"\n\
                    [lints]\nworkspace = true\n";
        let package = Package::read("crates/petswipe-deploy", text, &root).unwrap();
        assert_eq!(package.version, "0.1.0");
        assert_eq!(package.rust_version, "1.94.1");
        assert_eq!(package.examples, ["canary"]);
        assert!(package.inherits_lints && package.is_library());
        assert!(package.has_feature("mock") && !package.has_feature("aws"));
        assert_eq!(package.features[1].line, 7);
        let dependencies: Vec<_> =
            package.dependencies.iter().map(|d| (d.name.as_str(), d.inherited)).collect();
        assert_eq!(dependencies, [("serde", true), ("libc", false)]);
    }

    #[test]
    fn a_manifest_without_a_name_is_an_error() {
        assert!(Package::read("x", "[package]\n", &[]).is_err());
    }
}
