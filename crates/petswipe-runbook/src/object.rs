//! What journals and leases on object storage share: names, and what the store's errors mean.

use object_store::path::Path;

use crate::Error;

/// `text` as the beginning of objects' names.
pub(crate) fn prefix(field: &str, text: &str) -> Result<Path, Error> {
    let allowed = "a path such as team/canary, without empty parts";
    match Path::parse(text) {
        Ok(path) if !path.is_root() => Ok(path),
        _ => Err(Error::invalid(field, text, allowed)),
    }
}

/// An error of `store` while `doing` something with `object`.
pub(crate) fn failed(doing: &str, object: &str, source: object_store::Error) -> Error {
    use object_store::Error as Store;

    let what = format!("{doing} {object}");
    match source {
        Store::NotImplemented { .. } | Store::NotSupported { .. } => Error::Unsupported {
            what,
            why: format!(
                "the store has no conditional put ({source}); use one that has, such as S3"
            ),
        },
        source => Error::backend(what, source),
    }
}
