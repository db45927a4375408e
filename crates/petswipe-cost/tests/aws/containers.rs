//! ECS: pages of at most 100, and ten services a call.

use petswipe_aws::script::{Answer, Call, Refusal};
use serde_json::{Value, json};

use crate::account::{Account, limit};

fn arn(region: &str, what: &str) -> String {
    format!("arn:aws:ecs:{region}:123456789012:{what}")
}

pub fn answer(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let asked = call.json();
    let cluster = asked["cluster"].as_str().unwrap_or("default").to_owned();
    if account.gone.contains(&cluster) {
        return Err("ClusterNotFoundException".into());
    }
    match call.operation() {
        "ListClusters" => {
            let all = account.list(call, "clusters");
            page(account, call, &asked, all, "clusterArns")
        }
        "ListServices" => {
            let mut all = account.list(call, "services");
            all.retain(|(_, service)| service.contains(&format!("{cluster}\"")));
            page(account, call, &asked, all, "serviceArns")
        }
        "DescribeServices" => services(account, call, &asked),
        "DescribeTaskDefinition" => {
            let name = asked["taskDefinition"].as_str().unwrap_or_default();
            let all = account.list(call, "taskDefinitions");
            let found = all.into_iter().find(|(id, _)| id == name && !account.gone.contains(id));
            let Some((_, definition)) = found else {
                return Err(Refusal::new("ClientException", "Unable to describe task definition."));
            };
            let definition: Value = serde_json::from_str(&definition).unwrap();
            Ok(Answer::Json(json!({"taskDefinition": definition})))
        }
        _ => Err("UnknownOperationException".into()),
    }
}

fn page(
    account: &mut Account,
    call: &Call,
    asked: &Value,
    all: Vec<(String, String)>,
    name: &str,
) -> Result<Answer, Refusal> {
    let most = asked["maxResults"].as_u64().map(|most| most.to_string());
    let most = limit(most.as_deref(), 10, 1..=100, "InvalidParameterException")?;
    let token = asked["nextToken"].as_str();
    let (page, next) = account.paged(call, all, most, token, "InvalidParameterException")?;
    let arns: Vec<_> = page.into_iter().map(|(arn, _)| arn).collect();
    Ok(Answer::Json(json!({name: arns, "nextToken": next})))
}

fn services(account: &Account, call: &Call, asked: &Value) -> Result<Answer, Refusal> {
    let arns = asked["services"].as_array().cloned().unwrap_or_default();
    if arns.is_empty() || arns.len() > 10 {
        return Err("InvalidParameterException".into());
    }
    let with_tags = asked["include"] == json!(["TAGS"]);
    let known = account.list(call, "services");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        let arn = arn.as_str().unwrap_or_default();
        let there = known.iter().find(|(id, _)| id == arn && !account.gone.contains(id));
        match there {
            Some((_, service)) => {
                let mut service: Value = serde_json::from_str(service).unwrap();
                if !with_tags {
                    service["tags"] = json!([]);
                }
                found.push(service);
            }
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(Answer::Json(json!({"services": found, "failures": failures})))
}

impl Account {
    pub fn cluster(&mut self, region: &str, name: &str) -> String {
        let arn = arn(region, &format!("cluster/{name}"));
        self.put(region, "clusters", &arn, "");
        arn
    }

    /// A service of one task definition; `more` is put into what describes it.
    pub fn service(&mut self, region: &str, id: &str, definition: &str, more: Value) -> String {
        let (cluster, name) = id.split_once('/').unwrap();
        let service = arn(region, &format!("service/{id}"));
        let mut body = json!({
            "serviceArn": service,
            "serviceName": name,
            "clusterArn": arn(region, &format!("cluster/{cluster}")),
            "status": "ACTIVE",
            "desiredCount": 2,
            "taskDefinition": arn(region, &format!("task-definition/{definition}")),
            "tags": [{"key": "team", "value": "shop"}],
        });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.put(region, "services", &service, body.to_string());
        service
    }

    pub fn task_definition(&mut self, region: &str, name: &str, body: Value) -> String {
        let arn = arn(region, &format!("task-definition/{name}"));
        self.put(region, "taskDefinitions", &arn, body.to_string());
        arn
    }
}
