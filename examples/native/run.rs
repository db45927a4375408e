//! From the flags of `native` to its exit code.

use std::io::IsTerminal;
use std::sync::Arc;

use petswipe_deploy::native::{NativePlan, NativePreview};
use petswipe_deploy::{Image, Target};
use petswipe_runbook::SystemClock;

use super::account::{Parts, policy};
use super::drive::Running;
use super::{Flags, preview};
use crate::aws::within_budget;
use crate::cli::{Backend, is_bare};
use crate::going_on::same_cloud;
use crate::target::tag_of;
use crate::telemetry::Watch;
use crate::{DONE, Exit, NOT_AS_ASKED, journal, print, prompt, report};

/// Carries out what the flags ask for, in the ambient account, and gives the exit code.
///
/// # Errors
/// Whatever ends the program without a report.
pub async fn run(flags: &Flags) -> Result<u8, Exit> {
    if flags.iam_policy {
        print(&policy(&flags.place)?.to_string());
        return Ok(DONE);
    }
    check(flags)?;
    let (config, budget) = within_budget(&flags.place.region).await?;
    let clock = Arc::new(SystemClock::new());
    operate(flags, &Parts::open(&flags.place, &config, budget, clock).await?).await
}

/// A wrong flag is found before anybody is asked.
fn check(flags: &Flags) -> Result<(), Exit> {
    if let Some(path) = &flags.report {
        report::check(path).map_err(Exit::usage)?;
    }
    flags.telemetry.check()?;
    let image = Image::new(match flags.image.as_deref() {
        Some(text) if !is_bare(text) => text.to_owned(),
        tag => format!("any:{}", tag.unwrap_or("v1")),
    })?;
    flags.plan(Target::Image(image))?;
    if flags.resume && flags.dry_run {
        return Err(Exit::usage(
            "--resume goes on for real, and --dry-run (or DRY_RUN) says that nothing may change; give only one of them",
        ));
    }
    if flags.image.is_none() && !(flags.resume || flags.undo) {
        return Err(Exit::usage(
            "--image is missing; allowed: an image, or a tag of the one that runs",
        ));
    }
    Ok(())
}

/// The same on an account that was opened.
///
/// # Errors
/// Whatever ends the program without a report.
pub async fn operate(flags: &Flags, parts: &Parts) -> Result<u8, Exit> {
    check(flags)?;
    if flags.resume {
        return resume(flags, parts).await;
    }
    if !flags.dry_run && !flags.undo {
        // What waits there is the reason for whatever is found half-way.
        journal::check_free::<NativePlan>(&flags.journal, Backend::Aws, &parts.location).await?;
    }
    let mut plan = match flags.undo {
        true => undo(flags, parts).await?,
        false => flags.plan(Target::Image(image(flags, parts).await?))?,
    };
    plan.location.clone_from(&parts.location);
    let survey = parts.performer(&plan).first_look(&plan).await?;
    let preview = plan.preview(&survey)?;
    if flags.dry_run {
        if flags.json {
            print(&serde_json::to_string_pretty(&preview).map_err(Exit::usage)?);
        } else {
            print(&preview::text(&preview));
        }
        return Ok(DONE);
    }
    start(flags, parts, plan, &preview).await
}

async fn start(
    flags: &Flags,
    parts: &Parts,
    plan: NativePlan,
    preview: &NativePreview,
) -> Result<u8, Exit> {
    let (path, here) = (&flags.journal, &parts.location);
    journal::check_free::<NativePlan>(path, Backend::Aws, here).await?;
    may_begin(parts, &plan).await?;
    if !may_i(flags, preview).await? {
        return Err(Exit {
            code: NOT_AS_ASKED,
            message: "not approved, and nothing was changed".to_owned(),
        });
    }
    let new = !path.exists();
    let operation = journal::new_operation("native")?;
    let watch = Watch::starting(&flags.telemetry, "native", &operation)?;
    let journal = journal::fresh::<NativePlan>(path, Backend::Aws, here).await?;
    let running = Running::new(flags, parts, &plan, journal, watch);
    let result = running.drive(Some((operation, plan))).await;
    if new && result.is_err() {
        journal::discard_empty(path);
    }
    result
}

