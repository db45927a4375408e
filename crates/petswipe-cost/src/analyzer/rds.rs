//! Databases that nobody uses, or that are larger than their load.

use rust_decimal::Decimal;

use super::shell::{aws, chain};
use super::sizes::{self, Next};
use super::{Analyzer, Scene, monthly, percent, short};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Database, Inventory};
use crate::{Kind, Measure, Metric, Question, Quotes, Resource, Statistic, Thresholds};

/// Databases without connections, and those with little load that would do in the next smaller class.
#[derive(Clone, Copy, Debug)]
pub struct UnderusedDatabases;

impl Analyzer for UnderusedDatabases {
    fn area(&self) -> Area {
        Area::RDS
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Database]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        let days = limits.rds.days.max(limits.rds.idle_days);
        for database in inventory.databases.iter().filter(|database| database.available) {
            for measure in measures(database) {
                ask(Question { measure, days });
            }
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        for database in &scene.inventory.databases {
            tell(assess(scene, database).tagged(Some(&database.tags)));
        }
    }
}

fn measures(database: &Database) -> [Measure; 3] {
    [
        (Metric::DatabaseCpu, Statistic::Average),
        (Metric::DatabaseCpu, Statistic::Maximum),
        (Metric::DatabaseConnections, Statistic::Maximum),
    ]
    .map(|(metric, statistic)| Measure::daily(&database.region, &database.id, metric, statistic))
}

fn assess(scene: &Scene<'_>, database: &Database) -> Assessment {
    let (area, resource) = (Area::RDS, database.reference());
    if !database.available {
        return Assessment::busy(
            area,
            resource,
            "it does not run, so only its storage is paid for",
        );
    }
    let limits = &scene.limits.rds;
    let [mean, peak, connections] =
        measures(database).map(|measure| scene.series(&measure, limits.days));
    let recent = scene.series(&measures(database)[2], limits.idle_days);
    let most = connections.maximum();
    let facts = [
        Evidence::new("most connections", most.map_or("not known".to_owned(), short))
            .against(format!("fewer than {}", short(limits.under_connections)))
            .measured(connections.window(), connections.known()),
        Evidence::new("mean CPU", mean.mean().map_or("not known".to_owned(), percent))
            .against(format!("below {}", percent(limits.under_cpu_percent)))
            .measured(mean.window(), mean.known()),
        Evidence::new("greatest CPU", peak.maximum().map_or("not known".to_owned(), percent))
            .measured(peak.window(), peak.known()),
        Evidence::new("class", format!("{} of {}", database.class, database.engine)),
    ];
    if recent.known() == recent.len() && recent.maximum() == Some(0.0) {
        let reason = format!("nobody connected on any of the last {} days", limits.idle_days);
        let advice = delete(scene, database);
        return Assessment::flagged(area, resource, Verdict::Idle, reason, advice).because(facts);
    }
    let known = mean.known().min(peak.known()).min(connections.known());
    let (Some(mean), Some(peak), Some(most)) = (mean.mean(), peak.maximum(), most) else {
        let reason = "its CPU or its connections are not known";
        return Assessment::unknown(area, resource, reason).because(facts);
    };
    if mean >= limits.under_cpu_percent || most >= limits.under_connections {
        let reason =
            format!("its mean CPU is {}, with up to {} connections", percent(mean), short(most));
        return Assessment::busy(area, resource, reason).because(facts);
    }
    if known < usize::from(limits.known_days) {
        let reason =
            format!("its load is known of {known} days, of {} that are needed", limits.known_days);
        return Assessment::unknown(area, resource, reason).because(facts);
    }
    smaller_class(scene, database, mean, peak).because(facts)
}

