//! Dashboards against what is published about their formats, written down here a second time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::Source;
use super::*;
use crate::Owner;
use crate::alarms::guide::{Limits, Resources, Side};
use crate::alarms::{Metric, Statistic, references};

/// Namespace, name, sets of dimensions, statistics.
type Documented =
    (&'static str, &'static str, &'static [&'static [&'static str]], &'static [&'static str]);

/// The metrics that AWS documents, each with the sets of dimensions that it is published with, and the statistics that its page
/// calls useful or meaningful; `p` is percentiles. Of counts of requests the others "all return 1".
///
/// Sources: "CloudWatch metrics for your Application Load Balancer", "Amazon ECS CloudWatch metrics", "Amazon CloudWatch metrics for
/// Amazon RDS", which restricts no statistic, and "Amazon CloudWatch dimensions for Amazon RDS".
const DOCUMENTED: &[Documented] = &[
    ("AWS/ApplicationELB", "ActiveConnectionCount", ALL_SIDES, &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_ELB_4XX_Count", ALL_SIDES, &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", ALL_SIDES, &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_ELB_503_Count", ALL_SIDES, &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_Target_4XX_Count", BOTH, &["Sum"]),
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", BOTH, &["Sum"]),
    ("AWS/ApplicationELB", "RequestCount", BOTH, &["Sum"]),
    ("AWS/ApplicationELB", "TargetResponseTime", BOTH, &["Average", "p"]),
    ("AWS/ApplicationELB", "HealthyHostCount", ONE_SIDE, GAUGE),
    ("AWS/ApplicationELB", "UnHealthyHostCount", ONE_SIDE, GAUGE),
    ("AWS/ECS", "CPUUtilization", SERVICE, GAUGE),
    ("AWS/ECS", "MemoryUtilization", SERVICE, GAUGE),
    ("AWS/RDS", "CPUUtilization", INSTANCE, GAUGE),
    ("AWS/RDS", "DatabaseConnections", INSTANCE, GAUGE),
    ("AWS/RDS", "FreeableMemory", INSTANCE, GAUGE),
    ("AWS/RDS", "FreeStorageSpace", INSTANCE, GAUGE),
];
const GAUGE: &[&str] = &["Average", "Minimum", "Maximum"];
const ALL_SIDES: &[&[&str]] = &[&["LoadBalancer"]];
const ONE_SIDE: &[&[&str]] = &[&["LoadBalancer", "TargetGroup"]];
const SERVICE: &[&[&str]] = &[&["ClusterName", "ServiceName"]];
const INSTANCE: &[&[&str]] = &[&["DBInstanceIdentifier"]];
const BOTH: &[&[&str]] = &[&["LoadBalancer"], &["LoadBalancer", "TargetGroup"]];

fn shop() -> Resources {
    let side = |name: &str| Side {
        target_group: format!("targetgroup/shop-production-{name}-tg/1"),
        service: Some(("shop-production-cluster".to_owned(), format!("shop-production-{name}"))),
    };
    Resources {
        owner: Owner::new("shop", "production").unwrap(),
        load_balancer: "app/shop-production-alb/0".to_owned(),
        sides: ["blue", "canary", "green"].map(|name| (name.to_owned(), side(name))).into(),
        database: Some("shop-production-db".to_owned()),
    }
}

fn region() -> CloudWatchRegion {
    CloudWatchRegion::new("eu-central-1").account("123456789012")
}

fn of_cloudwatch() -> Vec<Dashboard> {
    let alarms = ["shop-production-5xx".to_owned()];
    guide::cloudwatch(&shop(), &Limits::default(), &alarms).unwrap()
}

fn of_grafana() -> Vec<(Dashboard, Value)> {
    let (owner, names) = (shop().owner, guide::PrometheusNames::default());
    let custom = guide::Custom {
        title: "Cache hits".to_owned(),
        expression: "sum(rate(cache_hits_total[5m]))".to_owned(),
        unit: Unit::PerSecond,
    };
    let all =
        guide::grafana(&owner, &names, &guide::Business::default(), &[custom], &Limits::default());
    let variables = guide::variables(&owner, &names);
    let rendered = all.unwrap().into_iter().map(|dashboard| {
        let json = dashboard.to_grafana(&variables, &["shop"]).unwrap();
        (dashboard, json)
    });
    rendered.collect()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no whole number"))
}

/// That no two rectangles overlap, and all are within 24 columns.
fn assert_apart(places: &[[i64; 4]]) {
    for (index, [x, y, width, height]) in places.iter().enumerate() {
        assert!(*x >= 0 && *y >= 0 && *width >= 1 && *height >= 1 && x + width <= 24, "{places:?}");
        for [x2, y2, width2, height2] in &places[..index] {
            let apart =
                x + width <= *x2 || x2 + width2 <= *x || y + height <= *y2 || y2 + height2 <= *y;
            assert!(apart, "{:?} overlaps {:?}", [x, y, width, height], [x2, y2, width2, height2]);
        }
    }
}

fn members<'a>(value: &'a Value, known: &[&str]) -> &'a serde_json::Map<String, Value> {
    let members = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    for member in members.keys() {
        assert!(known.contains(&member.as_str()), "{member} is not documented");
    }
    members
}

/// "Dashboard Body Structure and Syntax": members, ranges, and the format of each metric in the array.
fn assert_is_a_body(body: &Value) {
    members(body, &["start", "end", "periodOverride", "widgets", "variables"]);
    assert!(["auto", "inherit"].contains(&body["periodOverride"].as_str().unwrap()));
    let widgets = body["widgets"].as_array().unwrap();
    assert!(widgets.len() <= 500);
    let mut places = Vec::new();
    let mut all = 0;
    for widget in widgets {
        members(widget, &["type", "x", "y", "width", "height", "properties"]);
        let place = ["x", "y", "width", "height"].map(|member| number(&widget[member]));
        assert!(place[0] <= 23 && place[3] <= 1000, "{place:?}");
        places.push(place);
        let properties = &widget["properties"];
        match widget["type"].as_str().unwrap() {
            "text" => {
                members(properties, &["markdown", "background"]);
                assert!(!properties["markdown"].as_str().unwrap().is_empty());
            }
            "alarm" => {
                members(properties, &["alarms", "sortBy", "states", "title"]);
                let alarms = properties["alarms"].as_array().unwrap();
                assert!((1..=100).contains(&alarms.len()));
                assert_eq!(
                    alarms[0],
                    "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop-production-5xx"
                );
            }
            "metric" => all += assert_is_a_metric_widget(properties),
            other => panic!("{other}"),
        }
    }
    assert!(all <= 2500);
    assert_apart(&places);
}

fn assert_is_a_metric_widget(properties: &Value) -> usize {
    members(
        properties,
        &[
            "accountId",
            "annotations",
            "liveData",
            "legend",
            "metrics",
            "period",
            "region",
            "stat",
            "title",
            "trend",
            "view",
            "stacked",
            "timezone",
            "setPeriodToTimeRange",
            "sparkline",
            "singleValueFullPrecision",
            "yAxis",
            "table",
        ],
    );
    assert!(
        ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]
            .contains(&properties["view"].as_str().unwrap())
    );
    let period = number(&properties["period"]);
    assert!([1, 5, 10, 30].contains(&period) || period % 60 == 0);
    if let Some(axis) = properties.get("yAxis") {
        members(axis, &["left", "right"]);
        members(&axis["left"], &["label", "min", "max", "showUnits"]);
    }
    if let Some(annotations) = properties.get("annotations") {
        members(annotations, &["alarms", "horizontal", "vertical"]);
        for line in annotations["horizontal"].as_array().unwrap() {
            members(line, &["value", "label", "color", "fill", "visible", "yAxis"]);
            assert!(line["value"].is_number());
        }
    }
    let metrics = properties["metrics"].as_array().unwrap();
    assert!((1..=500).contains(&metrics.len()));
    let rendering =
        ["color", "label", "period", "region", "stat", "visible", "yAxis", "id", "accountId"];
    let mut ids = BTreeSet::new();
    let mut expressions = Vec::new();
    for metric in metrics {
        let parts = metric.as_array().unwrap();
        let (last, names) = parts.split_last().unwrap();
        if let Some(id) = last["id"].as_str() {
            assert!(id.starts_with(|c: char| c.is_ascii_lowercase()));
            assert!(ids.insert(id), "{id} is there twice");
        }
        if names.is_empty() {
            members(
                last,
                &["expression", "label", "id", "color", "visible", "yAxis", "period", "region"],
            );
            expressions.push(last["expression"].as_str().unwrap());
            continue;
        }
        members(last, &rendering);
        assert!(last["stat"].as_str().unwrap().parse::<Statistic>().is_ok());
        // Namespace, name, and pairs of dimension and value.
        assert!(names.len() >= 2 && names.len() % 2 == 0 && names.iter().all(Value::is_string));
    }
    for expression in expressions {
        assert!(
            references(expression).iter().all(|id| ids.contains(id)),
            "{expression} of {ids:?}"
        );
    }
    assert!(
        metrics
            .iter()
            .any(|metric| metric.as_array().unwrap().last().unwrap()["visible"] != json!(false))
    );
    metrics.len()
}

