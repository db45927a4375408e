//! Buckets: in their region, as far as they let themselves be looked at.

use petswipe_aws::script::Fault;
use petswipe_cost::aws::AwsInventory;
use petswipe_cost::inventory::{LifecycleRule, Upload, Versioning};
use petswipe_cost::{InventorySource, Kind, Why};

use crate::account::{ABROAD, HOME};
use crate::s3::Stored;
use crate::world::{NOW, World, at, home, ids, region};

fn uploads(all: &[(&str, &str, &str, &[u64])]) -> Vec<(String, String, String, Vec<u64>)> {
    let own = |(key, id, at, parts): &(&str, &str, &str, &[u64])| {
        ((*key).to_owned(), (*id).to_owned(), (*at).to_owned(), parts.to_vec())
    };
    all.iter().map(own).collect()
}

fn with(bucket: Stored) -> World {
    World::new(|account| {
        account.buckets.insert("logs".to_owned(), bucket);
    })
}

#[tokio::test]
async fn the_buckets_of_all_regions_are_listed_once() {
    let world = World::full();
    assert_eq!(world.ids(Kind::Bucket).await, ["logs"]);
    let abroad = world.inventory.list(&region(ABROAD), Kind::Bucket).await.unwrap();
    assert_eq!(ids(&abroad), ["abroad"]);
    assert_eq!((world.calls("ListAllMyBuckets"), world.calls("GetBucketLocation")), (1, 1));
    // Whoever asks for the same region again wants to know what there is now.
    world.wire.with(|account| account.buckets.insert("new".to_owned(), Stored::of(HOME)));
    assert_eq!(world.ids(Kind::Bucket).await, ["logs", "new"]);
    assert_eq!(world.calls("ListAllMyBuckets"), 2);
}

#[tokio::test]
async fn a_bucket_without_anything_has_empty_lists_and_not_unknown_ones() {
    let bucket = with(Stored::of(HOME)).list(Kind::Bucket).await.unwrap().buckets.remove(0);
    assert_eq!(bucket.tags.as_ref().map(|tags| tags.len()), Some(0));
    assert_eq!(bucket.versioning, Some(Versioning::Off));
    assert_eq!(bucket.lifecycle.as_ref().map(Vec::len), Some(0));
    assert_eq!(bucket.uploads.as_ref().map(Vec::len), Some(0));
}

#[tokio::test]
async fn what_a_bucket_does_not_let_be_read_is_unknown() {
    let reads = [
        "GetBucketTagging",
        "GetBucketVersioning",
        "GetLifecycleConfiguration",
        "ListBucketMultipartUploads",
    ];
    for (denied, action) in reads.into_iter().enumerate() {
        let mut stored = Stored::of(HOME);
        stored.denied.insert(action.to_owned());
        let bucket = with(stored).list(Kind::Bucket).await.unwrap().buckets.remove(0);
        let known = [
            bucket.tags.is_some(),
            bucket.versioning.is_some(),
            bucket.lifecycle.is_some(),
            bucket.uploads.is_some(),
        ];
        for (index, known) in known.into_iter().enumerate() {
            assert_eq!(known, index != denied, "{action}");
        }
    }
}

#[tokio::test]
async fn rules_say_what_they_do() {
    let mut stored = Stored::of(HOME);
    stored.versioning = "Suspended".to_owned();
    stored.tags = vec![("team".to_owned(), "shop".to_owned())];
    stored.lifecycle = "<Rule><ID>all</ID><Filter/><Status>Enabled</Status>\
         <Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition><Expiration><Days>365</Days></Expiration>\
         <NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration>\
         <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>\
         <Rule><ID>some</ID><Filter><Prefix>tmp/</Prefix></Filter><Status>Disabled</Status>\
         <Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>\
         <Rule><ID>old</ID><Prefix></Prefix><Status>Enabled</Status><Expiration><Date>2027-01-01T00:00:00Z</Date></Expiration></Rule>\
         <Rule><ID>large</ID><Filter><ObjectSizeGreaterThan>1000</ObjectSizeGreaterThan></Filter><Status>Enabled</Status></Rule>"
        .to_owned();
    let bucket = with(stored).list(Kind::Bucket).await.unwrap().buckets.remove(0);
    assert_eq!(bucket.versioning, Some(Versioning::Suspended));
    assert_eq!(bucket.tags.unwrap().get("team").unwrap(), "shop");
    let all = LifecycleRule {
        enabled: true,
        whole_bucket: true,
        transitions: true,
        expires: true,
        expires_noncurrent: true,
        aborts_uploads: true,
    };
    let old =
        LifecycleRule { enabled: true, whole_bucket: true, expires: true, ..Default::default() };
    let large = LifecycleRule { enabled: true, ..Default::default() };
    assert_eq!(bucket.lifecycle.unwrap(), [all, LifecycleRule::default(), old, large]);
}

