//! Buckets: uploads that were left, old versions that nothing deletes, objects that nothing moves.

use rust_decimal::Decimal;

use super::shell::aws;
use super::{Analyzer, GIB, Scene, decimal, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Bucket, Inventory, LifecycleRule, Versioning};
use crate::{Kind, Measure, Metric, Question, Resource, Statistic, StorageClass, Thresholds};

/// Three things of each bucket: stale multipart uploads (`NAME/uploads`), versions without an end (`NAME/versions`), and whether
/// another class fits (`NAME/class`).
#[derive(Clone, Copy, Debug)]
pub struct BucketStorage;

/// The metrics of storage come once a day, for the day before yesterday at times.
const DAYS: u16 = 4;

impl Analyzer for BucketStorage {
    fn area(&self) -> Area {
        Area::S3
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Bucket]
    }

    fn questions(&self, inventory: &Inventory, _: &Thresholds, ask: &mut dyn FnMut(Question)) {
        for bucket in &inventory.buckets {
            measures(bucket).into_iter().for_each(|measure| ask(Question { measure, days: DAYS }));
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for bucket in &scene.inventory.buckets {
            for assess in [uploads, versions, classes] {
                tell(assess(scene, bucket).tagged(bucket.tags.as_ref()));
            }
        }
    }
}

fn measures(bucket: &Bucket) -> [Measure; 2] {
    [Metric::BucketBytes(StorageClass::Standard), Metric::BucketObjects]
        .map(|metric| Measure::daily(&bucket.region, &bucket.name, metric, Statistic::Average))
}

fn about(bucket: &Bucket, what: &str) -> crate::ResourceRef {
    let mut resource = bucket.reference();
    resource.id = format!("{}/{what}", bucket.name);
    resource
}

fn has(rules: &[LifecycleRule], does: fn(&LifecycleRule) -> bool) -> bool {
    rules.iter().any(|rule| rule.enabled && rule.whole_bucket && does(rule))
}

fn uploads(scene: &Scene<'_>, bucket: &Bucket) -> Assessment {
    let (area, resource) = (Area::S3, about(bucket, "uploads"));
    let (Some(uploads), Some(rules)) = (&bucket.uploads, &bucket.lifecycle) else {
        return Assessment::unknown(
            area,
            resource,
            "its uploads or its lifecycle could not be read",
        );
    };
    let limit = i64::from(scene.limits.s3.upload_days);
    let stale: Vec<_> = uploads
        .iter()
        .filter(|upload| scene.days_since(upload.initiated_at).is_some_and(|age| age > limit))
        .collect();
    if stale.is_empty() {
        return Assessment::busy(area, resource, format!("no upload is older than {limit} days"));
    }
    if has(rules, |rule| rule.aborts_uploads) {
        return Assessment::busy(area, resource, "its lifecycle ends old uploads");
    }
    let known: u64 = stale.iter().filter_map(|upload| upload.bytes).sum();
    let all_known = stale.iter().all(|upload| upload.bytes.is_some());
    let saving = scene.saving(&bucket.region, |quotes| {
        let price = quotes.get("s3:standard")? * decimal(known as f64 / GIB);
        Some((price, price))
    });
    let size =
        format!("{}{} GiB", if all_known { "" } else { "at least " }, short(known as f64 / GIB));
    let facts = [
        Evidence::new("uploads not completed", stale.len())
            .against(format!("older than {limit} days")),
        Evidence::new("size of their parts", size),
    ];
    let advice = Advice {
        confidence: Confidence::High,
        saving,
        part: Part::Uploads,
        risk: Risk::new(
            RiskLevel::Low,
            "an upload that somebody means to go on with after days is gone",
        ),
        remediation: Remediation {
            action: None,
            summary: format!("let its lifecycle end uploads after {limit} days"),
            commands: lifecycle(
                bucket,
                &format!(
                    r#"{{"ID":"end-old-uploads","Status":"Enabled","Filter":{{}},"AbortIncompleteMultipartUpload":{{"DaysAfterInitiation":{limit}}}}}"#
                ),
            ),
            restarts: false,
            reversible: false,
        },
    };
    let reason = "uploads were begun and never completed; what is there of them is paid for, and listed nowhere";
    Assessment::flagged(area, resource, Verdict::Idle, reason, advice).because(facts)
}

/// What it holds in Standard, GiB, and how many objects there are in all.
fn size(scene: &Scene<'_>, bucket: &Bucket) -> (Option<f64>, Option<f64>, crate::Series) {
    let [bytes, objects] = measures(bucket).map(|measure| scene.series(&measure, DAYS));
    (bytes.last().map(|bytes| bytes / GIB), objects.last(), bytes)
}