/// "Dashboard JSON model" and the schema of Grafana's `kinds/dashboard`.
fn assert_is_a_model(model: &Value) {
    members(
        model,
        &[
            "id",
            "uid",
            "title",
            "description",
            "tags",
            "timezone",
            "editable",
            "graphTooltip",
            "schemaVersion",
            "version",
            "refresh",
            "time",
            "timepicker",
            "fiscalYearStartMonth",
            "liveNow",
            "weekStart",
            "links",
            "annotations",
            "templating",
            "panels",
            "style",
            "gnetId",
        ],
    );
    assert_eq!(model["id"], Value::Null, "Grafana gives the id");
    let uid = model["uid"].as_str().unwrap();
    assert!(
        (1..=40).contains(&uid.len())
            && uid.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    );
    assert!(number(&model["schemaVersion"]) >= 36);
    assert!([0, 1, 2].contains(&number(&model["graphTooltip"])));
    assert!(model["tags"].as_array().unwrap().iter().all(Value::is_string));
    let mut variables = BTreeSet::new();
    for variable in model["templating"]["list"].as_array().unwrap() {
        assert!(variables.insert(variable["name"].as_str().unwrap()));
        assert!(["datasource", "custom", "query"].contains(&variable["type"].as_str().unwrap()));
        assert!([0, 1, 2].contains(&number(&variable["hide"])));
        if variable["type"] == "query" {
            assert!([0, 1, 2].contains(&number(&variable["refresh"])));
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
        }
    }
    assert!(["datasource", "project", "environment"].iter().all(|name| variables.contains(name)));
    let mut ids = BTreeSet::new();
    let mut places = Vec::new();
    for panel in model["panels"].as_array().unwrap() {
        let id = number(&panel["id"]);
        assert!(id > 0 && ids.insert(id));
        members(&panel["gridPos"], &["x", "y", "w", "h", "static"]);
        places.push(["x", "y", "w", "h"].map(|member| number(&panel["gridPos"][member])));
        match panel["type"].as_str().unwrap() {
            "row" => {
                members(
                    panel,
                    &[
                        "id",
                        "type",
                        "title",
                        "collapsed",
                        "panels",
                        "gridPos",
                        "datasource",
                        "repeat",
                    ],
                );
                assert_eq!(
                    (number(&panel["gridPos"]["h"]), number(&panel["gridPos"]["w"])),
                    (1, 24)
                );
            }
            "text" => assert_eq!(panel["options"]["mode"], "markdown"),
            "timeseries" | "stat" => assert_shows_series(panel),
            other => panic!("{other}"),
        }
    }
    assert_apart(&places);
}

