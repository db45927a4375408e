//! The plan of a native deployment, for a person.

use petswipe_deploy::Target;
use petswipe_deploy::native::{Holding, NativePreview};
use petswipe_monitor::Policy;

/// What would be done, step by step.
pub(super) fn text(preview: &NativePreview) -> String {
    let NativePreview { strategy, service, environment, live, candidate, .. } = preview;
    let named = |name: Option<String>| name.unwrap_or_else(|| "nothing that is known".to_owned());
    let serves = named(preview.serves.as_ref().map(ToString::to_string));
    let image = named(preview.serves_image.as_ref().map(ToString::to_string));
    let tasks = preview.tasks;
    let target = match &preview.target {
        Target::Image(image) => format!("{serves} with image {image}, as a new revision"),
        Target::Revision(revision) => revision.to_string(),
    };
    let mut text = format!(
        "{strategy} deployment of {service}: nothing is changed now\n\n\
         Now {environment} runs {serves} ({image}) with {tasks} tasks, and serves by {live}\n\
         Then it runs {target}, and serves by {candidate}\n\n\
         If the new version is healthy, Amazon ECS is to:\n"
    );
    let mut number = 0;
    let mut list = |after: String, what: String| {
        number += 1;
        text += &format!("{number:>4}. after {after:>8}  {what}\n");
    };
    list(
        "0 min".to_owned(),
        format!("start {tasks} tasks beside the old ones, behind {candidate}"),
    );
    let mut end = 0;
    for step in &preview.steps {
        let (percent, held) = (step.percent, step.held_minutes);
        end = step.after_minutes + held;
        let after = format!("{} min", step.after_minutes);
        list(after, format!("give it {percent} % of the traffic, and hold that for {held} min"));
    }
    list(format!("{end} min"), "stop the old tasks".to_owned());
    text += "     (from when the new tasks are healthy, and at the earliest)\n\n";
    text += &match preview.holding {
        Holding::Pauses { timeout_minutes } => format!(
            "It waits before every shift and after the last one, and only a pass of the gate lets it go on; without an \
             answer within {timeout_minutes} min it goes back by itself\n"
        ),
        Holding::Watching => {
            "It waits for nobody: this program stops it before a step is over for which there is no pass; while nobody \
             runs this program, it goes on\n"
                .to_owned()
        }
    };
    text += &format!("The gate judges {candidate}, at every share:\n");
    for policy in &preview.policies {
        text += &format!("  - {}\n", words(policy, &live.to_string()));
    }
    if !preview.alarms.is_empty() {
        text += &format!("It goes back by itself on the alarms {}\n", preview.alarms.join(", "));
    }
    text += &format!(
        "\nIf it is not healthy, one call stops the deployment, and all traffic goes back to {live}, whose tasks run until the \
         end\nWhatever comes of it, the service's deployment configuration is set back to {}\n",
        preview.set_back.0
    );
    text
}

/// A policy in words.
fn words(policy: &Policy, live: &str) -> String {
    match policy {
        Policy::Absolute(policy) => {
            let mut limits =
                vec![format!("at most {} % failed requests", short(policy.error_rate * 100.0))];
            if let Some(rate) = policy.client_error_rate {
                limits.push(format!("at most {} % answered 4xx", short(rate * 100.0)));
            }
            for limit in &policy.latency {
                let share = short(limit.quantile * 100.0);
                limits.push(format!("{share} % of the requests within {:?}", limit.limit));
            }
            let least = policy.minimum_requests;
            format!("{}; with fewer than {least} requests there is no verdict", limits.join(", "))
        }
        Policy::LatencyRegression(policy) => format!(
            "{} % of the requests not {} times slower than those of {live} at the same time",
            short(policy.quantile * 100.0),
            policy.ratio
        ),
        other => format!("{other:?}"),
    }
}

/// Without what is only there because a share is no decimal number.
fn short(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