fn smaller_class(scene: &Scene<'_>, database: &Database, mean: f64, peak: f64) -> Assessment {
    let (area, resource) = (Area::RDS, database.reference());
    let price = |class: &str, quotes: &mut Quotes<'_>| hours(database, class, quotes);
    let (class, saving, ratio) = match sizes::next(scene, &database.region, &database.class, price)
    {
        Next::Priced { name, saving, ratio } => (name, saving, ratio),
        Next::Unpriced(missing) => {
            let advice = resize(database, None, Err(missing));
            let reason = format!("its mean CPU is {}, but its price is not known", percent(mean));
            return Assessment::flagged(area, resource, Verdict::Improvable, reason, advice);
        }
        Next::None => {
            return Assessment::busy(area, resource, "there is no smaller class of its family");
        }
    };
    if peak * ratio > scene.limits.rds.peak_percent {
        let reason = format!("it needs its class at times: its CPU was at {} once", percent(peak));
        return Assessment::busy(area, resource, reason);
    }
    let reason = format!(
        "its mean CPU is {}, and its peaks of {} fit into {class}",
        percent(mean),
        percent(peak)
    );
    let advice = resize(database, Some(&class), Ok(saving));
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice)
}

/// What a class costs a month, with its standby.
pub(super) fn hours(database: &Database, class: &str, quotes: &mut Quotes<'_>) -> Option<Decimal> {
    let price = monthly(quotes.get(format_args!("rds:{}:{class}", database.engine))?);
    Some(if database.multi_az { price * Decimal::TWO } else { price })
}

fn delete(scene: &Scene<'_>, database: &Database) -> Advice {
    let saving = scene.saving(&database.region, |quotes| {
        let hours = hours(database, &database.class, quotes);
        // Members of a cluster have no storage of their own.
        let storage = match database.cluster {
            Some(_) => Some(Decimal::ZERO),
            None => {
                let zones = if database.multi_az { 2 } else { 1 };
                let size = Decimal::from(database.storage_gib) * Decimal::from(zones);
                let price = quotes.get(format_args!("rds-storage:{}", database.storage_type));
                price.map(|price| price * size)
            }
        };
        let (hours, storage) = (hours?, storage?);
        Some((hours, hours + storage))
    });
    let (region, id) = (&database.region, database.id.as_str());
    let mut commands = Vec::new();
    if database.deletion_protection {
        // It applies at once in any case, and what else is pending is left alone.
        // Source: "Settings for DB instances", deletion protection.
        commands.push(aws(
            region,
            "rds modify-db-instance --no-deletion-protection",
            &[("--db-instance-identifier", id)],
        ));
    }
    let own = database.cluster.is_none() && database.replica_of.is_none();
    let last = format!("{id}-final");
    let end = if own {
        aws(
            region,
            "rds delete-db-instance",
            &[("--db-instance-identifier", id), ("--final-db-snapshot-identifier", &last)],
        )
    } else {
        // The data is that of the cluster, or of the source; RDS takes no final snapshot of these.
        aws(
            region,
            "rds delete-db-instance --skip-final-snapshot",
            &[("--db-instance-identifier", id)],
        )
    };
    commands.push(end);
    Advice {
        confidence: if own { Confidence::High } else { Confidence::Medium },
        saving,
        part: Part::Whole,
        risk: if own {
            Risk::new(
                RiskLevel::High,
                "it is gone until it is restored from its final snapshot, under another address",
            )
        } else {
            Risk::new(
                RiskLevel::High,
                "it may be there to take over when its source or its cluster's writer fails",
            )
        },
        remediation: Remediation {
            action: None,
            summary: if own {
                "make a final snapshot and delete the instance"
            } else {
                "delete the instance"
            }
            .to_owned(),
            commands: chain(commands),
            restarts: false,
            reversible: own,
        },
    }
}

/// To another class, or to a smaller one of which nobody knows which, and so without commands.
fn resize(
    database: &Database,
    to: Option<&str>,
    saving: Result<crate::Saving, Vec<String>>,
) -> Advice {
    let modify = to.map(|to| {
        aws(
            &database.region,
            "rds modify-db-instance",
            &[("--db-instance-identifier", &database.id), ("--db-instance-class", to)],
        )
    });
    Advice {
        confidence: Confidence::Medium,
        saving,
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "it is away for minutes in its maintenance window, and has half the memory then",
        ),
        remediation: Remediation {
            action: None,
            summary: format!(
                "change its class to {} in the next maintenance window",
                to.unwrap_or("a smaller one")
            ),
            commands: modify.into_iter().collect(),
            restarts: true,
            reversible: true,
        },
    }
}
