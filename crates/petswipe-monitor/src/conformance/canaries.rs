//! The contract of [`Canaries`], sentence by sentence. `ran` makes a run the last one of its canary where it is read.

use std::time::Duration;

use jiff::Timestamp;

use crate::probe::{Canaries, CanaryRun, CanaryState};

fn run(canary: &str, state: CanaryState) -> CanaryRun {
    let started = Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    CanaryRun {
        canary: canary.to_owned(),
        state,
        started: Some(started),
        ended: (state != CanaryState::Running).then(|| started + Duration::from_millis(12_500)),
        reason: None,
    }
}

async fn last(canaries: &dyn Canaries, names: &[&str]) -> Vec<CanaryRun> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    canaries.last_runs(&names).await.expect("an answer")
}

/// See [`Canaries`]: as many answers as names, in their order.
pub async fn every_name_has_its_answer_in_its_place(
    canaries: &dyn Canaries,
    ran: &dyn Fn(&CanaryRun),
) {
    let names = ["g", "a", "f", "b", "e", "c", "d"];
    names.iter().for_each(|name| ran(&run(name, CanaryState::Passed)));
    let found = last(canaries, &names).await;
    assert_eq!(found.iter().map(|run| run.canary.as_str()).collect::<Vec<_>>(), names);
    assert_eq!(last(canaries, &[]).await, []);
}

/// See [`Canaries`]: unknown, and not passed.
pub async fn a_canary_without_a_run_is_unknown(canaries: &dyn Canaries, ran: &dyn Fn(&CanaryRun)) {
    ran(&run("known", CanaryState::Passed));
    let found = last(canaries, &["no-such-canary", "known"]).await;
    assert_eq!(found[0], CanaryRun::unknown("no-such-canary"));
    assert_eq!(found[1].state, CanaryState::Passed);
}

/// See [`Canaries`]: its state, and both times.
pub async fn a_last_run_is_told_as_it_was(canaries: &dyn Canaries, ran: &dyn Fn(&CanaryRun)) {
    for state in [CanaryState::Running, CanaryState::Passed, CanaryState::Failed] {
        let wanted = run("shop", state);
        ran(&wanted);
        let found = last(canaries, &["shop"]).await.remove(0);
        assert_eq!(
            (found.state, found.started, found.ended),
            (wanted.state, wanted.started, wanted.ended)
        );
    }
}