fn assert_shows_series(panel: &Value) {
    members(
        panel,
        &[
            "id",
            "type",
            "title",
            "description",
            "gridPos",
            "datasource",
            "targets",
            "fieldConfig",
            "options",
            "transformations",
            "interval",
            "maxDataPoints",
            "timeFrom",
            "timeShift",
            "transparent",
            "links",
            "repeat",
            "pluginVersion",
        ],
    );
    assert_eq!(panel["datasource"], json!({"type": "prometheus", "uid": "${datasource}"}));
    let mut references = BTreeSet::new();
    for target in panel["targets"].as_array().unwrap() {
        assert!(references.insert(target["refId"].as_str().unwrap()));
        assert!(!target["expr"].as_str().unwrap().is_empty());
        assert_ne!(target["range"], target["instant"]);
    }
    assert!(!references.is_empty());
    let defaults = &panel["fieldConfig"]["defaults"];
    assert!(
        ["short", "ops", "s", "percent", "bytes"].contains(&defaults["unit"].as_str().unwrap())
    );
    let steps = defaults["thresholds"]["steps"].as_array().unwrap();
    assert_eq!(steps[0]["value"], Value::Null, "the first step is from minus infinity");
    assert!(
        steps[1..].windows(2).all(|pair| pair[0]["value"].as_f64() < pair[1]["value"].as_f64())
    );
}

