//! Alarms: what they look like as requests, and what is refused.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Error;

const MINUTE: Duration = Duration::from_secs(60);

fn latency() -> Measure {
    let metric = Metric::new("AWS/ApplicationELB", "TargetResponseTime");
    let metric =
        metric.with("TargetGroup", "targetgroup/shop/1").with("LoadBalancer", "app/shop/0");
    metric.every(MINUTE, Statistic::percentile(99.0).unwrap())
}

fn count(name: &str) -> Measure {
    let metric = Metric::new("AWS/ApplicationELB", name).with("LoadBalancer", "app/shop/0");
    metric.every(MINUTE, Statistic::Sum)
}

fn rate() -> Vec<Query> {
    vec![
        Query::metric("failed", count("HTTPCode_Target_5XX_Count")),
        Query::metric("requests", count("RequestCount")),
        Query::watched("rate", "100 * FILL(failed, 0) / requests", "% of requests that fail"),
    ]
}

fn refusal(result: Result<Alarm, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn an_alarm_is_the_request_that_creates_it() {
    let threshold = Threshold::above(2.0).in_some_of(3, 5).missing(MissingData::NotBreaching);
    let alarm = Alarm::on_metric("slow", latency(), threshold.low_samples(LowSamples::Ignore));
    let alarm = alarm.unwrap().described("p99 above 2 s").unwrap();
    let alarm = alarm.notifying("arn:aws:sns:eu-central-1:123456789012:on-call").unwrap();
    let alarm = alarm.tagged("Project", "shop").unwrap();
    let request = json!({
        "AlarmName": "slow",
        "AlarmDescription": "p99 above 2 s",
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "TargetResponseTime",
        "Dimensions": [
            {"Name": "LoadBalancer", "Value": "app/shop/0"},
            {"Name": "TargetGroup", "Value": "targetgroup/shop/1"},
        ],
        "Period": 60,
        "ExtendedStatistic": "p99",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 2.0,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "ignore",
        "AlarmActions": ["arn:aws:sns:eu-central-1:123456789012:on-call"],
        "OKActions": ["arn:aws:sns:eu-central-1:123456789012:on-call"],
        "Tags": [{"Key": "Project", "Value": "shop"}],
    });
    assert_eq!(serde_json::to_value(&alarm).unwrap(), request);
    assert_eq!(serde_json::from_value::<Alarm>(request).unwrap(), alarm);
}

#[test]
fn a_calculation_says_which_of_its_numbers_is_watched() {
    let alarm = Alarm::on_math("rate", rate(), Threshold::above(1.0).in_periods(2)).unwrap();
    let request = serde_json::to_value(&alarm).unwrap();
    let dimensions = json!([{"Name": "LoadBalancer", "Value": "app/shop/0"}]);
    let stat = |name: &str| {
        let metric = json!({"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions});
        json!({"Metric": metric, "Period": 60, "Stat": "Sum"})
    };
    assert_eq!(
        request["Metrics"],
        json!([
            {"Id": "failed", "MetricStat": stat("HTTPCode_Target_5XX_Count"), "ReturnData": false},
            {"Id": "requests", "MetricStat": stat("RequestCount"), "ReturnData": false},
            {
                "Id": "rate",
                "Expression": "100 * FILL(failed, 0) / requests",
                "Label": "% of requests that fail",
                "ReturnData": true,
            },
        ])
    );
    for absent in ["Namespace", "MetricName", "Dimensions", "Period", "Statistic"] {
        assert_eq!(request.get(absent), None);
    }
    assert_eq!(serde_json::from_value::<Alarm>(request).unwrap(), alarm);
}

#[test]
fn a_composite_alarm_is_its_rule_and_needs_the_alarms_in_it() {
    let rule = Rule::alarm("a").and(Rule::ok("b")).or(Rule::insufficient_data("a").not());
    let alarm = Alarm::composite("page", rule).unwrap();
    let request = serde_json::to_value(&alarm).unwrap();
    assert_eq!(
        request,
        json!({
            "AlarmName": "page",
            "AlarmRule": r#"(ALARM("a") AND OK("b")) OR (NOT INSUFFICIENT_DATA("a"))"#,
        })
    );
    assert_eq!(serde_json::from_value::<Alarm>(request).unwrap(), alarm);
    assert_eq!(alarm.depends_on(), ["a", "b"]);
}

#[test]
fn a_rule_is_read_with_the_precedence_of_its_operators() {
    let read = |text: &str| text.parse::<Rule>().unwrap();
    let (a, b, c) = (|| Rule::alarm("a"), || Rule::ok("b c"), || Rule::Constant(true));
    assert_eq!(read("ALARM(a) OR OK(\"b c\") AND TRUE"), a().or(b().and(c())));
    assert_eq!(read("NOT ALARM( a ) AND OK(b c)"), a().not().and(b()));
    assert_eq!(read("NOT(ALARM(a)OR TRUE)"), a().or(c()).not());
    assert_eq!(read("((ALARM(a)))"), a());
    for wrong in [
        "",
        "ALARM",
        "ALARM()",
        "ALARM(a",
        "ALARM(a) OK(b)",
        "AND ALARM(a)",
        "ALARM(a) OR",
        "TRUEISH",
        "alarm(a)",
        "(TRUE",
    ] {
        let error = wrong.parse::<Rule>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("alarm rule is {wrong};")), "{error}");
    }
    assert!("(".repeat(100_000).parse::<Rule>().is_err());
}

#[test]
fn a_rule_holds_by_the_states_of_its_alarms() {
    let rule = Rule::alarm("a").and(Rule::ok("b")).or(Rule::insufficient_data("c").not());
    let states = [AlarmState::Alarm, AlarmState::Ok, AlarmState::InsufficientData];
    for a in states {
        for b in states {
            for c in states {
                let expected = (a == AlarmState::Alarm && b == AlarmState::Ok)
                    || c != AlarmState::InsufficientData;
                let state = |name: &str| match name {
                    "a" => a,
                    "b" => b,
                    _ => c,
                };
                assert_eq!(rule.holds(&state), expected, "{a:?} {b:?} {c:?}");
            }
        }
    }
}

#[test]
fn names_and_texts_are_as_cloudwatch_takes_them() {
    let make = |name: &str| Alarm::on_metric(name, latency(), Threshold::above(2.0));
    assert!(make(&"x".repeat(255)).is_ok());
    for wrong in ["", " ", &"x".repeat(256), "caf\u{e9}", "a\nb", "a\"b"] {
        let said = refusal(make(wrong));
        assert!(said.starts_with(&format!("alarm name is {wrong}; allowed: ")), "{said}");
    }
    let alarm = make("slow").unwrap();
    assert!(alarm.clone().described("\u{e9}".repeat(1024)).is_ok());
    assert!(refusal(alarm.clone().described("x".repeat(1025))).contains("at most 1024"));
    for wrong in ["", "on-call", "arn:aws:sns", "arn:gcp:sns:eu:1:topic", "arn:aws:sns:eu:1:"] {
        let said = refusal(alarm.clone().notifying(wrong));
        assert!(said.starts_with("actions on alarm of the alarm slow is "), "{said}");
    }
    let mut notified = alarm.clone();
    for topic in 0..5 {
        notified = notified.notifying(format!("arn:aws:sns:eu-central-1:1:{topic}")).unwrap();
    }
    let again = notified.clone().notifying("arn:aws:sns:eu-central-1:1:5");
    assert!(refusal(again).contains("is 6; allowed: at most 5"));
    let twice = alarm.clone().notifying("arn:aws:sns:eu-central-1:1:t").unwrap();
    assert!(refusal(twice.notifying("arn:aws:sns:eu-central-1:1:t")).contains("each once"));
    for (key, value) in [("", "x"), ("aws:x", "x"), ("AWS:x", "x"), ("a,b", "x"), ("a", "x\ny")] {
        let said = refusal(alarm.clone().tagged(key, value));
        assert!(said.starts_with("tags of the alarm slow is "), "{said}");
    }
    let mut tagged = alarm;
    for key in 0..50 {
        tagged = tagged.tagged(format!("key{key}"), "").unwrap();
    }
    assert!(refusal(tagged.tagged("one more", "")).contains("is 51; allowed: at most 50"));
}

#[test]
fn periods_and_evaluation_are_within_what_cloudwatch_evaluates() {
    let make = |seconds: u64, periods: u32| {
        let measure =
            Metric::new("Shop", "Swipes").every(Duration::from_secs(seconds), Statistic::Sum);
        Alarm::on_metric("slow", measure, Threshold::below(1.0).in_periods(periods))
    };
    for seconds in [10, 20, 30, 60, 120, 3600, 86_400, 604_800] {
        assert!(make(seconds, 1).is_ok(), "{seconds}");
    }
    for seconds in [0, 1, 5, 15, 45, 61, 90, 604_860] {
        assert!(refusal(make(seconds, 1)).starts_with("period of the metric of the alarm slow is"));
    }
    // A day below an hour, a week from there on.
    for (seconds, periods) in [(10, 8640), (60, 1440), (1800, 48), (3600, 168), (86_400, 7)] {
        assert!(make(seconds, periods).is_ok(), "{seconds} {periods}");
        let said = refusal(make(seconds, periods + 1));
        assert!(
            said.starts_with("period times evaluation periods of the alarm slow is "),
            "{said}"
        );
    }
    let measure = || Metric::new("Shop", "Swipes").every(MINUTE, Statistic::Sum);
    for (points, periods) in [(0, 1), (2, 1), (6, 5)] {
        let threshold = Threshold::above(1.0).in_some_of(points, periods);
        let said = refusal(Alarm::on_metric("slow", measure(), threshold));
        assert!(said.starts_with("datapoints to alarm of the alarm slow is "), "{said}");
    }
    let none = Threshold::above(1.0).in_periods(0);
    assert!(refusal(Alarm::on_metric("slow", measure(), none)).contains("at least 1"));
    for value in [f64::NAN, f64::INFINITY] {
        let said = refusal(Alarm::on_metric("slow", measure(), Threshold::above(value)));
        assert!(said.contains("a finite number"), "{said}");
    }
    let few = Threshold::above(1.0).low_samples(LowSamples::Ignore);
    assert!(refusal(Alarm::on_metric("slow", measure(), few)).contains("is a percentile"));
    assert!(refusal(Alarm::on_math("slow", rate(), few)).contains("nothing for a calculation"));
}

#[test]
fn metrics_are_named_as_cloudwatch_names_them() {
    let make = |metric: Metric| {
        Alarm::on_metric("a", metric.every(MINUTE, Statistic::Sum), Threshold::above(1.0))
    };
    for wrong in ["", ":AWS", "a b", "caf\u{e9}", &"x".repeat(256)] {
        assert!(refusal(make(Metric::new(wrong, "Count"))).starts_with("namespace of the metric"));
    }
    for wrong in ["", " ", "caf\u{e9}", "a\tb"] {
        assert!(refusal(make(Metric::new("Shop", wrong))).starts_with("name of the metric"));
    }
    let many = |count: i32| {
        (0..count)
            .fold(Metric::new("Shop", "Count"), |metric, at| metric.with(format!("d{at}"), "v"))
    };
    assert!(make(many(30)).is_ok());
    assert!(refusal(make(many(31))).contains("is 31; allowed: at most 30"));
    for (name, value) in [(":a", "v"), ("", "v"), ("a", ""), ("a", "\u{e9}")] {
        assert!(make(Metric::new("Shop", "Count").with(name, value)).is_err(), "{name} {value}");
    }
    let twice = Metric::new("Shop", "Count").with("a", "1").with("a", "2");
    assert!(refusal(make(twice)).contains("each name once"));
}

#[test]
fn statistics_are_those_of_cloudwatch() {
    for good in [
        "Average",
        "Sum",
        "Minimum",
        "Maximum",
        "SampleCount",
        "p99",
        "p0",
        "p100",
        "p99.9",
        "p99.1234567891",
        "tm90",
        "wm98",
        "tc90",
        "ts90",
        "IQM",
        "PR(:0.3)",
        "PR(0.1:2)",
        "TM(10%:90%)",
        "TM(150:1000)",
        "TS(80%:)",
        "WM(:95%)",
    ] {
        assert_eq!(good.parse::<Statistic>().unwrap().to_string(), good);
    }
    for wrong in [
        "",
        "average",
        "p",
        "p101",
        "p-1",
        "p99.12345678912",
        "p1e1",
        "P99",
        "tm101",
        "IQM(1:2)",
        "TM(:)",
        "TM(90%:10%)",
        "TM(10%:90)",
        "TM(5%:95%)",
        "PR(10%:20%)",
        "PR(1:2",
        "XX(1:2)",
        "p+5",
        "p99.",
        "p.5",
    ] {
        let error = wrong.parse::<Statistic>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("statistic is {wrong};")), "{error}");
    }
    assert_eq!(Statistic::percentile(99.9).unwrap().to_string(), "p99.9");
    for wrong in [-1.0, 100.1, f64::NAN] {
        assert!(Statistic::percentile(wrong).is_err());
    }
}

