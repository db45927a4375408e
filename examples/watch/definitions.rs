//! What is defined: the alarms and dashboards of the guide, for the names on the command line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use petswipe_monitor::alarms::guide::{Limits, Resources, Side, alarms};
use petswipe_monitor::apply::Definition;
use petswipe_monitor::dashboards::{CloudWatchRegion, Unit, guide};
use petswipe_monitor::{Error, Owner, explain};
use serde::Serialize;
use serde_json::Value;

use super::Flags;
use crate::Exit;

/// Alarms and dashboards that are not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    /// Their names; of a side that is not known, those of `blue` and `green`.
    pub(super) alarms: Vec<String>,
    /// The names of the dashboards of CloudWatch.
    pub(super) dashboards: Vec<String>,
    /// What is missing.
    pub(super) because: &'static str,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "left out, because {}: {}", self.because, self.alarms.join(", "))?;
        if !self.dashboards.is_empty() {
            write!(f, "; and the dashboards {}", self.dashboards.join(", "))?;
        }
        Ok(())
    }
}

/// What the flags say, checked.
pub(super) struct Definitions {
    owner: Owner,
    resources: Option<Resources>,
}

fn refused(error: Error) -> Exit {
    Exit::usage(explain(&error))
}

/// The end of an ARN after its last colon, as CloudWatch names load balancers and target groups.
fn end_of_arn(text: &str) -> String {
    let end = text.rsplit(':').next().unwrap_or(text);
    end.strip_prefix("loadbalancer/").unwrap_or(end).to_owned()
}

