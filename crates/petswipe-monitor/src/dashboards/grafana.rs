//! The JSON of a dashboard of Grafana, in its classic form, which all versions since 8 provision.
//!
//! Sources: "Dashboard JSON model" of the Grafana documentation, and the schema of that model, `kinds/dashboard/dashboard_kind.cue` of
//! Grafana: its members; `schemaVersion`, 36 where it began, which every version of Grafana since has raised; `uid` of 8 to 40
//! characters; `gridPos` with `w` up to 24; steps of thresholds "sorted by 'value', first value is always -Infinity", which JSON
//! says as null. No Grafana was there to load them.

use serde_json::{Value, json};

use super::check;
use super::layout::{Part, Place, places};
use super::model::{Dashboard, Panel, Unit, View};
use crate::Error;

/// The version of the schema that is written. Grafana migrates what is older than itself.
const SCHEMA: u32 = 39;
/// The height of a graph; a line of Grafana is 30 pixels.
const GRAPH_HEIGHT: u32 = 8;
const LONGEST_UID: usize = 40;

/// Something that people choose above a dashboard, and that expressions name as `$name`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variable {
    /// One of some values, the first unless chosen.
    Choice {
        /// Its name.
        name: String,
        /// The values.
        values: Vec<String>,
    },
    /// Some of the values that a label has, all unless chosen. In expressions it is a regular expression.
    Label {
        /// Its name.
        name: String,
        /// Such as `label_values(up, job)`.
        query: String,
    },
}

impl Variable {
    /// One of some values.
    pub fn choice<V: Into<String>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self::Choice { name: name.into(), values }
    }

    /// Some of the values that a label has.
    pub fn label(name: impl Into<String>, query: impl Into<String>) -> Self {
        Self::Label { name: name.into(), query: query.into() }
    }

    fn name(&self) -> &str {
        match self {
            Self::Choice { name, .. } | Self::Label { name, .. } => name,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Choice { name, values } => {
                let option = |(index, value): (usize, &String)| json!({ "selected": index == 0, "text": value, "value": value });
                let options: Vec<_> = values.iter().enumerate().map(option).collect();
                json!({
                    "name": name, "label": name, "type": "custom", "hide": 0, "skipUrlSync": false,
                    "multi": false, "includeAll": false, "query": values.join(","),
                    "current": options.first(), "options": options,
                })
            }
            Self::Label { name, query } => json!({
                "name": name, "label": name, "type": "query", "hide": 0, "skipUrlSync": false,
                "multi": true, "includeAll": true, "allValue": ".*", "refresh": 2, "sort": 1, "regex": "",
                "datasource": { "type": "prometheus", "uid": "${datasource}" },
                "definition": query, "query": { "query": query, "refId": name },
                "current": { "selected": true, "text": ["All"], "value": ["$__all"] }, "options": [],
            }),
        }
    }
}

/// The identifier of a dashboard: its name, and where that is longer than 40 characters its beginning and a hash of all of it.
///
/// ```
/// use petswipe_monitor::dashboards::uid;
/// assert_eq!(uid("shop-production-business"), "shop-production-business");
/// assert_eq!(uid("petswipe-production-application-performance").len(), 40);
/// ```
pub fn uid(name: &str) -> String {
    if name.len() <= LONGEST_UID {
        return name.to_owned();
    }
    // FNV-1a, which will be the same tomorrow.
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let kept: String = name.chars().take(LONGEST_UID - 9).collect();
    format!("{kept}-{hash:08x}")
}

impl Dashboard {
    /// The JSON that Grafana provisions, over a Prometheus that is chosen above it. `tags` are for the list of dashboards.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] for names, metrics of CloudWatch, states of alarms, and variables that expressions name and
    /// nobody defines.
    pub fn to_grafana(&self, variables: &[Variable], tags: &[&str]) -> Result<Value, Error> {
        check::dashboard(self)?;
        let mut names = vec!["datasource"];
        for variable in variables {
            let name = variable.name();
            let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let empty = matches!(variable, Variable::Choice { values, .. } if values.is_empty());
            if name.is_empty() || !name.chars().all(known) || names.contains(&name) || empty {
                let field = format!("variable of {}", self.name);
                let allowed =
                    "letters, digits and underscores, each name once, with something to choose";
                return Err(Error::invalid(field, name, allowed));
            }
            names.push(name);
        }
        let mut panels = Vec::new();
        for (id, (part, Place { x, y, width, height })) in (1..).zip(places(self, GRAPH_HEIGHT)) {
            let mut panel = match part {
                Part::Title(row) => {
                    json!({ "type": "row", "title": row.title, "collapsed": false, "panels": [] })
                }
                Part::Panel(panel) => self.panel(panel, &names)?,
            };
            panel["id"] = Value::from(id);
            panel["gridPos"] = json!({ "x": x, "y": y, "w": width, "h": height });
            panels.push(panel);
        }
        let source = json!({
            "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0,
            "skipUrlSync": false, "multi": false, "includeAll": false, "refresh": 1, "regex": "", "current": {}, "options": [],
        });
        let list: Vec<_> =
            std::iter::once(source).chain(variables.iter().map(Variable::json)).collect();
        Ok(json!({
            "id": null,
            "uid": uid(&self.name),
            "title": self.title,
            "tags": tags,
            "timezone": "browser",
            "editable": false,
            "graphTooltip": 1,
            "schemaVersion": SCHEMA,
            "version": 1,
            "refresh": "30s",
            "time": { "from": "now-3h", "to": "now" },
            "timepicker": {},
            "fiscalYearStartMonth": 0,
            "liveNow": false,
            "weekStart": "",
            "links": [],
            "annotations": { "list": [] },
            "templating": { "list": list },
            "panels": panels,
        }))
    }

