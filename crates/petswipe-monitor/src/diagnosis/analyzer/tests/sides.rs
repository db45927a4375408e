//! Evidence is of the side, the target and the time that it says, and what was not measured is no zero.

use super::*;

fn texts<'a>(one: &'a Hypothesis, source: &str) -> Vec<&'a str> {
    let of = one.evidence.iter().filter(|piece| piece.source == source);
    of.map(|piece| piece.text.as_str()).collect()
}

#[test]
fn evidence_of_the_other_version_stands_below_its_name() {
    let failing =
        &find(&case(&[("blue", steadily("blue", 0, 40)), ("green", steadily("green", 5, 40))]))[0];
    assert_eq!(texts(failing, "metrics of blue"), ["0 of 300 requests failed (0.0 %)"]);
    let own = texts(failing, "metrics of green");
    assert!(own.len() == 2 && own.iter().all(|text| text.contains("(10.0 %)")), "{own:?}");
    let slow =
        &find(&case(&[("blue", steadily("blue", 0, 40)), ("green", steadily("green", 0, 900))]))[0];
    let [other] = texts(slow, "metrics of blue")[..] else { panic!("{slow:?}") };
    let [own] = texts(slow, "metrics of green")[..] else { panic!("{slow:?}") };
    assert!(other.ends_with("0ms") && own.ends_with("ms") && other != own, "{other} {own}");
    assert!(slow.summary.contains(other.rsplit(' ').next().unwrap()), "{slow:?}");
}

#[test]
fn where_both_versions_are_beyond_the_limit_neither_is_to_blame_though_one_is_much_worse() {
    let both = case(&[("blue", steadily("blue", 2, 40)), ("green", steadily("green", 20, 40))]);
    assert_eq!(causes(&both), [Cause::ApplicationErrors, Cause::ApplicationErrors]);
    let both = case(&[("blue", steadily("blue", 0, 600)), ("green", steadily("green", 0, 2000))]);
    assert_eq!(causes(&both), [Cause::SlowDependency, Cause::SlowDependency]);
}

#[test]
fn requests_whose_failures_were_not_measured_do_not_thin_out_the_others() {
    let parts = (0..6).map(|number| match number {
        0 | 1 => part("blue", number, 50, 3, 40),
        _ => Observation { errors: Errors::default(), ..part("blue", number, 5000, 0, 40) },
    });
    let found = find(&case(&[("blue", measured(parts.collect()))]));
    assert_eq!(found[0].cause, Cause::ApplicationErrors);
    assert_eq!(texts(&found[0], "metrics of blue")[0], "6 of 100 requests failed (6.0 %)");
}

#[test]
fn the_newest_measurement_of_the_cpu_counts() {
    let with = |cpu: [f64; 6]| {
        let parts = (0..).zip(cpu).map(|(number, cpu)| Observation {
            saturation: Saturation { cpu: Some(cpu), memory: None },
            ..part("blue", number, 50, 0, 40)
        });
        causes(&case(&[("blue", measured(parts.collect()))]))
    };
    assert_eq!(with([0.2, 0.2, 0.2, 0.2, 0.9, 0.97]), [Cause::CpuSaturated]);
    assert_eq!(with([0.97, 0.9, 0.2, 0.2, 0.2, 0.2]), []);
}

#[test]
fn the_target_that_fails_is_named_and_lines_that_were_not_read_are_told() {
    let target = |id: &str, condition| TargetReport {
        id: id.to_owned(),
        condition,
        code: Some("Target.Timeout".to_owned()),
        description: None,
    };
    let targets =
        vec![target("good", TargetCondition::Healthy), target("bad", TargetCondition::Unhealthy)];
    let seen = EnvironmentEvidence {
        targets: Looked::Seen(targets),
        logs: Looked::Seen(LogLines { lines: vec![], complete: false }),
        ..steadily("green", 0, 40)
    };
    let seen = case(&[("green", seen)]);
    let found = &find(&seen)[0];
    assert_eq!(texts(found, "targets of green"), ["bad: Target.Timeout "]);
    let said = diagnose(&seen, &Limits::default(), &AwsCommands::default());
    assert_eq!(said.hidden, ["logs of green: there are more lines than were read"]);
}
