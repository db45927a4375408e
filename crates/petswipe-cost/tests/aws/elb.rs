//! Elastic Load Balancing, both generations of it: the version of the API tells them apart.

use petswipe_aws::script::{Answer, Call, Form, Refusal};

use crate::account::{Account, limit, members, optional, tag_members};

pub fn answer(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let form = call.form();
    match form.get("Version") {
        Some("2015-12-01") => second(account, call, &form),
        Some("2012-06-01") => first(account, call, &form),
        _ => Err("InvalidAction".into()),
    }
}

fn listed(
    account: &mut Account,
    call: &Call,
    form: &Form,
    list: &'static str,
) -> Result<Answer, Refusal> {
    let all = account.list(call, list);
    let most = limit(form.get("PageSize"), 400, 1..=400, "ValidationError")?;
    let (page, next) = account.paged(call, all, most, form.get("Marker"), "ValidationError")?;
    let all: String = page.into_iter().map(|(_, one)| format!("<member>{one}</member>")).collect();
    Ok(Answer::Xml(format!("<{list}>{all}</{list}>{}", optional("NextMarker", next))))
}

fn second(account: &mut Account, call: &Call, form: &Form) -> Result<Answer, Refusal> {
    match call.operation() {
        "DescribeLoadBalancers" => listed(account, call, form, "LoadBalancers"),
        "DescribeTargetGroups" => listed(account, call, form, "TargetGroups"),
        "DescribeTargetHealth" => {
            let arn = form.get("TargetGroupArn").unwrap_or_default();
            if account.gone.contains(arn) {
                return Err("TargetGroupNotFound".into());
            }
            let health = account.list(call, "TargetHealth");
            let (_, health) = health
                .into_iter()
                .find(|(id, _)| id == arn)
                .ok_or_else(|| Refusal::from("TargetGroupNotFound"))?;
            let target = |(index, state): (usize, &str)| {
                format!(
                    "<member><Target><Id>i-{index}</Id></Target><TargetHealth><State>{state}</State></TargetHealth></member>"
                )
            };
            let all: String = health.split_whitespace().enumerate().map(target).collect();
            Ok(Answer::Xml(format!("<TargetHealthDescriptions>{all}</TargetHealthDescriptions>")))
        }
        "DescribeTags" => tags(
            account,
            call,
            members(form, "ResourceArns"),
            "ResourceArn",
            "LoadBalancerNotFound",
        ),
        _ => Err("InvalidAction".into()),
    }
}

fn first(account: &mut Account, call: &Call, form: &Form) -> Result<Answer, Refusal> {
    match call.operation() {
        "DescribeLoadBalancers" => listed(account, call, form, "LoadBalancerDescriptions"),
        "DescribeTags" => {
            let names = members(form, "LoadBalancerNames");
            tags(account, call, names, "LoadBalancerName", "LoadBalancerNotFound")
        }
        _ => Err("InvalidAction".into()),
    }
}

fn tags(
    account: &Account,
    call: &Call,
    ids: Vec<String>,
    name: &str,
    missing: &str,
) -> Result<Answer, Refusal> {
    if ids.is_empty() || ids.len() > 20 {
        return Err("ValidationError".into());
    }
    let known: Vec<String> = ["LoadBalancers", "LoadBalancerDescriptions"]
        .into_iter()
        .flat_map(|list| account.list(call, list))
        .map(|(id, _)| id)
        .collect();
    if ids.iter().any(|id| account.gone.contains(id) || !known.contains(id)) {
        return Err(missing.into());
    }
    let one = |id: String| {
        let tags = tag_members(&[("name", id.as_str())]);
        format!("<member><{name}>{id}</{name}><Tags>{tags}</Tags></member>")
    };
    let all: String = ids.into_iter().map(one).collect();
    Ok(Answer::Xml(format!("<TagDescriptions>{all}</TagDescriptions>")))
}

pub fn arn(kind: &str, name: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/{kind}/{name}/50dc6c495c0c9188"
    )
}

pub fn group(name: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{name}/73e2d6bc24d8a067"
    )
}

impl Account {
    pub fn balancer(&mut self, region: &str, name: &str, kind: &str) {
        let short = match kind {
            "application" => "app",
            "network" => "net",
            _ => "gwy",
        };
        let arn = arn(short, name);
        let entry = format!(
            "<LoadBalancerArn>{arn}</LoadBalancerArn><LoadBalancerName>{name}</LoadBalancerName><Type>{kind}</Type>\
             <CreatedTime>2026-01-01T00:00:00Z</CreatedTime><State><Code>active</Code></State>"
        );
        self.put(region, "LoadBalancers", &arn, entry);
    }

    /// A target group behind load balancers, with the states of its targets.
    pub fn group(&mut self, region: &str, name: &str, behind: &[String], health: &str) {
        let arn = group(name);
        let behind: String = behind.iter().map(|arn| format!("<member>{arn}</member>")).collect();
        let entry = format!(
            "<TargetGroupArn>{arn}</TargetGroupArn><TargetGroupName>{name}</TargetGroupName>\
             <LoadBalancerArns>{behind}</LoadBalancerArns>"
        );
        self.put(region, "TargetGroups", &arn, entry);
        self.put(region, "TargetHealth", &arn, health);
    }

    pub fn classic(&mut self, region: &str, name: &str, instances: usize) {
        let instances: String = (0..instances)
            .map(|n| format!("<member><InstanceId>i-{n}</InstanceId></member>"))
            .collect();
        let entry = format!(
            "<LoadBalancerName>{name}</LoadBalancerName><CreatedTime>2026-01-01T00:00:00Z</CreatedTime>\
             <Instances>{instances}</Instances>"
        );
        self.put(region, "LoadBalancerDescriptions", name, entry);
    }
}
