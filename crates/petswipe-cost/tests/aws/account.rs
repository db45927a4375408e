//! An account of AWS: which regions it has enabled, what is in them, and which of its calls go wrong.

use std::collections::{BTreeMap, BTreeSet};

use petswipe_aws::script::{Answer, Call, Form, Refusal, Service};

use crate::cloudwatch::CloudWatch;
use crate::costs::Costs;
use crate::s3::Stored;
use crate::{cloudwatch, containers, costs, databases, ec2, elb, logs, s3};

pub const ACCOUNT: &str = "123456789012";

/// Where the account lives, and another region that it has enabled.
pub const HOME: &str = "eu-central-1";
pub const ABROAD: &str = "us-east-1";
/// One that has to be enabled, and is not.
pub const CLOSED: &str = "af-south-1";

#[derive(Default)]
pub struct Account {
    /// What is listed, by region and by the name of its list, each with its id.
    pub lists: BTreeMap<(String, &'static str), Vec<(String, String)>>,
    /// Listed still, but no longer there when they are asked about.
    pub gone: BTreeSet<String>,
    /// At most so many entries a page, whatever is asked.
    pub page: Option<usize>,
    /// The next token of these actions is refused, once each.
    pub expiring: BTreeSet<String>,
    /// The next page of these actions is the page that was asked for.
    pub circling: BTreeSet<String>,
    pub buckets: BTreeMap<String, Stored>,
    pub cloudwatch: CloudWatch,
    pub costs: Costs,
}

impl Account {
    /// Puts something into a list.
    pub fn put(&mut self, region: &str, list: &'static str, id: &str, entry: impl Into<String>) {
        let list = self.lists.entry((region.to_owned(), list)).or_default();
        list.push((id.to_owned(), entry.into()));
    }

    pub fn list(&self, call: &Call, list: &'static str) -> Vec<(String, String)> {
        self.lists.get(&(call.region.clone(), list)).cloned().unwrap_or_default()
    }

    /// A page of `all` and the token of the next. A token is where it goes on, for which action in which region.
    pub fn paged<T>(
        &mut self,
        call: &Call,
        all: Vec<T>,
        most: usize,
        token: Option<&str>,
        refusal: &str,
    ) -> Result<(Vec<T>, Option<String>), Refusal> {
        let most = most.min(self.page.unwrap_or(usize::MAX)).max(1);
        let name = format!("{} {} ", call.action, call.region).replace(' ', "~");
        let begin = match token {
            None => 0,
            Some(_) if self.expiring.remove(&call.action) => {
                return Err(Refusal::new(refusal, "The token has expired"));
            }
            Some(token) => {
                let begin = token.strip_prefix(&name).and_then(|rest| rest.parse().ok());
                begin.ok_or_else(|| Refusal::new(refusal, "The token is unknown"))?
            }
        };
        let more = all.len() > begin + most;
        let next = if self.circling.contains(&call.action) { begin } else { begin + most };
        let page = all.into_iter().skip(begin).take(most).collect();
        Ok((page, more.then(|| format!("{name}{next}"))))
    }
}

/// A number that has to be within bounds, with a default.
pub fn limit(
    given: Option<&str>,
    otherwise: usize,
    bounds: std::ops::RangeInclusive<usize>,
    refusal: &str,
) -> Result<usize, Refusal> {
    let Some(given) = given else { return Ok(otherwise) };
    let number = given.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| Refusal::new(refusal, format!("{given} is not in {bounds:?}")))
}

/// The values of a list in the query protocol.
pub fn members(form: &Form, name: &str) -> Vec<String> {
    form.list(name).iter().map(|one| one.value().to_owned()).collect()
}

/// Tags of the query protocol.
pub fn tag_members(tags: &[(&str, &str)]) -> String {
    let tag = |(key, value): &(&str, &str)| {
        format!("<member><Key>{key}</Key><Value>{value}</Value></member>")
    };
    tags.iter().map(tag).collect()
}

pub fn optional(name: &str, value: Option<String>) -> String {
    value.map(|value| format!("<{name}>{value}</{name}>")).unwrap_or_default()
}

/// How a service answers whom it does not know, as it does everybody in a region that is not enabled.
fn stranger(service: &str) -> Refusal {
    let (status, code) = match service {
        "ec2" => (401, "AuthFailure"),
        "s3" => (403, "InvalidAccessKeyId"),
        "ecs" | "logs" | "ce" => (400, "UnrecognizedClientException"),
        _ => (403, "InvalidClientTokenId"),
    };
    Refusal { status, ..code.into() }
}

impl Service for Account {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let service = call.action.split(':').next().unwrap_or_default().to_owned();
        if ![HOME, ABROAD].contains(&call.region.as_str()) {
            return Err(stranger(&service));
        }
        match service.as_str() {
            "sts" => Ok(Answer::Xml(format!(
                "<Arn>arn:aws:iam::{ACCOUNT}:user/scan</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account>"
            ))),
            "ec2" => ec2::answer(self, call),
            "ecs" => containers::answer(self, call),
            "elasticloadbalancing" => elb::answer(self, call),
            "logs" => logs::answer(self, call),
            "rds" => databases::answer(self, call),
            "s3" => s3::answer(self, call),
            "cloudwatch" => cloudwatch::answer(&mut self.cloudwatch, call),
            "ce" => costs::answer(&mut self.costs, call),
            _ => Err("UnknownOperationException".into()),
        }
    }
}