#[test]
fn the_dashboards_of_cloudwatch_have_the_documented_form() {
    let all = of_cloudwatch();
    let names: Vec<_> = all.iter().map(Dashboard::name).collect();
    assert_eq!(
        names,
        ["shop-production-overview", "shop-production-sre", "shop-production-canary-deployment"]
    );
    for dashboard in all {
        assert_is_a_body(&dashboard.to_cloudwatch(&region()).unwrap());
    }
}

/// What a series is made of, each with its statistic.
fn parts(series: &Series) -> Vec<(Metric, Statistic)> {
    match &series.source {
        Source::Metric(metric, statistic) => vec![(metric.clone(), statistic.clone())],
        Source::Math { of, .. } => {
            of.iter().map(|(_, metric, statistic)| (metric.clone(), statistic.clone())).collect()
        }
        Source::Prometheus(_) => Vec::new(),
    }
}

#[test]
fn every_metric_is_one_that_aws_documents_with_its_dimensions_and_statistic() {
    use crate::alarms::{Condition, Query};
    let all = of_cloudwatch();
    let alarms = crate::alarms::guide::alarms(&shop(), &Limits::default(), &[]).unwrap();
    let mut used: Vec<_> = all.iter().flat_map(Dashboard::series).flat_map(parts).collect();
    for alarm in alarms {
        let measures = match alarm.condition() {
            Condition::Metric(measure, _) => vec![measure],
            Condition::Math(queries, _) => {
                let measures = queries.iter().filter_map(|query| match query {
                    Query::Metric { measure, .. } => Some(measure),
                    Query::Expression { .. } => None,
                });
                measures.collect()
            }
            Condition::Composite(_) => Vec::new(),
        };
        used.extend(measures.iter().map(|one| (one.metric.clone(), one.statistic.clone())));
    }
    assert!(used.len() > 50);
    for (metric, statistic) in &used {
        let names: Vec<_> = metric.dimensions.iter().map(|(name, _)| name.as_str()).collect();
        let word = match statistic {
            Statistic::Extended(one) if one.is_percentile() => "p".to_owned(),
            other => other.to_string(),
        };
        let known = DOCUMENTED.iter().any(|(namespace, name, dimensions, statistics)| {
            *namespace == metric.namespace
                && *name == metric.name
                && dimensions.contains(&names.as_slice())
                && statistics.contains(&word.as_str())
        });
        assert!(known, "{statistic} of {metric:?}");
    }
    for (namespace, name, ..) in DOCUMENTED {
        let is_used =
            used.iter().any(|(metric, _)| metric.namespace == *namespace && metric.name == *name);
        assert!(is_used, "{namespace} {name} is documented above and used nowhere");
    }
}

