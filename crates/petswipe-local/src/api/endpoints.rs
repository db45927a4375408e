//! The endpoints, in one table: what the README documents, what the server answers, and nothing else.

use hyper::{Method, StatusCode};
use petswipe_deploy::{Error, Image, RevisionId};
use petswipe_monitor::diagnosis::LogQuery;
use petswipe_monitor::{Subject, Window};
use petswipe_runbook::lease::{Lease, LeaseRequest};
use serde::Serialize;
use serde_json::{Value, json};

use super::call::Call;
use super::wire::Problem;
use crate::cloud::Control;

type Answer = Result<(StatusCode, Value), Problem>;

/// One thing the control API can do.
pub(crate) struct Endpoint {
    pub(super) method: Method,
    /// With `{…}` where anything may stand.
    pub(super) path: &'static str,
    pub(super) answer: fn(&Control, &Call) -> Answer,
}

impl Endpoint {
    /// What stands in the places of `{…}` if `path` is this endpoint's.
    pub(super) fn captures(&self, path: &str) -> Option<Vec<String>> {
        let mut captures = Vec::new();
        let mut parts = path.split('/');
        for wanted in self.path.split('/') {
            let part = parts.next()?;
            if wanted.starts_with('{') && !part.is_empty() {
                captures.push(super::call::decode(part));
            } else if wanted != part {
                return None;
            }
        }
        parts.next().is_none().then_some(captures)
    }
}

macro_rules! endpoints {
    ($($method:ident $path:literal => $answer:ident;)*) => {
        /// All of them, but for `/healthz`, which needs no token.
        pub(crate) const ENDPOINTS: &[Endpoint] =
            &[$(Endpoint { method: Method::$method, path: $path, answer: $answer }),*];
    };
}

endpoints! {
    GET "/v1/cloud" => cloud;
    GET "/v1/services" => services;
    GET "/v1/services/{environment}" => service;
    PUT "/v1/services/{environment}/deployment" => deploy;
    PUT "/v1/services/{environment}/desired" => scale;
    GET "/v1/services/{environment}/health" => health;
    GET "/v1/services/{environment}/targets" => targets;
    GET "/v1/services/{environment}/events" => events;
    GET "/v1/services/{environment}/stopped" => stopped;
    GET "/v1/services/{environment}/logs" => logs;
    GET "/v1/services/{environment}/scaling" => scaling;
    PUT "/v1/services/{environment}/scaling" => restore_scaling;
    POST "/v1/services/{environment}/scaling/suspend" => suspend_scaling;
    GET "/v1/revisions" => revisions;
    POST "/v1/revisions" => register;
    GET "/v1/revisions/{revision}" => revision;
    GET "/v1/images" => images;
    POST "/v1/images" => add_image;
    POST "/v1/images/resolve" => resolve;
    GET "/v1/route" => route;
    PUT "/v1/route" => set_split;
    PUT "/v1/route/test" => set_test_route;
    GET "/v1/metrics" => metrics;
    GET "/v1/leases" => lease;
    POST "/v1/leases/acquire" => acquire;
    POST "/v1/leases/renew" => renew;
    POST "/v1/leases/release" => release;
    GET "/v1/tasks" => tasks;
    POST "/v1/tasks/{task}/kill" => kill;
    POST "/v1/shutdown" => shutdown;
}

fn ok(answer: impl Serialize) -> Answer {
    match serde_json::to_value(answer) {
        Ok(value) => Ok((StatusCode::OK, value)),
        Err(why) => Err(Error::backend("writing the answer", why).into()),
    }
}

fn accepted((): ()) -> Answer {
    Ok((StatusCode::ACCEPTED, json!({})))
}

fn cloud(control: &Control, _: &Call) -> Answer {
    ok(control.summary())
}

fn services(control: &Control, _: &Call) -> Answer {
    ok(json!({ "services": control.services() }))
}

fn service(control: &Control, call: &Call) -> Answer {
    ok(control.service(&call.environment()?)?)
}

fn deploy(control: &Control, call: &Call) -> Answer {
    let (authority, deployment) = (call.field("authority")?, call.field("deployment")?);
    accepted(control.deploy(&authority, &call.environment()?, deployment)?)
}

fn scale(control: &Control, call: &Call) -> Answer {
    let (authority, desired) = (call.field("authority")?, call.field("desired")?);
    accepted(control.scale(&authority, &call.environment()?, desired)?)
}

fn health(control: &Control, call: &Call) -> Answer {
    ok(control.health(&call.environment()?)?)
}

fn targets(control: &Control, call: &Call) -> Answer {
    ok(json!({ "targets": control.targets(&call.environment()?)? }))
}

fn events(control: &Control, call: &Call) -> Answer {
    ok(control.report(&call.environment()?)?)
}

fn stopped(control: &Control, call: &Call) -> Answer {
    ok(json!({ "stopped": control.stopped(&call.environment()?)? }))
}