impl Definitions {
    pub(super) fn new(flags: &Flags) -> Result<Self, Exit> {
        let mut owner = Owner::new(&flags.project, &flags.environment).map_err(refused)?;
        if let Some(set) = &flags.set {
            owner = owner.in_set(set).map_err(refused)?;
        }
        let cluster = flags.cluster.clone().unwrap_or_else(|| owner.name("cluster"));
        let sides = flags.target_groups.iter().map(|(side, arn)| {
            let service = Some((cluster.clone(), owner.name(side)));
            (side.clone(), Side { target_group: end_of_arn(arn), service })
        });
        let sides: BTreeMap<_, _> = sides.collect();
        let resources = flags.load_balancer.as_ref().map(|arn| Resources {
            owner: owner.clone(),
            load_balancer: end_of_arn(arn),
            sides,
            database: flags.database.clone().filter(|id| !id.is_empty()),
        });
        if let Some(resources) = &resources {
            resources.check().map_err(refused)?;
        }
        Ok(Self { owner, resources })
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    fn resources(&self) -> Result<&Resources, Exit> {
        self.resources.as_ref().ok_or_else(|| {
            Exit::usage(
                "--load-balancer is missing; allowed: the ARN of the Application Load Balancer",
            )
        })
    }

    /// The alarms, as requests.
    pub(super) fn alarms(&self, flags: &Flags) -> Result<Vec<Definition>, Exit> {
        let all = alarms(self.resources()?, &Limits::default(), &flags.topics).map_err(refused)?;
        Ok(all.iter().map(Definition::from).collect())
    }

    /// The alarms and dashboards of the guide that are not made, and which flag is missing for them. `has_place` is whether there is a
    /// place for alarms at all.
    pub(super) fn left_out(&self, has_place: bool) -> Result<Vec<LeftOut>, Exit> {
        let owner = &self.owner;
        let names = |resources: &Resources| -> Result<BTreeSet<String>, Exit> {
            let all = alarms(resources, &Limits::default(), &[]).map_err(refused)?;
            Ok(all.iter().map(|alarm| alarm.name().to_owned()).collect())
        };
        // Only the names are looked at.
        let some = Resources {
            owner: owner.clone(),
            load_balancer: format!("app/{}/0123456789abcdef", owner.name("alb")),
            sides: BTreeMap::new(),
            database: None,
        };
        let sides = ["blue", "green"].map(|side| {
            let target_group =
                format!("targetgroup/{}/0123456789abcdef", owner.name(&format!("{side}-tg")));
            let service = Some((owner.name("cluster"), owner.name(side)));
            (side.to_owned(), Side { target_group, service })
        });
        let with_sides = Resources { sides: BTreeMap::from(sides), ..some.clone() };
        let database = Some("db".to_owned());
        let (base, sides) = (names(&some)?, names(&with_sides)?);
        let dashboards = guide::cloudwatch(&some, &Limits::default(), &[]).map_err(refused)?;
        let databases = names(&Resources { database, ..some })?;
        let everything = |because| LeftOut {
            alarms: sides.union(&databases).cloned().collect(),
            dashboards: dashboards.iter().map(|one| one.name().to_owned()).collect(),
            because,
        };
        let some_of = |all: &BTreeSet<String>, because| LeftOut {
            alarms: all.difference(&base).cloned().collect(),
            dashboards: Vec::new(),
            because,
        };
        let mut left_out = Vec::new();
        match &self.resources {
            None => left_out.push(everything("--load-balancer is missing")),
            Some(_) if !has_place => {
                left_out.push(everything("--backend is local, and --out is missing"));
            }
            Some(resources) => {
                if resources.sides.is_empty() {
                    left_out.push(some_of(&sides, "--target-group is missing"));
                }
                if resources.database.is_none() {
                    left_out.push(some_of(&databases, "--database is missing"));
                }
            }
        }
        left_out.retain(|left_out| !left_out.alarms.is_empty());
        Ok(left_out)
    }

    /// The owner of dashboards of CloudWatch, which are of all regions of an account together.
    pub(super) fn owner_in_region(&self, flags: &Flags) -> Result<Owner, Exit> {
        self.owner.clone().in_region(&flags.region).map_err(refused)
    }

    /// The dashboards of CloudWatch.
    pub(super) fn cloudwatch(&self, flags: &Flags) -> Result<Vec<Definition>, Exit> {
        let mut region = CloudWatchRegion::new(&flags.region);
        let mut names = Vec::new();
        if let Some(account) = flags.account.as_ref().filter(|account| !account.is_empty()) {
            region = region.account(account);
            names = self.alarms(flags)?.into_iter().map(|alarm| alarm.name).collect();
        }
        let owner = self.owner_in_region(flags)?;
        let resources = Resources { owner: owner.clone(), ..self.resources()?.clone() };
        let all = guide::cloudwatch(&resources, &Limits::default(), &names);
        let define = |dashboard: petswipe_monitor::dashboards::Dashboard| {
            let body = dashboard.to_cloudwatch(&region)?;
            Ok(Definition::new(dashboard.name(), body).owned_by(&owner))
        };
        all.and_then(|all| all.into_iter().map(define).collect()).map_err(refused)
    }

    /// The dashboards of Grafana.
    pub(super) fn grafana(&self, flags: &Flags) -> Result<Vec<Definition>, Exit> {
        let names = guide::PrometheusNames::default();
        let custom = flags.custom.iter().map(|(title, expression)| guide::Custom {
            title: title.clone(),
            expression: expression.clone(),
            unit: Unit::Plain,
        });
        let custom: Vec<_> = custom.collect();
        let business = guide::Business::default();
        let all = guide::grafana(&self.owner, &names, &business, &custom, &Limits::default());
        let variables = guide::variables(&self.owner, &names);
        let define = |dashboard: petswipe_monitor::dashboards::Dashboard| {
            let json = dashboard.to_grafana(&variables, &["petswipe"])?;
            Ok(Definition::new(dashboard.name(), json).owned_by(&self.owner))
        };
        all.and_then(|all| all.into_iter().map(define).collect()).map_err(refused)
    }

    /// Writes all of them, each a file, and gives their paths. Without a load balancer it is those of Grafana.
    pub(super) fn write(&self, directory: &Path, flags: &Flags) -> Result<Vec<String>, Exit> {
        let mut all = vec![("grafana", self.grafana(flags)?)];
        if self.resources.is_some() {
            all.insert(0, ("dashboards", self.cloudwatch(flags)?));
            all.insert(0, ("alarms", self.alarms(flags)?));
        }
        let mut written = Vec::new();
        for (kind, definitions) in all {
            let directory = directory.join(kind);
            let failed = |error| Exit::usage(format!("{}: {error}", directory.display()));
            std::fs::create_dir_all(&directory).map_err(failed)?;
            for definition in definitions {
                let path = directory.join(format!("{}.json", definition.name));
                let text = format!("{:#}\n", file(kind, definition));
                std::fs::write(&path, text).map_err(failed)?;
                written.push(path.display().to_string());
            }
        }
        Ok(written)
    }
}

/// What is in a file: for an alarm the whole request, so that `aws cloudwatch put-metric-alarm --cli-input-json` takes it.
fn file(kind: &str, definition: Definition) -> Value {
    let mut body = definition.body;
    if kind == "alarms"
        && let Some(members) = body.as_object_mut()
    {
        members.insert("AlarmName".to_owned(), Value::from(definition.name));
        let tags = definition.tags.into_iter();
        let tags = tags.map(|(key, value)| serde_json::json!({ "Key": key, "Value": value }));
        members.insert("Tags".to_owned(), tags.collect());
    }
    body
}