#[test]
fn the_golden_signals_are_all_on_their_dashboard() {
    let body = of_cloudwatch()[1].to_cloudwatch(&region()).unwrap().to_string();
    for part in [
        "\"Average\"",
        "\"p50\"",
        "\"p95\"",
        "\"p99\"",
        "RequestCount",
        "requests / PERIOD(requests)",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "100 * (FILL(targets, 0)",
        "CPUUtilization",
        "MemoryUtilization",
        "ActiveConnectionCount",
        "DatabaseConnections",
    ] {
        assert!(body.contains(part), "{part}");
    }
}

#[test]
fn the_dashboards_of_grafana_have_the_documented_form() {
    let all = of_grafana();
    let names: Vec<_> = all.iter().map(|(dashboard, _)| dashboard.name()).collect();
    assert_eq!(
        names,
        [
            "shop-production-application-performance",
            "shop-production-infrastructure-health",
            "shop-production-business-metrics",
            "shop-production-custom-metrics",
        ]
    );
    let uids: BTreeSet<_> = all.iter().map(|(_, model)| model["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), 4);
    for (_, model) in &all {
        assert_is_a_model(model);
    }
}

#[test]
fn identifiers_are_short_and_of_one_name_only() {
    let long = "petswipe-production-europe-application-performance";
    assert_eq!(uid(long), uid(long));
    assert_ne!(uid(long), uid(&format!("{long}-2")));
    assert_eq!(uid(&"x".repeat(40)), "x".repeat(40));
    assert_eq!(uid(&"x".repeat(41)).len(), 40);
}

#[test]
fn panels_stand_beside_each_other_in_lines_of_four() {
    let panel = || Panel::text("a", "b");
    for count in 1..14 {
        let row = Row::new("row", (0..count).map(|_| panel()));
        let dashboard = Dashboard::new("a", "a", [row.clone(), row]);
        let body = dashboard.to_cloudwatch(&region()).unwrap();
        assert_is_a_body(&body);
        assert_eq!(body["widgets"].as_array().unwrap().len(), 2 * (count + 1));
    }
}

#[test]
fn what_can_not_be_shown_is_refused() {
    let metric = |name: &str| Series::metric("a", Metric::new("Shop", name), Statistic::Sum);
    let one = |panel: Panel| Dashboard::new("shop", "Shop", [Row::new("row", [panel])]);
    let refused = |panel: Panel| one(panel).to_cloudwatch(&region()).unwrap_err().to_string();
    assert!(
        refused(Panel::graph("none", []))
            .contains("content of the panel \"none\" of shop is empty")
    );
    assert!(refused(Panel::text("none", "x").limit("x", f64::NAN)).contains("a finite number"));
    assert!(
        refused(Panel::graph("bad", [metric("")])).starts_with("name of the metric of the panel")
    );
    let expression = Panel::graph("bad", [Series::prometheus("a", "up")]);
    assert!(refused(expression.clone()).contains("is up; allowed: metrics of CloudWatch"));
    let math = |expression: &str, id: &str, name: &str| {
        Series::math("a", expression, [(id, Metric::new("Shop", name), Statistic::Sum)])
    };
    assert!(refused(Panel::graph("bad", [math("a + b", "a", "A")])).contains("is b; allowed: ids"));
    assert!(refused(Panel::graph("bad", [math("A", "A", "A")])).contains("id of a metric"));
    assert!(
        refused(Panel::graph("bad", [math("shown0", "shown0", "A")])).contains("id of a metric")
    );
    let both = [math("a", "a", "A"), math("a", "a", "B")];
    assert!(refused(Panel::graph("bad", both)).contains("each id one metric"));
    let many = |count: usize| Panel::graph("many", (0..count).map(|at| metric(&at.to_string())));
    assert!(one(many(500)).to_cloudwatch(&region()).is_ok());
    assert!(refused(many(501)).contains("is 501; allowed: at most 500"));
    let panels = |count: usize, series: usize| {
        Dashboard::new("shop", "Shop", [Row::new("row", vec![many(series); count])])
    };
    assert!(panels(5, 500).to_cloudwatch(&region()).is_ok());
    assert!(
        panels(6, 500).to_cloudwatch(&region()).unwrap_err().to_string().contains("at most 2500")
    );
    assert!(panels(499, 1).to_cloudwatch(&region()).is_ok());
    assert!(
        panels(500, 1)
            .to_cloudwatch(&region())
            .unwrap_err()
            .to_string()
            .contains("is 501; allowed: at most 500")
    );
    let alarms = one(Panel::alarms("alarms", ["a"]));
    let nowhere = alarms.to_cloudwatch(&CloudWatchRegion::new("eu-central-1"));
    assert!(nowhere.unwrap_err().to_string().contains("the number of the account"));
    assert!(alarms.to_cloudwatch(&CloudWatchRegion::new("eu-central-1").account("1")).is_err());
    assert!(alarms.to_cloudwatch(&CloudWatchRegion::new("EU")).is_err());
    let china = alarms.to_cloudwatch(&CloudWatchRegion::new("cn-north-1").account("123456789012"));
    assert_eq!(
        china.unwrap()["widgets"][1]["properties"]["alarms"][0],
        "arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:a"
    );
    for name in ["", "a b", &"x".repeat(256)] {
        assert!(Dashboard::new(name, "Shop", []).to_cloudwatch(&region()).is_err());
    }
    assert!(Dashboard::new("a", " ", []).to_cloudwatch(&region()).is_err());

    let grafana = |panel: Panel, variables: &[Variable]| {
        one(panel).to_grafana(variables, &[]).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(grafana(expression, &[]), Ok(()));
    assert!(
        grafana(alarms.rows()[0].panels()[0].clone(), &[])
            .unwrap_err()
            .contains("alarms of CloudWatch")
    );
    assert!(grafana(Panel::graph("a", [metric("A")]), &[]).unwrap_err().contains("no expression"));
    let of = |expression: &str| Panel::graph("a", [Series::prometheus("a", expression)]);
    assert!(
        grafana(of("up{job=\"$job\"}"), &[]).unwrap_err().contains("is $job; allowed: variables")
    );
    assert_eq!(
        grafana(of("up{job=\"$job\",x=\"${job}\",y=~\"a$\"}"), &[Variable::choice("job", ["a"])]),
        Ok(())
    );
    for wrong in [
        Variable::choice("a b", ["x"]),
        Variable::choice("datasource", ["x"]),
        Variable::choice("a", [""; 0]),
    ] {
        assert!(grafana(of("up"), &[wrong]).is_err());
    }
}

#[test]
fn names_of_prometheus_that_can_not_be_are_refused() {
    let (owner, limits) = (shop().owner, Limits::default());
    for wrong in ["", "a b", "1a", "a{}", "a-b"] {
        let names = guide::PrometheusNames { requests: wrong.to_owned(), ..Default::default() };
        let made = guide::grafana(&owner, &names, &guide::Business::default(), &[], &limits);
        assert!(made.is_err(), "{wrong}");
        let business = guide::Business { swipes: wrong.to_owned(), ..Default::default() };
        assert!(guide::grafana(&owner, &Default::default(), &business, &[], &limits).is_err());
    }
    let none =
        guide::grafana(&owner, &Default::default(), &Default::default(), &[], &limits).unwrap();
    assert!(none[3].to_grafana(&[], &[]).is_ok());
}
