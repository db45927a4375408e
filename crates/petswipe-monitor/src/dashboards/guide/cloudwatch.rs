//! The dashboards of CloudWatch: overview, golden signals, canary.
//!
//! Names, dimensions and what is never published: "CloudWatch metrics for your Application Load Balancer", "Amazon ECS CloudWatch
//! metrics", "Amazon CloudWatch metrics for Amazon RDS".

use crate::Error;
use crate::alarms::guide::{Limits, Resources, Side, service_metric};
use crate::alarms::{Metric, Statistic};
use crate::dashboards::{Dashboard, Panel, Row, Series, Unit};

type Part = (&'static str, Metric, Statistic);

/// All three, by their names `-overview`, `-sre` and `-canary-deployment`. With names of alarms the overview begins with their
/// states, for which CloudWatch has to know the account.
///
/// # Errors
/// [`Error::InvalidPolicy`] for names of which CloudWatch would know nothing.
pub fn cloudwatch(
    resources: &Resources,
    limits: &Limits,
    alarms: &[String],
) -> Result<Vec<Dashboard>, Error> {
    resources.check()?;
    Ok(vec![
        overview(resources, limits, alarms)?,
        sre(resources, limits)?,
        canary(resources, limits)?,
    ])
}

/// What an operator looks at first: states of alarms, requests, errors, latency, tasks, database.
///
/// # Errors
/// [`Error::InvalidPolicy`] for a statistic that can't be.
pub fn overview(
    resources: &Resources,
    limits: &Limits,
    alarms: &[String],
) -> Result<Dashboard, Error> {
    let p99 = Statistic::percentile(99.0)?;
    let time = resources.balancer("TargetResponseTime");
    let mut rows = Vec::new();
    if !alarms.is_empty() {
        rows.push(Row::new("Alarms", [Panel::alarms("Alarms", alarms.iter().cloned())]));
    }
    rows.push(Row::new(
        "Now",
        [
            Panel::number("Requests a minute", [requests(resources)]).unit(Unit::Count),
            Panel::number("Failing requests", [error_rate(resources)]).unit(Unit::Percent),
            Panel::number("p99", [Series::metric("p99", time, p99)]).unit(Unit::Seconds),
        ],
    ));
    rows.push(Row::new(
        "Users",
        [
            Panel::graph("Requests a minute", [requests(resources)]).unit(Unit::Count),
            errors(resources, limits),
            latency(resources, limits)?,
        ],
    ));
    rows.push(Row::new("Targets", [targets(resources), saturation(resources, limits)]));
    rows.extend(database(resources, limits));
    let owner = &resources.owner;
    let region = owner.region().map(|region| format!(", {region}")).unwrap_or_default();
    let title = format!("{} in {}{region}", owner.project(), owner.environment());
    Ok(Dashboard::new(resources.owner.name("overview"), title, rows))
}

/// The golden signals: latency, traffic, errors, saturation.
///
/// Source: Beyer, Jones, Petoff, Murphy, "Site Reliability Engineering", chapter 6.
///
/// # Errors
/// [`Error::InvalidPolicy`] for a statistic that can't be.
pub fn sre(resources: &Resources, limits: &Limits) -> Result<Dashboard, Error> {
    let per_second = Series::math(
        "requests a second",
        "requests / PERIOD(requests)",
        [("requests", resources.balancer("RequestCount"), Statistic::Sum)],
    );
    let mut saturated = vec![saturation(resources, limits), memory(resources)];
    saturated.push(Panel::graph("Connections", [connections(resources)]).unit(Unit::Count));
    let mut rows = vec![
        Row::new("Latency", [latency(resources, limits)?, latency_by_side(resources, limits)?]),
        Row::new(
            "Traffic",
            [
                Panel::graph("Requests a minute", [requests(resources)]).unit(Unit::Count),
                Panel::graph("Requests a second", [per_second]).unit(Unit::PerSecond),
            ],
        ),
        Row::new("Errors", [errors(resources, limits), error_percentage(resources, limits)]),
        Row::new("Saturation", saturated),
    ];
    rows.extend(database(resources, limits));
    let title = format!("Golden signals of {}", resources.owner.prefix().trim_end_matches('-'));
    Ok(Dashboard::new(resources.owner.name("sre"), title, rows))
}

/// Each side beside the others: how much traffic, how many errors, how slow, how many targets.
///
/// # Errors
/// [`Error::InvalidPolicy`] for a statistic that can't be.
pub fn canary(resources: &Resources, limits: &Limits) -> Result<Dashboard, Error> {
    let sides = || resources.sides.iter();
    let counted = |name: &str| {
        let series = sides().map(|(label, side)| {
            Series::metric(label, resources.target(side, name), Statistic::Sum)
        });
        series.collect::<Vec<_>>()
    };
    let all: Vec<_> = sides().zip(IDS).map(|((_, side), id)| (id, side)).collect();
    let sum: Vec<_> = all.iter().map(|(id, _)| format!("FILL({id}, 0)")).collect();
    let of_all: Vec<Part> = all
        .iter()
        .map(|(id, side)| (*id, resources.target(side, "RequestCount"), Statistic::Sum))
        .collect();
    let share = sides().zip(IDS).map(|((label, _), id)| {
        let expression = format!("100 * FILL({id}, 0) / ({})", sum.join(" + "));
        Series::math(label, expression, of_all.clone())
    });
    let failing = sides().zip(IDS.iter().zip(FAILED)).map(|((label, side), (id, failed))| {
        let expression = format!("100 * FILL({failed}, 0) / {id}");
        let parts: [Part; 2] = [
            (id, resources.target(side, "RequestCount"), Statistic::Sum),
            (failed, resources.target(side, "HTTPCode_Target_5XX_Count"), Statistic::Sum),
        ];
        Series::math(label, expression, parts)
    });
    let failing = Panel::graph("Failing requests", failing).unit(Unit::Percent);
    let rows = vec![
        Row::new(
            "Traffic",
            [
                Panel::stacked("Share of requests", share).unit(Unit::Percent),
                Panel::graph("Requests a minute", counted("RequestCount")).unit(Unit::Count),
            ],
        ),
        Row::new(
            "Errors",
            [
                failing.limit(format!("{} %", limits.error_rate), limits.error_rate),
                Panel::graph("5XX a minute", counted("HTTPCode_Target_5XX_Count"))
                    .unit(Unit::Count),
                Panel::graph("4XX a minute", counted("HTTPCode_Target_4XX_Count"))
                    .unit(Unit::Count),
            ],
        ),
        Row::new("Latency", [latency_by_side(resources, limits)?, median_by_side(resources)?]),
        Row::new("Targets", [targets(resources), saturation(resources, limits)]),
    ];
    let title = format!("Canary of {}", resources.owner.prefix().trim_end_matches('-'));
    Ok(Dashboard::new(resources.owner.name("canary-deployment"), title, rows))
}

/// Ids of the sides in calculations. More than eight sides are not compared.
const IDS: [&str; 8] = ["ra", "rb", "rc", "rd", "re", "rf", "rg", "rh"];
const FAILED: [&str; 8] = ["fa", "fb", "fc", "fd", "fe", "ff", "fg", "fh"];

fn requests(resources: &Resources) -> Series {
    Series::metric("requests", resources.balancer("RequestCount"), Statistic::Sum)
}

fn connections(resources: &Resources) -> Series {
    Series::metric("connections", resources.balancer("ActiveConnectionCount"), Statistic::Sum)
}

/// The same calculation as that of the alarm, without its least number of requests.
fn error_rate(resources: &Resources) -> Series {
    let sum = |id, name| (id, resources.balancer(name), Statistic::Sum);
    Series::math(
        "% of requests that fail",
        "100 * (FILL(targets, 0) + FILL(balancer, 0)) / (FILL(requests, 0) + FILL(unrouted, 0))",
        [
            sum("targets", "HTTPCode_Target_5XX_Count"),
            sum("balancer", "HTTPCode_ELB_5XX_Count"),
            sum("requests", "RequestCount"),
            sum("unrouted", "HTTPCode_ELB_503_Count"),
        ],
    )
}

fn error_percentage(resources: &Resources, limits: &Limits) -> Panel {
    Panel::graph("Failing requests", [error_rate(resources)])
        .unit(Unit::Percent)
        .limit(format!("{} %", limits.error_rate), limits.error_rate)
}

fn errors(resources: &Resources, limits: &Limits) -> Panel {
    let sum =
        |label: &str, name: &str| Series::metric(label, resources.balancer(name), Statistic::Sum);
    let series = [
        sum("5XX of targets", "HTTPCode_Target_5XX_Count"),
        sum("5XX of the load balancer", "HTTPCode_ELB_5XX_Count"),
        sum("4XX of targets", "HTTPCode_Target_4XX_Count"),
        sum("4XX of the load balancer", "HTTPCode_ELB_4XX_Count"),
    ];
    let most = limits.failures_per_minute;
    Panel::graph("Errors a minute", series)
        .unit(Unit::Count)
        .limit(format!("{most} failures a minute"), f64::from(most))
}

fn latency(resources: &Resources, limits: &Limits) -> Result<Panel, Error> {
    let time = |label: &str, statistic| {
        Series::metric(label, resources.balancer("TargetResponseTime"), statistic)
    };
    let series = [
        time("average", Statistic::Average),
        time("p50", Statistic::percentile(50.0)?),
        time("p95", Statistic::percentile(95.0)?),
        time("p99", Statistic::percentile(99.0)?),
    ];
    Ok(limited(Panel::graph("Latency", series), limits))
}

fn limited(panel: Panel, limits: &Limits) -> Panel {
    let limit = format!("{:?} for p99", limits.latency);
    panel.unit(Unit::Seconds).limit(limit, limits.latency.as_secs_f64())
}

fn by_side(resources: &Resources, name: &str, statistic: &Statistic) -> Vec<Series> {
    let of = |(label, side): (&String, &Side)| {
        Series::metric(label, resources.target(side, name), statistic.clone())
    };
    resources.sides.iter().map(of).collect()
}

fn latency_by_side(resources: &Resources, limits: &Limits) -> Result<Panel, Error> {
    let series = by_side(resources, "TargetResponseTime", &Statistic::percentile(99.0)?);
    Ok(limited(Panel::graph("p99 of each side", series), limits))
}

fn median_by_side(resources: &Resources) -> Result<Panel, Error> {
    let series = by_side(resources, "TargetResponseTime", &Statistic::percentile(50.0)?);
    Ok(Panel::graph("p50 of each side", series).unit(Unit::Seconds))
}

fn targets(resources: &Resources) -> Panel {
    let series = resources.sides.iter().flat_map(|(label, side)| {
        [
            ("healthy", "HealthyHostCount", Statistic::Minimum),
            ("unhealthy", "UnHealthyHostCount", Statistic::Maximum),
        ]
        .map(|(state, name, statistic)| {
            Series::metric(format!("{label} {state}"), resources.target(side, name), statistic)
        })
    });
    Panel::graph("Targets", series).unit(Unit::Count)
}

fn of_services(resources: &Resources, name: &str) -> Vec<Series> {
    let services = resources.sides.iter().filter_map(|(label, side)| {
        let (cluster, service) = side.service.as_ref()?;
        Some(Series::metric(label, service_metric(name, cluster, service), Statistic::Average))
    });
    services.collect()
}

fn saturation(resources: &Resources, limits: &Limits) -> Panel {
    let series = of_services(resources, "CPUUtilization");
    if series.is_empty() {
        return Panel::text("CPU", "CPU is not known: no ECS services are named.");
    }
    Panel::graph("CPU of tasks", series)
        .unit(Unit::Percent)
        .limit(format!("{} %", limits.cpu), limits.cpu)
}

fn memory(resources: &Resources) -> Panel {
    let series = of_services(resources, "MemoryUtilization");
    if series.is_empty() {
        return Panel::text("Memory", "Memory is not known: no ECS services are named.");
    }
    Panel::graph("Memory of tasks", series).unit(Unit::Percent)
}

fn database(resources: &Resources, limits: &Limits) -> Option<Row> {
    let series = |label: &str, name: &str, statistic| {
        Some(Series::metric(label, resources.database(name)?, statistic))
    };
    let cpu = series("CPU", "CPUUtilization", Statistic::Average)?;
    let storage = series("free storage", "FreeStorageSpace", Statistic::Minimum)?;
    let connections = series("connections", "DatabaseConnections", Statistic::Maximum)?;
    let memory = series("free memory", "FreeableMemory", Statistic::Minimum)?;
    Some(Row::new(
        "Database",
        [
            Panel::graph("CPU of the database", [cpu])
                .unit(Unit::Percent)
                .limit(format!("{} %", limits.database_cpu), limits.database_cpu),
            Panel::graph("Connections of the database", [connections]).unit(Unit::Count),
            Panel::graph("Free memory of the database", [memory]).unit(Unit::Bytes),
            Panel::graph("Free storage of the database", [storage]).unit(Unit::Bytes),
        ],
    ))
}
