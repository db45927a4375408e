//! What the source makes of answers, good and bad.

use std::time::Duration;

use jiff::Timestamp;
use petswipe_monitor::prometheus::{
    Count, Credentials, Latency, Matcher, PrometheusConfig, PrometheusQueries, PrometheusSource,
    Secret, Selector,
};
use petswipe_monitor::{
    AbsolutePolicy, Carried, Error, MetricSource, Observation, Step, Subject, Window, explain,
    observe_and_judge,
};

use super::scripted::{Reply, Scripted, date};

const BEGIN: i64 = 1_700_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).unwrap()
}

pub(crate) fn config(server: &Scripted) -> PrometheusConfig {
    PrometheusConfig {
        scrape_interval: Duration::from_secs(1),
        timeout: Duration::from_secs(20),
        ..PrometheusConfig::new(&server.url)
    }
}

/// A series of the counter of requests, or another one, with samples at these seconds.
pub(crate) fn series(labels: &str, samples: &[(i64, &str)]) -> String {
    let labels: Vec<_> = labels
        .split(',')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            format!("\"{name}\":\"{value}\"")
        })
        .collect();
    let samples: Vec<_> =
        samples.iter().map(|(second, value)| format!("[{},\"{value}\"]", BEGIN + second)).collect();
    format!("{{\"metric\":{{{}}},\"values\":[{}]}}", labels.join(","), samples.join(","))
}

pub(crate) fn matrix(series: &[String]) -> Reply {
    Reply::ok(document(series, ""))
}