/// Without a window all that is kept, without words every line.
fn logs(control: &Control, call: &Call) -> Answer {
    let all = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    let time = |name: &str, otherwise| match call.query.contains_key(name) {
        true => call.time(name),
        false => Ok(otherwise),
    };
    let window = Window::new(time("from", all.0)?, time("to", all.1)?)
        .map_err(|why| Error::invalid("window", "turned round", why.to_string()))?;
    let most = call.query.get("most").map_or(Ok(1000), |text| {
        text.parse().map_err(|_| Error::invalid("most", text, "a whole number"))
    })?;
    let words = call.query.get("words").map_or("", String::as_str);
    let words = words.split(',').filter(|word| !word.is_empty()).map(super::call::decode).collect();
    let environment = call.environment()?.to_string();
    ok(control.search(&LogQuery { environment, window, words, most })?)
}

fn scaling(control: &Control, call: &Call) -> Answer {
    ok(json!({ "scaling": control.scaling(&call.environment()?)? }))
}

fn restore_scaling(control: &Control, call: &Call) -> Answer {
    let (authority, state) = (call.field("authority")?, call.field("state")?);
    accepted(control.restore_scaling(&authority, &call.environment()?, &state)?)
}

fn suspend_scaling(control: &Control, call: &Call) -> Answer {
    accepted(control.suspend_scaling(&call.field("authority")?, &call.environment()?)?)
}

fn revisions(control: &Control, _: &Call) -> Answer {
    ok(json!({ "revisions": control.revisions() }))
}

fn register(control: &Control, call: &Call) -> Answer {
    let (authority, from, image) =
        (call.field("authority")?, call.field("from")?, call.field("image")?);
    ok(control.register(&authority, &from, &image, &call.field_or_default("variables")?)?)
}

fn revision(control: &Control, call: &Call) -> Answer {
    ok(control.revision(&RevisionId::new(call.capture())?)?)
}

fn images(control: &Control, _: &Call) -> Answer {
    ok(json!({ "images": control.images() }))
}

fn add_image(control: &Control, call: &Call) -> Answer {
    accepted(control.add_image(call.whole()?)?)
}

fn resolve(control: &Control, call: &Call) -> Answer {
    let image: Image = call.field("image")?;
    ok(json!({ "image": control.resolve(&image)? }))
}

fn route(control: &Control, _: &Call) -> Answer {
    ok(control.route()?)
}

fn set_split(control: &Control, call: &Call) -> Answer {
    let expected: Vec<_> = call.field("expected")?;
    accepted(control.set_split(&call.field("authority")?, &expected, &call.field("to")?)?)
}

fn set_test_route(control: &Control, call: &Call) -> Answer {
    let environment: Option<_> = call.field("environment")?;
    accepted(control.set_test_route(&call.field("authority")?, environment.as_ref())?)
}

fn metrics(control: &Control, call: &Call) -> Answer {
    let time = |name: &str| call.time(name);
    let subject = Subject {
        environment: call.query("environment")?.to_owned(),
        revision: call.query.get("revision").cloned(),
    };
    let window = Window::new(time("from")?, time("to")?)
        .map_err(|why| Error::invalid("window", "turned round", why.to_string()))?;
    let now = match call.query.contains_key("now") {
        true => time("now")?,
        false => jiff::Timestamp::now(),
    };
    ok(control.observe(&subject, window, now)?)
}

fn lease(control: &Control, call: &Call) -> Answer {
    ok(json!({ "lease": control.lease(call.query("key")?)? }))
}

fn acquire(control: &Control, call: &Call) -> Answer {
    let request: LeaseRequest = call.field("request")?;
    ok(control.acquire(&request)?)
}

fn renew(control: &Control, call: &Call) -> Answer {
    let lease: Lease = call.field("lease")?;
    ok(control.renew(&lease)?)
}

fn release(control: &Control, call: &Call) -> Answer {
    let lease: Lease = call.field("lease")?;
    accepted(control.release(&lease)?)
}

fn tasks(control: &Control, _: &Call) -> Answer {
    ok(json!({ "tasks": control.tasks() }))
}

fn kill(control: &Control, call: &Call) -> Answer {
    accepted(control.kill(call.capture())?)
}

fn shutdown(control: &Control, _: &Call) -> Answer {
    control.ask_to_stop();
    accepted(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_in_the_readme_and_nothing_else() {
        let readme = include_str!("../../README.md");
        let mut documented: Vec<String> = readme
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|line| line.split('`').next())
            .filter(|text| text.contains(" /"))
            .map(str::to_owned)
            .collect();
        let mut answered: Vec<_> =
            ENDPOINTS.iter().map(|e| format!("{} {}", e.method, e.path)).collect();
        answered.extend(["GET /healthz".to_owned(), "GET /metrics".to_owned()]);
        documented.sort();
        answered.sort();
        assert_eq!(documented, answered);
    }

    #[test]
    fn a_path_is_compared_part_by_part() {
        let find = |path: &str| {
            let found = ENDPOINTS.iter().find_map(|e| Some((e.path, e.captures(path)?)));
            found.map(|(path, captures)| (path, captures.join(",")))
        };
        assert_eq!(find("/v1/route"), Some(("/v1/route", String::new())));
        let (path, captures) = find("/v1/services/a%2Fb/health").unwrap();
        assert_eq!((path, captures.as_str()), ("/v1/services/{environment}/health", "a/b"));
        for path in
            ["/", "", "/v1", "/v1/services/", "/v1/services//health", "/v1/route/", "/v1/nothing"]
        {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
