//! EC2 instances that do nothing, or less than they could.

use super::shell::{aws, chain};
use super::sizes::{self, Next};
use super::{Analyzer, MIB, Scene, monthly, percent, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Instance, InstanceState, Inventory, Purchase};
use crate::{
    Action, Kind, Measure, Metric, Question, Quotes, Resource, Series, Statistic, Thresholds,
};

/// Running instances: idle ones, and those that would do in the next smaller size.
#[derive(Clone, Copy, Debug)]
pub struct UnderusedInstances;

impl Analyzer for UnderusedInstances {
    fn area(&self) -> Area {
        Area::EC2
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Instance]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        for instance in inventory.instances.iter().filter(|instance| is_charged(instance)) {
            for measure in measures(instance) {
                ask(Question { measure, days: limits.ec2.days });
            }
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for instance in &scene.inventory.instances {
            tell(assess(scene, instance).tagged(Some(&instance.tags)));
        }
    }
}

fn is_charged(instance: &Instance) -> bool {
    instance.state == InstanceState::Running && instance.purchase == Purchase::OnDemand
}

fn measures(instance: &Instance) -> [Measure; 4] {
    [
        (Metric::InstanceCpu, Statistic::Average),
        (Metric::InstanceCpu, Statistic::Maximum),
        (Metric::InstanceNetworkIn, Statistic::Sum),
        (Metric::InstanceNetworkOut, Statistic::Sum),
    ]
    .map(|(metric, statistic)| Measure::daily(&instance.region, &instance.id, metric, statistic))
}

fn assess(scene: &Scene<'_>, instance: &Instance) -> Assessment {
    let (area, resource) = (Area::EC2, instance.reference());
    if instance.state != InstanceState::Running {
        return Assessment::busy(area, resource, "it does not run, so it is not paid for");
    }
    if instance.purchase != Purchase::OnDemand {
        return Assessment::busy(area, resource, "it is not paid for on demand");
    }
    let limits = &scene.limits.ec2;
    let [mean, peak, received, sent] =
        measures(instance).map(|measure| scene.series(&measure, limits.days));
    let daily = if limits.idle_cpu == Statistic::Average { &mean } else { &peak };
    let traffic = |(received, sent): (Option<f64>, Option<f64>)| Some((received? + sent?) / MIB);
    let traffic: Vec<_> = received.periods().zip(sent.periods()).map(traffic).collect();
    let days: Vec<_> =
        daily.periods().zip(&traffic).filter_map(|(cpu, net)| Some((cpu?, (*net)?))).collect();
    let idle = |&&(cpu, net): &&(f64, f64)| {
        cpu <= limits.idle_cpu_percent && net <= limits.idle_network_mib
    };
    let idle = days.iter().filter(idle).count();
    let most = traffic.iter().flatten().copied().fold(0.0, f64::max);
    let facts = [
        cpu("mean CPU", mean.mean(), &mean),
        cpu("greatest CPU", peak.maximum(), &peak),
        Evidence::new("most traffic in a day", format!("{} MiB", short(most)))
            .against(format!("at most {} MiB", short(limits.idle_network_mib)))
            .measured(received.window(), traffic.iter().flatten().count()),
        Evidence::new("idle days", format!("{idle} of {}", days.len())),
        Evidence::new("type", &instance.instance_type),
    ];
    let needed = if limits.idle_days == 0 { days.len() } else { usize::from(limits.idle_days) };
    let enough = days.len() >= usize::from(limits.known_days);
    if enough && idle >= needed {
        let reason = format!("it did nothing on {idle} of the {} days that are known", days.len());
        // A day that is known in part may still be known to be busy.
        let mut each = daily.periods().zip(received.periods().zip(sent.periods()));
        let worked = each.any(|(cpu, (received, sent))| {
            let carried = (received.unwrap_or_default() + sent.unwrap_or_default()) / MIB;
            cpu.is_some_and(|cpu| cpu > limits.idle_cpu_percent)
                || carried > limits.idle_network_mib
        });
        let started = scene.days_since(instance.launched_at);
        if started.is_none_or(|days| days < i64::from(limits.started_days)) {
            let reason = "it was started a few days ago";
            return Assessment::busy(area, resource, reason).because(facts);
        }
        if !worked {
            let advice = stop(scene, instance);
            return Assessment::flagged(area, resource, Verdict::Idle, reason, advice)
                .because(facts);
        }
        if limits.idle_days > 0 {
            let advice = sometimes(stop(scene, instance));
            return Assessment::flagged(area, resource, Verdict::Improvable, reason, advice)
                .because(facts);
        }
    }
    if mean.known().min(peak.known()) < usize::from(limits.known_days) {
        let known = mean.known().min(peak.known());
        let reason =
            format!("its CPU is known of {known} days, of {} that are needed", limits.known_days);
        return Assessment::unknown(area, resource, reason).because(facts);
    }
    smaller_one(scene, instance, &mean, &peak).because(facts)
}

fn cpu(fact: &str, value: Option<f64>, series: &Series) -> Evidence {
    let value = value.map_or("not known".to_owned(), percent);
    Evidence::new(fact, value).measured(series.window(), series.known())
}

