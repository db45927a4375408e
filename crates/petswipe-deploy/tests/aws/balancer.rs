//! Elastic Load Balancing as far as a router needs it: one load balancer, one listener, its rules, two target groups.
//!
//! Shapes and errors: Elastic Load Balancing API Reference, version 2015-12-01, the pages of each action. It is as strict as
//! AWS: weights of 0 to 999, at most five target groups in a forward action, priorities of 1 to 50,000 each taken once.

use std::collections::BTreeMap;
use std::sync::Arc;

use petswipe_deploy::memory::MemoryCloud;
use petswipe_deploy::{Environment, Percent, Split, TrafficRouter};

use petswipe_aws::script::{Answer, Call, Form, Refusal, Service};

const ACCOUNT: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012";

#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub kind: String,
    pub groups: Vec<(String, u32)>,
    pub sticky: Option<u32>,
    pub order: Option<u32>,
    /// Of an action of the kind `authenticate-oidc`.
    pub login: Option<Login>,
}

/// How users are asked to log in. No answer says the secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    pub client: String,
    pub secret: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub arn: String,
    /// `None` for the default rule.
    pub priority: Option<u32>,
    /// Header and value.
    pub header: Option<(String, String)>,
    pub path: Option<&'static str>,
    pub host: Option<&'static str>,
    pub tags: Vec<(String, String)>,
    pub actions: Vec<Action>,
}

/// A target group as it is described.
#[derive(Clone, Debug)]
pub struct Group {
    pub port: u16,
    pub kind: &'static str,
    pub check_port: &'static str,
    pub check_path: &'static str,
    pub interval: u32,
}

/// The load balancer of a shop whose tasks run in memory.
pub struct Balancer {
    pub cloud: Arc<MemoryCloud>,
    pub sides: Vec<Environment>,
    pub kind: &'static str,
    pub tags: Vec<(String, String)>,
    pub rules: Vec<Rule>,
    /// Each side's target group.
    pub groups: BTreeMap<Environment, Group>,
    /// Where the listener on port 8080 forwards to, if anywhere.
    pub beside: Option<Environment>,
    /// The other rules of that listener.
    pub beside_rules: Vec<Rule>,
    /// Which of the rules divides production traffic.
    pub production: usize,
    made: u32,
}

pub fn group_arn(environment: &Environment) -> String {
    format!("{ACCOUNT}:targetgroup/{environment}-tg/0123456789abcdef")
}

pub fn forward(groups: &[(&Environment, u32)]) -> Action {
    Action {
        kind: "forward".to_owned(),
        groups: groups.iter().map(|(side, weight)| (group_arn(side), *weight)).collect(),
        sticky: None,
        order: None,
        login: None,
    }
}

impl Balancer {
    pub fn new(cloud: Arc<MemoryCloud>, sides: &[Environment]) -> Self {
        let actions = vec![forward(&[(&sides[0], 100), (&sides[1], 0)])];
        let rule = Self::rule_of(2, "default", None, actions);
        let group = Group {
            port: 8080,
            kind: "ip",
            check_port: "traffic-port",
            check_path: "/health",
            interval: 5,
        };
        Self {
            cloud,
            sides: sides.to_vec(),
            kind: "application",
            tags: vec![("Project".to_owned(), "shop".to_owned())],
            rules: vec![rule],
            groups: sides.iter().cloned().map(|side| (side, group.clone())).collect(),
            beside: None,
            beside_rules: Vec::new(),
            production: 0,
            made: 0,
        }
    }

    fn rule_of(listener: u32, id: &str, priority: Option<u32>, actions: Vec<Action>) -> Rule {
        Rule {
            arn: format!("{ACCOUNT}:listener-rule/app/shop-alb/1/{listener}/{id}"),
            priority,
            header: None,
            path: None,
            host: None,
            tags: Vec::new(),
            actions,
        }
    }

    /// A rule with a priority.
    pub fn add(&mut self, priority: u32, header: Option<(&str, &str)>, actions: Vec<Action>) {
        self.made += 1;
        let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let rule = Self::rule_of(2, &self.made.to_string(), Some(priority), actions);
        self.rules.push(Rule { header, ..rule });
    }

    /// A rule of the listener on port 8080 for a host.
    pub fn add_beside(&mut self, priority: u32, host: &'static str, actions: Vec<Action>) {
        let rule = Self::rule_of(1, &priority.to_string(), Some(priority), actions);
        self.beside_rules.push(Rule { host: Some(host), ..rule });
    }

    fn side(&self, arn: &str) -> Option<&Environment> {
        self.sides.iter().find(|side| group_arn(side) == arn)
    }