fn versions(scene: &Scene<'_>, bucket: &Bucket) -> Assessment {
    let (area, resource) = (Area::S3, about(bucket, "versions"));
    let (Some(versioning), Some(rules)) = (bucket.versioning, &bucket.lifecycle) else {
        return Assessment::unknown(
            area,
            resource,
            "its versioning or its lifecycle could not be read",
        );
    };
    if versioning == Versioning::Off {
        return Assessment::busy(area, resource, "it keeps no old versions");
    }
    if rules.iter().any(|rule| rule.enabled && rule.expires_noncurrent) {
        return Assessment::busy(area, resource, "its lifecycle deletes old versions");
    }
    let (stored, _, series) = size(scene, bucket);
    let Some(stored) = stored else {
        return Assessment::unknown(area, resource, "its size is not known");
    };
    // How much of it is old versions, only an inventory of the bucket can tell: from nothing to nearly all of it.
    let saving = scene.saving(&bucket.region, |quotes| {
        Some((Decimal::ZERO, quotes.get("s3:standard")? * decimal(stored)))
    });
    let facts = [
        Evidence::new(
            "versioning",
            if versioning == Versioning::Enabled {
                "on"
            } else {
                "suspended, what was kept is there"
            },
        ),
        Evidence::new("stored in Standard, all versions", format!("{} GiB", short(stored)))
            .measured(series.window(), series.known()),
    ];
    let advice = Advice {
        confidence: Confidence::Low,
        saving,
        part: Part::Storage,
        risk: Risk::new(
            RiskLevel::Medium,
            "what was overwritten or deleted long ago can't be brought back any more",
        ),
        remediation: Remediation {
            action: None,
            summary: "let its lifecycle delete versions that are old for 30 days".to_owned(),
            commands: lifecycle(
                bucket,
                r#"{"ID":"end-old-versions","Status":"Enabled","Filter":{},"NoncurrentVersionExpiration":{"NoncurrentDays":30}}"#,
            ),
            restarts: false,
            reversible: false,
        },
    };
    let reason = "it keeps old versions of its objects for ever";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}

fn classes(scene: &Scene<'_>, bucket: &Bucket) -> Assessment {
    let (area, resource) = (Area::S3, about(bucket, "class"));
    let limits = &scene.limits.s3;
    let Some(rules) = &bucket.lifecycle else {
        return Assessment::unknown(area, resource, "its lifecycle could not be read");
    };
    if rules.iter().any(|rule| rule.enabled && (rule.transitions || rule.expires)) {
        return Assessment::busy(area, resource, "its lifecycle moves or deletes objects");
    }
    let (stored, objects, series) = size(scene, bucket);
    let (Some(stored), Some(objects)) = (stored, objects) else {
        return Assessment::unknown(area, resource, "its size is not known");
    };
    let average = if objects > 0.0 { stored * GIB / objects / 1024.0 } else { 0.0 };
    let facts = [
        Evidence::new("stored in Standard", format!("{} GiB", short(stored)))
            .against(format!("at least {}", short(limits.class_gib)))
            .measured(series.window(), series.known()),
        Evidence::new("objects", short(objects)),
        Evidence::new("mean size", format!("{} KiB", short(average)))
            .against(format!("at least {}", short(limits.class_object_kib))),
    ];
    if stored < limits.class_gib {
        return Assessment::busy(area, resource, "it is too small to matter").because(facts);
    }
    if average < limits.class_object_kib {
        return Assessment::busy(area, resource, "its objects are too small for another class")
            .because(facts);
    }
    // Intelligent-Tiering moves what nobody reads, and asks for its watching: from nothing to all of it may move.
    let saving = scene.saving(&bucket.region, |quotes| {
        let [standard, rare, watching] =
            ["s3:standard", "s3:standard-ia", "s3:intelligent-tiering-monitoring"]
                .map(|key| quotes.get(key));
        let watched = watching? * decimal(objects / 1000.0);
        Some((Decimal::ZERO, (standard? - rare?) * decimal(stored) - watched))
    });
    let advice = Advice {
        confidence: Confidence::Low,
        saving,
        part: Part::Storage,
        risk: Risk::new(
            RiskLevel::Low,
            "every object costs a request when it moves, and a little for being watched",
        ),
        remediation: Remediation {
            action: None,
            summary: "let its lifecycle move objects to Intelligent-Tiering".to_owned(),
            commands: lifecycle(
                bucket,
                r#"{"ID":"tier","Status":"Enabled","Filter":{},"Transitions":[{"Days":0,"StorageClass":"INTELLIGENT_TIERING"}]}"#,
            ),
            restarts: false,
            reversible: false,
        },
    };
    let reason = "everything stays in Standard for ever, whether anybody reads it or not";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}

/// Adds a rule. The call replaces all rules of a bucket, so those there are have to come along.
fn lifecycle(bucket: &Bucket, rule: &str) -> Vec<String> {
    let name = [("--bucket", bucket.name.as_str())];
    let none = bucket.lifecycle.as_ref().is_some_and(Vec::is_empty);
    let put = "s3api put-bucket-lifecycle-configuration";
    if none {
        let rules = format!(r#"{{"Rules":[{rule}]}}"#);
        return vec![aws(&bucket.region, put, &[name[0], ("--lifecycle-configuration", &rules)])];
    }
    let get = aws(&bucket.region, "s3api get-bucket-lifecycle-configuration --output json", &name);
    let add = super::shell::quote(&format!(".Rules += [{rule}] | {{Rules}}"));
    vec![
        format!("{get} | jq {add} > lifecycle.json"),
        aws(
            &bucket.region,
            put,
            &[name[0], ("--lifecycle-configuration", "file://lifecycle.json")],
        ),
    ]
}
