//! Targets that go, fail, or tell only half.

use jiff::Timestamp;
use petswipe_monitor::prometheus::{PrometheusSource, Selector};
use petswipe_monitor::{MetricSource, Observation, Subject, Window, explain};

use super::answers::{at, config, look, matrix, refused, series, up};
use super::scripted::{Reply, Scripted};

/// The requests of one of two targets.
fn requests_of(instance: &str, environment: &str, samples: &[(i64, &str)]) -> String {
    let name = "__name__=petswipe_requests_total,job=shop,class=success";
    series(&format!("{name},instance={instance},environment={environment}"), samples)
}

/// Scrapes of one target at these seconds.
fn up_at(instance: &str, seconds: impl IntoIterator<Item = i64>) -> String {
    up(instance, &seconds.into_iter().map(|second| (second, "1")).collect::<Vec<_>>())
}

/// What is seen from one second to another.
async fn seen(from: i64, to: i64, replies: Vec<Reply>) -> Observation {
    let server = Scripted::start(replies).await;
    let source = PrometheusSource::new(config(&server), Timestamp::now).unwrap();
    let window = Window { from: at(from), to: at(to) };
    source.observe(&Subject::environment("green"), window, at(30)).await.unwrap()
}

#[tokio::test]
async fn of_a_target_that_went_in_the_middle_of_its_work_the_time_of_its_end_is_not_covered() {
    let ups = || matrix(&[up_at("a", 7..=23), up_at("b", 7..=13)]);
    // Each counts 10 a second; what the other one did after second 13 nobody knows.
    let both = || {
        let count = |last: i64| {
            let samples = (7..=last).map(|second| (second, (second * 10).to_string()));
            samples.collect::<Vec<_>>()
        };
        let of = |instance: &str, last| {
            let samples = count(last);
            let samples: Vec<_> = samples.iter().map(|(at, n)| (*at, n.as_str())).collect();
            requests_of(instance, "green", &samples)
        };
        matrix(&[of("a", 23), of("b", 13)])
    };
    let after = seen(10, 20, vec![ups(), both()]).await;
    assert_eq!(after.window, Window { from: at(14), to: at(20) });
    assert_eq!(after.requests, Some(60));
    // Who asks for the time before that by itself gets it, and not the same again.
    let before = seen(10, 14, vec![ups(), both()]).await;
    assert_eq!(before.window, Window { from: at(10), to: at(13) });
    assert_eq!(before.requests, Some(60));
    // Also in a window that begins with it, and in one that begins after it.
    assert_eq!(seen(13, 20, vec![ups(), both()]).await.window, Window { from: at(14), to: at(20) });
    assert_eq!(seen(14, 20, vec![ups(), both()]).await.requests, Some(60));
}

#[tokio::test]
async fn a_rolling_replacement_of_targets_that_were_drained_is_covered_as_a_whole() {
    // The old one gets no requests from second 12 on, is stopped, and fails to be scraped until it is no target any more.
    let old: Vec<_> = (7..=13).map(|second| (second, "1")).chain([(14, "0"), (15, "0")]).collect();
    let ups = matrix(&[up("a", &old), up_at("b", 11..=23)]);
    let requests = [
        requests_of("a", "green", &[(9, "70"), (10, "80"), (11, "90"), (12, "97"), (13, "97")]),
        requests_of("b", "green", &[(11, "2"), (12, "9"), (20, "88"), (21, "98")]),
    ];
    let seen = seen(10, 20, vec![ups, matrix(&requests), matrix(&[])]).await;
    assert_eq!(seen.window, Window { from: at(10), to: at(20) });
    assert_eq!(seen.requests, Some(17 + 88));
}

#[tokio::test]
async fn while_it_is_not_certain_that_a_target_is_gone_the_answer_ends_with_its_last_scrape() {
    // It was scraped last at second 18, and three intervals are not over at 20.
    let ups = || matrix(&[up_at("a", 7..=23), up_at("b", 7..=18)]);
    let requests = || {
        let of = |instance: &str, last: &[(i64, &str)]| {
            let first = [(9, "70"), (10, "80"), (17, "90"), (18, "95")];
            requests_of(instance, "green", &[&first[..], last].concat())
        };
        matrix(&[of("a", &[(20, "99")]), of("b", &[])])
    };
    let seen = seen(10, 20, vec![ups(), requests()]).await;
    assert_eq!((seen.window, seen.requests), (Window { from: at(10), to: at(18) }, Some(30)));
    let server = Scripted::start([ups(), requests()]).await;
    let source = PrometheusSource::new(config(&server), Timestamp::now).unwrap();
    let window = Window { from: at(18), to: at(20) };
    let green = Subject::environment("green");
    let said = explain(&source.observe(&green, window, at(30)).await.unwrap_err());
    assert!(said.contains("was not scraped again after 2023-11-14T22:13:38Z"), "{said}");
}