#[test]
fn calculations_are_refused_that_cloudwatch_can_not_evaluate() {
    let make = |change: &dyn Fn(&mut Vec<Query>)| {
        let mut queries = rate();
        change(&mut queries);
        Alarm::on_math("rate", queries, Threshold::above(1.0))
    };
    let said = |change: &dyn Fn(&mut Vec<Query>)| refusal(make(change));
    assert!(make(&|_| {}).is_ok());
    assert!(said(&|all| drop(all.pop())).contains("expressions of the alarm rate is 0"));
    assert!(said(&|all| drop(all.drain(..2))).contains("ids of entries"));
    let watched =
        |expression: &str| said(&|all| all[2] = Query::watched("rate", expression, "rate"));
    assert!(watched("failed / requsts").contains("is requsts; allowed: ids of entries"));
    assert!(watched("(failed / requests").contains("parentheses that match"));
    assert!(watched(")failed(").contains("parentheses that match"));
    assert!(watched("SEARCH('{AWS/ECS}', 'Sum')").contains("functions that give one series"));
    assert!(watched("METRICS()").contains("is METRICS;"));
    assert!(watched("1 + 2").contains("at least one id"));
    assert!(watched("rate + failed").contains("calculated from itself"));
    assert!(watched(&format!("failed{}", " + 1".repeat(600))).contains("1 to 2048"));
    assert!(said(&|all| all.push(Query::watched("more", "failed", "more"))).contains("exactly 1"));
    assert!(said(&|all| all[2] = Query::expression("rate", "failed")).contains("exactly 1"));
    for id in ["Failed", "1st", "", "a-b", "failed"] {
        let refused = said(&|all| all[1] = Query::metric(id, count("RequestCount")));
        assert!(refused.starts_with("id of an entry of the alarm rate is "), "{refused}");
    }
    let slower = |all: &mut Vec<Query>| {
        let metric = count("RequestCount").metric.every(MINUTE * 5, Statistic::Sum);
        all[1] = Query::metric("requests", metric);
    };
    assert!(said(&slower).contains("that of the other metrics"));
    let more = |count: usize| {
        move |all: &mut Vec<Query>| {
            let of = |at| Query::metric(format!("m{at}"), self::count("RequestCount"));
            all.splice(0..0, (0..count).map(of));
        }
    };
    assert!(make(&more(8)).is_ok());
    assert!(said(&more(9)).contains("metrics of the alarm rate is 11; allowed: 1 to 10"));
    let circle = |all: &mut Vec<Query>| {
        all.push(Query::expression("e1", "e2 + failed"));
        all.push(Query::expression("e2", "e1 + failed"));
    };
    assert!(said(&circle).contains("circle of expressions of the alarm rate is e1"));
}

