//! The dashboards of Grafana over Prometheus: application performance, infrastructure health, business, custom metrics.
//!
//! The metrics of the load balancer are those of the local cloud: counters of requests by `class` (`success`, `redirect`,
//! `client`, `server`, `balancer`), a histogram of durations, targets by `health`, each with the labels `environment` and
//! `revision`. Other names are set in [`PrometheusNames`]. Rates are over `$__rate_interval`, which Grafana makes at least four
//! scrapes long; quantiles of a histogram are of the sums of its buckets, never a mean of quantiles.

use crate::alarms::guide::Limits;
use crate::dashboards::{Dashboard, Panel, Row, Series, Unit, Variable};
use crate::{Error, Owner};

/// What the metrics are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusNames {
    /// A counter of requests with the label `class`.
    pub requests: String,
    /// A histogram of seconds, without `_bucket`.
    pub duration: String,
    /// A gauge of targets with the label `health`.
    pub targets: String,
    /// A gauge of requests that have begun and not ended.
    pub in_flight: String,
    /// A counter of seconds of CPU, of each process.
    pub cpu: String,
    /// A gauge of bytes of memory, of each process.
    pub memory: String,
    /// A gauge of connections to the database.
    pub connections: String,
}

impl Default for PrometheusNames {
    /// Those of the local cloud, of the Prometheus client libraries ("Writing client libraries", Process metrics), and of
    /// `postgres_exporter`.
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            requests: name("petswipe_requests_total"),
            duration: name("petswipe_request_duration_seconds"),
            targets: name("petswipe_targets"),
            in_flight: name("petswipe_requests_in_flight"),
            cpu: name("process_cpu_seconds_total"),
            memory: name("process_resident_memory_bytes"),
            connections: name("pg_stat_database_numbackends"),
        }
    }
}

/// Counters of what users do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Business {
    /// Users who swiped.
    pub swipes: String,
    /// Swipes that became a match.
    pub matches: String,
    /// Matches that became an adoption.
    pub adoptions: String,
}

impl Default for Business {
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            swipes: name("petswipe_swipes_total"),
            matches: name("petswipe_matches_total"),
            adoptions: name("petswipe_adoptions_total"),
        }
    }
}

/// A metric of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custom {
    /// What it is.
    pub title: String,
    /// Its expression.
    pub expression: String,
    /// What its numbers are.
    pub unit: Unit,
}

/// What people choose above each of these: project, environment, sides, and jobs of Prometheus.
pub fn variables(owner: &Owner, names: &PrometheusNames) -> Vec<Variable> {
    let sides = format!(
        "label_values({}{{environment=~\"(${{project}}-${{environment}}-)?.+\"}}, environment)",
        names.requests
    );
    vec![
        Variable::choice("project", [owner.project()]),
        Variable::choice("environment", [owner.environment()]),
        Variable::label("side", sides),
        Variable::label("job", "label_values(up, job)"),
    ]
}

/// All four, by their names `-application-performance`, `-infrastructure-health`, `-business-metrics` and `-custom-metrics`.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names of metrics that Prometheus does not take.
pub fn grafana(
    owner: &Owner,
    names: &PrometheusNames,
    what_users_do: &Business,
    custom_metrics: &[Custom],
    limits: &Limits,
) -> Result<Vec<Dashboard>, Error> {
    check(names, what_users_do)?;
    let mut all = vec![
        application(owner, names, limits),
        infrastructure(owner, names, limits),
        business(owner, what_users_do),
    ];
    all.push(custom(owner, custom_metrics));
    Ok(all)
}

/// "Data model", Metric names: letters, digits, underscores and colons, the first no digit.
fn check(names: &PrometheusNames, business: &Business) -> Result<(), Error> {
    for name in [
        &names.requests,
        &names.duration,
        &names.targets,
        &names.in_flight,
        &names.cpu,
        &names.memory,
        &names.connections,
        &business.swipes,
        &business.matches,
        &business.adoptions,
    ] {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let digit = name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || digit || !name.chars().all(known) {
            let allowed = "letters, digits, underscores and colons, the first no digit";
            return Err(Error::invalid("name of a metric of Prometheus", name, allowed));
        }
    }
    Ok(())
}

