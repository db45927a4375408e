//! Several gates as one.

use ref_cast::RefCast;
use serde_json::Value;

use super::{Carried, Comparison, FindingResult, Gate, Judgement, Step, Verdict, covered};
use crate::Window;

/// Fails when one of its gates fails; passes when at least one passes and every other one passes or has nothing to
/// judge (it is inconclusive, and all it misses is ignored); else inconclusive. Each gate carries its own state, by its
/// place in the list.
pub struct All(Vec<Box<dyn Gate>>);

impl All {
    /// The gates as one. Without any, it is always inconclusive.
    pub fn new(gates: Vec<Box<dyn Gate>>) -> Self {
        Self(gates)
    }
}

impl Gate for All {
    fn name(&self) -> String {
        self.0.iter().map(|gate| gate.name()).collect::<Vec<_>>().join(" and ")
    }

    fn windows(&self, step: &Step, carried: &Carried) -> Vec<Window> {
        let gates = self.0.iter().enumerate();
        gates.flat_map(|(index, gate)| gate.windows(step, held(carried, index))).collect()
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let mut rest = seen;
        let mut states = Vec::with_capacity(self.0.len());
        let mut verdicts = Vec::with_capacity(self.0.len());
        let mut whole = covered(step, seen);
        let mut settled = true;
        for (index, gate) in self.0.iter().enumerate() {
            let held = held(carried, index);
            let (mine, others) = rest.split_at(gate.windows(step, held).len().min(rest.len()));
            rest = others;
            let judged = gate.judge(step, mine, held);
            states.push(judged.carried.0);
            if !judged.covered.is_empty() {
                whole = hull(whole, judged.covered);
            }
            settled &= judged.settled || judged.verdict.is_idle();
            verdicts.push(judged.verdict);
        }
        let verdict = together(verdicts);
        let settled = settled && verdict.is_pass();
        let carried = Carried(Value::Array(states));
        Judgement { settled, ..Judgement::new(verdict, carried, whole) }
    }
}

/// What the gate at that place in the list carried.
fn held(carried: &Carried, index: usize) -> &Carried {
    static NOTHING: Carried = Carried(Value::Null);
    carried.0.get(index).map_or(&NOTHING, Carried::ref_cast)
}

/// From the start of the earlier to the end of the later, of two of which the first may be empty.
fn hull(a: Window, b: Window) -> Window {
    match a.is_empty() {
        true => b,
        false => Window { from: a.from.min(b.from), to: a.to.max(b.to) },
    }
}

/// One verdict of several. What counts is what each gate says, and not what it found on the way.
fn together(mut verdicts: Vec<Verdict>) -> Verdict {
    // What failed comes first in the evidence.
    verdicts.sort_by_key(|verdict| !verdict.is_fail());
    let failed = verdicts.iter().any(Verdict::is_fail);
    let passed = verdicts.iter().any(Verdict::is_pass);
    let (mut evidence, mut reasons, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for verdict in verdicts {
        let is_idle = verdict.is_idle();
        match verdict {
            Verdict::Pass { evidence: found } | Verdict::Fail { evidence: found } => {
                evidence.extend(found);
            }
            Verdict::Inconclusive { why, missing: misses, evidence: found } => {
                evidence.extend(found);
                if !is_idle {
                    reasons.push(why);
                    missing.extend(misses);
                }
            }
        }
    }
    if failed {
        evidence.sort_by_key(|finding| finding.result != FindingResult::Broken);
        return Verdict::Fail { evidence };
    }
    if !reasons.is_empty() {
        return Verdict::Inconclusive { why: reasons.join("; "), missing, evidence };
    }
    match passed {
        true => Verdict::Pass { evidence },
        // No gate had anything to judge, or there is no gate.
        false => Verdict::of(evidence),
    }
}