    /// The tasks in memory get the traffic that the rules give them.
    fn divide(&self) {
        let forward =
            self.rules[self.production].actions.iter().find(|action| action.kind == "forward");
        let Some(forward) = forward else { return };
        let sum: u32 = forward.groups.iter().map(|(_, weight)| weight).sum();
        let shares = forward.groups.iter().filter_map(|(arn, weight)| {
            let share = u8::try_from(weight * 100 / sum.max(1)).ok()?;
            Some((self.side(arn)?.clone(), Percent::new(share).ok()?))
        });
        if let Ok(split) = Split::new(shares) {
            self.cloud.meddle(split);
        }
    }

    /// The actions of a request that stand instead of these.
    fn actions(&self, list: &[Form], before: &[Action]) -> Result<Vec<Action>, String> {
        let actions = list.iter().map(|form| {
            let groups = form.list("ForwardConfig.TargetGroups").into_iter().map(|group| {
                let arn = group.get("TargetGroupArn").unwrap_or_default().to_owned();
                let weight: i64 = group.get("Weight").map_or(1, |weight| weight.parse().unwrap());
                if self.side(&arn).is_none() {
                    return Err("TargetGroupNotFound".to_owned());
                }
                match u32::try_from(weight) {
                    Ok(weight) if weight <= 999 => Ok((arn, weight)),
                    _ => Err("ValidationError".to_owned()),
                }
            });
            let action = Action {
                kind: form.get("Type").unwrap_or_default().to_owned(),
                groups: groups.collect::<Result<Vec<_>, String>>()?,
                sticky: form
                    .get("ForwardConfig.TargetGroupStickinessConfig.DurationSeconds")
                    .map(|seconds| seconds.parse().unwrap()),
                order: form.get("Order").map(|order| order.parse().unwrap()),
                login: login(form, before)?,
            };
            let forwards = action.kind == "forward";
            if forwards && (action.groups.is_empty() || action.groups.len() > 5) {
                return Err("ValidationError".to_owned());
            }
            Ok(action)
        });
        actions.collect()
    }

    fn rule(&mut self, arn: Option<&str>) -> Result<&mut Rule, String> {
        let rule = self.rules.iter_mut().find(|rule| Some(rule.arn.as_str()) == arn);
        rule.ok_or_else(|| "RuleNotFound".to_owned())
    }

    fn create(&mut self, request: &Form) -> Result<String, String> {
        let priority: u32 = request.get("Priority").unwrap_or_default().parse().unwrap();
        if !(1..=50_000).contains(&priority) {
            return Err("ValidationError".to_owned());
        }
        if self.rules.iter().any(|rule| rule.priority == Some(priority)) {
            return Err("PriorityInUse".to_owned());
        }
        let actions = self.actions(&request.list("Actions"), &[])?;
        let header = header(request);
        let header = header.as_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        self.add(priority, header, actions);
        let tags = request.list("Tags").into_iter().map(|tag| {
            let get = |name| tag.get(name).unwrap_or_default().to_owned();
            (get("Key"), get("Value"))
        });
        if let Some(rule) = self.rules.last_mut() {
            rule.tags = tags.collect();
        }
        Ok(String::new())
    }

    /// One rule a page, so that whoever reads only the first page finds out.
    fn describe_rules(&self, request: &Form) -> String {
        let index: usize = request.get("Marker").map_or(0, |marker| marker.parse().unwrap());
        let beside = || {
            let to = self.beside.iter().map(|side| forward(&[(side, 1)])).collect();
            let mut rules = self.beside_rules.clone();
            rules.push(Self::rule_of(1, "default", None, to));
            rules
        };
        let other = request.get("ListenerArn").is_some_and(|arn| arn.ends_with("/1/1"));
        let rules = if other { beside() } else { self.rules.clone() };
        let mut xml = format!("<Rules>{}</Rules>", rules.get(index).map_or(String::new(), written));
        if index + 1 < rules.len() {
            xml.push_str(&format!("<NextMarker>{}</NextMarker>", index + 1));
        }
        xml
    }