const OF_SIDES: &str = "environment=~\"$side\"";
const OF_JOBS: &str = "job=~\"$job\"";

/// Latency, traffic and errors of the load balancer, and of each revision.
pub fn application(owner: &Owner, names: &PrometheusNames, limits: &Limits) -> Dashboard {
    let rate =
        |more: &str| format!("rate({}{{{OF_SIDES}{more}}}[$__rate_interval])", names.requests);
    let all = rate("");
    let failed = rate(",class=~\"server|balancer\"");
    let buckets = format!("rate({}_bucket{{{OF_SIDES}}}[$__rate_interval])", names.duration);
    let quantile = |q: f64| {
        let label = format!("p{}", q * 100.0);
        Series::prometheus(label, format!("histogram_quantile({q}, sum by (le) ({buckets}))"))
    };
    let mean = format!(
        "sum(rate({0}_sum{{{OF_SIDES}}}[$__rate_interval])) / sum(rate({0}_count{{{OF_SIDES}}}[$__rate_interval]))",
        names.duration
    );
    // Nothing failed is no series: then 0 of the requests fail, and not nothing.
    let share =
        |by: &str| format!("100 * (sum{by} ({failed}) or 0 * sum{by} ({all})) / sum{by} ({all})");
    let by_revision = " by (environment, revision)";
    let slow = format!("histogram_quantile(0.99, sum by (le, environment, revision) ({buckets}))");
    let revision = "{{environment}} {{revision}}";
    let p99 = |panel: Panel| {
        let limit = format!("{:?} for p99", limits.latency);
        panel.unit(Unit::Seconds).limit(limit, limits.latency.as_secs_f64())
    };
    let errors = |panel: Panel| {
        panel.unit(Unit::Percent).limit(format!("{} %", limits.error_rate), limits.error_rate)
    };
    let rows = [
        Row::new(
            "Now",
            [
                Panel::number(
                    "Requests a second",
                    [Series::prometheus("requests", format!("sum({all})"))],
                )
                .unit(Unit::PerSecond),
                errors(Panel::number(
                    "Failing requests",
                    [Series::prometheus("failing", share(""))],
                )),
                p99(Panel::number("p99", [quantile(0.99)])),
            ],
        ),
        Row::new(
            "Latency",
            [
                p99(Panel::graph(
                    "Latency",
                    [
                        Series::prometheus("average", mean),
                        quantile(0.5),
                        quantile(0.95),
                        quantile(0.99),
                    ],
                )),
                p99(Panel::graph("p99 of each revision", [Series::prometheus(revision, slow)])),
            ],
        ),
        Row::new(
            "Traffic and errors",
            [
                Panel::stacked(
                    "Requests by class",
                    [Series::prometheus("{{class}}", format!("sum by (class) ({all})"))],
                )
                .unit(Unit::PerSecond),
                errors(Panel::graph(
                    "Failing requests",
                    [Series::prometheus("failing", share(""))],
                )),
                errors(Panel::graph(
                    "Failing requests of each revision",
                    [Series::prometheus(revision, share(by_revision))],
                )),
            ],
        ),
    ];
    Dashboard::new(owner.name("application-performance"), "Application performance", rows)
}