fn document(series: &[String], more: &str) -> String {
    let all = series.join(",");
    format!(r#"{{"status":"success"{more},"data":{{"resultType":"matrix","result":[{all}]}}}}"#)
}

/// All that the default series are known by.
fn requests(class: &str, samples: &[(i64, &str)]) -> String {
    let labels = format!(
        "__name__=petswipe_requests_total,job=shop,instance=a,environment=green,class={class}"
    );
    series(&labels, samples)
}

pub(crate) fn up(instance: &str, samples: &[(i64, &str)]) -> String {
    series(&format!("__name__=up,job=shop,instance={instance}"), samples)
}

/// Scrapes of one target from before the window to its end.
fn scraped() -> Reply {
    matrix(&[up("a", &[(9, "1"), (10, "1"), (15, "1"), (20, "1")])])
}

/// What happened from second 10 to 20, from these answers.
async fn observed(replies: Vec<Reply>) -> Result<Observation, Error> {
    let server = Scripted::start(replies).await;
    look(PrometheusSource::new(config(&server), Timestamp::now).unwrap()).await
}

pub(crate) async fn look(source: PrometheusSource) -> Result<Observation, Error> {
    let window = Window { from: at(10), to: at(20) };
    source.observe(&Subject::environment("green"), window, at(30)).await
}

pub(crate) async fn refused(replies: Vec<Reply>) -> String {
    explain(&observed(replies).await.unwrap_err())
}

#[tokio::test]
async fn classes_latency_and_targets_come_from_two_calls() {
    let bucket = |le: &str, samples: &[(i64, &str)]| {
        let name = "__name__=petswipe_request_duration_seconds_bucket";
        series(&format!("{name},job=shop,instance=a,environment=green,le={le}"), samples)
    };
    let targets = |health: &str, count: &str| {
        let name = "__name__=petswipe_targets";
        series(
            &format!("{name},job=shop,instance=a,environment=green,health={health}"),
            &[(20, count)],
        )
    };
    let all = [
        requests("success", &[(10, "100"), (15, "100"), (20, "180")]),
        // It appears with the first failure.
        requests("server", &[(15, "3"), (20, "5")]),
        requests("balancer", &[(10, "1"), (15, "1"), (20, "2")]),
        bucket("0.25", &[(10, "50"), (20, "120")]),
        bucket("+Inf", &[(10, "50"), (20, "125")]),
        targets("healthy", "3"),
        targets("unhealthy", "0"),
    ];
    let server = Scripted::start([scraped(), matrix(&all)]).await;
    let seen = look(PrometheusSource::new(config(&server), Timestamp::now).unwrap()).await.unwrap();
    assert_eq!(seen.window, Window { from: at(10), to: at(20) });
    assert_eq!(seen.requests, Some(86));
    assert_eq!(
        (seen.errors.client, seen.errors.server, seen.errors.balancer),
        (Some(0), Some(5), Some(1))
    );
    let latency = seen.latency.unwrap();
    assert_eq!((latency.count(), latency.count_above(Duration::from_secs(1))), (75, 5));
    assert!(latency.quantile(0.9).unwrap() >= Duration::from_millis(250));
    assert_eq!(seen.targets.map(|targets| (targets.healthy, targets.unhealthy)), Some((3, 0)));
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    assert!(heard[0].starts_with(&format!(
        "GET /api/v1/query?query=up%7Bjob%3D%22petswipe%22%7D%5B16000ms%5D&timeout=20&time={}.000 ",
        BEGIN + 23
    )), "{}", heard[0]);
    assert!(heard[1].contains("environment%3D%22green%22%7D%5B16000ms%5D"), "{}", heard[1]);
}

/// Recorded in the form that "HTTP API", section "Native histograms", documents.
#[tokio::test]
async fn a_native_histogram_is_a_latency() {
    let histogram = |at: i64, count: u32, buckets: &str| {
        format!(r#"[{},{{"count":"{count}","sum":"9.5","buckets":[{buckets}]}}]"#, BEGIN + at)
    };
    let held = [
        histogram(10, 5, r#"[0,"0.08838834764831845","0.125","5"]"#),
        histogram(
            20,
            25,
            r#"[0,"0.08838834764831845","0.125","15"],[0,"0.5","0.7071067811865475","10"]"#,
        ),
    ];
    let native = format!(
        r#"{{"metric":{{"__name__":"seconds","job":"shop","instance":"a","environment":"green"}},"histograms":[{}]}}"#,
        held.join(",")
    );
    let replies = [scraped(), matrix(&[requests("success", &[(10, "5"), (20, "25")]), native])];
    let server = Scripted::start(replies).await;
    let mut config = config(&server);
    config.queries.latency =
        Latency::Native { histogram: Selector::metric("seconds"), unit: Duration::from_secs(1) };
    let latency = look(PrometheusSource::new(config, Timestamp::now).unwrap())
        .await
        .unwrap()
        .latency
        .unwrap();
    assert_eq!((latency.count(), latency.count_above(Duration::from_millis(200))), (20, 10));
    let median = latency.quantile(0.5).unwrap();
    assert!((125..131).contains(&median.as_millis()), "{median:?}");
    assert_eq!(latency.quantile(1.0), Some(Duration::from_nanos(707_107_000)));
}

#[tokio::test]
async fn half_the_series_are_no_smaller_number() {
    let half = [requests("success", &[(10, "1"), (20, "9")])];
    let both = |samples: &[(i64, &str)]| {
        let a = up("a", &[(9, "1"), (10, "1"), (20, "1")]);
        matrix(&[a, up("b", samples)])
    };
    let other = series(
        "__name__=petswipe_requests_total,job=shop,instance=b,environment=green,class=success",
        &[(10, "1")],
    );
    let failed = both(&[(9, "1"), (10, "1"), (20, "0")]);
    let said = refused(vec![failed, matrix(&[half[0].clone(), other])]).await;
    assert!(
        said.contains(
            r#"the scrape of up{instance="b",job="shop"} failed at 2023-11-14T22:13:40Z"#
        ),
        "{said}"
    );
    let warned = document(&half, r#","warnings":["store b: deadline exceeded"]"#);
    let said = refused(vec![scraped(), Reply::ok(warned)]).await;
    assert!(said.contains("may not be complete, it warns: store b: deadline exceeded"), "{said}");
    assert!(said.contains("query `{__name__=~"), "{said}");
    let stranger = series(
        "__name__=petswipe_requests_total,job=shop,instance=c,environment=green",
        &[(10, "1"), (20, "9")],
    );
    let said = refused(vec![scraped(), matrix(&[half[0].clone(), stranger])]).await;
    assert!(said.contains("comes from a target of which no up is known"), "{said}");
    let off = requests("server", &[(10, "1"), (19, "9")]);
    let said = refused(vec![scraped(), matrix(&[half[0].clone(), off])]).await;
    assert!(said.contains("when its target was not scraped"), "{said}");
}

#[tokio::test]
async fn odd_numbers_and_orders_are_told_with_their_series() {
    for (samples, words) in [
        (&[(10, "1"), (20, "NaN")][..], "is NaN at 2023-11-14T22:13:40Z"),
        (&[(10, "1"), (20, "+Inf")], "is inf at"),
        (&[(10, "1"), (20, "2.5")], "which is no whole number"),
        (&[(20, "2"), (10, "1")], "do not rise"),
        (&[(10, "1"), (20, "1"), (20, "2")], "do not rise"),
    ] {
        let said = refused(vec![scraped(), matrix(&[requests("success", samples)])]).await;
        assert!(said.contains(words) && said.contains("petswipe_requests_total"), "{said}");
    }
    let twice = requests("success", &[(10, "1"), (20, "2")]);
    let said = refused(vec![scraped(), matrix(&[twice.clone(), twice])]).await;
    assert!(said.contains("the same series twice"), "{said}");
}

#[tokio::test]
async fn an_unknown_metric_is_not_found_and_a_time_without_scrapes_is_missing() {
    let said = refused(vec![scraped(), matrix(&[])]).await;
    assert!(
        said.starts_with("a series petswipe_requests_total of green in Prometheus at"),
        "{said}"
    );
    assert!(observed(vec![matrix(&[])]).await.unwrap().is_missing());
}

#[tokio::test]
async fn a_new_target_counts_from_zero_unless_it_was_known_before() {
    let ups = || {
        matrix(&[
            up("a", &[(9, "1"), (10, "1"), (15, "1"), (20, "1")]),
            up("b", &[(15, "1"), (20, "1")]),
        ])
    };
    let of = |instance: &str, samples: &[(i64, &str)]| {
        let name = "__name__=petswipe_requests_total,job=shop,environment=green";
        series(&format!("{name},class=success,instance={instance}"), samples)
    };
    let all =
        || matrix(&[of("a", &[(10, "10"), (20, "11")]), of("b", &[(15, "400"), (20, "500")])]);
    let seen = observed(vec![ups(), all(), matrix(&[])]).await.unwrap();
    assert_eq!(seen.requests, Some(501));
    let before = |value: &str| {
        let vector =
            of("b", &[(7, value)]).replace("\"values\":[[", "\"value\":[").replace("]]}", "]}");
        matrix(&[vector])
    };
    let said = refused(vec![ups(), all(), before("300")]).await;
    assert!(said.contains("is back at") && said.contains("instance=\"b\""), "{said}");
    let anew = observed(vec![ups(), all(), before("900")]).await.unwrap();
    assert_eq!(anew.requests, Some(501));
}

#[tokio::test]
async fn what_a_server_refuses_is_told_with_the_query() {
    let error =
        |kind: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"it says why"}}"#);
    let answered = |status, headers: &str, body: &str| {
        let reply = Reply::with(status, headers, body);
        async move { observed(vec![reply]).await.unwrap_err() }
    };
    let wrong = answered("400 Bad Request", "", &error("bad_data")).await;
    assert!(matches!(wrong, Error::InvalidPolicy { .. }) && !wrong.is_retryable());
    let said = wrong.to_string();
    assert!(
        said.contains("`up{job=\"petswipe\"}[16000ms]`") && said.contains("it says why"),
        "{said}"
    );
    let failed = explain(&answered("422 Unprocessable Entity", "", &error("execution")).await);
    assert!(failed.contains("query `up{") && failed.contains("execution: it says why"), "{failed}");
    for status in ["401 Unauthorized", "403 Forbidden"] {
        assert!(matches!(answered(status, "", "no").await, Error::Denied { .. }));
    }
    let busy = answered("429 Too Many Requests", "Retry-After: 7\r\n", "").await;
    assert!(
        matches!(busy, Error::Throttled { retry_after: Some(wait), .. } if wait.as_secs() == 7)
    );
    let lost = explain(&answered("404 Not Found", "", "<html>").await);
    assert!(lost.contains("404 Not Found; is the URL right?"), "{lost}");
    let odd = explain(&answered("200 OK", "", "<html>").await);
    assert!(odd.contains("the answer is none of Prometheus"), "{odd}");
}

#[tokio::test]
async fn slow_long_and_absent_servers_are_errors() {
    let silent = Scripted::start([]).await;
    let config = |server: &Scripted| {
        let mut config = config(server);
        config.timeout = Duration::from_millis(50);
        config
    };
    let error = look(PrometheusSource::new(config(&silent), Timestamp::now).unwrap()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::TimedOut { waited, .. } if waited.as_millis() == 50), "{error}");
    let long = Scripted::start([Reply::ok("x".repeat(1000))]).await;
    let mut short = super::answers::config(&long);
    short.longest_answer = 999;
    let said = look(PrometheusSource::new(short, Timestamp::now).unwrap()).await.unwrap_err();
    assert!(explain(&said).contains("length limit exceeded"), "{}", explain(&said));
    let gone = config(&silent);
    drop(silent);
    let gone = look(PrometheusSource::new(gone, Timestamp::now).unwrap()).await;
    assert!(gone.is_err());
}

#[tokio::test]
async fn a_clock_that_is_off_is_an_error() {
    for (off, which) in [(-60, "behind ours"), (60, "ahead of ours")] {
        let reply = Reply { headers: date(off), ..scraped() };
        let said = refused(vec![reply]).await;
        assert!(said.contains("the clock of Prometheus") && said.contains(which), "{said}");
    }
    let none = Reply { headers: String::new(), ..scraped() };
    assert!(refused(vec![none.clone()]).await.contains("no Date"));
    let server =
        Scripted::start([none, matrix(&[requests("success", &[(10, "1"), (20, "2")])])]).await;
    let config = PrometheusConfig { clock_skew: None, ..config(&server) };
    let seen = look(PrometheusSource::new(config, Timestamp::now).unwrap()).await.unwrap();
    assert_eq!(seen.requests, Some(1));
}

#[tokio::test]
async fn credentials_are_sent_and_never_said() {
    for (credentials, sent) in [
        (
            Credentials::Bearer(Secret::new("hunter2\n").unwrap()),
            "authorization: Bearer hunter2\r\n",
        ),
        (
            Credentials::Basic {
                user: "ann".to_owned(),
                password: Secret::new("hunter2").unwrap(),
            },
            "authorization: Basic YW5uOmh1bnRlcjI=\r\n",
        ),
    ] {
        let server = Scripted::start([Reply::with("401 Unauthorized", "", "hunter2?")]).await;
        let source = PrometheusSource::new(
            PrometheusConfig { credentials, ..config(&server) },
            Timestamp::now,
        );
        let source = source.unwrap();
        let shown = format!("{source:?}");
        let error = look(source).await.unwrap_err();
        assert!(server.heard()[0].contains(sent), "{}", server.heard()[0]);
        let said = format!("{shown} {error:?} {}", explain(&error));
        assert!(!said.contains("hunter2") && !said.contains("YW5u"), "{said}");
    }
}

#[tokio::test]
async fn series_of_ones_own_are_told_apart_by_ones_own_labels() {
    let queries = PrometheusQueries {
        scrapes: Selector::metric("up").with(Matcher::is("job", "shop")),
        environment_label: "service".to_owned(),
        revision_label: None,
        requests: Selector::metric("http_requests_total"),
        client: Count::Among(vec![Matcher::starts_with("code", "4")]),
        server: Count::Among(vec![Matcher::starts_with("code", "5")]),
        balancer: Count::Of(Selector::metric("proxy_errors_total")),
        latency: Latency::Unknown,
        healthy: None,
        unhealthy: None,
        cpu: Some(Selector::metric("cpu_share")),
        memory: None,
    };
    let of = |name: &str, code: &str, samples: &[(i64, &str)]| {
        series(&format!("__name__={name},job=shop,instance=a,service=green,code={code}"), samples)
    };
    let all = [
        of("http_requests_total", "200", &[(10, "10"), (20, "30")]),
        of("http_requests_total", "404", &[(10, "10"), (20, "13")]),
        of("http_requests_total", "503", &[(10, "10"), (20, "14")]),
        of("cpu_share", "", &[(10, "0.9"), (20, "0.25")]),
    ];
    let server = Scripted::start([scraped(), matrix(&all)]).await;
    let config = PrometheusConfig { queries, ..config(&server) };
    let source = PrometheusSource::new(config, Timestamp::now).unwrap();
    let revision = Some("7".to_owned());
    let window = Window { from: at(10), to: at(20) };
    let seven = Subject { revision, ..Subject::environment("green") };
    let error = source.observe(&seven, window, at(30)).await.unwrap_err();
    assert!(error.to_string().contains("no label of a revision is named"), "{error}");
    let seen = look(source).await.unwrap();
    assert_eq!((seen.requests, seen.saturation.cpu, seen.latency), (Some(27), Some(0.25), None));
    // Nobody exposes the counter of the proxy: its failures are unknown, and not none.
    assert_eq!(
        (seen.errors.client, seen.errors.server, seen.errors.balancer),
        (Some(3), Some(4), None)
    );
}

#[tokio::test]
async fn whatever_is_wrong_with_an_answer_the_verdict_is_inconclusive_with_its_cause() {
    let error =
        |kind: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"it says why"}}"#);
    let all = |samples: &[(i64, &str)]| matrix(&[requests("success", samples)]);
    let gone = document(&[], r#","warnings":["store b: gone"]"#);
    for (replies, cause) in [
        (
            vec![Reply::with("503 Service Unavailable", "", &error("timeout"))],
            "timeout: it says why",
        ),
        (vec![Reply::with("400 Bad Request", "", &error("bad_data"))], "query of Prometheus at"),
        (vec![Reply::with("401 Unauthorized", "", "")], "denied"),
        (vec![Reply::with("429 Too Many Requests", "", "")], "throttles"),
        (vec![Reply::ok("<html>")], "none of Prometheus"),
        (vec![Reply { headers: date(-60), ..scraped() }], "behind ours"),
        (vec![scraped(), matrix(&[])], "was not found"),
        (vec![scraped(), Reply::ok(gone)], "store b: gone"),
        (vec![scraped(), all(&[(10, "1"), (20, "NaN")])], "is NaN at"),
        (vec![scraped(), all(&[(10, "1"), (20, "+Inf")])], "is inf at"),
        (vec![scraped(), all(&[(20, "9000"), (10, "1")])], "do not rise"),
        (vec![scraped(), all(&[(10, "1"), (20, "2"), (20, "9000")])], "do not rise"),
        // Nothing was scraped: nothing is wrong, and nothing is known.
        (vec![matrix(&[])], "is not known"),
    ] {
        let server = Scripted::start(replies).await;
        let source = PrometheusSource::new(config(&server), Timestamp::now).unwrap();
        let step = Step {
            started: at(10),
            judged_until: at(10),
            now: at(22),
            weight: 5,
            reference_weight: 95,
        };
        let (gate, green) = (AbsolutePolicy::default(), Subject::environment("green"));
        let carried = Carried::default();
        let judged = observe_and_judge(&source, &gate, &step, &green, None, &carried).await;
        let said = judged.verdict.to_string();
        assert!(said.starts_with("inconclusive: ") && said.contains(cause), "{cause}: {said}");
    }
}

