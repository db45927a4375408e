//! The example `slo`: an OpenSLO file, evaluated, and written as rules and alarms.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use jiff::Timestamp;
use petswipe_local::LocalClient;
use petswipe_monitor::slo::cloudwatch::{AlarmTarget, alarms};
use petswipe_monitor::slo::prometheus::{Metrics, rules_of};
use petswipe_monitor::slo::{Slo, SloReport, SloStatus, evaluate_all, openslo};
use petswipe_monitor::{MetricSource, explain};

use crate::cli::{CloudText, ENVIRONMENT, MetricFlags, PROJECT};
use crate::{DONE, Exit, NOT_AS_ASKED, print, say};

mod service;

use service::BothSides;
pub(crate) use service::Service;

/// What the exit codes mean.
const EXIT_CODES: &str = "Exit codes: 0 every objective is ok, or the files were only checked and written (without --cloud \
    and --metrics); 1 an alert fires, a budget is spent, or an alert or more than three fifths of the period is not known; 2 bad usage, a file \
    that can't be read, or one that can't be written";

/// Said when there are no metrics to evaluate from.
const NOT_EVALUATED: &str = "nothing was evaluated: there is no source of metrics; the objectives were only checked. Evaluate \
    with --cloud (PETSWIPE_CLOUD, as local_cloud prints it) or --metrics prometheus=URL";

/// Say what is left of error budgets and how fast they burn, and write rules and alarms that watch over them
#[derive(Parser, Clone, Debug)]
#[command(name = "slo", after_help = EXIT_CODES)]
pub struct Flags {
    /// The objectives, a file of OpenSLO v1. The service of each is PROJECT-ENVIRONMENT or one of its sides, -blue or -green: then
    /// the requests of both sides count, as in rollouts; or else the environment whose metrics are looked at. The queries in the file
    /// are not asked
    #[arg(long, env = "SLO_FILE", value_name = "FILE")]
    pub file: PathBuf,
    /// The first part of the name of the service
    #[arg(long, env = "PROJECT", default_value = PROJECT)]
    pub project: String,
    /// The second part of the name of the service
    #[arg(long, env = "ENVIRONMENT", default_value = ENVIRONMENT)]
    pub environment: String,
    /// Write recording and alerting rules for Prometheus there
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// The counter of requests that the rules rest on
    #[arg(long, value_name = "METRIC", default_value = "http_requests_total", requires = "rules")]
    pub requests_metric: String,
    /// Its label with the status code
    #[arg(long, value_name = "LABEL", default_value = "status", requires = "rules")]
    pub status_label: String,
    /// The values of that label which are the fault of the service, a regular expression
    #[arg(long, value_name = "REGEX", default_value = "5..", requires = "rules")]
    pub failed_status: String,
    /// The histogram of the time to answer in seconds, without _bucket
    #[arg(
        long,
        value_name = "METRIC",
        default_value = "http_request_duration_seconds",
        requires = "rules"
    )]
    pub duration_metric: String,
    /// The label of both with the name of the service
    #[arg(long, value_name = "LABEL", default_value = "service", requires = "rules")]
    pub service_label: String,
    /// Write alarms for CloudWatch there, a JSON array of requests of PutMetricAlarm and PutCompositeAlarm
    #[arg(long, value_name = "FILE", requires = "load_balancer", requires = "target_group")]
    pub alarms: Option<PathBuf>,
    /// The load balancer of these alarms, the end of its ARN: app/NAME/ID
    #[arg(long, env = "LOAD_BALANCER_ID", value_name = "ID")]
    pub load_balancer: Option<String>,
    /// Its target group: targetgroup/NAME/ID
    #[arg(long, env = "TARGET_GROUP_ID", value_name = "ID")]
    pub target_group: Option<String>,
    /// The SNS topic that is told of pages
    #[arg(long, env = "PAGE_TOPIC", value_name = "ARN")]
    pub page: Option<String>,
    /// The SNS topic that is told of tickets
    #[arg(long, env = "TICKET_TOPIC", value_name = "ARN")]
    pub ticket: Option<String>,
    /// Evaluate from the metrics of that running local cloud, as `local_cloud` prints it
    #[arg(long, env = "PETSWIPE_CLOUD", hide_env_values = true)]
    pub cloud: Option<CloudText>,
    /// Evaluate from a Prometheus
    #[command(flatten)]
    pub metrics: MetricFlags,
    /// Print the evaluation as one JSON document on stdout, and nothing else there
    #[arg(long)]
    pub json: bool,
}