    fn health(&self, arn: &str) -> Result<String, String> {
        let side = self.side(arn).ok_or("TargetGroupNotFound")?;
        let asked = TrafficRouter::health(&*self.cloud, side);
        let health = futures_util::FutureExt::now_or_never(asked).unwrap().unwrap();
        let named = |action: &Action| action.groups.iter().any(|(group, _)| group == arn);
        let used = self.rules.iter().flat_map(|rule| &rule.actions).any(named);
        let healthy = std::iter::repeat_n("<State>healthy</State>", health.healthy as usize);
        let not = "<State>unhealthy</State><Reason>Target.ResponseCodeMismatch</Reason>\
                   <Description>Health checks failed with these codes: [503]</Description>";
        let unused = "<State>unused</State><Reason>Target.NotInUse</Reason>";
        let all = healthy.chain(std::iter::repeat_n(not, health.unhealthy as usize));
        let member = |(number, state): (usize, &str)| {
            let state = if used { state } else { unused };
            format!(
                "<member><Target><Id>10.0.0.{number}</Id></Target><TargetHealth>{state}</TargetHealth></member>"
            )
        };
        let draining = "<member><TargetHealth><State>draining</State></TargetHealth></member>";
        let members: String = all.enumerate().map(member).collect();
        Ok(format!("<TargetHealthDescriptions>{members}{draining}</TargetHealthDescriptions>"))
    }

    fn describe_tags(&self, request: &Form) -> String {
        let tags: String = self
            .tags
            .iter()
            .map(|(key, value)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>"))
            .collect();
        let described = request.list("ResourceArns").into_iter().map(|arn| {
            let arn = arn.value().to_owned();
            format!("<member><ResourceArn>{arn}</ResourceArn><Tags>{tags}</Tags></member>")
        });
        format!("<TagDescriptions>{}</TagDescriptions>", described.collect::<String>())
    }
}

impl Service for Balancer {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        match self.result(call.operation(), &call.form()) {
            Ok(result) => Ok(Answer::Xml(result)),
            Err(code) => Err(code.as_str().into()),
        }
    }
}

impl Balancer {
    /// The inside of the result, or an error's code.
    fn result(&mut self, operation: &str, request: &Form) -> Result<String, String> {
        let first = |list: &str| request.list(list).first().map(|name| name.value().to_owned());
        match operation {
            "DescribeLoadBalancers" => match first("Names").as_deref() {
                Some("shop-alb") => Ok(format!(
                    "<LoadBalancers><member><LoadBalancerArn>{ACCOUNT}:loadbalancer/app/shop-alb/1</LoadBalancerArn>\
                     <Type>{}</Type></member></LoadBalancers>",
                    self.kind
                )),
                _ => Err("LoadBalancerNotFound".to_owned()),
            },
            "DescribeListeners" => Ok(format!(
                "<Listeners><member><ListenerArn>{ACCOUNT}:listener/app/shop-alb/1/1</ListenerArn><Port>8080</Port>\
                 {}</member><member><ListenerArn>{ACCOUNT}:listener/app/shop-alb/1/2</ListenerArn><Port>443</Port>\
                 </member></Listeners>",
                self.beside.as_ref().map_or(String::new(), |side| format!(
                    "<DefaultActions><member><Type>forward</Type><TargetGroupArn>{}</TargetGroupArn></member>\
                     </DefaultActions>",
                    group_arn(side)
                ))
            )),
            "DescribeTargetGroups" => {
                let (names, arns) = (request.list("Names"), request.list("TargetGroupArns"));
                let asked = |side: &Environment| {
                    let is = |list: &[Form], text: String| list.iter().any(|one| one.value() == text);
                    is(&names, format!("{side}-tg")) || is(&arns, group_arn(side))
                };
                let found = self.groups.iter().filter(|(side, _)| asked(side));
                let members: String = found.map(|(side, group)| described(side, group)).collect();
                if members.is_empty() {
                    return Err("TargetGroupNotFound".to_owned());
                }
                Ok(format!("<TargetGroups>{members}</TargetGroups>"))
            }
            "DescribeTags" => Ok(self.describe_tags(request)),
            "DescribeRules" => Ok(self.describe_rules(request)),
            "DescribeTargetHealth" => {
                self.health(request.get("TargetGroupArn").unwrap_or_default())
            }
            "ModifyListener" => {
                let actions = request.list("DefaultActions");
                self.rules[0].actions = self.actions(&actions, &self.rules[0].actions)?;
                self.divide();
                Ok(String::new())
            }
            "ModifyRule" => {
                let before = self.rule(request.get("RuleArn"))?.actions.clone();
                let actions = self.actions(&request.list("Actions"), &before)?;
                let header = header(request);
                let rule = self.rule(request.get("RuleArn"))?;
                rule.actions = actions;
                rule.header = header.or(rule.header.take());
                self.divide();
                Ok(String::new())
            }
            "CreateRule" => self.create(request),
            "DeleteRule" => {
                let arn = self.rule(request.get("RuleArn"))?.arn.clone();
                self.rules.retain(|rule| rule.arn != arn);
                Ok(String::new())
            }
            other => panic!("{other} is not scripted"),
        }
    }
}

