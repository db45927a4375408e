//! Creating what is missing, part after part, each after those that it needs.

mod balancing;
mod compute;
mod scaling;
mod watching;

use std::collections::BTreeMap;

use super::Run;
use super::report::{Action, Outcome, Report};
use super::resource::Resource;
use super::settings::Settings;
use super::survey::{Held, Survey};
use crate::aws::failed::Failed;

/// Creates what is missing and changes nothing that is there. What is there and is not the stack's, or can never become
/// what is wanted, is refused before anything is created.
pub async fn create(run: &Run<'_>, wanted: &Settings) -> Report {
    let mut report = Report::new("create");
    let survey = match Survey::take(run, Some(wanted)).await {
        Ok(survey) => survey,
        Err(failed) => return report.refused(format!("{failed}. Nothing was touched")),
    };
    if let Some(reason) = obstacles(run, &survey) {
        return report.refused(reason);
    }
    report.address.clone_from(&survey.address);
    let mut work = Work { run, wanted, ids: BTreeMap::new(), address: survey.address.clone() };
    for part in Resource::all() {
        if let Some(id) = survey.id(part) {
            work.ids.insert(part, id.to_owned());
            report.line(run.names, part, Action::Kept, Some(id.to_owned()));
            continue;
        }
        if run.dry_run {
            report.line(run.names, part, Action::WouldCreate, None);
            report.outcome = Outcome::Planned;
            continue;
        }
        if run.is_stopped() {
            return report.stopped("The operator wants it to end".to_owned());
        }
        let described = run.names.described(part);
        match work.create(part).await {
            Ok(id) => {
                (run.progress)(&format!("created {described}"));
                report.line(run.names, part, Action::Created, Some(id.clone()));
                report.address.clone_from(&work.address);
                report.outcome = Outcome::Created;
                work.ids.insert(part, id);
            }
            Err(failed) => {
                let reason = format!("The {described} was not created: {failed}");
                return match failed.is_refusal() && !report.has_changed() {
                    true => report.refused(format!("{reason}. Nothing was touched")),
                    false => report.stopped(reason),
                };
            }
        }
    }
    if run.dry_run {
        report.outcome = Outcome::Planned;
        return report;
    }
    match work.balancer_is_active().await {
        Ok(()) => report,
        Err(failed) => report.stopped(failed.to_string()),
    }
}

/// Why nothing may be created.
fn obstacles(run: &Run<'_>, survey: &Survey) -> Option<String> {
    let mut reasons = Vec::new();
    for (part, held) in &survey.held {
        let what = run.names.described(*part);
        match held {
            Held::Ours { differs: None, .. } => {}
            Held::Ours { differs: Some(why), .. } => {
                reasons
                    .push(format!("{what} can't become what is wanted: {why}; --destroy it first"));
            }
            Held::Leaving => {
                reasons.push(format!("{what} is being deleted; try again when it is gone"))
            }
            Held::Foreign { why } => reasons.push(format!("{what} is not this stack's: {why}")),
        }
    }
    (!reasons.is_empty()).then(|| {
        format!(
            "{}. Nothing was touched; name another --project or --environment, or remove what is in the way",
            reasons.join(". ")
        )
    })
}

/// The stack as far as it is there.
struct Work<'a> {
    run: &'a Run<'a>,
    wanted: &'a Settings,
    ids: BTreeMap<Resource, String>,
    address: Option<String>,
}

impl Work<'_> {
    /// Creates a part and gives what it is known by.
    async fn create(&mut self, part: Resource) -> Result<String, Failed> {
        match part {
            Resource::Cluster => self.create_cluster().await,
            Resource::TaskDefinition => self.register_task_definition().await,
            Resource::TargetGroup(side) => self.create_target_group(side).await,
            Resource::LoadBalancer => self.create_load_balancer().await,
            Resource::Listener => self.create_listener().await,
            Resource::Service(side) => self.create_service(side).await,
            Resource::ScalableTarget(side) => self.register_scalable_target(side).await,
            Resource::ScalingPolicy(side, by) => self.put_scaling_policy(side, by).await,
            Resource::Alarm(side, of) => self.put_alarm(side, of).await,
        }
    }

    /// What a part is known by that was created before.
    fn id(&self, part: Resource) -> Result<&str, Failed> {
        let id = self.ids.get(&part).map(String::as_str);
        id.ok_or_else(|| {
            Failed::answer("creation", self.run.names.described(part), "it is not there")
        })
    }
}