    fn panel(&self, panel: &Panel, variables: &[&str]) -> Result<Value, Error> {
        let of = format!("the panel {:?} of {}", panel.title, self.name);
        let source = json!({ "type": "prometheus", "uid": "${datasource}" });
        let kind = match panel.view {
            View::Graph | View::Stacked => "timeseries",
            View::Number => "stat",
            View::Text => {
                let content = panel.lines.join("\n");
                let options = json!({ "mode": "markdown", "content": content });
                return Ok(json!({ "type": "text", "title": panel.title, "options": options }));
            }
            View::Alarms => {
                let allowed = "series and texts: alarms of CloudWatch are not shown in Grafana";
                return Err(Error::invalid(of, "states of alarms", allowed));
            }
        };
        let mut targets = Vec::new();
        for (index, series) in panel.series.iter().enumerate() {
            let Some(expression) = series.expression().filter(|text| !text.trim().is_empty())
            else {
                let field = format!("series {:?} of {of}", series.label);
                return Err(Error::invalid(field, "no expression", "an expression of Prometheus"));
            };
            if let Some(unknown) = named(expression).find(|name| !is_known(name, variables)) {
                let field = format!("expression {expression} of {of}");
                return Err(Error::invalid(
                    field,
                    format!("${unknown}"),
                    "variables that are defined",
                ));
            }
            targets.push(json!({
                "refId": reference(index), "datasource": source, "expr": expression,
                "legendFormat": series.label, "editorMode": "code",
                "range": panel.view != View::Number, "instant": panel.view == View::Number,
            }));
        }
        let mut steps = vec![json!({ "color": "green", "value": null })];
        steps.extend(
            panel.limits.iter().map(|limit| json!({ "color": "red", "value": limit.value })),
        );
        let mut defaults = json!({
            "unit": unit(panel.unit),
            "thresholds": { "mode": "absolute", "steps": steps },
        });
        let options = if panel.view == View::Number {
            json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "colorMode": "value", "graphMode": "area", "textMode": "auto", "orientation": "auto",
            })
        } else {
            let stacked = if panel.view == View::Stacked { "normal" } else { "none" };
            let fill = if panel.view == View::Stacked { 40 } else { 0 };
            let limits = if panel.limits.is_empty() { "off" } else { "line" };
            defaults["min"] = Value::from(0);
            defaults["custom"] = json!({
                "drawStyle": "line", "lineWidth": 1, "fillOpacity": fill, "showPoints": "never", "spanNulls": false,
                "stacking": { "mode": stacked, "group": "A" }, "thresholdsStyle": { "mode": limits },
            });
            json!({
                "legend": { "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            })
        };
        let mut rendered = json!({
            "type": kind, "title": panel.title, "datasource": source, "targets": targets,
            "fieldConfig": { "defaults": defaults, "overrides": [] }, "options": options,
        });
        if !panel.limits.is_empty() {
            let labels: Vec<_> = panel.limits.iter().map(|limit| limit.label.as_str()).collect();
            rendered["description"] = Value::from(labels.join("; "));
        }
        Ok(rendered)
    }
}

/// The variables that an expression names, as `$name` or `${name}`.
fn named(expression: &str) -> impl Iterator<Item = &str> {
    expression.split('$').skip(1).map(|after| {
        let after = after.strip_prefix('{').unwrap_or(after);
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        &after[..end.unwrap_or(after.len())]
    })
}

/// Source: "Global variables" of the Grafana documentation.
fn is_known(name: &str, variables: &[&str]) -> bool {
    let built_in = ["__rate_interval", "__interval", "__range", "__range_s"];
    // A `$` at the end of a regular expression names nothing.
    name.is_empty() || built_in.contains(&name) || variables.contains(&name)
}

/// A, B, … Z, AA, AB, …
fn reference(index: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
    let before = if index >= 26 { reference(index / 26 - 1) } else { String::new() };
    format!("{before}{letter}")
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Plain | Unit::Count => "short",
        Unit::PerSecond => "ops",
        Unit::Seconds => "s",
        Unit::Percent => "percent",
        Unit::Bytes => "bytes",
    }
}
