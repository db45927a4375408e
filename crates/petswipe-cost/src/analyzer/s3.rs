//! Buckets: uploads that were left, old versions that nothing deletes, objects that nothing moves.

use rust_decimal::Decimal;

use super::shell::{aws, chain, kept};
use super::{Analyzer, GIB, Scene, decimal, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Bucket, Inventory, LifecycleRule, Versioning};
use crate::{
    Kind, Measure, Metric, Question, Resource, Series, Statistic, StorageClass, Thresholds,
};

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
        let price = quotes.get("s3:standard")?;
        let known = price * decimal(known as f64 / GIB)?;
        // What of unknown size is there, is at most all that the bucket holds.
        let most = match size(scene, bucket).held {
            _ if all_known => known,
            Some(gib) => (price * decimal(gib)?).max(known),
            None => known,
        };
        Some((known, most))
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
                "end-old-uploads",
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

/// What a bucket holds.
struct Size {
    /// In Standard, with uploads that are not complete, GiB.
    held: Option<f64>,
    /// The same without them, which are a finding of their own.
    stored: Option<f64>,
    /// How many objects there are in all.
    objects: Option<f64>,
    series: Series,
}

/// Source: "Amazon S3 metrics and dimensions": its size includes the parts of multipart uploads that are not complete.
fn size(scene: &Scene<'_>, bucket: &Bucket) -> Size {
    let [bytes, objects] = measures(bucket).map(|measure| scene.series(&measure, DAYS));
    let held = bytes.last().map(|bytes| bytes / GIB);
    let uploads: u64 = bucket.uploads.iter().flatten().filter_map(|upload| upload.bytes).sum();
    let stored = held.map(|held| (held - uploads as f64 / GIB).max(0.0));
    Size { held, stored, objects: objects.last(), series: bytes }
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
    let Size { stored, series, .. } = size(scene, bucket);
    let Some(stored) = stored else {
        return Assessment::unknown(area, resource, "its size is not known");
    };
    // How much of it is old versions, only an inventory of the bucket can tell: from nothing to nearly all of it.
    let saving = scene.saving(&bucket.region, |quotes| {
        Some((Decimal::ZERO, quotes.get("s3:standard")? * decimal(stored)?))
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
                "end-old-versions",
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
    let Size { stored, objects, series, .. } = size(scene, bucket);
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
        let watched = watching? * decimal(objects / 1000.0)?;
        Some((Decimal::ZERO, (standard? - rare?) * decimal(stored)? - watched))
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
                "tier",
                r#"{"ID":"tier","Status":"Enabled","Filter":{},"Transitions":[{"Days":0,"StorageClass":"INTELLIGENT_TIERING"}]}"#,
            ),
            restarts: false,
            reversible: false,
        },
    };
    let reason = "everything stays in Standard for ever, whether anybody reads it or not";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}

/// Adds a rule, or puts it in the place of an older one of the same name. The call replaces everything, so what is there when the
/// commands run has to come along; that there is nothing yet is an error of the service, and any other error ends it.
/// Sources: "PutBucketLifecycleConfiguration", "GetBucketLifecycleConfiguration", Amazon S3 API Reference.
fn lifecycle(bucket: &Bucket, id: &str, rule: &str) -> Vec<String> {
    let name = [("--bucket", bucket.name.as_str())];
    let get = aws(&bucket.region, "s3api get-bucket-lifecycle-configuration --output json", &name);
    let present = kept("present", &format!("{get} 2>&1"));
    let none = r#"case "$present" in *NoSuchLifecycleConfiguration*) present='{"Rules":[]}';; *) echo "$present" >&2; false;; esac"#;
    let add = format!(r#"{{Rules: ([.Rules[] | select(.ID != "{id}")] + [{rule}])}}"#);
    let least = ".TransitionDefaultMinimumObjectSize // \"all_storage_classes_128K\"";
    let of_present = |filter: &str, flags: &str| {
        format!(r#"printf %s "$present" | jq {flags}{}"#, super::shell::quote(filter))
    };
    let put = aws(&bucket.region, "s3api put-bucket-lifecycle-configuration", &name);
    chain(vec![
        format!("{present} || {none}"),
        kept("rules", &of_present(&add, "")),
        kept("least", &of_present(least, "-r ")),
        format!(
            r#"{put} --transition-default-minimum-object-size "$least" --lifecycle-configuration "$rules""#
        ),
    ])
}
