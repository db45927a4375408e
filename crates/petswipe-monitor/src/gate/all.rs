//! Several gates as one.

use super::{
    Carried, Comparison, Finding, FindingResult, Gate, Judgement, Step, Verdict, covered, verdict,
};
use crate::Window;

/// Fails when one of its gates fails; passes when at least one passes and every other one passes or has nothing to
/// judge (all its findings ignored); else inconclusive.
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

    fn windows(&self, step: &Step) -> Vec<Window> {
        self.0.iter().flat_map(|gate| gate.windows(step)).collect()
    }

    fn judge(&self, step: &Step, seen: &[Comparison], carried: &Carried) -> Judgement {
        let mut rest = seen;
        let mut states = Vec::with_capacity(self.0.len());
        let mut findings: Vec<Finding> = Vec::new();
        let mut unsure = None;
        for (index, gate) in self.0.iter().enumerate() {
            let (mine, others) = rest.split_at(gate.windows(step).len().min(rest.len()));
            rest = others;
            let held = carried.0.get(index).cloned().map(Carried).unwrap_or_default();
            let judged = gate.judge(step, mine, &held);
            states.push(judged.carried.0);
            let idle = judged.verdict.evidence();
            let idle = !idle.is_empty()
                && idle.iter().all(|finding| finding.result == FindingResult::Ignored);
            match judged.verdict {
                Verdict::Inconclusive { why, missing, evidence } => {
                    findings.extend(evidence);
                    if !idle {
                        unsure.get_or_insert((why, missing));
                    }
                }
                Verdict::Pass { evidence } | Verdict::Fail { evidence } => {
                    findings.extend(evidence);
                }
            }
        }
        let combined = match (verdict(findings), unsure) {
            (Verdict::Pass { evidence }, Some((why, missing))) => {
                Verdict::Inconclusive { why, missing, evidence }
            }
            (combined, _) => combined,
        };
        Judgement {
            verdict: combined,
            carried: Carried(serde_json::Value::Array(states)),
            covered: covered(step, seen),
        }
    }
}
