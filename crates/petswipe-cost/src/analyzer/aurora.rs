//! Members of Aurora clusters whose load varies so much that Serverless would be cheaper.

use std::collections::HashMap;

use super::shell::{aws, chain};
use super::sizes::smaller;
use super::{Analyzer, Scene, decimal, percent};
use crate::finding::{
    Advice, Area, Assessment, Confidence, Evidence, Part, Remediation, Risk, RiskLevel, Verdict,
};
use crate::inventory::{Database, Inventory};
use crate::{
    HOURS_PER_MONTH, Kind, Measure, Metric, Question, Resource, Series, Statistic, Thresholds,
};

/// Provisioned members of Aurora clusters.
#[derive(Clone, Copy, Debug)]
pub struct AuroraServerless;

impl Analyzer for AuroraServerless {
    fn area(&self) -> Area {
        Area::AURORA
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Database]
    }

    fn questions(&self, inventory: &Inventory, limits: &Thresholds, ask: &mut dyn FnMut(Question)) {
        for database in inventory.databases.iter().filter(|database| is_provisioned(database)) {
            for measure in measures(database) {
                ask(Question { measure, days: limits.aurora.days });
            }
        }
    }

    fn assess(&self, scene: &Scene<'_>, tell: &mut dyn FnMut(Assessment)) {
        let aurora = |database: &&Database| database.engine.starts_with("aurora");
        let mut clusters: HashMap<_, Vec<&Database>> = HashMap::new();
        for database in scene.inventory.databases.iter().filter(aurora) {
            clusters.entry((&database.region, &database.cluster)).or_default().push(database);
        }
        for database in scene.inventory.databases.iter().filter(aurora) {
            let members = clusters.get(&(&database.region, &database.cluster));
            let members = members.map_or(&[][..], Vec::as_slice);
            tell(assess(scene, database, members).tagged(Some(&database.tags)));
        }
    }
}

fn is_provisioned(database: &Database) -> bool {
    database.engine.starts_with("aurora") && database.available && database.class != "db.serverless"
}

fn measures(database: &Database) -> [Measure; 2] {
    [Statistic::Average, Statistic::Maximum].map(|statistic| {
        Measure::hourly(&database.region, &database.id, Metric::DatabaseCpu, statistic)
    })
}

/// Memory of a class, GiB: of `r` 16 for large, of `t` 4 for medium, twice as much for each size above.
/// Source: "Hardware specifications for DB instance classes".
fn memory_gib(class: &str) -> Option<f64> {
    let family = class.strip_prefix("db.")?;
    let (base, at): (f64, usize) = match family.chars().next()? {
        'r' => (16.0, 1),
        't' => (8.0, 1),
        _ => return None,
    };
    // How many sizes above `medium` it is, counting the powers of two only.
    let size = family.rsplit_once('.')?.1;
    let order = ["medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"];
    let index = order.iter().position(|known| *known == size)?;
    (smaller(class).count() > 0).then(|| base * 2.0_f64.powi(index as i32 - at as i32))
}

/// The capacity units that an hour would need, summed over a month: a unit has 2 GiB.
/// Source: "How Aurora Serverless v2 works", capacity.
fn unit_hours(cpu: &Series, units: f64, minimum: f64) -> Option<f64> {
    let hours = cpu.known();
    let needed = cpu.values().map(|percent| (units * percent / 100.0).max(minimum)).sum::<f64>();
    (hours > 0).then(|| needed / hours as f64 * f64::from(HOURS_PER_MONTH))
}

/// All members share one range of capacity, so it has to hold the greatest of them; where one is serverless already, that range has
/// been chosen, and stays.
fn commands(
    scene: &Scene<'_>,
    database: &Database,
    cluster: &str,
    members: &[&Database],
) -> Option<Vec<String>> {
    let mut commands = Vec::new();
    if !members.iter().any(|member| member.class == "db.serverless") {
        let memory: Option<Vec<f64>> = members.iter().map(|one| memory_gib(&one.class)).collect();
        let most = memory?.into_iter().fold(1.0, f64::max) / 2.0;
        let least = scene.limits.aurora.minimum_units;
        let range = format!("MinCapacity={least},MaxCapacity={}", most.ceil().max(least));
        let arguments = [
            ("--db-cluster-identifier", cluster),
            ("--serverless-v2-scaling-configuration", &range),
        ];
        commands.push(aws(&database.region, "rds modify-db-cluster", &arguments));
    }
    commands.push(aws(
        &database.region,
        "rds modify-db-instance --db-instance-class db.serverless --apply-immediately",
        &[("--db-instance-identifier", &database.id)],
    ));
    Some(chain(commands))
}

