//! The body of a dashboard of CloudWatch.
//!
//! Sources: "Dashboard Body Structure and Syntax" of the Amazon CloudWatch API Reference, for the form, and for alarms ("The array can
//! have 1-100 ARNs"); "CloudWatch service quotas", Dashboards, for widgets ("Up to 500 widgets per dashboard"), metrics of one ("Up to 500
//! metrics per dashboard widget") and of all ("Up to 2500 metrics per dashboard, across all widgets"), which "include all metrics
//! retrieved for use in metric math functions"; "Using math expressions with CloudWatch metrics" for expressions, which count among
//! the 500 of a graph ("a maximum of 500 metrics and expressions").

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::check;
use super::layout::{Part, Place, places};
use super::model::{Dashboard, Panel, Series, Source, Unit, View};
use crate::Error;
use crate::alarms::{Metric, Statistic, check_metric, references};

const MOST_WIDGETS: usize = 500;
const MOST_METRICS: usize = 500;
const MOST_METRICS_IN_ALL: usize = 2500;
const MOST_ALARMS: usize = 100;
/// "The height of the widget in grid units. The default is 6."
const GRAPH_HEIGHT: u32 = 6;

/// Where the metrics of a dashboard are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudWatchRegion {
    region: String,
    account: Option<String>,
    period: u32,
}

impl CloudWatchRegion {
    /// That region, with a point for each minute.
    pub fn new(region: impl Into<String>) -> Self {
        Self { region: region.into(), account: None, period: 60 }
    }

    /// The same with the number of the account, which panels with the states of alarms need.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    fn check(&self) -> Result<(), Error> {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.region.is_empty() || !self.region.chars().all(known) {
            let allowed = "a region, such as eu-central-1";
            return Err(Error::invalid("region", &self.region, allowed));
        }
        if let Some(account) = &self.account
            && (account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(Error::invalid("account", account, "twelve digits"));
        }
        Ok(())
    }

    fn alarm(&self, account: &str, name: &str) -> String {
        let partition = match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            _ if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:cloudwatch:{}:{account}:alarm:{name}", self.region)
    }
}

impl Dashboard {
    /// The body for PutDashboard.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for what CloudWatch would refuse or not show: names, quotas, expressions of Prometheus, ids that
    /// are not those of the panel, alarms without an account.
    pub fn to_cloudwatch(&self, region: &CloudWatchRegion) -> Result<Value, Error> {
        check::dashboard(self)?;
        region.check()?;
        let mut widgets = Vec::new();
        let mut all = 0;
        for (part, place) in places(self, GRAPH_HEIGHT) {
            let (kind, properties) = match part {
                Part::Title(row) => ("text", json!({ "markdown": format!("## {}", row.title) })),
                Part::Panel(panel) => {
                    let of = format!("the panel {:?} of {}", panel.title, self.name);
                    widget(panel, region, &of, &mut all)?
                }
            };
            let Place { x, y, width, height } = place;
            widgets.push(json!({
                "type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties,
            }));
        }
        for (field, count, most) in
            [("widgets", widgets.len(), MOST_WIDGETS), ("metrics", all, MOST_METRICS_IN_ALL)]
        {
            if count > most {
                let field = format!("{field} of the dashboard {}", self.name);
                return Err(Error::invalid(field, count, format!("at most {most}")));
            }
        }
        // With `inherit` each graph has the period that is written in it, whatever the time that is shown.
        Ok(json!({ "start": "-PT3H", "periodOverride": "inherit", "widgets": widgets }))
    }
}

