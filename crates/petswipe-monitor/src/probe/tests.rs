//! Tests of checks, their runs, and what is made of them.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::conformance::MetricWorld;
use crate::{MetricSource, Observation, Subject, Window};

const MS: Duration = Duration::from_millis(1);

mod pace;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A check that signs in, sees pets and likes one.
fn flow() -> Check {
    let text = r#"{
        "name": "swipe",
        "every": 60,
        "timeout": 2.5,
        "steps": [
            {
                "method": "POST", "path": "/login", "headers": {"content-type": "application/json"},
                "body": "{\"user\": \"{user}\", \"password\": \"{password}\"}",
                "capture": [{"variable": "token", "from": {"body": "/session/token"}}]
            },
            {
                "path": "/api/pets?limit=1", "headers": {"authorization": "Bearer {token}"},
                "expect": {"status": [200, 200], "json": {"/0/species": "dog"}, "within": 0.5},
                "capture": [{"variable": "next", "from": {"header": "x-next"}}]
            },
            {"method": "PUT", "path": "/api/pets/{next}/like", "expect": {"contains": "liked"}}
        ]
    }"#;
    serde_json::from_str(text).unwrap()
}

fn variables() -> Variables {
    let mut variables = Variables::default();
    variables.set("user", "ada");
    variables.set_secret("password", "hunter2");
    variables
}

fn answered(status: u16, header: Option<(&str, &str)>, body: &str, took: u32) -> Reply {
    let headers = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = headers.into_iter().collect();
    Reply { took: MS * took, answer: Ok(Answer { status, headers, body: body.to_owned() }) }
}

