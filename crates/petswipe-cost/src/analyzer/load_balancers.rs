//! Load balancers that nobody asks for anything, or that have nobody to ask.

use super::shell::aws;
use super::{Analyzer, Scene, monthly, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Inventory, LoadBalancer, LoadBalancerKind};
use crate::{Action, Kind, Measure, Metric, Question, Resource, Statistic, Thresholds};

/// Load balancers without targets, and those with next to no requests.
#[derive(Clone, Copy, Debug)]
pub struct UnusedLoadBalancers;

impl Analyzer for UnusedLoadBalancers {
    fn area(&self) -> Area {
        Area::LOAD_BALANCERS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::LoadBalancer]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        for balancer in &inventory.load_balancers {
            let (requests, heartbeat) = measures(balancer);
            for measure in requests.into_iter().chain(heartbeat) {
                ask(Question { measure, days: limits.load_balancers.days });
            }
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for balancer in &scene.inventory.load_balancers {
            let assessment = assess(scene, balancer).tagged(Some(&balancer.tags));
            tell(Assessment { name: Some(balancer.name.clone()), ..assessment });
        }
    }
}

/// What it was asked, and what tells that it was measured at all.
fn measures(balancer: &LoadBalancer) -> (Option<Measure>, Option<Measure>) {
    let daily = |metric, statistic| {
        Measure::daily(&balancer.region, balancer.dimension(), metric, statistic)
    };
    let requests = Metric::requests_of(balancer.kind);
    let heartbeat = Metric::heartbeat_of(balancer.kind).filter(|metric| Some(*metric) != requests);
    (
        requests.map(|metric| daily(metric, Statistic::Sum)),
        heartbeat.map(|metric| daily(metric, Statistic::Maximum)),
    )
}

fn assess(scene: &Scene<'_>, balancer: &LoadBalancer) -> Assessment {
    let (area, resource) = (Area::LOAD_BALANCERS, balancer.reference());
    let limits = &scene.limits.load_balancers;
    let Some(age) = scene.days_since(balancer.created_at) else {
        return Assessment::unknown(area, resource, "it was made in the future: a clock is wrong");
    };
    let targets = balancer.targets.map_or("not known".to_owned(), |targets| targets.to_string());
    let facts = vec![
        Evidence::new("kind", balancer.kind.name()),
        Evidence::new("targets", targets),
        Evidence::new("age", format!("{age} days")).against(format!("at least {}", limits.days)),
    ];
    if age < i64::from(limits.days) {
        return Assessment::busy(area, resource, format!("it was made {age} days ago"))
            .because(facts);
    }
    if balancer.kind == LoadBalancerKind::Other {
        return Assessment::unknown(area, resource, "its type is not known here").because(facts);
    }
    let (requests, heartbeat) = measures(balancer);
    let Some(requests) = requests else {
        // Nobody counts what a Gateway Load Balancer is asked, but without targets it can do nothing.
        return match balancer.targets {
            Some(0) => idle(scene, balancer, "it has no targets").because(facts),
            Some(_) => Assessment::busy(area, resource, "it has targets").because(facts),
            None => Assessment::unknown(area, resource, "its targets are not known").because(facts),
        };
    };
    let answered = scene.usage.of(&requests).is_some();
    let requests = scene.series(&requests, limits.days);
    // A day without requests has no value, but its heartbeat has one.
    let alive = heartbeat.map(|measure| scene.series(&measure, limits.days));
    let quiet = |(day, request): (usize, Option<f64>)| match request {
        Some(requests) => Some(requests),
        None => alive.as_ref()?.periods().nth(day)?.map(|_| 0.0),
    };
    let days: Vec<Option<f64>> = requests.periods().enumerate().map(quiet).collect();
    let most = days.iter().flatten().copied().reduce(f64::max);
    let known = days.iter().flatten().count();
    let busiest =
        Evidence::new("requests on the busiest day", most.map_or("not known".to_owned(), short))
            .against(format!("fewer than {}", short(limits.requests_per_day)))
            .measured(requests.window(), known);
    let facts: Vec<_> = facts.into_iter().chain([busiest]).collect();
    if most.is_some_and(|most| most >= limits.requests_per_day) {
        return Assessment::busy(area, resource, "it is asked often enough").because(facts);
    }
    // With nothing behind it an Application Load Balancer can still redirect, so requests count in any case. A classic one can't,
    // and nothing is reported of it then; but that nothing came has to be an answer, and not the lack of one.
    if balancer.targets == Some(0)
        && (known == days.len() || balancer.kind == LoadBalancerKind::Classic && answered)
    {
        return idle(scene, balancer, "it has no targets, and hardly any requests").because(facts);
    }
    if known < days.len() {
        let reason = format!("its requests are known of {known} of {} days", days.len());
        return Assessment::unknown(area, resource, reason).because(facts);
    }
    let reason = format!(
        "it had fewer than {} requests on each of {known} days",
        short(limits.requests_per_day)
    );
    idle(scene, balancer, &reason).because(facts)
}

fn idle(scene: &Scene<'_>, balancer: &LoadBalancer, reason: &str) -> Assessment {
    let saving = scene.saving(&balancer.region, |quotes| {
        let price = monthly(quotes.get(format_args!("elb:{}:hour", balancer.kind.name()))?);
        Some((price, price))
    });
    let delete = if balancer.kind == LoadBalancerKind::Classic {
        aws(
            &balancer.region,
            "elb delete-load-balancer",
            &[("--load-balancer-name", &balancer.name)],
        )
    } else {
        aws(
            &balancer.region,
            "elbv2 delete-load-balancer",
            &[("--load-balancer-arn", &balancer.id)],
        )
    };
    let advice = Advice {
        confidence: if balancer.targets == Some(0) { Confidence::High } else { Confidence::Medium },
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "its name is gone for good, and DNS records may lead to it",
        ),
        remediation: Remediation {
            action: Some(Action::DeleteLoadBalancer { balancer: balancer.id.clone() }),
            summary: "delete the load balancer".to_owned(),
            commands: vec![delete],
            restarts: false,
            reversible: false,
        },
    };
    Assessment::flagged(Area::LOAD_BALANCERS, balancer.reference(), Verdict::Idle, reason, advice)
}
