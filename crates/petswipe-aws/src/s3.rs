//! Which action of S3 a request is: by its method, whether it names a bucket and a key, and by the subresource it asks for.

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Account,
    Bucket,
    Object,
}

/// Only reads of what is about buckets and their uploads: objects are got and put by others, who count for themselves.
///
/// Source: "Actions, resources, and condition keys for Amazon S3"; the operations of the Amazon S3 API Reference.
const READS: [(About, &str, &str); 7] = [
    (About::Bucket, "lifecycle", "GetLifecycleConfiguration"),
    (About::Bucket, "location", "GetBucketLocation"),
    (About::Bucket, "tagging", "GetBucketTagging"),
    (About::Bucket, "uploads", "ListBucketMultipartUploads"),
    (About::Bucket, "versioning", "GetBucketVersioning"),
    (About::Bucket, "list-type", "ListBucket"),
    (About::Object, "uploadId", "ListMultipartUploadParts"),
];

/// IAM's name of the action, without its service.
pub(crate) fn action_of(method: &str, uri: &str) -> Option<&'static str> {
    if method != "GET" {
        return None;
    }
    let (bucket, key, query) = parts(uri);
    let about = match (bucket.is_empty(), key.is_empty()) {
        (true, _) => About::Account,
        (false, true) => About::Bucket,
        (false, false) => About::Object,
    };
    if about == About::Account {
        return Some("ListAllMyBuckets");
    }
    let asked = |name: &str| {
        query.split('&').any(|field| field.split('=').next().unwrap_or_default() == name)
    };
    let read = READS.iter().find(|(of, subresource, _)| *of == about && asked(subresource));
    read.map(|(_, _, action)| *action)
}

/// The bucket, the key and the query of a URI, as they stand there.
///
/// Source: "Virtual hosting of general purpose buckets": the bucket is in front of `s3` in the host, or first in the path.
pub(crate) fn parts(uri: &str) -> (&str, &str, &str) {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    match host.split_once(".s3.").or_else(|| host.split_once(".s3-")) {
        Some((bucket, _)) => (bucket, path, query),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (bucket, key, query)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_in_the_host_or_first_in_the_path() {
        for (uri, action) in [
            ("https://s3.eu-central-1.amazonaws.com/?x-id=ListBuckets", Some("ListAllMyBuckets")),
            ("http://127.0.0.1:4566/?max-buckets=1000", Some("ListAllMyBuckets")),
            ("https://logs.s3.eu-central-1.amazonaws.com/?tagging", Some("GetBucketTagging")),
            ("http://127.0.0.1:4566/logs?lifecycle", Some("GetLifecycleConfiguration")),
            ("http://127.0.0.1:4566/logs/?versioning=", Some("GetBucketVersioning")),
            ("https://logs.s3.us-east-1.amazonaws.com/?location", Some("GetBucketLocation")),
            (
                "https://logs.s3.us-east-1.amazonaws.com/?uploads&max-uploads=1000",
                Some("ListBucketMultipartUploads"),
            ),
            (
                "https://logs.s3.us-east-1.amazonaws.com/a/b?uploadId=1&x-id=ListParts",
                Some("ListMultipartUploadParts"),
            ),
            ("https://logs.s3.us-east-1.amazonaws.com/?list-type=2", Some("ListBucket")),
            // The tags of an object are another action.
            ("https://logs.s3.us-east-1.amazonaws.com/a?tagging", None),
            ("http://127.0.0.1:4566/logs/a?x-id=GetObject", None),
        ] {
            assert_eq!(action_of("GET", uri), action, "{uri}");
        }
        assert_eq!(action_of("PUT", "http://127.0.0.1:4566/logs?lifecycle"), None);
        assert_eq!(parts("http://127.0.0.1:4566/logs/a/b?x=1"), ("logs", "a/b", "x=1"));
    }
}
