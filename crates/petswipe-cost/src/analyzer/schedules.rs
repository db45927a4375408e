//! What is no production and does nothing at night and on weekends.

use jiff::civil::Weekday;
use jiff::tz::Offset;
use rust_decimal::Decimal;

use super::shell::{aws, chain, quote};
use super::{Analyzer, Scene, decimal, monthly, percent};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Database, Instance, InstanceState, Inventory, Purchase};
use crate::thresholds::ScheduleLimits;
use crate::{
    Kind, Measure, Metric, Question, Quotes, Resource, ResourceRef, Series, Statistic, Tags,
    Thresholds,
};

/// Instances and databases that are tagged as no production.
#[derive(Clone, Copy, Debug)]
pub struct Schedules;

impl Analyzer for Schedules {
    fn area(&self) -> Area {
        Area::SCHEDULES
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Instance, Kind::Database]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        let days = limits.schedule.days;
        let meant = |tags: &Tags| limits.schedule.is_non_production(tags);
        for instance in inventory.instances.iter().filter(|one| runs(one) && meant(&one.tags)) {
            ask(Question { measure: instance_cpu(instance), days });
        }
        for database in inventory.databases.iter().filter(|one| stoppable(one) && meant(&one.tags))
        {
            ask(Question { measure: database_cpu(database), days });
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for instance in &scene.inventory.instances {
            let assessment = if !runs(instance) {
                let reason =
                    "it does not run, is not paid for on demand, or a group decides about it";
                Assessment::busy(Area::SCHEDULES, instance.reference(), reason)
            } else {
                let price = |quotes: &mut Quotes<'_>| {
                    quotes.get(super::ec2::price_key(instance)).map(monthly)
                };
                let input = serde_json::json!({"InstanceIds": [&instance.id]});
                let calls = ["ec2:startInstances", "ec2:stopInstances"];
                let commands = schedules(scene, instance, calls, &input);
                let cpu = instance_cpu(instance);
                assess(scene, instance.reference(), &instance.tags, cpu, price, commands)
            };
            tell(assessment.tagged(Some(&instance.tags)));
        }
        for database in &scene.inventory.databases {
            let assessment = if !stoppable(database) {
                let reason = "it does not run, or belongs to a cluster or a source: it can't be stopped alone";
                Assessment::busy(Area::SCHEDULES, database.reference(), reason)
            } else {
                let price =
                    |quotes: &mut Quotes<'_>| super::rds::hours(database, &database.class, quotes);
                let input = serde_json::json!({"DbInstanceIdentifier": &database.id});
                let calls = ["rds:startDBInstance", "rds:stopDBInstance"];
                let commands = schedules(scene, database, calls, &input);
                let cpu = database_cpu(database);
                assess(scene, database.reference(), &database.tags, cpu, price, commands)
            };
            tell(assessment.tagged(Some(&database.tags)));
        }
    }
}

fn runs(instance: &Instance) -> bool {
    instance.state == InstanceState::Running
        && instance.purchase == Purchase::OnDemand
        && instance.scaling_group().is_none()
}

/// Source: "Stopping an Amazon RDS DB instance temporarily", limitations.
fn stoppable(database: &Database) -> bool {
    database.available && database.cluster.is_none() && database.replica_of.is_none()
}

fn instance_cpu(instance: &Instance) -> Measure {
    Measure::hourly(&instance.region, &instance.id, Metric::InstanceCpu, Statistic::Average)
}

fn database_cpu(database: &Database) -> Measure {
    Measure::hourly(&database.region, &database.id, Metric::DatabaseCpu, Statistic::Average)
}

/// How much of a week nobody works, 0 to 1.
fn free_share(limits: &ScheduleLimits) -> f64 {
    let working = 5.0 * f64::from(limits.to_hour - limits.from_hour);
    1.0 - working / 168.0
}

/// The values of hours in which nobody works.
fn free_hours<'a>(
    series: &'a Series,
    limits: &'a ScheduleLimits,
) -> impl Iterator<Item = f64> + 'a {
    let offset = Offset::from_hours(limits.utc_offset_hours).unwrap_or(Offset::UTC);
    series.points().filter_map(move |(at, value)| {
        let local = offset.to_datetime(at);
        let weekend = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
        let hour = u8::try_from(local.hour()).unwrap_or_default();
        let working = !weekend && (limits.from_hour..limits.to_hour).contains(&hour);
        (!working).then_some(value)
    })
}

/// Up to 64 letters, as "CreateSchedule" has it; of a longer id the beginning, and a sum (FNV-1a) that tells it from others.
fn schedule_name(verb: &str, id: &str) -> String {
    let whole = format!("{verb}-{id}");
    if whole.len() <= 64 {
        return whole;
    }
    let sum = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{verb}-{id:.40}-{sum:016x}")
}

