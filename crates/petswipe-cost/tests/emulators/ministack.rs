//! S3, ECS and CloudWatch on ministack, where twelve digits for a key are an account of one's own.

use std::time::Duration;

use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_ecs::types::{ContainerDefinition, LaunchType};
use aws_sdk_s3::types::{
    self as sdk, AbortIncompleteMultipartUpload, BucketLifecycleConfiguration,
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, ExpirationStatus,
    LifecycleExpiration, LifecycleRuleFilter, Tag, Tagging, VersioningConfiguration,
};
use aws_smithy_types::DateTime;
use aws_types::SdkConfig;
use jiff::Timestamp;
use petswipe_cost::aws::{AwsInventory, AwsUsage, Metering};
use petswipe_cost::inventory::{Launch, LifecycleRule, Versioning};
use petswipe_cost::{
    InventorySource, Kind, Measure, Metric, Region, Statistic, UsageSource, Window,
};

use crate::{HERE, list, unique};

fn config(digits: &str) -> SdkConfig {
    crate::config("PETSWIPE_MINISTACK", &format!("{digits}{}", unique()))
}

#[tokio::test]
async fn a_bucket_is_found_with_its_uploads_and_their_size() {
    let config = config("31");
    let s3 = aws_sdk_s3::Client::new(&config);
    let name = format!("petswipe-{}", unique());
    let place = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::from(HERE))
        .build();
    let made = s3.create_bucket().bucket(&name).create_bucket_configuration(place);
    made.send().await.unwrap();
    let upload = s3.create_multipart_upload().bucket(&name).key("big").send().await.unwrap();
    let id = upload.upload_id().unwrap();
    let part = s3.upload_part().bucket(&name).key("big").upload_id(id).part_number(1);
    part.body(vec![7; 1000].into()).send().await.unwrap();

    // In ten days it will be old enough to be measured.
    let later = Timestamp::now() + Duration::from_secs(10 * 86_400);
    let inventory = AwsInventory::new(&config, later);
    let here = Region::new(HERE).unwrap();
    let buckets = inventory.list(&here, Kind::Bucket).await.unwrap().buckets;
    let [bucket] = buckets.as_slice() else { panic!("{buckets:?}") };
    assert_eq!((bucket.name.as_str(), bucket.versioning), (name.as_str(), Some(Versioning::Off)));
    assert_eq!(bucket.tags.as_ref().map(|tags| tags.len()), Some(0));
    assert_eq!(bucket.lifecycle.as_ref().map(Vec::len), Some(0));
    let [upload] = bucket.uploads.as_deref().unwrap() else { panic!("{bucket:?}") };
    assert_eq!((upload.key.as_str(), upload.bytes), ("big", Some(1000)));
}

#[tokio::test]
async fn what_a_bucket_is_set_to_is_read_as_it_was_put() {
    let config = config("33");
    let s3 = aws_sdk_s3::Client::new(&config);
    let name = format!("petswipe-{}", unique());
    let place = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::from(HERE))
        .build();
    let made = s3.create_bucket().bucket(&name).create_bucket_configuration(place);
    made.send().await.unwrap();
    let tag = Tag::builder().key("team").value("shop").build().unwrap();
    let tags = Tagging::builder().tag_set(tag).build().unwrap();
    s3.put_bucket_tagging().bucket(&name).tagging(tags).send().await.unwrap();
    let enabled =
        VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let put = s3.put_bucket_versioning().bucket(&name).versioning_configuration(enabled);
    put.send().await.unwrap();
    let aborts = AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build();
    let rule = sdk::LifecycleRule::builder()
        .id("all")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .expiration(LifecycleExpiration::builder().days(365).build())
        .abort_incomplete_multipart_upload(aborts)
        .build()
        .unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let put = s3.put_bucket_lifecycle_configuration().bucket(&name);
    put.lifecycle_configuration(rules).send().await.unwrap();

    let buckets = list(&config, Kind::Bucket).await.buckets;
    let [bucket] = buckets.as_slice() else { panic!("{buckets:?}") };
    assert_eq!(bucket.tags.as_ref().unwrap().get("team").unwrap(), "shop");
    assert_eq!(bucket.versioning, Some(Versioning::Enabled));
    let wanted = LifecycleRule {
        enabled: true,
        whole_bucket: true,
        expires: true,
        aborts_uploads: true,
        ..LifecycleRule::default()
    };
    assert_eq!(bucket.lifecycle.as_deref(), Some(&[wanted][..]));
}

#[tokio::test]
async fn a_service_is_found_with_what_its_tasks_need() {
    let config = config("34");
    let ecs = aws_sdk_ecs::Client::new(&config);
    ecs.create_cluster().cluster_name("shop").send().await.unwrap();
    let container = ContainerDefinition::builder().name("web").image("web:1").build();
    let register = ecs.register_task_definition().family("web").cpu("512").memory("1024");
    register.container_definitions(container).send().await.unwrap();
    let create = ecs.create_service().cluster("shop").service_name("web").task_definition("web:1");
    let create = create.launch_type(LaunchType::Fargate).desired_count(2);
    let tag = aws_sdk_ecs::types::Tag::builder().key("team").value("shop").build();
    create.tags(tag).send().await.unwrap();

    let services = list(&config, Kind::Service).await.services;
    let [service] = services.as_slice() else { panic!("{services:?}") };
    assert_eq!((service.id.as_str(), service.launch), ("shop/web", Launch::Fargate));
    assert_eq!((service.desired, service.cpu, service.memory_mib), (2, 512, 1024));
    assert_eq!(service.task_definition, "web:1");
    assert_eq!(service.tags.get("team").unwrap(), "shop");
}

#[tokio::test]
async fn metrics_are_read_day_by_day_in_either_way() {
    let config = config("32");
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    let week = Window::days_before(Timestamp::now(), 7);
    for (day, value) in [(1, 3.0), (1, 4.0), (4, 5.0)] {
        let second = week.from.as_second() + day * 86_400 + 3600;
        let datum = MetricDatum::builder()
            .metric_name("VolumeReadOps")
            .dimensions(Dimension::builder().name("VolumeId").value("vol-1").build())
            .timestamp(DateTime::from_secs(second))
            .value(value)
            .build();
        let put = cloudwatch.put_metric_data().namespace("AWS/EBS").metric_data(datum);
        put.send().await.unwrap();
    }
    let here = Region::new(HERE).unwrap();
    let measures = ["vol-1", "vol-2"]
        .map(|volume| Measure::daily(&here, volume, Metric::VolumeReads, Statistic::Sum));
    for metering in [Metering::MetricData, Metering::MetricStatistics] {
        let usage = AwsUsage::new(&config, metering);
        let answer = usage.statistics(&here, &measures, week).await.unwrap();
        let days: Vec<_> = answer[0].periods().collect();
        let wanted = [None, Some(7.0), None, None, Some(5.0), None, None];
        assert_eq!(days, wanted, "{metering:?}");
        assert_eq!(answer[1].known(), 0, "{metering:?}");
    }
}