fn widget(
    panel: &Panel,
    region: &CloudWatchRegion,
    of: &str,
    all: &mut usize,
) -> Result<(&'static str, Value), Error> {
    match panel.view {
        View::Text => Ok(("text", json!({ "markdown": panel.lines.join("\n") }))),
        View::Alarms => {
            let Some(account) = &region.account else {
                let allowed = "the number of the account, for the names of alarms";
                return Err(Error::invalid(format!("account for {of}"), "missing", allowed));
            };
            if panel.lines.len() > MOST_ALARMS {
                let count = panel.lines.len();
                let allowed = format!("at most {MOST_ALARMS}");
                return Err(Error::invalid(format!("alarms of {of}"), count, allowed));
            }
            let alarms = panel.lines.iter().map(|name| region.alarm(account, name));
            let alarms: Vec<_> = alarms.collect();
            Ok(("alarm", json!({ "title": panel.title, "alarms": alarms })))
        }
        View::Graph | View::Stacked | View::Number => {
            let metrics = metrics(&panel.series, of)?;
            *all += metrics.len();
            if metrics.len() > MOST_METRICS {
                let allowed = format!("at most {MOST_METRICS}");
                return Err(Error::invalid(format!("metrics of {of}"), metrics.len(), allowed));
            }
            let mut properties = json!({
                "title": panel.title,
                "view": if panel.view == View::Number { "singleValue" } else { "timeSeries" },
                "stacked": panel.view == View::Stacked,
                "region": region.region,
                "period": region.period,
                "metrics": metrics,
            });
            if panel.view != View::Number {
                let mut axis = json!({ "min": 0, "showUnits": false });
                if let Some(unit) = unit(panel.unit) {
                    axis["label"] = unit.into();
                }
                properties["yAxis"] = json!({ "left": axis });
            }
            if !panel.limits.is_empty() {
                let lines = panel.limits.iter().map(|limit| {
                    json!({ "label": limit.label, "value": limit.value, "fill": "above", "color": "#d62728" })
                });
                properties["annotations"] = json!({ "horizontal": lines.collect::<Vec<_>>() });
            }
            Ok(("metric", properties))
        }
    }
}

/// The metrics of a widget: first those that only calculations use, then what is shown.
fn metrics(series: &[Series], of: &str) -> Result<Vec<Value>, Error> {
    let mut hidden: BTreeMap<&str, (&Metric, &Statistic)> = BTreeMap::new();
    let mut shown = Vec::new();
    for (index, series) in series.iter().enumerate() {
        match &series.source {
            Source::Metric(metric, statistic) => {
                shown.push(line(
                    metric,
                    json!({ "stat": statistic.to_string(), "label": series.label }),
                    of,
                )?);
            }
            Source::Math { expression, of: parts } => {
                for (id, metric, statistic) in parts {
                    let is_id = id.starts_with(|c: char| c.is_ascii_lowercase())
                        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                        && !is_shown(id);
                    let same =
                        *hidden.entry(id).or_insert((metric, statistic)) == (metric, statistic);
                    if !is_id || !same {
                        let allowed = "a lower-case letter, then letters, digits and underscores; each id one metric of the panel";
                        return Err(Error::invalid(format!("id of a metric of {of}"), id, allowed));
                    }
                }
                let unknown = |id: &&str| !parts.iter().any(|(known, ..)| known == id);
                if let Some(id) = references(expression).into_iter().find(unknown) {
                    let field = format!("expression {expression} of {of}");
                    return Err(Error::invalid(field, id, "ids of its metrics"));
                }
                shown.push(json!([{
                    "expression": expression, "label": series.label, "id": format!("shown{index}"),
                }]));
            }
            Source::Prometheus(expression) => {
                let allowed = "metrics of CloudWatch";
                return Err(Error::invalid(format!("a series of {of}"), expression, allowed));
            }
        }
    }
    let hidden = hidden.into_iter().map(|(id, (metric, statistic))| {
        line(metric, json!({ "stat": statistic.to_string(), "id": id, "visible": false }), of)
    });
    hidden.chain(shown.into_iter().map(Ok)).collect()
}

/// The ids that are given to expressions here.
fn is_shown(id: &str) -> bool {
    let number = id.strip_prefix("shown");
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn line(metric: &Metric, rendering: Value, of: &str) -> Result<Value, Error> {
    check_metric(&format!("metric of {of}"), metric)?;
    let mut line = vec![json!(metric.namespace), json!(metric.name)];
    for (name, value) in &metric.dimensions {
        line.extend([json!(name), json!(value)]);
    }
    line.push(rendering);
    Ok(Value::Array(line))
}

fn unit(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Plain => None,
        Unit::Count => Some("count"),
        Unit::PerSecond => Some("per second"),
        Unit::Seconds => Some("seconds"),
        Unit::Percent => Some("percent"),
        Unit::Bytes => Some("bytes"),
    }
}