#[test]
fn rules_are_refused_that_cloudwatch_can_not_evaluate() {
    let any =
        |count: usize| Rule::Any((0..count).map(|at| Rule::alarm(format!("a{at}"))).collect());
    assert!(Alarm::composite("page", any(100)).is_ok());
    assert!(refusal(Alarm::composite("page", any(101))).contains("alarms in the rule"));
    // Each alarm and its two parentheses are three elements.
    let same = |count: usize| Rule::Any(vec![Rule::alarm("a"); count]);
    assert!(Alarm::composite("page", same(166)).is_ok());
    assert!(refusal(Alarm::composite("page", same(167))).contains("elements of the rule"));
    let long = |count: usize| {
        Rule::Any((0..count).map(|at| Rule::alarm(format!("{at:03}{}", "x".repeat(250)))).collect())
    };
    assert!(refusal(Alarm::composite("page", long(60))).contains("length of the rule"));
    for wrong in [Rule::Any(vec![]), Rule::All(vec![Rule::ok("a")]), Rule::ok(""), Rule::ok("a\"b")]
    {
        assert!(refusal(Alarm::composite("page", wrong)).contains("two or more in a list"));
    }
    assert!(refusal(Alarm::composite("page", Rule::ok("page"))).contains("other alarms"));
}