#[tokio::test]
async fn what_is_wrong_with_a_target_of_another_environment_is_no_error_of_this_one() {
    let failed: Vec<_> = (7..=19).map(|second| (second, "1")).chain([(20, "0")]).collect();
    let ups = || matrix(&[up_at("a", 7..=23), up("b", &failed)]);
    let green = requests_of("a", "green", &[(10, "1"), (20, "9")]);
    assert_eq!(
        seen(10, 20, vec![ups(), matrix(std::slice::from_ref(&green))]).await.requests,
        Some(8)
    );
    let own = requests_of("b", "green", &[(10, "1"), (19, "9")]);
    let said = refused(vec![ups(), matrix(&[green.clone(), own])]).await;
    assert!(said.contains("the scrape of up{instance=\"b\"") && said.contains("failed"), "{said}");
    // One that fails all the time, and that nobody ever scraped within a day: it may be anybody's.
    let silent: Vec<_> = (7..=23).map(|second| (second, "0")).collect();
    let ups = || matrix(&[up_at("a", 7..=23), up("b", &silent)]);
    let nothing = || matrix(&[]);
    let green = || matrix(std::slice::from_ref(&green));
    let said = refused(vec![ups(), green(), nothing(), nothing()]).await;
    assert!(said.contains("the scrape of up{instance=\"b\""), "{said}");
    // It was, and had nothing of this environment.
    let known = r#"{"metric":{"job":"shop","instance":"b"},"value":[1700000007,"1"]}"#.to_owned();
    let looked = seen(10, 20, vec![ups(), green(), nothing(), matrix(&[known])]).await;
    assert_eq!(looked.requests, Some(8));
    // Its labels say whose it is.
    for (environment, is_own) in [("blue", false), ("green", true)] {
        let labels = format!("__name__=up,job=shop,instance=b,environment={environment}");
        let ups = matrix(&[up_at("a", 7..=23), series(&labels, &silent)]);
        let server = Scripted::start([ups, green(), nothing(), nothing()]).await;
        let looked = look(PrometheusSource::new(config(&server), Timestamp::now).unwrap()).await;
        assert_eq!(looked.is_err(), is_own, "{environment}: {looked:?}");
    }
}

#[tokio::test]
async fn gauges_and_latency_of_half_the_targets_do_not_stand_for_all() {
    let cpu = |instance: &str, job: &str| {
        let labels = format!("__name__=cpu_share,job={job},instance={instance},environment=green");
        series(&labels, &[(10, "0.1"), (20, "0.25")])
    };
    let buckets = |instance: &str| {
        let name = "__name__=petswipe_request_duration_seconds_bucket,job=shop";
        let labels = format!("{name},instance={instance},environment=green,le=+Inf");
        series(&labels, &[(10, "0"), (20, "8")])
    };
    let looked = |more: Vec<String>| async move {
        let requests = ["a", "b"].map(|one| requests_of(one, "green", &[(10, "1"), (20, "9")]));
        let ups = matrix(&[up_at("a", 7..=23), up_at("b", 7..=23), up_at("c", 7..=23)]);
        let server = Scripted::start([ups, matrix(&[&requests[..], &more].concat())]).await;
        let mut config = config(&server);
        config.queries.cpu = Some(Selector::metric("cpu_share"));
        look(PrometheusSource::new(config, Timestamp::now).unwrap()).await
    };
    let said = explain(&looked(vec![cpu("a", "shop")]).await.unwrap_err());
    assert!(said.contains("cpu_share is told by others and not by {instance=\"b\""), "{said}");
    let said = explain(&looked(vec![buckets("b")]).await.unwrap_err());
    assert!(said.contains("petswipe_request_duration_seconds_bucket is told by others"), "{said}");
    assert!(said.contains("and not by {instance=\"a\""), "{said}");
    let both = looked(vec![cpu("a", "shop"), cpu("b", "shop"), buckets("a"), buckets("b")]).await;
    let both = both.unwrap();
    assert_eq!((both.saturation.cpu, both.latency.map(|all| all.count())), (Some(0.25), Some(16)));
    // An exporter of its own counts no requests, and tells of all that there are.
    assert_eq!(looked(vec![cpu("c", "shop")]).await.unwrap().saturation.cpu, Some(0.25));
    // What is gone at the end is half, too.
    let ended = series(
        "__name__=cpu_share,job=shop,instance=b,environment=green",
        &[(10, "0.9"), (15, "0.9")],
    );
    let said = explain(&looked(vec![cpu("a", "shop"), ended]).await.unwrap_err());
    assert!(said.contains("cpu_share is told by others"), "{said}");
}
