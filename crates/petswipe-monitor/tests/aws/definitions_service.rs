//! CloudWatch as far as alarms and dashboards go: what it stores, what it ignores and what it refuses.
//!
//! Of the Amazon CloudWatch API Reference: "PutMetricAlarm", "PutCompositeAlarm", "DescribeAlarms", "DeleteAlarms", "PutDashboard",
//! "GetDashboard", "ListDashboards", "DeleteDashboards", "TagResource", "UntagResource", "ListTagsForResource".

use std::collections::BTreeMap;

use petswipe_aws::script::{Answer, Call, Refusal, Service};
use serde_json::{Map, Value, json};

#[derive(Default)]
pub struct Account {
    /// How many things are on a page; all, if it is zero.
    pub page: usize,
    /// What is said about every dashboard that is put.
    pub warning: Option<String>,
    /// By name; a composite alarm has an `AlarmRule`.
    pub alarms: BTreeMap<String, Map<String, Value>>,
    /// Names and bodies.
    pub dashboards: BTreeMap<String, String>,
    /// By ARN.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
}

pub fn alarm_arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{name}")
}

pub fn dashboard_arn(name: &str) -> String {
    format!("arn:aws:cloudwatch::123456789012:dashboard/{name}")
}

fn invalid(why: &str) -> Refusal {
    Refusal::new("ValidationError", why)
}

fn text<'a>(asked: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    asked[member].as_str().ok_or_else(|| invalid(&format!("{member} is missing")))
}

impl Account {
    fn put_alarm(&mut self, asked: &Value, composite: bool) -> Result<Value, Refusal> {
        let name = text(asked, "AlarmName")?.to_owned();
        let mut alarm = asked.as_object().cloned().unwrap_or_default();
        let tags = alarm.remove("Tags");
        if composite {
            let rule = text(asked, "AlarmRule")?;
            let named = rule.split('"').skip(1).step_by(2);
            if let Some(absent) = named.into_iter().find(|name| !self.alarms.contains_key(*name)) {
                return Err(invalid(&format!("Could not find alarm {absent}")));
            }
        } else {
            let of_one = alarm.contains_key("MetricName");
            let of_many = alarm
                .get("Metrics")
                .is_some_and(|all| all.as_array().is_some_and(|all| !all.is_empty()));
            let parts = ["Namespace", "Dimensions", "Period", "Statistic", "ExtendedStatistic"];
            let has_parts = parts.iter().any(|part| alarm.contains_key(*part));
            if of_one == of_many || of_many && has_parts {
                return Err(invalid("MetricName or Metrics, and not both"));
            }
            if of_one && alarm.contains_key("Statistic") == alarm.contains_key("ExtendedStatistic")
            {
                return Err(invalid("Statistic or ExtendedStatistic, and not both"));
            }
        }
        let arn = alarm_arn(&name);
        if !self.alarms.contains_key(&name) {
            self.tag(&arn, tags.as_ref().unwrap_or(&Value::Null));
        }
        alarm.insert("AlarmArn".to_owned(), json!(arn));
        alarm.insert("StateValue".to_owned(), json!("INSUFFICIENT_DATA"));
        self.alarms.insert(name, alarm);
        Ok(json!({}))
    }

    fn tag(&mut self, arn: &str, tags: &Value) {
        let held = self.tags.entry(arn.to_owned()).or_default();
        for tag in tags.as_array().into_iter().flatten() {
            held.insert(tag["Key"].as_str().unwrap().into(), tag["Value"].as_str().unwrap().into());
        }
    }

    fn is_tagged(&self, arn: &str) -> Result<(), Refusal> {
        let name = arn.rsplit([':', '/']).next().unwrap_or_default();
        let there = arn == alarm_arn(name) && self.alarms.contains_key(name)
            || arn == dashboard_arn(name) && self.dashboards.contains_key(name);
        if there { Ok(()) } else { Err("ResourceNotFoundException".into()) }
    }

    /// The part of a list that is asked for, and the token for the next.
    fn paged(&self, all: Vec<Value>, asked: &Value) -> (Vec<Value>, Option<String>) {
        let begin: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let most = asked["MaxRecords"].as_u64().unwrap_or(1000) as usize;
        let page = if self.page == 0 { most } else { self.page.min(most) };
        let next = (begin + page < all.len()).then(|| (begin + page).to_string());
        (all.into_iter().skip(begin).take(page).collect(), next)
    }

    fn describe(&self, asked: &Value) -> Result<Value, Refusal> {
        let prefix = text(asked, "AlarmNamePrefix")?;
        let types =
            asked["AlarmTypes"].as_array().cloned().unwrap_or_else(|| vec![json!("MetricAlarm")]);
        let kind = |alarm: &Map<String, Value>| {
            if alarm.contains_key("AlarmRule") { "CompositeAlarm" } else { "MetricAlarm" }
        };
        let found = self.alarms.iter().filter(|(name, alarm)| {
            name.starts_with(prefix) && types.contains(&json!(kind(alarm)))
        });
        let found = found.map(|(_, alarm)| Value::Object(alarm.clone())).collect();
        let (page, next) = self.paged(found, asked);
        let (composite, metric): (Vec<_>, Vec<_>) =
            page.into_iter().partition(|alarm| alarm.get("AlarmRule").is_some());
        let mut answer = json!({"MetricAlarms": metric, "CompositeAlarms": composite});
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    }