fn assess(scene: &Scene<'_>, database: &Database, members: &[&Database]) -> Assessment {
    let (area, resource) = (Area::AURORA, database.reference());
    if !is_provisioned(database) {
        return Assessment::busy(area, resource, "it is serverless, or does not run");
    }
    let limits = &scene.limits.aurora;
    let [mean, peak] = measures(database).map(|measure| scene.series(&measure, limits.days));
    let facts = [
        Evidence::new("mean CPU", mean.mean().map_or("not known".to_owned(), percent))
            .measured(mean.window(), mean.known()),
        Evidence::new("greatest CPU", peak.maximum().map_or("not known".to_owned(), percent))
            .measured(peak.window(), peak.known()),
        Evidence::new("class", &database.class),
    ];
    let known = mean.known().min(peak.known()) / 24;
    if known < usize::from(limits.known_days) {
        let reason =
            format!("its load is known of {known} days, of {} that are needed", limits.known_days);
        return Assessment::unknown(area, resource, reason).because(facts);
    }
    let Some(memory) = memory_gib(&database.class) else {
        let reason = format!("how many capacity units {} is, is not known", database.class);
        return Assessment::unknown(area, resource, reason).because(facts);
    };
    let units = memory / 2.0;
    let (Some(least), Some(most)) = (
        unit_hours(&mean, units, limits.minimum_units),
        unit_hours(&peak, units, limits.minimum_units),
    ) else {
        return Assessment::unknown(area, resource, "its load is not known").because(facts);
    };
    // An hour costs at most what its greatest peak would need all along, and at least what its mean needs.
    let saving = scene.saving(&database.region, |quotes| {
        let now = super::rds::hours(database, &database.class, quotes);
        let unit = quotes.get("aurora:acu");
        let (now, unit) = (now?, unit?);
        Some((now - unit * decimal(most)?, now - unit * decimal(least)?))
    });
    let saving = match saving {
        Ok(saving) if saving.low > crate::Money::ZERO => saving,
        Ok(_) => {
            let reason = "its load is too even: Serverless might cost more";
            return Assessment::busy(area, resource, reason).because(facts);
        }
        Err(missing) if missing.is_empty() => {
            return Assessment::unknown(area, resource, "its load makes no sense").because(facts);
        }
        Err(missing) => {
            let reason = format!("the price of {} is not known", missing.join(" and of "));
            return Assessment::unknown(area, resource, reason).because(facts);
        }
    };
    let Some(cluster) = database.cluster.as_deref() else {
        let reason = "the cluster it belongs to is not known";
        return Assessment::unknown(area, resource, reason).because(facts);
    };
    let Some(commands) = commands(scene, database, cluster, members) else {
        let reason = "how much capacity its cluster needs at most is not known";
        return Assessment::unknown(area, resource, reason).because(facts);
    };
    let advice = Advice {
        confidence: Confidence::Low,
        saving: Ok(saving),
        part: Part::Whole,
        risk: Risk::new(
            RiskLevel::Medium,
            "it is away for a moment while it changes; capacity follows load with a delay",
        ),
        remediation: Remediation {
            action: None,
            summary: "let the cluster scale, and make the instance serverless".to_owned(),
            commands,
            restarts: true,
            reversible: true,
        },
    };
    let reason = "its load varies: capacity by use would cost less even at every hour's peak";
    Assessment::flagged(area, resource, Verdict::Improvable, reason, advice).because(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_class_is_that_of_its_size() {
        for (class, gib) in [
            ("db.r5.large", 16.0),
            ("db.r6g.2xlarge", 64.0),
            ("db.t3.medium", 4.0),
            ("db.t4g.large", 8.0),
        ] {
            assert_eq!(memory_gib(class), Some(gib), "{class}");
        }
        assert_eq!(memory_gib("db.serverless"), None);
        assert_eq!(memory_gib("db.x2g.large"), None);
        assert_eq!(memory_gib("db.r5.12xlarge"), None);
    }
}