#[tokio::test]
async fn a_window_shorter_than_a_period_is_nothing_known_and_asks_nobody() {
    let server = Scripted::start([]).await;
    let source = PrometheusSource::new(config(&server), Timestamp::now).unwrap();
    let half = Duration::from_millis(500);
    for (from, to) in [(at(10), at(10) + half), (at(10) + half, at(11) + half), (at(10), at(10))] {
        let window = Window { from, to };
        let seen = source.observe(&Subject::environment("green"), window, at(30)).await.unwrap();
        assert!(seen.is_missing() && seen.window.is_empty(), "{seen:?}");
    }
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn without_the_label_that_tells_failures_apart_the_verdict_is_inconclusive_and_no_pass() {
    // The application exports `status`, and `code` is asked for: all of its requests fail.
    let of = |labels: &str| {
        let name = "__name__=http_requests_total,job=shop,instance=a,environment=green";
        series(&format!("{name},{labels}"), &[(10, "0"), (20, "900")])
    };
    let with = |server: Matcher, all: Vec<String>| async move {
        let server_ = Scripted::start([scraped(), matrix(&all)]).await;
        let mut config = config(&server_);
        config.queries.requests = Selector::metric("http_requests_total");
        config.queries.server = Count::Among(vec![server]);
        (config.queries.client, config.queries.balancer) = (Count::Never, Count::Never);
        config.queries.latency = Latency::Unknown;
        let source = PrometheusSource::new(config, Timestamp::now).unwrap();
        let gate = AbsolutePolicy { latency: Vec::new(), ..AbsolutePolicy::default() };
        let (started, now) = (at(10), at(22));
        let step = Step { started, judged_until: started, now, weight: 5, reference_weight: 95 };
        let green = Subject::environment("green");
        let carried = Carried::default();
        observe_and_judge(&source, &gate, &step, &green, None, &carried).await.verdict.to_string()
    };
    let said = with(Matcher::starts_with("code", "5"), vec![of("status=500")]).await;
    assert!(said.starts_with("inconclusive: ") && said.contains("has no label code"), "{said}");
    assert!(said.contains("PrometheusQueries::server"), "{said}");
    assert!(said.contains("are: environment, instance, job, status"), "{said}");
    // One of two targets names it so.
    let both = vec![of("code=200"), of("status=500")];
    let said = with(Matcher::starts_with("code", "5"), both).await;
    assert!(said.starts_with("inconclusive: ") && said.contains("has no label code"), "{said}");
    let said = with(Matcher::starts_with("status", "5"), vec![of("status=500")]).await;
    assert!(said.starts_with("fail: "), "{said}");
    // Who asks for those without the label gets them.
    let said = with(Matcher::is("outcome", ""), vec![of("status=500")]).await;
    assert!(said.starts_with("fail: "), "{said}");
    let said = with(Matcher::starts_with("status", "5"), vec![of("status=200")]).await;
    assert!(said.starts_with("pass"), "{said}");
}