/// Whether the next smaller size would do.
fn smaller_one(scene: &Scene<'_>, instance: &Instance, mean: &Series, peak: &Series) -> Assessment {
    let (area, resource) = (Area::EC2, instance.reference());
    let limits = &scene.limits.ec2;
    let (Some(mean), Some(peak)) = (mean.mean(), peak.maximum()) else {
        return Assessment::unknown(area, resource, "its CPU is not known");
    };
    if mean >= limits.under_cpu_percent {
        return Assessment::busy(area, resource, format!("its mean CPU is {}", percent(mean)));
    }
    if let Some(group) = instance.scaling_group() {
        let reason = format!("its Auto Scaling group {group} decides how many there are");
        return Assessment::busy(area, resource, reason);
    }
    let price = |name: &str, quotes: &mut Quotes<'_>| quotes.get(key(instance, name)).map(monthly);
    let next = sizes::next(scene, &instance.region, &instance.instance_type, price);
    let (name, saving, ratio) = match next {
        Next::Priced { name, saving, ratio } => (name, saving, ratio),
        Next::Unpriced(missing) => {
            let advice = resize(instance, None, Err(missing));
            let reason = format!("its mean CPU is {}, but its price is not known", percent(mean));
            return Assessment::flagged(area, resource, Verdict::Improvable, reason, advice);
        }
        Next::None => {
            return Assessment::busy(area, resource, "there is no smaller size of its family");
        }
    };
    if peak * ratio > limits.peak_percent {
        let reason = format!("it needs its size at times: its CPU was at {} once", percent(peak));
        return Assessment::busy(area, resource, reason);
    }
    let reason = format!(
        "its mean CPU is {}, and its peaks of {} fit into {name}",
        percent(mean),
        percent(peak)
    );
    let advice = resize(instance, Some(&name), Ok(saving));
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice)
}

/// The key of its price; of what is not Linux on shared hardware one that no table has.
pub(super) fn price_key(instance: &Instance) -> String {
    key(instance, &instance.instance_type)
}

/// The same of another type in its place.
fn key(instance: &Instance, instance_type: &str) -> String {
    let of = if instance.linux_shared { "" } else { ":not-linux-shared" };
    format!("ec2:{instance_type}{of}")
}

/// What is idle on some days and works on others: whether it is needed then, only people know.
fn sometimes(mut advice: Advice) -> Advice {
    advice.confidence = Confidence::Low;
    if let Ok(saving) = &mut advice.saving {
        saving.low = crate::Money::ZERO;
    }
    advice.risk = Risk::new(RiskLevel::High, "it works on the other days");
    let summary = "stop it on days without work, or make it smaller".to_owned();
    advice.remediation = crate::Remediation { summary, action: None, ..advice.remediation };
    advice
}

fn stop(scene: &Scene<'_>, instance: &Instance) -> Advice {
    let saving = scene.saving(&instance.region, |quotes| {
        let price = monthly(quotes.get(price_key(instance))?);
        Some((price, price))
    });
    let (region, id) = (&instance.region, instance.id.as_str());
    let (summary, command) = match instance.scaling_group() {
        Some(group) => (
            "make its Auto Scaling group smaller, which would replace it otherwise",
            aws(
                region,
                "autoscaling terminate-instance-in-auto-scaling-group --should-decrement-desired-capacity",
                &[("--instance-id", id)],
            ) + &format!("  # group {}", super::shell::quote(group)),
        ),
        None => (
            "stop the instance; terminate it when nobody missed it",
            aws(region, "ec2 stop-instances", &[("--instance-ids", id)]),
        ),
    };
    Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "it may be needed rarely, or be a standby; its volumes stay and cost on",
        ),
        remediation: Remediation {
            action: instance
                .scaling_group()
                .is_none()
                .then(|| Action::StopInstance { instance: instance.id.clone() }),
            summary: summary.to_owned(),
            commands: vec![command],
            restarts: false,
            reversible: instance.scaling_group().is_none(),
        },
    }
}

/// It is started again whether it could be changed or not.
fn commands(instance: &Instance, to: &str) -> Vec<String> {
    let (region, id) = (&instance.region, instance.id.as_str());
    let one = [("--instance-ids", id)];
    let change = aws(
        region,
        "ec2 modify-instance-attribute",
        &[("--instance-id", id), ("--instance-type", &format!("Value={to}"))],
    );
    let start = aws(region, "ec2 start-instances", &one);
    chain(vec![
        aws(region, "ec2 stop-instances", &one),
        aws(region, "ec2 wait instance-stopped", &one),
        format!(r#"{{ {change}; changed=$?; {start} && test "$changed" = 0; }}"#),
    ])
}

/// To another type, or to a smaller one of which nobody knows which, and so without commands.
fn resize(
    instance: &Instance,
    to: Option<&str>,
    saving: Result<crate::Saving, Vec<String>>,
) -> Advice {
    Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "it is away while it changes, and its memory, which nobody measures without an agent, halves too",
        ),
        remediation: Remediation {
            action: None,
            summary: format!("change its type to {}", to.unwrap_or("a smaller one")),
            commands: to.map_or_else(Vec::new, |to| commands(instance, to)),
            restarts: true,
            reversible: true,
        },
    }
}
