//! What the example writes, changes and leaves alone.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use super::*;

fn flags(arguments: &[&str]) -> Flags {
    Flags::try_parse_from(["watch", "--quiet"].iter().chain(arguments)).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn everything_is_written_without_any_cloud() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let balancer = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/petswipe-production-alb/50dc6c495c0c9188";
    let group = "blue=arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/petswipe-production-blue-tg/73e2d6bc24d8a067";
    let all = [
        "--out",
        path,
        "--load-balancer",
        balancer,
        "--target-group",
        group,
        "--database",
        "petswipe-db",
    ];
    assert_eq!(run(&flags(&all)).await.unwrap(), DONE);
    let count = |kind: &str| names(&directory.path().join(kind)).len();
    assert_eq!((count("alarms"), count("dashboards"), count("grafana")), (8, 3, 4));
    let text =
        fs::read_to_string(directory.path().join("alarms/petswipe-production-blue-latency.json"));
    let alarm: petswipe_monitor::alarms::Alarm = serde_json::from_str(&text.unwrap()).unwrap();
    assert_eq!(alarm.name(), "petswipe-production-blue-latency");
    assert_eq!(alarm.tags()["ManagedBy"], "petswipe-monitor");
}

#[tokio::test]
async fn the_dashboards_of_grafana_come_stay_change_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let file = directory.path().join("petswipe-production-business-metrics.json");
    let with = |more: &[&str]| flags(&[&["--grafana", path], more].concat());

    assert_eq!(run(&with(&["--dry-run"])).await.unwrap(), DONE);
    assert!(names(directory.path()).is_empty());
    assert_eq!(run(&with(&[])).await.unwrap(), DONE);
    assert_eq!(names(directory.path()).len(), 4);
    let written = fs::read_to_string(&file).unwrap();
    let at = fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(run(&with(&[])).await.unwrap(), DONE);
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), at, "it was as it shall be");

    fs::write(&file, written.replace("Business metrics", "Mine")).unwrap();
    assert_eq!(run(&with(&["--json"])).await.unwrap(), DONE);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);

    let mine = directory.path().join("petswipe-production-mine.json");
    fs::write(&mine, "{\"title\": \"Mine\", \"tags\": []}").unwrap();
    assert_eq!(run(&with(&["--destroy"])).await.unwrap(), DONE);
    assert_eq!(names(directory.path()), ["petswipe-production-mine.json"]);
}

#[tokio::test]
async fn what_is_not_ours_stops_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let file = directory.path().join("petswipe-production-custom-metrics.json");
    fs::write(&file, "{\"title\": \"Mine\"}").unwrap();
    let stopped = run(&flags(&["--grafana", path])).await.unwrap_err();
    assert_eq!(stopped.code, crate::BAD_USAGE);
    assert!(
        stopped.message.contains("petswipe-production-custom-metrics (it lacks "),
        "{}",
        stopped.message
    );
    assert_eq!(names(directory.path()).len(), 1);
}

#[tokio::test]
async fn bad_usage_is_said_before_anything_is_touched() {
    for (arguments, words) in [
        (&[][..], "there is no place for alarms and dashboards"),
        (&["--out", "/nonexistent", "--project", "a b"], "project is a b;"),
        (&["--out", "/nonexistent", "--load-balancer", "alb"], "load balancer is alb;"),
        (&["--grafana", "/nonexistent", "--custom", "Mine=up{job=\"$what\"}"], "is $what;"),
    ] {
        let refused = run(&flags(arguments)).await.unwrap_err();
        assert_eq!(refused.code, crate::BAD_USAGE);
        assert!(refused.message.contains(words), "{}", refused.message);
    }
    #[cfg(not(feature = "aws"))]
    for flag in [&["--backend", "aws"][..], &["--iam-policy"]] {
        let refused = run(&flags(flag)).await.unwrap_err();
        assert!(refused.message.contains("is not built in"), "{}", refused.message);
    }
}

#[tokio::test]
async fn what_is_left_out_is_said_with_the_flag_that_is_missing() {
    let of = |arguments: &[&str]| {
        let definitions = Definitions::new(&flags(arguments)).unwrap();
        let left_out = definitions.left_out(true).unwrap();
        let said = left_out.iter().map(|left_out| (left_out.because, left_out.alarms.len()));
        said.collect::<Vec<_>>()
    };
    assert_eq!(of(&[]), [("--load-balancer is missing", 11)]);
    let balancer = ["--load-balancer", "app/shop/50dc6c495c0c9188"];
    let side = ["--target-group", "blue=targetgroup/shop-blue/73e2d6bc24d8a067"];
    let database = ["--database", "shop-db"];
    assert_eq!(of(&balancer), [("--target-group is missing", 7), ("--database is missing", 2)]);
    assert_eq!(of(&[balancer, side].concat()), [("--database is missing", 2)]);
    assert_eq!(of(&[balancer, side, database].concat()), []);
    let all = Definitions::new(&flags(&[balancer, side, database].concat())).unwrap();
    assert_eq!(all.left_out(false).unwrap()[0].because, "--backend is local, and --out is missing");
    let none = Definitions::new(&flags(&[])).unwrap().left_out(true).unwrap();
    let said = none[0].to_string();
    assert!(said.contains("petswipe-production-error-rate"), "{said}");
    assert!(said.starts_with("left out, because --load-balancer is missing: "), "{said}");
    assert_eq!(none[0].dashboards.len(), 3, "{said}");
    assert!(said.ends_with(&none[0].dashboards.join(", ")), "{said}");
}

#[test]
fn a_set_is_the_owners_and_checked_as_that_is() {
    let set = |name: &str| Definitions::new(&flags(&["--set", name]));
    assert_eq!(set("staff").unwrap().owner().tags()["DefinitionSet"], "staff");
    let default = Definitions::new(&flags(&[])).unwrap();
    assert_eq!(default.owner().tags()["DefinitionSet"], "default");
    for wrong in ["", "a b", &"x".repeat(65)] {
        let refused = set(wrong).err().unwrap();
        assert_eq!(refused.code, crate::BAD_USAGE);
        assert!(refused.message.contains("set of definitions"), "{}", refused.message);
    }
}
