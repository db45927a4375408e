//! Several gates as one: every combination of what they say.

use serde_json::json;

use super::{minute, nothing, step, times, window};
use crate::gate::{
    AbsolutePolicy, All, Carried, Comparison, Finding, FindingResult, Gate, Judgement,
    LatencyRegression, NoData, Step, Verdict,
};
use crate::{Observation, Window};

/// Says always the same, asks for as many windows, and carries which it got how often.
#[derive(Clone)]
struct Says {
    verdict: Verdict,
    windows: Vec<(i64, i64)>,
}

impl Gate for Says {
    fn name(&self) -> String {
        self.verdict.word().to_owned()
    }

    fn windows(&self, _: &Step, _: &Carried) -> Vec<Window> {
        self.windows.iter().map(|(a, b)| window(*a, *b)).collect()
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let got = seen.iter().map(|seen| seen.candidate.window.to_string());
        let calls = carried.0["calls"].as_u64().unwrap_or_default();
        let carried = Carried(json!({ "calls": calls + 1, "got": got.collect::<Vec<_>>() }));
        Judgement::new(self.verdict.clone(), carried, Window::empty(step.started))
    }
}

fn finding(result: FindingResult) -> Finding {
    Finding {
        metric: format!("{result:?}").into(),
        value: None,
        limit: 1.0,
        unit: "%".into(),
        samples: 0,
        result,
        detail: String::new(),
    }
}

fn unsure(missing: &[&str], evidence: &[FindingResult]) -> Verdict {
    Verdict::Inconclusive {
        why: "too early".to_owned(),
        missing: missing.iter().map(|name| (*name).to_owned()).collect(),
        evidence: evidence.iter().copied().map(finding).collect(),
    }
}

fn together(verdicts: &[Verdict]) -> Verdict {
    let gates = verdicts.iter().map(|verdict| -> Box<dyn Gate> {
        Box::new(Says { verdict: verdict.clone(), windows: Vec::new() })
    });
    All::new(gates.collect()).judge(&step(60), &[], &Carried::default()).verdict
}

/// Passes, fails, uncertainties and idleness, with whatever evidence a gate may give.
fn choices() -> Vec<(&'static str, Verdict)> {
    use FindingResult::{Broken, Holds, Ignored, Missing};
    let evidence = |results: &[FindingResult]| results.iter().copied().map(finding).collect();
    let mut all = Vec::new();
    for found in [&[][..], &[Holds], &[Broken], &[Missing], &[Ignored]] {
        let (pass, fail) = (evidence(found), evidence(found));
        all.push(("pass", Verdict::Pass { evidence: pass }));
        all.push(("fail", Verdict::Fail { evidence: fail }));
        all.push(("unsure", unsure(&[], found)));
        all.push(("unsure", unsure(&["all metrics"], found)));
    }
    all.push(("idle", unsure(&["Ignored"], &[Ignored])));
    all.push(("unsure", unsure(&["Ignored"], &[Ignored, Holds])));
    all.push(("unsure", unsure(&["Ignored", "other"], &[Ignored])));
    all
}

#[test]
fn it_fails_with_one_passes_with_one_and_nothing_uncertain() {
    let expected = |kinds: &[&str]| {
        if kinds.contains(&"fail") {
            "fail"
        } else if kinds.contains(&"unsure") || !kinds.contains(&"pass") {
            "inconclusive"
        } else {
            "pass"
        }
    };
    let choices = choices();
    for (a, first) in &choices {
        for (b, second) in &choices {
            let pair = [first.clone(), second.clone()];
            let got = together(&pair);
            assert_eq!(got.word(), expected(&[a, b]), "{pair:?}");
            // The same behind another gate, and as one gate among others.
            for (c, third) in &choices {
                let all = expected(&[a, b, c]);
                let three = [third.clone(), first.clone(), second.clone()];
                assert_eq!(together(&three).word(), all, "{three:?}");
                let nested = [third.clone(), got.clone()];
                assert_eq!(together(&nested).word(), all, "{nested:?}");
            }
        }
    }
}

#[test]
fn without_a_gate_it_is_inconclusive() {
    assert_eq!(together(&[]).to_string(), "inconclusive: nothing was measured");
}

#[test]
fn it_names_all_reasons_and_what_is_missing() {
    let (a, b) = (unsure(&["cpu use"], &[]), unsure(&["p99 latency"], &[]));
    let Verdict::Inconclusive { why, missing, .. } = together(&[a, b]) else {
        panic!("it is not certain");
    };
    assert_eq!(why, "too early; too early");
    assert_eq!(missing, ["cpu use", "p99 latency"]);
}

