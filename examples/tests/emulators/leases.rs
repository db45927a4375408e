//! Leases on S3, by the client that the examples make of an SDK configuration: the whole contract, on ministack.

use petswipe_examples::aws::leases::on_s3;
use petswipe_runbook::lease::{LeaseStore, ObjectLeases};

use super::fixture::Fixture;

/// Leases in a bucket of their own.
fn fresh() -> (ObjectLeases, Fixture) {
    let fixture = Fixture::new();
    let bucket = fixture.bucket();
    (on_s3(&fixture.clients.storage, &bucket, "team/leases").unwrap(), fixture)
}

petswipe_runbook::lease_conformance!(ministack, fresh());

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_not_one_without_leases() {
    let fixture = Fixture::new();
    let leases = on_s3(&fixture.clients.storage, &fixture.name("nowhere"), "leases").unwrap();
    let error = leases.current("service/a", jiff::Timestamp::now()).await.unwrap_err();
    let why = petswipe_monitor::explain(&error);
    assert!(why.contains("NoSuchBucket"), "{why}");
}