fn described(side: &Environment, group: &Group) -> String {
    let Group { port, kind, check_port, check_path, interval } = group;
    format!(
        "<member><TargetGroupArn>{}</TargetGroupArn><TargetGroupName>{side}-tg</TargetGroupName><Protocol>HTTP</Protocol>\
         <Port>{port}</Port><TargetType>{kind}</TargetType><HealthCheckPort>{check_port}</HealthCheckPort>\
         <HealthCheckPath>{check_path}</HealthCheckPath><HealthyThresholdCount>2</HealthyThresholdCount>\
         <HealthCheckIntervalSeconds>{interval}</HealthCheckIntervalSeconds></member>",
        group_arn(side)
    )
}

/// A secret has to be given, or else the one that is there to be kept.
fn login(form: &Form, before: &[Action]) -> Result<Option<Login>, String> {
    if form.get("Type") != Some("authenticate-oidc") {
        return Ok(None);
    }
    let field = |name: &str| form.get(&format!("AuthenticateOidcConfig.{name}"));
    for needed in ["Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint"] {
        field(needed).ok_or("ValidationError")?;
    }
    let client = field("ClientId").ok_or("ValidationError")?.to_owned();
    let existing = field("UseExistingClientSecret") == Some("true");
    let kept = before.iter().find_map(|action| action.login.as_ref()).filter(|_| existing);
    let secret = match (field("ClientSecret"), kept) {
        (Some(secret), _) if !existing => secret.to_owned(),
        (None, Some(login)) => login.secret.clone(),
        _ => return Err("InvalidLoadBalancerAction".to_owned()),
    };
    Ok(Some(Login { client, secret }))
}

fn header(request: &Form) -> Option<(String, String)> {
    let condition = request.list("Conditions").into_iter().next()?;
    let value = condition.list("HttpHeaderConfig.Values").first()?.value().to_owned();
    Some((condition.get("HttpHeaderConfig.HttpHeaderName")?.to_owned(), value))
}

fn written(rule: &Rule) -> String {
    let priority = rule.priority.map_or_else(|| "default".to_owned(), |number| number.to_string());
    let mut conditions = rule.header.as_ref().map_or_else(String::new, |(name, value)| {
        format!(
            "<member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>{name}</HttpHeaderName>\
             <Values><member>{value}</member></Values></HttpHeaderConfig></member>"
        )
    });
    conditions += &rule.path.map_or_else(String::new, |path| {
        format!(
            "<member><Field>path-pattern</Field><Values><member>{path}</member></Values><PathPatternConfig><Values>\
             <member>{path}</member></Values></PathPatternConfig></member>"
        )
    });
    conditions += &rule.host.map_or_else(String::new, |host| {
        format!(
            "<member><Field>host-header</Field><Values><member>{host}</member></Values><HostHeaderConfig><Values>\
             <member>{host}</member></Values></HostHeaderConfig></member>"
        )
    });
    let action = |action: &Action| {
        let Action { kind, groups, sticky, order, login } = action;
        let groups = groups.iter().map(|(arn, weight)| {
            format!(
                "<member><TargetGroupArn>{arn}</TargetGroupArn><Weight>{weight}</Weight></member>"
            )
        });
        let sticky = sticky.map_or_else(String::new, |seconds| {
            format!(
                "<TargetGroupStickinessConfig><Enabled>true</Enabled><DurationSeconds>{seconds}</DurationSeconds>\
                 </TargetGroupStickinessConfig>"
            )
        });
        let order = order.map_or_else(String::new, |order| format!("<Order>{order}</Order>"));
        let groups: String = groups.collect();
        let config = match login {
            Some(Login { client, .. }) => format!(
                "<AuthenticateOidcConfig><Issuer>https://id.example</Issuer>\
                 <AuthorizationEndpoint>https://id.example/authorize</AuthorizationEndpoint>\
                 <TokenEndpoint>https://id.example/token</TokenEndpoint>\
                 <UserInfoEndpoint>https://id.example/user</UserInfoEndpoint><ClientId>{client}</ClientId>\
                 </AuthenticateOidcConfig>"
            ),
            None => format!(
                "<ForwardConfig><TargetGroups>{groups}</TargetGroups>{sticky}</ForwardConfig>"
            ),
        };
        format!("<member><Type>{kind}</Type>{order}{config}</member>")
    };
    format!(
        "<member><RuleArn>{}</RuleArn><Priority>{priority}</Priority><Conditions>{conditions}</Conditions>\
         <Actions>{}</Actions><IsDefault>{}</IsDefault></member>",
        rule.arn,
        rule.actions.iter().map(action).collect::<String>(),
        rule.priority.is_none(),
    )
}
