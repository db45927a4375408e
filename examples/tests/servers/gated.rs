//! A canary whose gate knows nothing but what Prometheus has scraped.

use tempfile::TempDir;

use super::cloud::CloudProcess;
use super::prometheus::Prometheus;
use super::report::*;
use super::support::*;
use super::tool::*;

fn canary(cloud: &CloudProcess, prometheus: &Prometheus, directory: &TempDir) -> Tool {
    Tool::new("canary", directory)
        .on(cloud)
        .args(["--json", "--scrape-interval", "1"])
        .args(SHORT)
        .env("METRICS", &format!("prometheus={}", prometheus.url))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_version_is_promoted() {
    let (cloud, directory) = (CloudProcess::start().await, directory());
    let prometheus = Prometheus::of(&cloud).await;
    let done = canary(&cloud, &prometheus, &directory).run().await.with(0);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "promoted", "{done}");
    assert_none_failed(&report);
    assert_eq!(cloud.green_share().await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_version_is_rolled_back_by_what_prometheus_saw() {
    let (cloud, directory) = (CloudProcess::start().await, directory());
    let prometheus = Prometheus::of(&cloud).await;
    let tool = canary(&cloud, &prometheus, &directory).args(["--fault", "error-rate=0.5"]);
    let done = tool.run().await.with(1);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "rolled-back", "{done}");
    let failing = list(&report, "checks").iter().any(|check| text(check, "verdict") == "fail");
    assert!(failing, "it went back without a verdict: {done}");
    assert_eq!(cloud.green_share().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_prometheus_it_is_held_and_goes_back_and_is_never_promoted() {
    let (cloud, directory) = (CloudProcess::start().await, directory());
    let mut prometheus = Prometheus::of(&cloud).await;
    let running = canary(&cloud, &prometheus, &directory).args(["--patience", "6"]).start().await;
    cloud.green_gets(10).await;
    prometheus.kill().await;
    let done = running.end().await.with(1);
    let report = done.json();
    assert_eq!(text(&report, "outcome"), "rolled-back", "{done}");
    assert_none_failed(&report);
    assert_eq!(cloud.green_share().await, 0);
    let checks = list(&report, "checks");
    let told = checks.iter().any(|check| {
        text(check, "verdict") == "inconclusive" && check.to_string().contains("Prometheus at")
    });
    assert!(told, "nobody says why: {done}");
    let reached =
        shifts(&report).iter().all(|shift| !text(shift, "action").contains("green 100 %"));
    assert!(reached, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_scrapes_nothing_of_the_service_is_said_before_anything_is_touched() {
    let (cloud, directory) = (CloudProcess::start().await, directory());
    let prometheus = Prometheus::of(&cloud).await;
    let plan = || canary(&cloud, &prometheus, &directory).args(["--dry-run"]);
    let warning = "knows nothing of petswipe-production-blue in the last 6 s";
    // A moment after it began it has no period of which all is known.
    eventually("the service is known", async || {
        let done = plan().run().await.with(0);
        (!done.stderr.contains(warning)).then_some(())
    })
    .await;
    let done = plan().args(["--prometheus-job", "another"]).run().await.with(0);
    done.says([warning, "--prometheus-job is another"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_scrapes_a_cloud_that_ends_with_the_example() {
    let directory = directory();
    let tool = Tool::new("canary", &directory).without_cloud();
    let done = tool.args(["--metrics", "prometheus=http://127.0.0.1:9"]).run().await;
    let wrong = done.is_no_refusal(&["--metrics", "needs --cloud"]);
    assert!(wrong.is_none(), "{wrong:?}");
}
