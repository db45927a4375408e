//! A rollout that was left half-way, and one that somebody is at work on.

use super::*;

const RESUME: &str = "cargo run --example canary -- --resume";
const LOOK: &str = "cargo run --example diagnose -- --journal FILE";

fn report(green: u32, driver: Looked<Option<RolloutDriver>>, unfinished: bool) -> Collected {
    let unfinished = unfinished.then(|| UnfinishedOperation {
        name: "canary-1".to_owned(),
        journal: ".petswipe/canary.jsonl".to_owned(),
        began_at: at(100),
        last_record_at: at(500),
    });
    let weights = [("blue".to_owned(), 100 - green), ("green".to_owned(), green)].into();
    let next = if unfinished.is_some() { Command::changes(RESUME) } else { Command::reads(LOOK) };
    let hint = "add --metrics".to_owned();
    let rollout = RolloutReport { weights, driver, unfinished, next, hint };
    Collected { rollout: Looked::Seen(rollout), ..case(&[("blue", steadily("blue", 0, 40))]) }
}

fn held() -> Looked<Option<RolloutDriver>> {
    Looked::Seen(Some(RolloutDriver {
        operation: "canary-1".to_owned(),
        holder: "me, process 1".into(),
        until: at(615),
    }))
}

#[test]
fn an_operation_that_nobody_drives_is_stuck_and_the_command_goes_on_with_it() {
    let found = find(&report(10, Looked::Seen(None), true));
    assert_eq!((found.len(), found[0].cause, found[0].confidence), (1, Cause::DeploymentStuck, 93));
    let first = &found[0];
    assert!(
        first.summary.contains("canary-1") && first.summary.contains("green 10 %"),
        "{first:?}"
    );
    assert_eq!(first.next_command, Command::changes(RESUME));
    let texts: Vec<_> = first.evidence.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts[0], "traffic: blue 90 % and green 10 %");
    assert!(texts[1].ends_with("nothing was written for 1m 40s"), "{texts:?}");
    assert_eq!((first.evidence[1].at, texts[2]), (Some(at(500)), "nobody holds the service"));
    assert_eq!(texts[3..], ["add --metrics"]);
    // Where all users are on one side it may still be half-way.
    let one_side = &find(&report(0, Looked::Seen(None), true))[0];
    assert!(one_side.summary.ends_with("all users are on one side, blue 100 %"), "{one_side:?}");
}

#[test]
fn an_operation_under_way_is_no_trouble_and_what_it_comes_to_is_not_known() {
    for (green, unfinished) in [(10, true), (10, false), (0, true)] {
        let seen = report(green, held(), unfinished);
        assert_eq!(causes(&seen), []);
        let found = diagnose(&seen, &Limits::default(), &AwsCommands::default());
        assert_eq!(found.verdict(), Verdict::NotKnown);
        assert!(
            found.hidden[0].contains("canary-1 (me, process 1) holds the service"),
            "{found:?}"
        );
    }
}

#[test]
fn traffic_that_was_left_divided_is_less_certain_without_a_journal_or_without_leases() {
    let missing = || Looked::Missing("denied".into());
    let certainty = |driver, unfinished| find(&report(50, driver, unfinished))[0].confidence;
    assert_eq!(certainty(missing(), true), 60);
    assert_eq!(certainty(Looked::Seen(None), false), 65);
    assert_eq!(certainty(missing(), false), 40);
    assert_eq!(certainty(Looked::NotAsked, false), 40);
    // Nobody knows an operation that could be gone on with.
    let found = find(&report(50, Looked::Seen(None), false));
    assert_eq!(found[0].next_command, Command::reads(LOOK));
    // All traffic on one side and nothing unfinished is as it should be.
    for green in [0, 100] {
        assert_eq!(causes(&report(green, Looked::Seen(None), false)), []);
    }
}

#[test]
fn that_leases_could_not_be_asked_is_told_although_nothing_was_found() {
    let found = |driver| {
        let seen = report(100, driver, false);
        diagnose(&seen, &Limits::default(), &AwsCommands::default())
    };
    let unknown = found(Looked::Missing("denied".into()));
    assert_eq!((unknown.hypotheses.len(), unknown.verdict()), (0, Verdict::NotKnown));
    let told = "rollout: who holds the service could not be asked: denied";
    assert!(unknown.hidden.iter().any(|line| line == told), "{unknown:?}");
    let known = found(Looked::Seen(None));
    assert_eq!((known.hypotheses.len(), known.verdict()), (0, Verdict::NothingFound));
}