/// Schedules of EventBridge that stop it after work and start it before. The role that they act in has to be there, and named in
/// `SCHEDULER_ROLE`; without it the shell says so. Source: "Using universal targets", EventBridge Scheduler User Guide.
fn schedules(
    scene: &Scene<'_>,
    resource: &impl Resource,
    calls: [&str; 2],
    input: &serde_json::Value,
) -> Vec<String> {
    let limits = &scene.limits.schedule;
    let evening = match limits.to_hour {
        24 => "59 23".to_owned(),
        hour => format!("0 {hour}"),
    };
    // The start is first: what is stopped every evening has to be started.
    let times = [("start", format!("0 {}", limits.from_hour)), ("stop", evening)];
    // The sign of these zones is that of POSIX: west of Greenwich is positive.
    let zone = match limits.utc_offset_hours {
        0 => "UTC".to_owned(),
        hours => format!("Etc/GMT{:+}", -hours),
    };
    let create = |((verb, time), call): ((&str, String), &str)| {
        let name = schedule_name(verb, resource.id());
        let target = serde_json::json!({
            "Arn": format!("arn:{}:scheduler:::aws-sdk:{call}", resource.region().partition()),
            "Input": input.to_string(),
        });
        let target = target.to_string();
        let target = format!(r#"{},"RoleArn":""#, target.trim_end_matches('}'));
        let command = aws(
            resource.region(),
            "scheduler create-schedule --flexible-time-window Mode=OFF",
            &[
                ("--name", &name),
                ("--schedule-expression", &format!("cron({time} ? * MON-FRI *)")),
                ("--schedule-expression-timezone", &zone),
            ],
        );
        let role = r#""${SCHEDULER_ROLE:?the ARN of a role that may stop and start it}""#;
        format!(r#"{command} --target {}{role}'"}}'"#, quote(&target))
    };
    chain(times.into_iter().zip(calls).map(create).collect())
}

fn assess(
    scene: &Scene<'_>,
    resource: ResourceRef,
    tags: &Tags,
    cpu: Measure,
    price: impl FnOnce(&mut Quotes<'_>) -> Option<Decimal>,
    commands: Vec<String>,
) -> Assessment {
    let area = Area::SCHEDULES;
    let limits = &scene.limits.schedule;
    if !limits.is_non_production(tags) {
        return Assessment::busy(area, resource, "its tags do not say that it is no production");
    }
    let series = scene.series(&cpu, limits.days);
    let free: Vec<f64> = free_hours(&series, limits).collect();
    let most = free.iter().copied().reduce(f64::max);
    let fact = Evidence::new(
        "greatest hour outside working hours",
        most.map_or("not known".to_owned(), percent),
    )
    .against(format!("at most {} of CPU", percent(limits.idle_cpu_percent)))
    .measured(series.window(), free.len());
    if most.is_some_and(|most| most > limits.idle_cpu_percent) {
        return Assessment::busy(area, resource, "it works outside working hours, too")
            .because([fact]);
    }
    if series.known() / 24 < usize::from(limits.known_days) {
        let reason = format!(
            "its CPU is known of {} days, of {} that are needed",
            series.known() / 24,
            limits.known_days
        );
        return Assessment::unknown(area, resource, reason).because([fact]);
    }
    let share = free_share(limits);
    let region = resource.region.clone();
    let saving = scene.saving(&region, |quotes| {
        let saved = price(quotes)? * decimal(share)?;
        Some((saved, saved))
    });
    let hours = Evidence::new("hours of a week outside", format!("{:.0} of 168", share * 168.0));
    let advice = Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(RiskLevel::Low, "who works late finds it stopped, and starts it"),
        remediation: Remediation {
            action: None,
            summary: "stop it after work and start it before, by EventBridge Scheduler".to_owned(),
            commands,
            restarts: true,
            reversible: true,
        },
    };
    let reason = "it is no production, and does nothing outside working hours";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because([fact, hours])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Period, Window};

    #[test]
    fn the_names_of_schedules_fit_and_differ() {
        assert_eq!(schedule_name("stop", "i-1"), "stop-i-1");
        let ids = ["a", "b"].map(|end| format!("{}{end}", "x".repeat(62)));
        let names = ids.map(|id| schedule_name("start", &id));
        assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn nights_and_weekends_are_free_in_local_time() {
        // 2026-11-27 is a Friday, the 28th a Saturday.
        let window = Window {
            from: "2026-11-27T00:00:00Z".parse().unwrap(),
            to: "2026-11-29T00:00:00Z".parse().unwrap(),
        };
        let series = Series::of(window, Period::Hour, (0..48).map(f64::from));
        let limits = ScheduleLimits::default();
        let free: Vec<f64> = free_hours(&series, &limits).collect();
        let expected = (0..7).chain(19..48).map(f64::from);
        assert_eq!(free, expected.collect::<Vec<_>>());
        let east = ScheduleLimits { utc_offset_hours: 2, ..limits };
        let free: Vec<f64> = free_hours(&series, &east).collect();
        assert_eq!(free[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 17.0]);
        assert!((free_share(&east) - 108.0 / 168.0).abs() < 1e-12);
    }
}
