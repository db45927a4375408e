//! Deleting all that carries the stack's tags, in the reverse of the order in which it was created.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

use super::Run;
use super::report::{Action, Outcome, Report};
use super::resource::{Resource, Side};
use super::survey::{Held, Survey};
use crate::aws::failed::{Failed, called};

/// One call deletes so many revisions.
///
/// Source: "DeleteTaskDefinitions", Amazon ECS API Reference.
const REVISIONS: usize = 10;

/// Deletes what is the stack's, and names what it left alone. It ends when all is gone.
pub async fn destroy(run: &Run<'_>) -> Report {
    let mut report = Report::new("destroy");
    let survey = match Survey::take(run, None).await {
        Ok(survey) => survey,
        Err(failed) => return report.refused(format!("{failed}. Nothing was touched")),
    };
    for (part, held) in &survey.held {
        if let Held::Foreign { why } = held
            && *part != Resource::TaskDefinition
        {
            report.left_alone(part.kind(), run.names.of(*part), why.clone());
        }
    }
    for (arn, why) in &survey.foreign_revisions {
        report.left_alone(Resource::TaskDefinition.kind(), arn.clone(), why.clone());
    }
    for part in Resource::all().into_iter().rev() {
        if !is_there(&survey, part) {
            continue;
        }
        if run.dry_run {
            report.line(run.names, part, Action::WouldDelete, survey.id(part).map(str::to_owned));
            report.outcome = Outcome::Planned;
            continue;
        }
        if run.is_stopped() {
            return report.stopped("The operator wants it to end".to_owned());
        }
        let described = run.names.described(part);
        match delete(run, &survey, part).await {
            Ok(None) => {
                (run.progress)(&format!("deleted {described}"));
                report.line(run.names, part, Action::Deleted, survey.id(part).map(str::to_owned));
                report.outcome = Outcome::Destroyed;
            }
            Ok(Some(why)) => report.left_alone(part.kind(), run.names.of(part), why),
            Err(failed) => {
                let reason = format!("The {described} was not deleted: {failed}");
                return match failed.is_refusal() && !report.has_changed() {
                    true => report.refused(format!("{reason}. Nothing was touched")),
                    false => report.stopped(reason),
                };
            }
        }
    }
    if run.dry_run {
        report.outcome = Outcome::Planned;
    }
    if report.has_changed() {
        let why = "tasks write it, and it carries no tags".to_owned();
        report.left_alone("log group", run.names.log_group(), why);
    }
    report
}

fn is_there(survey: &Survey, part: Resource) -> bool {
    match part {
        Resource::TaskDefinition => !survey.revisions.is_empty(),
        part => matches!(survey.held.get(&part), Some(Held::Ours { .. } | Held::Leaving)),
    }
}

/// Deletes a part and waits until nothing of it is in the way of the next one. Gives the reason if it must stay.
async fn delete(run: &Run<'_>, survey: &Survey, part: Resource) -> Result<Option<String>, Failed> {
    let (account, name, what) = (run.account, run.names.of(part), run.names.described(part));
    let arn = survey.id(part).unwrap_or(&name);
    match part {
        Resource::Alarm(..) => {
            let answer = account.watching.delete_alarms().alarm_names(&name).send().await;
            unless(called("DeleteAlarms", &name, answer), &["ResourceNotFound"])?;
        }
        Resource::ScalingPolicy(side, _) => {
            let asked = account.scaling.delete_scaling_policy().policy_name(&name);
            let asked = asked
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .resource_id(run.names.scaled(side));
            let answer = called("DeleteScalingPolicy", &name, asked.send().await);
            unless(answer, &["ObjectNotFoundException"])?;
        }
        Resource::ScalableTarget(side) => {
            let asked = account.scaling.deregister_scalable_target();
            let asked = asked
                .service_namespace(ServiceNamespace::Ecs)
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .resource_id(run.names.scaled(side));
            let answer = called("DeregisterScalableTarget", &what, asked.send().await);
            unless(answer, &["ObjectNotFoundException"])?;
        }
        Resource::Service(side) => delete_service(run, side).await?,
        Resource::Listener => {
            let answer = account.balancing.delete_listener().listener_arn(arn).send().await;
            unless(called("DeleteListener", &what, answer), &["ListenerNotFound"])?;
        }
        Resource::LoadBalancer => {
            let answer =
                account.balancing.delete_load_balancer().load_balancer_arn(arn).send().await;
            unless(called("DeleteLoadBalancer", &name, answer), &["LoadBalancerNotFound"])?;
            run.until(&format!("the {what} to be gone"), async || {
                let answer = account
                    .balancing
                    .describe_load_balancers()
                    .load_balancer_arns(arn)
                    .send()
                    .await;
                match called("DescribeLoadBalancers", &name, answer) {
                    Err(failed) if failed.is("LoadBalancerNotFound") => Ok(true),
                    answer => Ok(answer?.load_balancers().is_empty()),
                }
            })
            .await?;
        }
        Resource::TargetGroup(_) => {
            // It is in use for a while after its load balancer has gone.
            run.until(&format!("the {what} to be in use no more"), async || {
                let answer =
                    account.balancing.delete_target_group().target_group_arn(arn).send().await;
                match called("DeleteTargetGroup", &name, answer) {
                    Err(failed) if failed.is("ResourceInUse") => Ok(false),
                    answer => unless(answer, &["TargetGroupNotFound"]).map(|()| true),
                }
            })
            .await?;
        }
        Resource::TaskDefinition => delete_revisions(run, survey).await?,
        Resource::Cluster => return delete_cluster(run, &name).await,
    }
    Ok(None)
}

