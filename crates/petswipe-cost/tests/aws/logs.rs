//! CloudWatch Logs: pages of at most 50, and tags by an ARN without its end.

use petswipe_aws::script::{Answer, Call, Refusal};
use serde_json::{Value, json};

use crate::account::{Account, limit};

pub fn answer(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let asked = call.json();
    match call.operation() {
        "DescribeLogGroups" => {
            let all = account.list(call, "logGroups");
            let most = asked["limit"].as_u64().map(|limit| limit.to_string());
            let most = limit(most.as_deref(), 50, 1..=50, "InvalidParameterException")?;
            let token = asked["nextToken"].as_str();
            let (page, next) =
                account.paged(call, all, most, token, "InvalidParameterException")?;
            let groups: Vec<Value> =
                page.iter().map(|(_, group)| serde_json::from_str(group).unwrap()).collect();
            Ok(Answer::Json(json!({"logGroups": groups, "nextToken": next})))
        }
        "ListTagsForResource" => {
            let arn = asked["resourceArn"].as_str().unwrap_or_default();
            if arn.ends_with(":*") {
                return Err("InvalidParameterException".into());
            }
            let name = arn.rsplit(":log-group:").next().unwrap_or_default();
            if account.gone.contains(name) {
                return Err("ResourceNotFoundException".into());
            }
            Ok(Answer::Json(json!({"tags": {"name": name}})))
        }
        _ => Err("UnknownOperationException".into()),
    }
}

impl Account {
    pub fn log_group(&mut self, region: &str, name: &str, days: Option<u32>, class: &str) {
        let arn = format!("arn:aws:logs:{region}:123456789012:log-group:{name}");
        let mut group = json!({
            "logGroupName": name,
            "creationTime": 1_767_225_600_000_i64,
            "storedBytes": 5_000_000_000_u64,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "logGroupClass": class,
        });
        if let Some(days) = days {
            group["retentionInDays"] = json!(days);
        }
        self.put(region, "logGroups", name, group.to_string());
    }
}