#[test]
fn a_request_that_is_no_definition_is_refused_with_its_reason() {
    let metric =
        serde_json::to_value(Alarm::on_metric("slow", latency(), Threshold::above(2.0)).unwrap());
    let metric = metric.unwrap();
    let said = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut request = metric.clone();
        change(&mut request);
        serde_json::from_value::<Alarm>(request).unwrap_err().to_string()
    };
    assert!(said(&|all| all["Treshold"] = json!(1)).contains("unknown field `Treshold`"));
    assert!(said(&|all| all["Statistic"] = json!("Sum")).contains("not both"));
    assert!(said(&|all| all["AlarmRule"] = json!("TRUE")).contains("exactly one of"));
    assert!(
        said(&|all| drop(all.as_object_mut().unwrap().remove("MetricName")))
            .contains("exactly one")
    );
    for field in ["Namespace", "Period", "Threshold", "EvaluationPeriods", "ComparisonOperator"] {
        let refused = said(&|all| drop(all.as_object_mut().unwrap().remove(field)));
        assert!(refused.contains(&format!("{field} is missing")), "{refused}");
    }
    assert!(said(&|all| all["Period"] = json!(7)).contains("period of the metric"));
}

#[test]
fn a_number_breaches_a_threshold_as_its_operator_says() {
    let all = [
        (Threshold::above(2.0), [false, false, true], ">"),
        (Threshold::at_least(2.0), [false, true, true], ">="),
        (Threshold::below(2.0), [true, false, false], "<"),
        (Threshold::at_most(2.0), [true, true, false], "<="),
    ];
    for (threshold, expected, symbol) in all {
        let breached =
            [1.0, 2.0, 3.0].map(|number| threshold.operator.is_breached(number, threshold.value));
        assert_eq!((breached, threshold.operator.symbol()), (expected, symbol));
        assert!(threshold.operator.is_breached(f64::NAN, 2.0) == false);
    }
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let leaf = prop_oneof![
        "[a-z (),-]{0,5}[a-z]".prop_map(Rule::alarm),
        "[a-z]{1,5}".prop_map(Rule::ok),
        "[A-Z]{1,5}".prop_map(Rule::insufficient_data),
        any::<bool>().prop_map(Rule::Constant),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            list.clone().prop_map(Rule::All),
            list.prop_map(Rule::Any),
            inner.prop_map(Rule::not)
        ]
    })
}

proptest! {
    #[test]
    fn a_rule_that_is_written_is_read_as_the_same(rule in a_rule()) {
        prop_assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
    }
}
