//! The example `watch` on an account of CloudWatch: planned, applied, changed, taken away, and killed half-way.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::definitions_service::{Account, alarm_arn};
use crate::program::{Done, ended, run};
use crate::server::Server;

const BALANCER: &str = "app/shop-production-alb/50dc6c495c0c9188";
const FLAGS: [&str; 12] = [
    "--backend",
    "aws",
    "--region",
    "eu-central-1",
    "--project",
    "shop",
    "--load-balancer",
    BALANCER,
    "--target-group",
    "blue=targetgroup/shop-production-blue-tg/73e2d6bc24d8a067",
    "--account",
    "123456789012",
];
/// Of the guide: 5xx, error rate, healthy hosts, and of blue its hosts, latency and CPU.
const ALARMS: usize = 6;
const DASHBOARDS: usize = 3;
/// Both places are looked at first; an alarm is then looked at once more and put.
const LOOKS: usize = 2;
const CALLS_FOR_AN_ALARM: usize = 2;

struct Shop {
    server: Server<Account>,
    directory: TempDir,
}

impl Shop {
    async fn new() -> Self {
        Self {
            server: Server::start(Account::default()).await,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }

    async fn watch(&self, more: &[&str]) -> Done {
        let mut command = self.server.command("watch", self.directory());
        command.args(FLAGS).args(more);
        run(command).await
    }

    /// What it would do: the kind, the name after the prefix, and what is done.
    async fn plan(&self, more: &[&str]) -> Vec<(String, String)> {
        let planned = self.watch(&[&["--dry-run", "--json"], more].concat()).await.with(0).json();
        assert_eq!(planned["outcome"], "planned");
        let lines = planned["plan"].as_array().unwrap().iter().map(|line| {
            let change = match &line["change"] {
                Value::String(word) => word.clone(),
                Value::Object(change) => change.keys().next().unwrap().clone(),
                other => panic!("{other}"),
            };
            (line["name"].as_str().unwrap().to_owned(), change)
        });
        lines.collect()
    }

    /// The names of all alarms and dashboards.
    fn names(&self) -> Vec<String> {
        self.server.wire.with(|account| {
            account.alarms.keys().chain(account.dashboards.keys()).cloned().collect()
        })
    }

    fn changes(&self) -> Vec<String> {
        let operations = self.server.wire.operations();
        let changes = ["Put", "Delete", "Tag", "Untag"];
        operations
            .into_iter()
            .filter(|name| changes.iter().any(|word| name.starts_with(word)))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_plans_applies_leaves_alone_changes_and_deletes_only_its_own() {
    let shop = Shop::new().await;
    let wire = &shop.server.wire;
    // Somebody else's, with a name that could be ours.
    wire.with(|account| {
        let name = "shop-production-blue-latency-slow".to_owned();
        let alarm = json!({"AlarmName": name, "AlarmArn": alarm_arn(&name), "MetricName": "Mine"});
        account
            .tags
            .insert(alarm_arn(&name), [("ManagedBy".to_owned(), "terraform".to_owned())].into());
        account.alarms.insert(name, alarm.as_object().unwrap().clone());
    });
    let foreign = wire.with(|account| account.alarms.clone());

    let planned = shop.plan(&[]).await;
    assert_eq!(planned.len(), ALARMS + DASHBOARDS);
    assert!(planned.iter().all(|(_, change)| change == "create"), "{planned:?}");
    assert_eq!(shop.changes(), [""; 0], "a dry run changes nothing");

    let done = shop.watch(&["--json"]).await.with(0).json();
    assert_eq!(done["done"]["alarm"]["created"].as_array().unwrap().len(), ALARMS);
    assert_eq!(done["done"]["dashboard"]["created"].as_array().unwrap().len(), DASHBOARDS);
    assert_eq!(shop.names().len(), ALARMS + DASHBOARDS + 1);

    wire.forget();
    let again = shop.watch(&["--json"]).await.with(0).json();
    assert_eq!(again["plan"], json!([]));
    assert_eq!(again["done"]["alarm"]["left_alone"].as_array().unwrap().len(), ALARMS);
    assert_eq!(shop.changes(), [""; 0]);

    // A limit that somebody moved is moved back, and that is all.
    wire.with(|account| {
        let alarm = account.alarms.get_mut("shop-production-error-rate").unwrap();
        alarm.insert("Threshold".to_owned(), json!(50.0));
    });
    let plan = shop.watch(&["--dry-run"]).await.with(0);
    assert_eq!(plan.stdout, "change alarm shop-production-error-rate\n  Threshold: 50.0 -> 1.0\n");
    shop.watch(&[]).await.with(0);
    assert_eq!(shop.changes(), ["PutMetricAlarm"]);
    assert_eq!(
        wire.with(|account| account.alarms["shop-production-error-rate"]["Threshold"].clone()),
        1.0
    );

    // A second side comes, and goes again.
    let green = ["--target-group", "green=targetgroup/shop-production-green-tg/73e2d6bc24d8a068"];
    shop.watch(&green).await.with(0);
    assert_eq!(wire.with(|account| account.alarms.len()), ALARMS + 3 + 1);
    let planned = shop.plan(&[]).await;
    let deleted = planned.iter().filter(|(_, change)| change == "delete");
    let deleted: Vec<_> = deleted.map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        deleted,
        [
            "shop-production-green-unhealthy-hosts",
            "shop-production-green-latency",
            "shop-production-green-cpu"
        ]
    );
    shop.watch(&[]).await.with(0);
    assert_eq!(shop.names().len(), ALARMS + DASHBOARDS + 1);

    // Another region has its own dashboards, and takes none of these away. (Alarms are of a region; the script has but one.)
    let elsewhere: Vec<&str> =
        FLAGS.iter().map(|flag| if *flag == "eu-central-1" { "us-east-1" } else { flag }).collect();
    let mut command = shop.server.command("watch", shop.directory());
    command.args(&elsewhere);
    run(command).await.with(0);
    assert_eq!(wire.with(|account| account.dashboards.len()), 2 * DASHBOARDS);
    let mut command = shop.server.command("watch", shop.directory());
    command.args(&elsewhere).arg("--destroy");
    run(command).await.with(0);
    assert_eq!(wire.with(|account| account.dashboards.len()), DASHBOARDS);

    shop.watch(&[]).await.with(0);
    shop.watch(&["--destroy"]).await.with(0);
    assert_eq!(
        wire.with(|account| (account.alarms.clone(), account.dashboards.len())),
        (foreign, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_call_the_same_command_goes_on_to_the_same_end() {
    let whole = Shop::new().await;
    whole.watch(&[]).await.with(0);
    let calls = whole.server.wire.calls().len();
    assert!(calls > LOOKS + ALARMS * CALLS_FOR_AN_ALARM + DASHBOARDS, "{calls}");
    // At the looks, at a look and a Put of an alarm, at the Put of a dashboard, and at the very last call. Each is carried
    // out, and its answer never comes.
    for most in [1, LOOKS, LOOKS + 2 * CALLS_FOR_AN_ALARM + 1, calls - 7, calls - 1] {
        let shop = Shop::new().await;
        shop.server.answers(Some(most));
        let mut command = shop.server.command("watch", shop.directory());
        let mut child = command.args(FLAGS).spawn().unwrap();
        shop.server.is_asked_in_vain().await;
        child.start_kill().unwrap();
        assert_eq!(ended("watch".to_owned(), child).await.code, None);
        shop.server.answers(None);

        let done = shop.watch(&[]).await.with(0);
        assert!(shop.names().len() == ALARMS + DASHBOARDS, "{most}: {done}");
        assert_eq!(shop.plan(&[]).await, [], "{most}");
        let held = |shop: &Shop| {
            shop.server.wire.with(|account| {
                let alarms: Vec<Value> =
                    account.alarms.values().map(|alarm| json!(alarm)).collect();
                (alarms, account.dashboards.clone(), account.tags.clone())
            })
        };
        assert_eq!(held(&shop), held(&whole), "{most}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_and_what_cloudwatch_refuses_end_with_what_was_done() {
    let shop = Shop::new().await;
    shop.server.wire.with(|account| {
        let name = "shop-production-error-rate".to_owned();
        let alarm = json!({"AlarmName": name, "AlarmArn": alarm_arn(&name), "MetricName": "Mine"});
        account.alarms.insert(name, alarm.as_object().unwrap().clone());
    });
    let refused = shop.watch(&[]).await.with(2);
    assert!(refused.stderr.contains("not ours: alarm shop-production-error-rate"), "{refused}");
    assert_eq!(shop.changes(), [""; 0]);

    shop.server.wire.with(|account| account.alarms.clear());
    shop.server.wire.fate(|call| {
        (call.operation() == "PutDashboard").then_some(petswipe_aws::script::Fault::Denied)
    });
    let stopped = shop.watch(&["--json"]).await.with(3);
    assert_eq!(stopped.json()["done"]["alarm"]["created"].as_array().unwrap().len(), ALARMS);
    assert!(stopped.stderr.contains("the same again goes on"), "{stopped}");
    shop.server.wire.fate(|_| None);
    shop.server
        .wire
        .with(|account| account.warning = Some("The field color is not known".to_owned()));
    for _ in 0..2 {
        let warned = shop.watch(&[]).await.with(3);
        assert!(warned.stderr.contains("The field color is not known"), "{warned}");
    }
    shop.server.wire.with(|account| account.warning = None);
    shop.watch(&[]).await.with(0);
    assert_eq!(shop.plan(&[]).await, []);
}