#[tokio::test]
async fn old_uploads_are_measured_over_all_their_pages() {
    let mut stored = Stored::of(HOME);
    // The window of seven days ends at half past nine on 21 November.
    stored.uploads = uploads(&[
        ("a", "u1", "2026-11-21T09:30:00Z", &[1, 2, 3]),
        ("a", "u2", "2026-11-21T09:30:01Z", &[4]),
        ("b", "u3", "2026-01-01T00:00:00Z", &[]),
        ("c", "u4", "2026-01-01T00:00:00Z", &[9]),
    ]);
    let world = with(stored);
    world.wire.with(|account| {
        account.page = Some(1);
        account.gone.insert("u4".to_owned());
    });
    let bucket = world.list(Kind::Bucket).await.unwrap().buckets.remove(0);
    let sizes: Vec<_> =
        bucket.uploads.iter().flatten().map(|one| (one.id.as_str(), one.bytes)).collect();
    assert_eq!(sizes, [("u1", Some(6)), ("u2", None), ("u3", Some(0))]);
    assert_eq!(
        (world.calls("ListBucketMultipartUploads"), world.calls("ListMultipartUploadParts")),
        (4, 5)
    );
    let first = &bucket.uploads.unwrap()[0];
    let initiated_at = at("2026-11-21T09:30:00Z");
    assert_eq!(
        *first,
        Upload { key: "a".to_owned(), id: "u1".to_owned(), initiated_at, bytes: Some(6) }
    );
}

#[tokio::test]
async fn of_more_than_a_thousand_uploads_the_others_are_not_measured() {
    let mut stored = Stored::of(HOME);
    let one = |number: usize| {
        (
            format!("k{number:04}"),
            format!("u{number:04}"),
            "2026-01-01T00:00:00Z".to_owned(),
            vec![1],
        )
    };
    stored.uploads = (0..1001).map(one).collect();
    let world = with(stored);
    let bucket = world.list(Kind::Bucket).await.unwrap().buckets.remove(0);
    let uploads = bucket.uploads.unwrap();
    assert_eq!((uploads.len(), uploads[1000].bytes, uploads[999].bytes), (1001, None, Some(1)));
    assert_eq!(world.calls("ListMultipartUploadParts"), 1000);
}

#[tokio::test]
async fn parts_that_cannot_be_read_leave_the_size_unknown() {
    let world = World::full();
    world.wire.fate(|call| (call.action == "s3:ListMultipartUploadParts").then_some(Fault::Denied));
    let listed = world.inventory.list(&home(), Kind::Bucket).await.unwrap();
    assert_eq!(listed.buckets[0].uploads.as_ref().unwrap()[0].bytes, None);
    let [unread] = listed.unread.as_slice() else { panic!("{:?}", listed.unread) };
    assert_eq!(unread.action.as_deref(), Some("s3:ListMultipartUploadParts"));
}

#[tokio::test]
async fn each_read_that_is_denied_is_named_once_with_how_often() {
    let world = with(Stored::of(HOME));
    for name in ["other", "third"] {
        world.wire.with(|account| account.buckets.insert(name.to_owned(), Stored::of(HOME)));
    }
    world.wire.fate(|call| {
        let is_read = call.action.starts_with("s3:Get") || call.action.starts_with("s3:ListBucket");
        is_read.then_some(Fault::Denied)
    });
    let listed = world.list(Kind::Bucket).await.unwrap();
    assert_eq!(listed.buckets.len(), 3);
    let named: Vec<_> = listed.unread.iter().map(|one| one.action.as_deref().unwrap()).collect();
    assert_eq!(
        named,
        [
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetLifecycleConfiguration",
            "s3:ListBucketMultipartUploads"
        ]
    );
    for one in &listed.unread {
        assert_eq!((one.kind, one.why, &one.region), (Kind::Bucket, Why::Denied, &home()));
        assert!(one.message.ends_with(", and 2 more"), "{}", one.message);
    }
    world.wire.fate(|call| (call.action == "s3:GetBucketTagging").then_some(Fault::Broken));
    let listed = world.list(Kind::Bucket).await.unwrap();
    let [unread] = listed.unread.as_slice() else { panic!("{:?}", listed.unread) };
    assert_eq!((unread.why, &unread.action), (Why::Failed, &None));
}

#[tokio::test]
async fn uploads_are_measured_from_the_age_that_is_given() {
    let mut stored = Stored::of(HOME);
    // It is half past nine on 28 November.
    stored.uploads = uploads(&[
        ("a", "u1", "2026-11-25T09:30:00Z", &[1]),
        ("b", "u2", "2026-11-25T09:30:01Z", &[1]),
    ]);
    let world = with(stored);
    let inventory = AwsInventory::new(&world.wire.config(), at(NOW)).measuring_uploads(at(NOW), 3);
    let bucket = inventory.list(&home(), Kind::Bucket).await.unwrap().buckets.remove(0);
    let sizes: Vec<_> = bucket.uploads.iter().flatten().map(|one| one.bytes).collect();
    assert_eq!(sizes, [Some(1), None]);
}
