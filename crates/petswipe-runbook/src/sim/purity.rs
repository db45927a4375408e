//! What must hold for every history, whatever the world: it survives its written form, its effects have numbers of
//! their own, and the core says the same about it every time it is asked.

use std::collections::HashSet;
use std::fmt::Debug;

use crate::log::{History, Opening};
use crate::runbook::{Event, EventOf, Recorded, Runbook};

/// Writes and reads a history, as a real journal does.
pub(super) fn reread<R: Runbook>(history: &History<R>) -> Result<History<R>, String> {
    let problem = |what: &str, error: serde_json::Error| {
        format!("{what} does not survive its journal: {error}")
    };
    let text = serde_json::to_string(&history.opening.plan).map_err(|e| problem("the plan", e))?;
    let plan: R = serde_json::from_str(&text).map_err(|e| problem("the plan", e))?;
    if !look_alike(&plan, &history.opening.plan) {
        return Err(format!(
            "the plan comes back from its journal changed: {:?} became {plan:?}",
            history.opening.plan
        ));
    }
    let mut records = Vec::with_capacity(history.records.len());
    for recorded in &history.records {
        let text = serde_json::to_string(&recorded.event).map_err(|e| problem("an event", e))?;
        let event: EventOf<R> = serde_json::from_str(&text).map_err(|e| problem("an event", e))?;
        if event != recorded.event {
            return Err(format!(
                "an event comes back from its journal changed: {:?} became {event:?}",
                recorded.event
            ));
        }
        records.push(Recorded { event, ..*recorded });
    }
    Ok(History { opening: Opening { plan, ..history.opening.clone() }, records })
}

/// Folds a history once more and asks the core again after each append, whose ends are `ends`.
///
/// A core that reads a clock, or anything else that is not in its parameters, gives itself away: the state is not the
/// one that the driver had, or two answers to the same question differ.
pub(super) fn check<R: Runbook>(
    history: &History<R>,
    ends: &[usize],
    driven: &R::State,
) -> Result<(), String> {
    let history = reread(history)?;
    let plan = &history.opening.plan;
    let mut numbers = HashSet::new();
    for recorded in &history.records {
        if let Event::Intended { id, .. } = &recorded.event
            && !numbers.insert(*id)
        {
            return Err(format!("two effects have the number {id}"));
        }
    }
    let mut state = plan.begin(history.opening.at);
    let mut ends = ends.iter().copied().peekable();
    for (index, recorded) in history.records.iter().enumerate() {
        plan.evolve(&mut state, &recorded.event, recorded.at);
        let is_end = ends.next_if_eq(&(index + 1)).is_some();
        if !is_end || matches!(recorded.event, Event::Finished { .. }) {
            continue;
        }
        let [first, second] = [(); 2].map(|()| plan.decide(&state, recorded.at));
        if !look_alike(&first, &second) {
            return Err(format!(
                "decide is not pure: after record {} it says {first:?}, and asked again {second:?}",
                recorded.seq
            ));
        }
    }
    if !look_alike(&state, driven) {
        return Err(format!(
            "evolve is not pure: folded again, the records give {state:?}, not {driven:?}"
        ));
    }
    Ok(())
}

/// Whether two values have the same words in their `Debug` form, in any order, because hash maps have none.
fn look_alike<T: Debug>(one: &T, other: &T) -> bool {
    let [one, other] = [one, other].map(|value| format!("{value:?}"));
    if one == other {
        return true;
    }
    let words = |text: &str| {
        let separator = |c: char| !c.is_alphanumeric() && !matches!(c, '-' | '.' | '_');
        let mut words: Vec<String> = text.split(separator).map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    words(&one) == words(&other)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::look_alike;

    #[test]
    fn the_order_of_a_hash_map_is_no_difference() {
        let map = || (0..100).map(|number| (number, number * 7)).collect::<HashMap<_, _>>();
        assert!(look_alike(&map(), &map()));
    }

    #[test]
    fn a_lost_field_a_sign_and_a_digit_are_differences() {
        assert!(!look_alike(&Some(3), &None));
        assert!(!look_alike(&vec![1, 2], &vec![1]));
        assert!(!look_alike(&-1, &1));
        assert!(!look_alike(&0.5, &0.25));
        assert!(!look_alike(&"a_b", &"a_c"));
    }
}