async fn resume(flags: &Flags, parts: &Parts) -> Result<u8, Exit> {
    let path = &flags.journal;
    let opened = journal::open_existing::<NativePlan>(path).await?;
    let Some(history) = opened.history else {
        return Err(Exit::usage(format!("{} holds no operation to resume", path.display())));
    };
    same_cloud(Backend::Aws, path, &history, &parts.location)?;
    let plan = &history.opening.plan;
    same_service(flags, plan)?;
    let watch = Watch::resuming(&flags.telemetry, "native", &history)?;
    Running::new(flags, parts, plan, opened.journal, watch).drive(None).await
}

/// The plan that takes a promotion in the journal back.
async fn undo(flags: &Flags, parts: &Parts) -> Result<NativePlan, Exit> {
    let path = &flags.journal;
    let history = journal::open_existing::<NativePlan>(path).await?.history;
    let ended = history.as_ref().and_then(|held| Some((held, held.outcome()?)));
    let Some((history, outcome)) = ended else {
        return Err(Exit::usage(format!("{} holds no deployment that has ended", path.display())));
    };
    same_cloud(Backend::Aws, path, history, &parts.location)?;
    same_service(flags, &history.opening.plan)?;
    if history.opening.plan.undoes.is_some() {
        // Asked for twice by mistake, it would bring back what was taken out of service.
        return Err(Exit::usage(format!(
            "{} holds operation {}, which is an undo itself; deploy a version by --image",
            path.display(),
            history.opening.operation
        )));
    }
    Ok(history.opening.plan.undo(outcome)?)
}

/// A journal is gone on with on the service, and behind the target groups, that it was begun on.
fn same_service(flags: &Flags, plan: &NativePlan) -> Result<(), Exit> {
    let here = (flags.place.service()?, flags.place.sides()?);
    let mut there = (plan.environment.clone(), plan.sides.clone());
    let mut sides = here.1.clone();
    sides.sort();
    there.1.sort();
    if here.0 == there.0 && sides == there.1 {
        return Ok(());
    }
    let [a, b] = &plan.sides;
    Err(Exit::usage(format!(
        "{} holds an operation on service {} with the target groups {a} and {b}; allowed: these as --service and \
         --target-group",
        flags.journal.display(),
        plan.environment
    )))
}

/// The image to deploy: the one that was asked for, a bare tag being one of the image that runs.
async fn image(flags: &Flags, parts: &Parts) -> Result<Image, Exit> {
    let asked = flags.image.as_deref().unwrap_or_default();
    if !is_bare(asked) {
        return Ok(Image::new(asked)?);
    }
    let service = flags.place.service()?;
    match parts.native.service(&service).await?.image {
        Some(image) => Ok(tag_of(&image, asked)?),
        None => Err(Exit::usage(format!(
            "--image is {asked}, a tag of the image that runs, and {service} runs none that is known; allowed: the whole \
             name of the image"
        ))),
    }
}

/// Looks before anything is written: is the service free, and may the caller do what it takes? The driver makes sure of
/// the first once more.
async fn may_begin(parts: &Parts, plan: &NativePlan) -> Result<(), Exit> {
    parts.leases.check_free(&plan.lease_key(), parts.clock.now()).await?;
    let Some(preflight) = &parts.preflight else { return Ok(()) };
    let objections = preflight.objections().await?;
    if objections.is_empty() {
        return Ok(());
    }
    let texts: Vec<_> = objections.into_iter().map(|objection| objection.text).collect();
    Err(Exit::usage(texts.join("; ")))
}

/// Asks the person at the terminal, if there is one.
async fn may_i(flags: &Flags, preview: &NativePreview) -> Result<bool, Exit> {
    if flags.yes || !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(true);
    }
    let plan = preview::text(preview);
    let asked = prompt::ask(format!("{plan}\nBegin?")).await;
    asked.ok_or_else(|| Exit::usage("the terminal could not be read; give --yes to begin"))
}