/// A service at which the flow passes, unless `spoilt` answers in its place.
async fn run(spoilt: impl Fn(&Request) -> Option<Reply> + Send + Sync) -> (Run, Vec<Request>) {
    let asked = Mutex::new(Vec::new());
    let web = MemoryWeb::new(|request: &Request| {
        asked.lock().unwrap().push(request.clone());
        spoilt(request).unwrap_or_else(|| match request.path.as_str() {
            "/login" => answered(201, None, r#"{"session": {"token": "t-0p"}}"#, 300),
            "/api/pets?limit=1" => {
                answered(200, Some(("x-next", "17")), r#"[{"species": "dog"}]"#, 200)
            }
            "/api/pets/17/like" => answered(200, None, "liked!", 100),
            other => panic!("nobody asks for {other}"),
        })
    });
    let run = flow().run(&web, &variables(), at(1_000)).await;
    let asked = asked.lock().unwrap().clone();
    (run, asked)
}

#[tokio::test]
async fn each_step_gets_what_it_needs_and_the_time_that_is_left() {
    let (run, asked) = run(|_| None).await;
    assert_eq!(run.to_string(), "swipe passed in 600 ms");
    assert_eq!(run.window(), Window { from: at(1_000), to: at(1_000) + MS * 600 });
    let left: Vec<_> = asked.iter().map(|request| request.timeout.as_millis()).collect();
    assert_eq!(left, [2_500, 2_200, 2_000]);
    assert_eq!(asked[0].method, "POST");
    assert_eq!(asked[0].body, r#"{"user": "ada", "password": "hunter2"}"#);
    assert_eq!(asked[1].headers, [("authorization".to_owned(), "Bearer t-0p".to_owned())]);
    assert_eq!((asked[2].method.as_str(), asked[2].path.as_str()), ("PUT", "/api/pets/17/like"));
}

#[tokio::test]
async fn the_first_step_that_is_not_as_expected_ends_the_run_and_says_why() {
    let cases: [(&str, Reply, &str); 11] = [
        (
            "/login",
            answered(503, None, "", 9),
            "failed after 9 ms: step 1 (POST /login) answered 503, expected 200 to 299",
        ),
        ("/login", Reply::failed("no connection", MS), "step 1 (POST /login) no connection"),
        (
            "/login",
            answered(200, None, "{", 1),
            "step 1 (POST /login) answered with no JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "/login",
            answered(200, None, r#"{"session": {"token": null}}"#, 1),
            "answered without a text or number at `/session/token`",
        ),
        (
            "/login",
            answered(200, None, "{}", 2_501),
            "failed after 2500 ms: step 1 (POST /login) got no answer in time",
        ),
        (
            "/login",
            answered(200, None, r#"{"session": {"token": 1}}"#, 2_500),
            "step 2 (GET /api/pets?limit=1) was not asked: the time of the check is over",
        ),
        (
            "/api/pets?limit=1",
            answered(204, None, "", 1),
            "step 2 (GET /api/pets?limit=1) answered 204, expected 200",
        ),
        (
            "/api/pets?limit=1",
            answered(200, None, r#"[{"species": "cat"}]"#, 1),
            "answered with something else than \"dog\" at `/0/species`",
        ),
        (
            "/api/pets?limit=1",
            answered(200, None, "[]", 1),
            "answered with nothing at `/0/species`, expected \"dog\"",
        ),
        (
            "/api/pets?limit=1",
            answered(200, Some(("x-next", "1")), r#"[{"species": "dog"}]"#, 501),
            "took 501 ms, expected at most 500 ms",
        ),
        (
            "/api/pets/17/like",
            answered(200, None, "no", 1),
            "step 3 (PUT /api/pets/{next}/like) answered without the text `liked`",
        ),
    ];
    for (path, reply, expected) in cases {
        let (run, asked) = run(|request| (request.path == path).then(|| reply.clone())).await;
        assert!(run.to_string().ends_with(expected), "{run} is not {expected}");
        let last = asked.last().unwrap();
        assert!(last.path == path || reply.took == MS * 2_500, "{last:?}");
        assert!(run.steps.len() >= asked.len());
    }
    let (run, _) = run(|r| {
        r.path.contains("pets?").then(|| answered(200, None, r#"[{"species": "dog"}]"#, 1))
    })
    .await;
    assert!(run.to_string().ends_with("answered without the header `x-next`"), "{run}");
}

#[tokio::test]
async fn what_is_secret_or_was_captured_is_in_no_report() {
    let (run, _) = run(|request| {
        let leak = format!("refused {} {:?}", request.body, request.headers);
        (request.path != "/login").then(|| Reply::failed(leak, MS))
    })
    .await;
    let shown = format!("{run} {run:?} {}", serde_json::to_string(&run).unwrap());
    assert!(shown.contains("Bearer ***"), "{shown}");
    assert!(!shown.contains("t-0p") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_variable_that_nobody_set_is_named_and_nothing_is_sent() {
    let web = MemoryWeb::new(|request| panic!("{request:?} was sent"));
    let run = flow().run(&web, &Variables::default(), at(0)).await;
    let wanted = "step 1 (POST /login) needs the variable `user`, which is not set";
    assert!(run.to_string().ends_with(wanted), "{run}");
    assert_eq!(flow().needs().into_iter().collect::<Vec<_>>(), ["password", "user"]);
}

#[tokio::test]
async fn nothing_captured_in_one_run_is_known_in_the_next() {
    let check = flow();
    let given = variables();
    let first = MemoryWeb::new(|request: &Request| match request.path.as_str() {
        "/login" => answered(201, None, r#"{"session": {"token": "t-0p"}}"#, 1),
        _ => Reply::failed("no connection", MS),
    });
    let run = check.run(&first, &given, at(0)).await;
    assert!(run.to_string().ends_with("step 2 (GET /api/pets?limit=1) no connection"), "{run}");
    // The same steps without the one that captures.
    let later = Check { steps: check.steps[1..].to_vec(), ..check };
    let second = MemoryWeb::new(|request: &Request| panic!("{request:?} was sent"));
    let run = later.run(&second, &given, at(60)).await;
    let wanted = "step 1 (GET /api/pets?limit=1) needs the variable `token`, which is not set";
    assert!(run.to_string().ends_with(wanted), "{run}");
}

#[tokio::test]
async fn exactly_the_expected_time_is_in_time() {
    let (run, _) = run(|request| {
        let header = Some(("x-next", "17"));
        let body = r#"[{"species": "dog"}]"#;
        request.path.contains("pets?").then(|| answered(200, header, body, 500))
    })
    .await;
    assert_eq!(run.failure(), None, "{run}");
}

#[test]
fn a_check_that_makes_no_sense_is_refused_with_its_field() {
    assert!(flow().validate().is_ok());
    for check in Check::standard() {
        check.validate().unwrap();
        assert!(check.needs().is_empty() && check.every == Duration::from_secs(300));
    }
    type Spoil = fn(&mut Check);
    let cases: [(Spoil, &str); 16] = [
        (
            |c| c.name = "a b".into(),
            "name of the check is `a b`; allowed: 1 to 64 letters, digits, -, _ and .",
        ),
        (|c| c.name.clear(), "name of the check is ``"),
        (|c| c.every = MS, "interval of the check swipe is 1ms; allowed: 1 second to a day"),
        (
            |c| c.timeout = Duration::from_secs(61),
            "timeout of the check swipe is 61s; allowed: above 0, at most its interval of 60s",
        ),
        (|c| c.timeout = Duration::ZERO, "timeout of the check swipe is 0ns"),
        (|c| c.steps.clear(), "number of steps of the check swipe is 0; allowed: 1 to 50"),
        (
            |c| c.steps[0].method = "Get it".into(),
            "method of step 1 of the check swipe is `Get it`",
        ),
        (
            |c| c.steps[1].path = "api".into(),
            "path of step 2 of the check swipe is `api`; allowed: one that begins with /",
        ),
        (|c| c.steps[1].path = "/a b".into(), "path of step 2"),
        (
            |c| _ = c.steps[1].headers.insert("x y".into(), "s3cret".into()),
            "header of step 2 of the check swipe is `x y`",
        ),
        (
            |c| _ = c.steps[1].headers.insert("x".into(), "a\r\nb".into()),
            "header of step 2 of the check swipe is `x`",
        ),
        (
            |c| c.steps[1].expect.status = Statuses(300, 200),
            "expected status of step 2 of the check swipe is 300 to 200",
        ),
        (|c| c.steps[1].expect.within = Some(Duration::ZERO), "expected time of step 2"),
        (
            |c| c.steps[0].capture[0].from = Part::Body("token".into()),
            "JSON pointer of step 1 of the check swipe is `token`",
        ),
        (
            |c| c.steps[0].capture[0].variable = "1x".into(),
            "variable of step 1 of the check swipe is `1x`",
        ),
        (
            |c| c.baseline = Some(Baseline { tolerance: f64::NAN, ..Baseline::default() }),
            "tolerance of the baseline of the check swipe is NaN",
        ),
    ];
    for (spoil, expected) in cases {
        let mut check = flow();
        spoil(&mut check);
        let error = check.validate().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("s3cret"));
    }
    for text in
        [r#"{"name": "a", "steps": [], "evry": 1}"#, r#"{"name": "a", "every": -1, "steps": []}"#]
    {
        assert!(serde_json::from_str::<Check>(text).is_err(), "{text}");
    }
    let check = flow();
    let again: Check = serde_json::from_str(&serde_json::to_string(&check).unwrap()).unwrap();
    assert_eq!(again, check);
}

fn timed(millis: u64, failure: Option<&str>) -> Run {
    let took = Duration::from_millis(millis);
    let failure = failure.map(str::to_owned);
    let step = StepRun { step: "GET /".into(), status: Some(200), took, failure };
    Run { check: "c".into(), started: at(0), took, steps: vec![step] }
}

#[test]
fn a_check_is_slow_once_enough_runs_in_a_row_are() {
    let baseline = Baseline { runs: 4, slow_runs: 2, tolerance: 1.5 };
    let limit = MS * 150;
    let runs = [
        (500, Some(Paced::Learning)),
        (90, Some(Paced::Learning)),
        (100, Some(Paced::Learning)),
        (80, Some(Paced::Learning)),
        // 500 is among the four.
        (95, Some(Paced::AsBefore { limit: MS * 750 })),
        (151, Some(Paced::Slower { limit, in_a_row: 1 })),
        (150, Some(Paced::AsBefore { limit })),
        (226, Some(Paced::Slower { limit: MS * 225, in_a_row: 1 })),
        (9_000, Some(Paced::Slow { limit: MS * 225, in_a_row: 2 })),
        (9_000, Some(Paced::Slow { limit: MS * 225, in_a_row: 3 })),
        (225, Some(Paced::AsBefore { limit: MS * 225 })),
    ];
    let mut pace = Pace::default();
    for (index, (millis, expected)) in runs.into_iter().enumerate() {
        assert_eq!(pace.add(&baseline, &timed(millis, None)), expected, "run {index}");
        // A failed one in between is no news about time.
        assert_eq!(pace.add(&baseline, &timed(1, Some("x"))), None);
        pace = serde_json::from_str(&serde_json::to_string(&pace).unwrap()).unwrap();
    }
    pace.reset();
    assert_eq!(pace.add(&baseline, &timed(9_000, None)), Some(Paced::Learning));
}

/// The documented probability, counted over all orders of five runs that are alike: 1 of C(3+2, 2) = 10.
#[test]
fn runs_that_are_alike_are_slow_as_seldom_as_documented() {
    let baseline = Baseline { runs: 3, slow_runs: 2, tolerance: 1.0 };
    let (mut orders, mut slow) = (0, 0);
    let mut order = [1, 2, 3, 4, 5];
    permute(&mut order, 0, &mut |order| {
        let mut pace = Pace::default();
        let last = order.iter().map(|millis| pace.add(&baseline, &timed(*millis, None))).last();
        orders += 1;
        slow += u32::from(matches!(last, Some(Some(Paced::Slow { .. }))));
    });
    assert_eq!((orders, slow), (120, 12));
}

fn permute(order: &mut [u64; 5], from: usize, seen: &mut impl FnMut(&[u64; 5])) {
    if from == order.len() {
        return seen(order);
    }
    for other in from..order.len() {
        order.swap(from, other);
        permute(order, from + 1, seen);
        order.swap(from, other);
    }
}

fn every(seconds: u64, name: &str) -> Check {
    Check {
        every: Duration::from_secs(seconds),
        timeout: Duration::from_secs(seconds.min(30)),
        ..Check::new(name, vec![Step::get("/")])
    }
}

#[test]
fn missed_runs_are_not_made_up_for_and_checks_do_not_all_begin_at_once() {
    let checks: Vec<_> = (0..50).map(|n| every(300, &format!("check-{n}"))).collect();
    let mut schedule = Schedule::new(&checks, at(1_000_000));
    let mut begun = std::collections::BTreeSet::new();
    let mut counts = [0; 50];
    while let Some(next) = schedule.next().filter(|next| *next < at(1_000_900)) {
        assert!(schedule.due(next - MS).is_empty());
        for index in schedule.due(next) {
            counts[index] += 1;
            begun.insert(next.as_second() % 300);
        }
        assert!(schedule.due(next).is_empty());
    }
    assert_eq!(counts, [3; 50]);
    assert!(begun.len() > 20 && begun.iter().all(|second| *second <= 150), "{begun:?}");
    // Asleep for an hour: each is due once.
    assert_eq!(schedule.due(at(1_004_500)).len(), 50);
    assert!(schedule.next().unwrap() > at(1_004_500));
    assert_eq!(Schedule::new(&[], at(0)).next(), None);
}

#[test]
fn a_check_asked_late_stays_where_it_is_in_its_interval() {
    let mut schedule = Schedule::new(&[every(60, "c")], at(1_000_000));
    let first = schedule.next().unwrap();
    for run in 1..=200 {
        // Each time somebody comes 3 ms late.
        assert_eq!(schedule.due(schedule.next().unwrap() + MS * 3), [0]);
        assert_eq!(schedule.next(), Some(first + Duration::from_secs(60) * run));
    }
    // Missed are three; the next is where it would have been.
    assert_eq!(schedule.due(first + Duration::from_secs(60) * 203 + MS), [0]);
    assert_eq!(schedule.next(), Some(first + Duration::from_secs(60) * 204));
}

proptest! {
    #[test]
    fn a_check_is_due_once_in_each_of_its_intervals(
        start in 0i64..10_000_000, interval in 1u64..10_000, name in "[a-z]{1,8}",
    ) {
        let mut schedule = Schedule::new(&[every(interval, &name)], at(start));
        let mut before: Option<Timestamp> = None;
        for _ in 0..5 {
            let next = schedule.next().unwrap();
            prop_assert!(next > at(start));
            prop_assert!(next <= at(start) + Duration::from_secs(interval) * 5);
            if let Some(before) = before {
                prop_assert_eq!(next, before + Duration::from_secs(interval));
            }
            prop_assert_eq!(schedule.due(next), vec![0]);
            before = Some(next);
        }
    }
}

/// A check that runs whenever somebody is served, on a clock of its own.
struct Checked {
    results: Results,
    now: Mutex<Timestamp>,
}

impl Checked {
    fn new() -> Self {
        let results = Results::new(&[every(60, "c")], Duration::from_secs(86_400)).unwrap();
        Self { results, now: Mutex::new(at(1_000_007)) }
    }

    fn record(&self, failed: bool) {
        let mut run = timed(20, failed.then_some("answered 500"));
        run.started = self.now();
        self.results.record(&run).unwrap();
    }
}

#[async_trait]
impl MetricWorld for Checked {
    fn source(&self) -> &dyn MetricSource {
        &self.results
    }

    fn subject(&self) -> Subject {
        Subject::environment("c")
    }

    // A period without a run was not measured.
    fn idle_subject(&self) -> Option<Subject> {
        None
    }

    fn unknown_subject(&self) -> Subject {
        Subject::environment("nobody")
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn serve(&self, requests: u64, failed: u64) {
        (0..requests).for_each(|index| self.record(index < failed));
    }

    async fn let_time_pass(&self, periods: u32) {
        *self.now.lock().unwrap() += Duration::from_secs(60) * periods;
    }
}

// The other sentences are told in worlds in which quiet periods are measured; here they are not, see below.
crate::conformance_tests!(
    async results,
    Checked::new(),
    [
        the_answer_lies_within_the_window_asked,
        an_open_period_is_never_in_the_answer,
        no_measurement_is_none_and_not_zero,
        time_that_passes_is_on_the_clock,
    ]
);

#[tokio::test]
async fn a_period_without_a_run_is_not_measured_and_old_ones_are_let_go() {
    let results = Results::new(&[every(60, "c")], Duration::from_secs(180)).unwrap();
    let run = |second| Run { started: at(second), ..timed(20, None) };
    let look = async |from, to, now| -> Observation {
        let window = Window { from: at(from), to: at(to) };
        results.observe(&Subject::environment("c"), window, at(now)).await.unwrap()
    };
    for second in [10, 70, 75, 250] {
        results.record(&run(second)).unwrap();
    }
    assert_eq!(look(0, 120, 1_000).await.requests, Some(3));
    assert!(look(0, 180, 1_000).await.is_missing());
    assert_eq!(look(240, 300, 1_000).await.requests, Some(1));
    // A run that began before 300 may last until 330.
    assert!(look(240, 300, 329).await.window.is_empty());
    results.record(&run(310)).unwrap();
    assert!(look(0, 60, 1_000).await.is_missing());
    assert!(look(0, 120, 1_000).await.is_missing());
}

#[tokio::test]
async fn a_wrong_answer_is_of_the_server_and_none_of_the_balancer() {
    let results = Results::new(&[every(60, "c")], Duration::from_secs(600)).unwrap();
    let mut unanswered = timed(20, Some("no connection"));
    unanswered.steps[0].status = None;
    let wrong = timed(30, Some("answered 500, expected 200 to 299"));
    for run in [timed(10, None), wrong.clone(), wrong, unanswered] {
        results.record(&run).unwrap();
    }
    let window = Window { from: at(0), to: at(60) };
    let seen = results.observe(&Subject::environment("c"), window, at(1_000)).await.unwrap();
    assert_eq!(seen.requests, Some(4));
    let errors = (seen.errors.client, seen.errors.server, seen.errors.balancer);
    assert_eq!(errors, (Some(0), Some(2), Some(1)));
}

#[test]
fn the_text_for_prometheus_has_every_check() {
    let mut slow = every(60, "c");
    slow.baseline = Some(Baseline { runs: 3, slow_runs: 1, tolerance: 1.0 });
    let results = Results::new(&[slow, every(60, "never-ran")], Duration::ZERO).unwrap();
    for (millis, failure) in [(10, None), (10, None), (10, None), (25, None), (1, Some("x"))] {
        results.record(&timed(millis, failure)).unwrap();
    }
    let expected = "\
# HELP petswipe_probe_success Whether the last run passed.
# TYPE petswipe_probe_success gauge
petswipe_probe_success{check=\"c\"} 0
# HELP petswipe_probe_duration_seconds How long the last run took.
# TYPE petswipe_probe_duration_seconds gauge
petswipe_probe_duration_seconds{check=\"c\"} 0.001
# HELP petswipe_probe_last_run_timestamp_seconds When the last run began.
# TYPE petswipe_probe_last_run_timestamp_seconds gauge
petswipe_probe_last_run_timestamp_seconds{check=\"c\"} 0
# HELP petswipe_probe_slow Whether it became slower than its baseline.
# TYPE petswipe_probe_slow gauge
petswipe_probe_slow{check=\"c\"} 1
# HELP petswipe_probe_runs_total Runs by their result.
# TYPE petswipe_probe_runs_total counter
petswipe_probe_runs_total{check=\"c\",result=\"passed\"} 4
petswipe_probe_runs_total{check=\"c\",result=\"failed\"} 1
petswipe_probe_runs_total{check=\"never-ran\",result=\"passed\"} 0
petswipe_probe_runs_total{check=\"never-ran\",result=\"failed\"} 0
";
    assert_eq!(results.prometheus_text(), expected);
    assert_eq!(results.last().len(), 1);
}

#[test]
fn no_checks_two_of_a_name_and_runs_of_others_are_refused() {
    assert!(
        Results::new(&[], Duration::ZERO).unwrap_err().to_string().starts_with("checks is none")
    );
    let twice = Results::new(&[every(60, "c"), every(60, "c")], Duration::ZERO).unwrap_err();
    assert!(twice.to_string().starts_with("name of the check is `c`, twice"), "{twice}");
    let results = Results::new(&[every(60, "d")], Duration::ZERO).unwrap();
    let error = results.record(&timed(1, None)).unwrap_err().to_string();
    assert_eq!(error, "a check named `c` was not found");
}
