//! From the flags of `scale` to its exit code.

use petswipe_deploy::scaling::{ScalePlan, ScalePreview};

use super::drive::Running;
use super::target::Target;
use super::{Flags, Manners, What};
use crate::cli::Backend;
use crate::going_on::same_cloud;
use crate::telemetry::Watch;
use crate::{DONE, Exit, journal, print};

/// Carries out what the flags ask for and gives the exit code.
///
/// # Errors
/// Whatever ends the program without a report.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    let Flags { what, manners } = flags;
    if manners.iam_policy {
        return iam_policy(what.as_ref(), manners);
    }
    if let Some(path) = &manners.report {
        crate::report::check(path).map_err(Exit::usage)?;
    }
    manners.telemetry.check()?;
    // A wrong flag is found before a cloud is started.
    let again = [(manners.resume, "--resume"), (manners.undo, "--undo")];
    let again = again.iter().find(|(asked, _)| *asked).map(|(_, flag)| *flag);
    let plan = match (what, again) {
        (Some(what), None) => Some(what.plan(manners)?),
        (None, None) => {
            return Err(Exit::usage(
                "what to scale is missing; allowed: service, database or tracking, or --resume or --undo",
            ));
        }
        (_, Some(_)) => None,
    };
    if manners.resume && manners.dry_run {
        return Err(Exit::usage(
            "--resume goes on for real, and --dry-run (or DRY_RUN) says that nothing may change; give only one of them",
        ));
    }
    if let Some(flag) = again.filter(|_| manners.backend == Backend::Local)
        && manners.is_own()?
    {
        return Err(Exit::usage(format!(
            "{flag} needs --cloud: the cloud that an example starts itself ends with it, and nothing is left to go on with"
        )));
    }
    if let Some(what @ (What::Database(_) | What::Tracking(_))) = what
        && manners.backend == Backend::Local
    {
        let lacks = if matches!(what, What::Database(_)) { "database" } else { "target tracking" };
        return Err(Exit::usage(format!(
            "scale {} is not possible with --backend local: the local cloud has no {lacks}; allowed: --backend aws",
            what.kind()
        )));
    }
    let target = Target::open(manners).await?;
    let result = match plan {
        Some(mut plan) => {
            plan.location.clone_from(&target.parts.id);
            begin(manners, &target, plan).await
        }
        None => go_on(flags, &target).await,
    };
    target.close().await;
    result
}

#[cfg(feature = "aws")]
fn iam_policy(what: Option<&What>, manners: &Manners) -> Result<u8, Exit> {
    let missing = "what the policy is for is missing; allowed: service, database or tracking";
    let what = what.ok_or_else(|| Exit::usage(missing))?;
    print(&crate::aws::scaling::policy(what, manners)?.to_string());
    Ok(DONE)
}

#[cfg(not(feature = "aws"))]
fn iam_policy(_: Option<&What>, _: &Manners) -> Result<u8, Exit> {
    Err(Exit::usage("--iam-policy needs a program that was built with --features aws"))
}

async fn begin(manners: &Manners, target: &Target, plan: ScalePlan) -> Result<u8, Exit> {
    let preview = plan.preview(&target.parts.performer.first_look(&plan).await?)?;
    if manners.dry_run {
        if manners.json {
            print(&serde_json::to_string_pretty(&preview).map_err(Exit::usage)?);
        } else {
            print(&text(&preview));
        }
        return Ok(DONE);
    }
    let (path, id) = (&manners.journal, &target.parts.id);
    journal::check_free::<ScalePlan>(path, manners.backend, id).await?;
    target.parts.leases.check_free(&plan.lease_key(), jiff::Timestamp::now()).await?;
    let new = !path.exists();
    let operation = journal::new_operation("scale")?;
    let watch = Watch::starting(&manners.telemetry, "scale", &operation)?;
    let journal = journal::fresh::<ScalePlan>(path, manners.backend, id).await?;
    let running = Running::new(manners, target, &plan, journal, watch);
    let result = running.drive(Some((operation, plan))).await;
    if new && result.is_err() {
        journal::discard_empty(path);
    }
    result
}

async fn go_on(flags: &Flags, target: &Target) -> Result<u8, Exit> {
    let Flags { what, manners } = flags;
    let path = &manners.journal;
    let opened = journal::open_existing::<ScalePlan>(path).await?;
    let Some(history) = opened.history else {
        return Err(Exit::usage(format!("{} holds no operation", path.display())));
    };
    same_cloud(manners.backend, path, &history, &target.parts.id)?;
    let plan = &history.opening.plan;
    if let Some(what) = what
        && what.kind() != plan.change.kind()
    {
        return Err(Exit::usage(format!(
            "{} holds operation {}, which is about a {}, not a {}",
            path.display(),
            history.opening.operation,
            plan.change.kind(),
            what.kind()
        )));
    }
    if manners.resume {
        let watch = Watch::resuming(&manners.telemetry, "scale", &history)?;
        return Running::new(manners, target, plan, opened.journal, watch).drive(None).await;
    }
    let Some(outcome) = history.outcome() else {
        return Err(Exit::usage(format!(
            "{} holds operation {}, which has not ended; go on with it by --resume first",
            path.display(),
            history.opening.operation
        )));
    };
    let undo = plan.undo(outcome)?;
    drop(opened.journal);
    begin(manners, target, undo).await
}

fn text(preview: &ScalePreview) -> String {
    let mut text = format!("{}: nothing is changed now\n\nNow {}\n", preview.change, preview.now);
    let mut list = |title: &str, commands: &[String]| {
        text += &format!("\n{title}\n");
        for (index, command) in commands.iter().enumerate() {
            text += &format!("{:>4}. {command}\n", index + 1);
        }
    };
    if preview.forward.is_empty() {
        text += "\nIt is as asked; there is nothing to do\n";
        return text;
    }
    list("This would be done:", &preview.forward);
    list("This would undo it:", &preview.back);
    text += &format!("\nIt has to be true within {:?}\n", preview.deadline);
    for warning in &preview.warnings {
        text += &format!("Note: {warning}\n");
    }
    text
}