/// Also while it has tasks, which are stopped; waits until they are, because its cluster and its network are in use by
/// them.
async fn delete_service(run: &Run<'_>, side: Side) -> Result<(), Failed> {
    let (ecs, cluster) = (&run.account.ecs, run.names.of(Resource::Cluster));
    let name = run.names.of(Resource::Service(side));
    let answer = ecs.delete_service().cluster(&cluster).service(&name).force(true).send().await;
    let gone = ["ServiceNotFoundException", "ServiceNotActiveException"];
    unless(called("DeleteService", &name, answer), &gone)?;
    run.until(&format!("the tasks of {name} to end"), async || {
        let answer = ecs.describe_services().cluster(&cluster).services(&name).send().await;
        let answer = called("DescribeServices", &name, answer)?;
        Ok(answer.services().iter().all(|service| service.status() == Some("INACTIVE")))
    })
    .await
}

/// Revisions are deleted in two steps: what is active is made inactive first ("DeleteTaskDefinitions", Amazon ECS API
/// Reference).
async fn delete_revisions(run: &Run<'_>, survey: &Survey) -> Result<(), Failed> {
    let ecs = &run.account.ecs;
    for revision in survey.revisions.iter().filter(|revision| revision.is_active) {
        let answer = ecs.deregister_task_definition().task_definition(&revision.arn).send().await;
        called("DeregisterTaskDefinition", &revision.arn, answer)?;
    }
    for some in survey.revisions.chunks(REVISIONS) {
        let arns = some.iter().map(|revision| revision.arn.clone()).collect();
        let answer = ecs.delete_task_definitions().set_task_definitions(Some(arns)).send().await;
        let answer = called("DeleteTaskDefinitions", run.names.base(), answer)?;
        if let Some(failure) = answer.failures().first() {
            let (arn, why) =
                (failure.arn().unwrap_or_default(), failure.reason().unwrap_or("no reason given"));
            return Err(Failed::answer("DeleteTaskDefinitions", arn, why));
        }
    }
    Ok(())
}

/// A cluster in which somebody else runs something stays.
async fn delete_cluster(run: &Run<'_>, name: &str) -> Result<Option<String>, Failed> {
    let ecs = &run.account.ecs;
    let answer = ecs.describe_clusters().clusters(name).send().await;
    let answer = called("DescribeClusters", name, answer)?;
    let services: i32 = answer.clusters().iter().map(|found| found.active_services_count()).sum();
    if services > 0 {
        return Ok(Some(format!("{services} services of others run in it")));
    }
    run.until(&format!("the cluster {name} to be empty"), async || {
        let answer = ecs.delete_cluster().cluster(name).send().await;
        let busy = [
            "ClusterContainsTasksException",
            "ClusterContainsServicesException",
            "UpdateInProgressException",
        ];
        match called("DeleteCluster", name, answer) {
            Err(failed) if busy.iter().any(|code| failed.is(code)) => Ok(false),
            answer => unless(answer, &["ClusterNotFoundException"]).map(|()| true),
        }
    })
    .await?;
    Ok(None)
}

/// Something that was gone already is gone.
fn unless<T>(result: Result<T, Failed>, gone: &[&str]) -> Result<(), Failed> {
    match result {
        Err(failed) if !gone.iter().any(|code| failed.is(code)) => Err(failed),
        _ => Ok(()),
    }
}
