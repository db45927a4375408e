//! Load balancers that nobody asks for anything, or that have nobody to ask.

use super::shell::aws;
use super::{Analyzer, MIB, Scene, monthly, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Inventory, LoadBalancer, LoadBalancerKind};
use crate::thresholds::LoadBalancerLimits;
use crate::{Action, Kind, Measure, Metric, Question, Resource, Series, Statistic, Thresholds};

/// Load balancers without targets, and those with next to no requests, traffic and connections.
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
        let limits = &limits.load_balancers;
        for balancer in &inventory.load_balancers {
            let loads = loads(balancer.kind, limits).into_iter();
            let metrics = loads.map(|load| (load.metric, load.statistic));
            for (metric, statistic) in metrics.chain(heartbeat(balancer.kind)) {
                let measure = measure(balancer, metric, statistic);
                ask(Question { measure, days: limits.days });
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

/// Something that a load balancer in use has much of.
struct Load {
    /// What it is, on one day.
    what: &'static str,
    metric: Metric,
    statistic: Statistic,
    /// How many of the metric are one of what is told.
    unit: f64,
    /// From here on it is in use.
    limit: f64,
}

const MINUTES_A_DAY: f64 = 1440.0;

/// What speaks for the use of such a load balancer: many requests or connections, much traffic, or a connection that stays, like a
/// WebSocket or a session of a database. Empty for a kind of which nobody counts any of it.
fn loads(kind: LoadBalancerKind, limits: &LoadBalancerLimits) -> Vec<Load> {
    let asked = |metric| Load {
        what: "requests or new connections",
        metric,
        statistic: Statistic::Sum,
        unit: 1.0,
        limit: limits.requests_per_day,
    };
    let carried = |metric| Load {
        what: "MiB carried",
        metric,
        statistic: Statistic::Sum,
        unit: MIB,
        limit: limits.mib_per_day,
    };
    let open = |metric, statistic, unit| Load {
        what: "mean of open connections",
        metric,
        statistic,
        unit,
        limit: limits.open_connections,
    };
    match kind {
        LoadBalancerKind::Application => vec![
            asked(Metric::ApplicationRequests),
            carried(Metric::ApplicationBytes),
            open(Metric::ApplicationConnections, Statistic::Sum, MINUTES_A_DAY),
        ],
        LoadBalancerKind::Network => vec![
            asked(Metric::NetworkFlows),
            carried(Metric::NetworkBytes),
            open(Metric::NetworkConnections, Statistic::Average, 1.0),
        ],
        LoadBalancerKind::Classic => {
            vec![asked(Metric::ClassicRequests), carried(Metric::ClassicBytes)]
        }
        LoadBalancerKind::Gateway | LoadBalancerKind::Other => Vec::new(),
    }
}

/// What is reported of it even where nothing is asked and the metrics above have no data; `None` where they always have some.
fn heartbeat(kind: LoadBalancerKind) -> Option<(Metric, Statistic)> {
    match kind {
        LoadBalancerKind::Application => Some(Metric::ApplicationCapacity),
        LoadBalancerKind::Classic => Some(Metric::ClassicHosts),
        LoadBalancerKind::Network | LoadBalancerKind::Gateway | LoadBalancerKind::Other => None,
    }
    .map(|metric| (metric, Statistic::Maximum))
}

fn measure(balancer: &LoadBalancer, metric: Metric, statistic: Statistic) -> Measure {
    Measure::daily(&balancer.region, balancer.dimension(), metric, statistic)
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
    let loads = loads(balancer.kind, limits);
    if loads.is_empty() {
        // Nobody counts what a Gateway Load Balancer is asked, but without targets it can do nothing.
        return match balancer.targets {
            Some(0) => idle(scene, balancer, "it has no targets").because(facts),
            Some(_) => Assessment::busy(area, resource, "it has targets").because(facts),
            None => Assessment::unknown(area, resource, "its targets are not known").because(facts),
        };
    }
    let alive = heartbeat(balancer.kind).map(|(metric, statistic)| {
        scene.series(&measure(balancer, metric, statistic), limits.days)
    });
    let mut facts = facts;
    let mut known = usize::from(limits.days);
    let mut answered = true;
    for load in &loads {
        let measure = measure(balancer, load.metric, load.statistic);
        answered &= scene.usage.of(&measure).is_some();
        let series = scene.series(&measure, limits.days);
        let days = by_day(&series, alive.as_ref(), load.unit);
        let most = days.iter().flatten().copied().reduce(f64::max);
        let there = days.iter().flatten().count();
        known = known.min(there);
        let greatest = most.map_or("not known".to_owned(), short);
        facts.push(
            Evidence::new(format!("{} on the busiest day", load.what), greatest)
                .against(format!("less than {}", short(load.limit)))
                .measured(series.window(), there),
        );
        if most.is_some_and(|most| most >= load.limit) {
            let reason = format!("it is in use, by its {}", load.what);
            return Assessment::busy(area, resource, reason).because(facts);
        }
    }
    let all = known == usize::from(limits.days);
    // With nothing behind it an Application Load Balancer can still redirect, so requests count in any case. A classic one can't,
    // and nothing is reported of it then; but that nothing came has to be an answer, and not the lack of one.
    if balancer.targets == Some(0)
        && (all || balancer.kind == LoadBalancerKind::Classic && answered)
    {
        return idle(scene, balancer, "it has no targets, and hardly any requests").because(facts);
    }
    if !all {
        let reason = format!("its use is known of {known} of {} days", limits.days);
        return Assessment::unknown(area, resource, reason).because(facts);
    }
    let reason = format!("it had next to nothing to do on each of {known} days");
    idle(scene, balancer, &reason).because(facts)
}

/// Day by day; one without data is 0 if there is a sign of life of that day.
fn by_day(series: &Series, alive: Option<&Series>, unit: f64) -> Vec<Option<f64>> {
    let quiet = |day: usize| alive.and_then(|alive| alive.periods().nth(day)?).map(|_| 0.0);
    let days = series.periods().enumerate();
    days.map(|(day, value)| value.map(|value| value / unit).or_else(|| quiet(day))).collect()
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
            RiskLevel::High,
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