    fn delete_alarms(&mut self, asked: &Value) -> Result<Value, Refusal> {
        let names: Vec<_> = asked["AlarmNames"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        let rule = |name: &String| self.alarms.get(name).and_then(|alarm| alarm.get("AlarmRule"));
        if names.len() > 100 || names.iter().filter(|name| rule(name).is_some()).count() > 1 {
            return Err(invalid("at most 100 alarms, and one composite alarm"));
        }
        for name in &names {
            let needed = format!("\"{name}\"");
            let user = self.alarms.values().find(|alarm| {
                alarm.get("AlarmRule").is_some_and(|rule| rule.as_str().unwrap().contains(&needed))
            });
            if user.is_some() {
                return Err(invalid(&format!(
                    "Cannot delete {name} as there are composite alarm(s) depending on it."
                )));
            }
        }
        let mut absent = false;
        for name in names {
            absent |= self.alarms.remove(&name).is_none();
            self.tags.remove(&alarm_arn(&name));
        }
        if absent { Err("ResourceNotFound".into()) } else { Ok(json!({})) }
    }

    fn put_dashboard(&mut self, asked: &Value) -> Result<Value, Refusal> {
        let (name, body) =
            (text(asked, "DashboardName")?.to_owned(), text(asked, "DashboardBody")?);
        let parsed: Value = serde_json::from_str(body).unwrap_or_default();
        if !parsed["widgets"].is_array() {
            return Err(Refusal::new("InvalidParameterInput", "The field widgets must be present"));
        }
        if self.dashboards.insert(name.clone(), body.to_owned()).is_none() {
            self.tag(&dashboard_arn(&name), &asked["Tags"]);
        }
        let warning = self.warning.clone();
        let messages: Vec<_> = warning
            .map(|message| json!({"DataPath": "/widgets/0", "Message": message}))
            .into_iter()
            .collect();
        Ok(json!({"DashboardValidationMessages": messages}))
    }

    fn dashboards(&self, asked: &Value) -> Result<Value, Refusal> {
        let prefix = text(asked, "DashboardNamePrefix")?;
        let found = self.dashboards.keys().filter(|name| name.starts_with(prefix));
        let found =
            found.map(|name| json!({"DashboardName": name, "DashboardArn": dashboard_arn(name)}));
        let (page, next) = self.paged(found.collect(), asked);
        let mut answer = json!({"DashboardEntries": page});
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    }

    fn delete_dashboards(&mut self, asked: &Value) -> Result<Value, Refusal> {
        let names: Vec<_> = asked["DashboardNames"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        if names.iter().any(|name| !self.dashboards.contains_key(name)) {
            return Err("ResourceNotFound".into());
        }
        for name in names {
            self.dashboards.remove(&name);
            self.tags.remove(&dashboard_arn(&name));
        }
        Ok(json!({}))
    }
}

impl Service for Account {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let asked = call.cbor();
        let answer = match call.operation() {
            "PutMetricAlarm" => self.put_alarm(&asked, false)?,
            "PutCompositeAlarm" => self.put_alarm(&asked, true)?,
            "DescribeAlarms" => self.describe(&asked)?,
            "DeleteAlarms" => self.delete_alarms(&asked)?,
            "PutDashboard" => self.put_dashboard(&asked)?,
            "ListDashboards" => self.dashboards(&asked)?,
            "GetDashboard" => {
                let name = text(&asked, "DashboardName")?;
                let body =
                    self.dashboards.get(name).ok_or_else(|| Refusal::from("ResourceNotFound"))?;
                json!({"DashboardName": name, "DashboardArn": dashboard_arn(name), "DashboardBody": body})
            }
            "DeleteDashboards" => self.delete_dashboards(&asked)?,
            "TagResource" => {
                let arn = text(&asked, "ResourceARN")?.to_owned();
                self.is_tagged(&arn)?;
                self.tag(&arn, &asked["Tags"]);
                json!({})
            }
            "UntagResource" => {
                let arn = text(&asked, "ResourceARN")?.to_owned();
                self.is_tagged(&arn)?;
                let keys: Vec<_> = asked["TagKeys"].as_array().unwrap().clone();
                if let Some(held) = self.tags.get_mut(&arn) {
                    held.retain(|held, _| !keys.iter().any(|key| key.as_str() == Some(held)));
                }
                json!({})
            }
            "ListTagsForResource" => {
                let arn = text(&asked, "ResourceARN")?;
                self.is_tagged(arn)?;
                let tags = self.tags.get(arn).into_iter().flatten();
                let tags: Vec<_> =
                    tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
                json!({"Tags": tags})
            }
            _ => return Err("UnknownOperationException".into()),
        };
        Ok(Answer::cbor(&answer))
    }
}