#[test]
fn a_fail_shows_its_evidence_even_if_nothing_in_it_is_called_broken() {
    let evidence = vec![finding(FindingResult::Holds)];
    let failed = Verdict::Fail { evidence };
    assert_eq!(failed.to_string(), "fail: Holds unknown (limit 1.00 %)");
    let evidence = vec![finding(FindingResult::Missing)];
    let both = together(&[Verdict::Pass { evidence }, failed]);
    assert_eq!(both.evidence()[0].result, FindingResult::Holds);
}

#[test]
fn each_gate_gets_its_own_windows_and_its_own_state() {
    let says =
        |windows: &[(i64, i64)]| Says { verdict: unsure(&[], &[]), windows: windows.to_vec() };
    let gates = [
        says(&[]),
        says(&[(1000, 1010), (1010, 1020)]),
        says(&[(1030, 1060)]),
        says(&[(1000, 1010), (1040, 1050), (1050, 1060)]),
    ];
    let gates_of = |range: &[Says]| -> Vec<Box<dyn Gate>> {
        let boxed = range.iter().cloned();
        boxed.map(|gate| Box::new(gate) as Box<dyn Gate>).collect()
    };
    let mut list = gates_of(&gates[..2]);
    list.push(Box::new(All::new(gates_of(&gates[2..]))));
    let all = All::new(list);
    let windows = all.windows(&step(60), &Carried::default());
    assert_eq!(windows.len(), 6);
    let mut carried = Carried::default();
    for call in 1..=3 {
        let seen: Vec<_> = windows
            .iter()
            .map(|window| Comparison::new(Observation { window: *window, ..nothing() }, None))
            .collect();
        carried = all.judge(&step(60), &seen, &carried).carried;
        let state = |gate: &Says| {
            let got = gate.windows(&step(60), &Carried::default());
            let got: Vec<_> = got.iter().map(Window::to_string).collect();
            json!({ "calls": call, "got": got })
        };
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| state(&gates[index]));
        assert_eq!(carried.0, json!([a, b, [c, d]]));
        // With fewer observations than asked for, the first gates get theirs and nobody gets another's.
        let short = all.judge(&step(60), &seen[..3], &Carried::default()).carried;
        let first = windows[2].to_string();
        assert_eq!(short.0[2][0]["got"], json!([first]));
        assert_eq!(short.0[2][1]["got"], json!([]));
    }
}

#[test]
fn a_state_of_another_shape_is_no_state() {
    let all = All::new(vec![Box::new(Says { verdict: unsure(&[], &[]), windows: Vec::new() })]);
    for odd in [json!(7), json!("text"), json!({ "0": 1 }), json!([[1]])] {
        let judged = all.judge(&step(60), &[], &Carried(odd));
        assert_eq!(judged.carried.0[0]["calls"], 1);
    }
}

#[test]
fn the_regression_gate_leaves_the_verdict_to_the_others_where_it_has_nothing_to_compare() {
    let all = |no_data| {
        All::new(vec![
            Box::new(AbsolutePolicy { no_data, ..AbsolutePolicy::default() }),
            Box::new(LatencyRegression::default()),
        ])
    };
    let word = |no_data, candidate: Observation, reference: Option<Observation>| {
        let seen = Comparison::new(candidate, reference);
        let seen = [seen.clone(), seen];
        let judged = all(no_data).judge(&step(60), &seen, &Carried::default());
        judged.verdict.word()
    };
    let hold = NoData::Hold;
    assert_eq!(word(hold, minute(100, 0), None), "pass");
    assert_eq!(word(hold, minute(100, 6), None), "fail");
    assert_eq!(word(hold, minute(49, 0), None), "inconclusive");
    assert_eq!(word(hold, minute(49, 0), Some(minute(49, 0))), "inconclusive");
    assert_eq!(word(NoData::Ignore, nothing(), None), "inconclusive");
    // The absolute policy ignores that there is too little, and the comparison holds.
    let few = minute(30, 0);
    assert_eq!(word(NoData::Ignore, few.clone(), Some(few)), "pass");
    let slow = Observation { latency: Some(times(100, 800)), ..minute(100, 0) };
    assert_eq!(word(hold, slow.clone(), None), "pass");
    assert_eq!(word(hold, slow, Some(minute(100, 0))), "fail");
}
