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

/// Whether there is no such object, in a bucket that is there.
pub(crate) fn is_absent(error: &object_store::Error) -> bool {
    let object_store::Error::NotFound { source, .. } = error else { return false };
    !source.to_string().contains("<Code>NoSuchBucket</Code>")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_no_bucket_is_not_merely_absent() {
        let refused = |code: &str| {
            let source = format!("404 Not Found: <Error><Code>{code}</Code></Error>").into();
            object_store::Error::NotFound { path: "leases/a".to_owned(), source }
        };
        assert!(is_absent(&refused("NoSuchKey")));
        assert!(!is_absent(&refused("NoSuchBucket")));
        assert!(!is_absent(&object_store::Error::NotImplemented {
            operation: "get".to_owned(),
            implementer: "nobody".to_owned(),
        }));
    }
}