/// Reads, writes, evaluates: whatever was asked for.
///
/// # Errors
/// Bad usage, and a file that can't be read or written.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    let slos = objectives("--file", &flags.file)?;
    // All of it is made before anything is written.
    let rules =
        flags.rules.as_ref().map(|path| Ok::<_, Exit>((path, rules(flags, &slos)?))).transpose()?;
    let alarms = flags.alarms.as_ref();
    let alarms = alarms.map(|path| Ok::<_, Exit>((path, alarms_of(flags, &slos)?))).transpose()?;
    let source = source(flags)?;
    for (path, text) in rules.iter().chain(&alarms) {
        let failed =
            |error| Exit::usage(format!("{} could not be written: {error}", path.display()));
        std::fs::write(path, text).map_err(failed)?;
        say(&format!("wrote {}", path.display()));
    }
    let Some(source) = source else {
        match flags.json {
            true => print(&serde_json::to_string_pretty(&unevaluated(&slos)).map_err(Exit::usage)?),
            false => {
                slos.iter().for_each(|slo| print(&described(slo)));
                print(NOT_EVALUATED);
            }
        }
        return Ok(DONE);
    };
    let source = BothSides { source, service: Service::new(&flags.project, &flags.environment) };
    let reports = evaluate_all(&source, &slos, Timestamp::now()).await;
    let reports = reports.map_err(|error| Exit::usage(explain(&error)))?;
    match flags.json {
        true => print(&serde_json::to_string_pretty(&json(&reports)).map_err(Exit::usage)?),
        false => reports.iter().for_each(|report| print(&report.to_string())),
    }
    let is_well = |report: &SloReport| report.status() == SloStatus::Ok;
    Ok(if reports.iter().all(is_well) { DONE } else { NOT_AS_ASKED })
}