/// Targets, what is scraped, CPU, memory, connections.
pub fn infrastructure(owner: &Owner, names: &PrometheusNames, limits: &Limits) -> Dashboard {
    let targets = |health: &str| {
        let expression =
            format!("sum by (environment) ({}{{{OF_SIDES},health=\"{health}\"}})", names.targets);
        Series::prometheus(format!("{{{{environment}}}} {health}"), expression)
    };
    let cpu = format!(
        "100 * sum by (job, instance) (rate({}{{{OF_JOBS}}}[$__rate_interval]))",
        names.cpu
    );
    let instance = "{{job}} {{instance}}";
    let rows = [
        Row::new(
            "Targets",
            [
                Panel::graph("Healthy targets", [targets("healthy")]).unit(Unit::Count),
                Panel::graph("Unhealthy targets", [targets("unhealthy")]).unit(Unit::Count).limit(
                    format!("more than {}", limits.unhealthy_hosts),
                    f64::from(limits.unhealthy_hosts) + 1.0,
                ),
                Panel::graph(
                    "Requests in flight",
                    [Series::prometheus(
                        "{{environment}}",
                        format!("sum by (environment) ({}{{{OF_SIDES}}})", names.in_flight),
                    )],
                )
                .unit(Unit::Count),
            ],
        ),
        Row::new(
            "Saturation",
            [
                Panel::graph("CPU, percent of a core", [Series::prometheus(instance, cpu)])
                    .unit(Unit::Percent)
                    .limit(format!("{} %", limits.cpu), limits.cpu),
                Panel::graph(
                    "Memory",
                    [Series::prometheus(
                        instance,
                        format!("sum by (job, instance) ({}{{{OF_JOBS}}})", names.memory),
                    )],
                )
                .unit(Unit::Bytes),
                Panel::graph(
                    "Connections of the database",
                    [Series::prometheus(
                        "{{instance}}",
                        format!("sum by (instance) ({}{{{OF_JOBS}}})", names.connections),
                    )],
                )
                .unit(Unit::Count),
            ],
        ),
        Row::new(
            "Monitoring itself",
            [
                Panel::graph(
                    "Targets of Prometheus that do not answer",
                    [Series::prometheus("{{job}}", format!("sum by (job) (1 - up{{{OF_JOBS}}})"))],
                )
                .unit(Unit::Count)
                .limit("one or more", 1.0),
                Panel::graph(
                    "Length of a scrape",
                    [Series::prometheus(
                        "{{job}}",
                        format!("max by (job) (scrape_duration_seconds{{{OF_JOBS}}})"),
                    )],
                )
                .unit(Unit::Seconds),
            ],
        ),
    ];
    Dashboard::new(owner.name("infrastructure-health"), "Infrastructure health", rows)
}

/// What users do, and how much of it becomes something.
pub fn business(owner: &Owner, business: &Business) -> Dashboard {
    let Business { swipes, matches, adoptions } = business;
    let a_minute = |label: &str, name: &str| {
        let expression = format!("60 * sum(rate({name}{{{OF_JOBS}}}[$__rate_interval]))");
        Panel::graph(
            format!("{label} a minute"),
            [Series::prometheus(label.to_lowercase(), expression)],
        )
        .unit(Unit::Count)
    };
    let today = |label: &str, name: &str| {
        let expression = format!("sum(increase({name}{{{OF_JOBS}}}[24h]))");
        Panel::number(
            format!("{label} in 24 hours"),
            [Series::prometheus(label.to_lowercase(), expression)],
        )
        .unit(Unit::Count)
    };
    // A day's worth: adoptions are rare, and a rate of a few minutes would jump between nothing and much.
    let part = |label: &str, part: &str, whole: &str| {
        let sum = |name: &str| format!("sum(increase({name}{{{OF_JOBS}}}[24h]))");
        let expression = format!("100 * {} / ({} > 0)", sum(part), sum(whole));
        Panel::graph(label, [Series::prometheus(label.to_lowercase(), expression)])
            .unit(Unit::Percent)
    };
    let rows = [
        Row::new(
            "Last 24 hours",
            [today("Swipes", swipes), today("Matches", matches), today("Adoptions", adoptions)],
        ),
        Row::new(
            "Over time",
            [
                a_minute("Swipes", swipes),
                a_minute("Matches", matches),
                a_minute("Adoptions", adoptions),
            ],
        ),
        Row::new(
            "What becomes of it",
            [
                part("Matches of swipes", matches, swipes),
                part("Adoptions of matches", adoptions, matches),
            ],
        ),
    ];
    Dashboard::new(owner.name("business-metrics"), "Business metrics", rows)
}

/// Metrics of one's own.
pub fn custom(owner: &Owner, metrics: &[Custom]) -> Dashboard {
    let panels = metrics.iter().map(|metric| {
        let series = Series::prometheus(metric.title.clone(), metric.expression.clone());
        Panel::graph(metric.title.clone(), [series]).unit(metric.unit)
    });
    let mut panels: Vec<_> = panels.collect();
    if panels.is_empty() {
        panels.push(Panel::text("None yet", "No custom metrics are defined."));
    }
    let rows = [Row::new("Custom metrics", panels)];
    Dashboard::new(owner.name("custom-metrics"), "Custom application metrics", rows)
}