/// The SLOs of a file, which that flag names.
///
/// # Errors
/// Exit code 2 for a file that can't be read, is no OpenSLO, or has no SLO in it.
pub(crate) fn objectives(flag: &str, path: &Path) -> Result<Vec<Slo>, Exit> {
    let refused = |why: String| Exit::usage(format!("{flag} is {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let slos = openslo::read(&text).map_err(|error| refused(explain(&error)))?.slos();
    match slos.is_empty() {
        true => {
            Err(refused("there is no SLO in it; allowed: a document of the kind SLO".to_owned()))
        }
        false => Ok(slos),
    }
}

fn rules(flags: &Flags, slos: &[Slo]) -> Result<String, Exit> {
    let metrics = slos.iter().map(|slo| Metrics {
        requests: flags.requests_metric.clone(),
        status: flags.status_label.clone(),
        failed: flags.failed_status.clone(),
        latency: flags.duration_metric.clone(),
        labels: [(flags.service_label.clone(), slo.service().to_owned())].into(),
    });
    let metrics: Vec<_> = metrics.collect();
    let rules =
        rules_of(slos.iter().zip(&metrics)).map_err(|error| Exit::usage(explain(&error)))?;
    Ok(rules.to_string())
}

fn alarms_of(flags: &Flags, slos: &[Slo]) -> Result<String, Exit> {
    let target = AlarmTarget {
        load_balancer: flags.load_balancer.clone().unwrap_or_default(),
        target_group: flags.target_group.clone().unwrap_or_default(),
        page: flags.page.clone(),
        ticket: flags.ticket.clone(),
    };
    let mut all = Vec::new();
    for slo in slos {
        all.extend(alarms(slo, &target).map_err(|error| Exit::usage(explain(&error)))?);
    }
    serde_json::to_string_pretty(&all).map_err(Exit::usage)
}

/// Where the numbers come from, if any are wanted.
fn source(flags: &Flags) -> Result<Option<Arc<dyn MetricSource>>, Exit> {
    if let Some(source) = flags.metrics.open()? {
        return Ok(Some(source));
    }
    let url = flags.cloud.as_ref().map_or(Ok(None), CloudText::url)?;
    Ok(url.map(|url| Arc::new(LocalClient::new(url)) as Arc<dyn MetricSource>))
}

fn described(slo: &Slo) -> String {
    let objectives = slo.objectives().iter().map(|objective| format!("\n  {objective}"));
    let alerts = slo.alerts().iter().map(|alert| format!("\n  {alert}"));
    format!("{} of {}{}", slo.name(), slo.service(), objectives.chain(alerts).collect::<String>())
}

/// The objectives alone, for programs.
fn unevaluated(slos: &[Slo]) -> serde_json::Value {
    let slos = slos.iter().map(|slo| {
        serde_json::json!({
            "name": slo.name(),
            "service": slo.service(),
            "objectives": slo.objectives().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "alerts": slo.alerts().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    serde_json::json!({
        "evaluated": false,
        "reason": NOT_EVALUATED,
        "slos": slos.collect::<Vec<_>>(),
    })
}

fn json(reports: &[SloReport]) -> serde_json::Value {
    let slos = reports.iter().map(|report| {
        let objectives = report.objectives.iter().map(|objective| {
            let alerts = objective.alerts.iter().map(|alert| {
                serde_json::json!({
                    "alert": alert.alert.to_string(),
                    "long_burn_rate": alert.long,
                    "short_burn_rate": alert.short,
                    "state": alert.state,
                })
            });
            let budget = objective.budget.as_ref();
            serde_json::json!({
                "objective": objective.objective.to_string(),
                "status": objective.status(),
                "budget_allowed_requests": budget.map(|budget| budget.allowed()),
                "budget_spent_requests": budget.map(|budget| budget.spent()),
                "budget_spent_share": budget.map(|budget| budget.spent_share()),
                "period_known_share": objective.known_share(),
                "known_since": objective.partly.as_ref().map(|partly| partly.window.from),
                "known_until": objective.partly.as_ref().map(|partly| partly.window.to),
                "alerts": alerts.collect::<Vec<_>>(),
            })
        });
        serde_json::json!({
            "name": report.name,
            "service": report.service,
            "at": report.at,
            "status": report.status(),
            "objectives": objectives.collect::<Vec<_>>(),
            "doubts": report.doubts,
        })
    });
    serde_json::json!({ "evaluated": true, "slos": slos.collect::<Vec<_>>() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_is_about_the_local_cloud_and_without_metrics_nothing_is_evaluated() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("slo/petswipe.yaml");
        let slos = objectives("--file", &path).unwrap();
        let service = Service::new(PROJECT, ENVIRONMENT);
        assert_eq!(slos.len(), 2);
        assert!(slos.iter().all(|slo| service.is_meant_by(slo.subject())));
        let document = unevaluated(&slos);
        assert_eq!(document["evaluated"], false);
        assert!(document["reason"].as_str().unwrap().starts_with("nothing was evaluated"));
        assert_eq!(document["slos"][0]["service"], "petswipe-production");
        assert_eq!(document["slos"][1]["alerts"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn rules_rest_on_the_metrics_that_were_named() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("slo/petswipe.yaml");
        let made = |more: &[&str]| {
            let file = path.to_str().unwrap();
            let all = [&["slo", "--file", file, "--rules", "r.yaml"], more].concat();
            rules(&<Flags as Parser>::parse_from(all), &objectives("--file", &path).unwrap())
        };
        let usual = made(&[]).unwrap();
        assert!(usual.contains("http_requests_total{service="), "{usual}");
        let own = made(&[
            "--requests-metric=shop_requests",
            "--status-label=code",
            "--failed-status=50[0-4]",
            "--duration-metric=shop_seconds",
            "--service-label=app",
        ]);
        let own = own.unwrap();
        for part in ["shop_requests{app=", "code=~", "50[0-4]", "shop_seconds_bucket{app="] {
            assert!(own.contains(part), "{part}: {own}");
        }
        assert!(!own.contains("http_"), "{own}");
        let refused = made(&["--requests-metric=no metric"]).unwrap_err();
        assert!(refused.message.contains("no metric"), "{}", refused.message);
    }
}
