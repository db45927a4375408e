//! The verdict, with everything it rests on.

use super::state::{Last, State};
use super::{EvidencePolicy, NoData, Step};
use crate::evidence::Arm;
use crate::gate::{Finding, FindingResult, Verdict};

/// How the evidence of the parts counts in the average.
pub(super) struct Weights {
    errors: f64,
    /// That of the comparison with the time before a step, half of which is for the limit that comes from there.
    pub(super) before: f64,
    latency: f64,
    bands: f64,
    share: f64,
}

impl EvidencePolicy {
    /// How far the share of the candidate may be from its weight.
    pub(super) fn tolerance(&self, weight: f64) -> f64 {
        self.sample_ratio.map_or(1.0, |policy| policy.tolerance * weight.min(1.0 - weight))
    }

    /// The weight of the errors in the average.
    pub(crate) fn error_weight(&self) -> f64 {
        self.weights().errors
    }

    pub(super) fn weights(&self) -> Weights {
        let bands = self.latency.as_ref().is_some_and(|latency| latency.bands);
        // Failures are rare, and each of them tells something; times and the division of traffic tell something with each
        // request, so their evidence soon makes up for a small weight.
        let errors = 0.97;
        let latency = if self.latency.is_some() { 0.02 } else { 0.0 };
        let share = if self.sample_ratio.is_some() { 0.01 } else { 0.0 };
        let all = (errors + latency + share) / (1.0 - self.before_share);
        let (slow, bands) = if bands { (latency / 2.0, latency / 2.0) } else { (latency, 0.0) };
        Weights {
            errors: errors / all,
            before: self.before_share,
            latency: slow / all,
            bands: bands / all,
            share: share / all,
        }
    }
}

impl State {
    /// The verdict, and whether more of the same would not change it.
    pub(super) fn verdict(&self, policy: &EvidencePolicy, step: &Step) -> (Verdict, bool) {
        let weights = policy.weights();
        let mut findings = Vec::new();
        let mut together = 0.0;
        let mut add = |value: f64, weight: f64, finding: Finding| {
            together += value * weight;
            findings.push(finding);
        };
        let (value, finding) = self.errors(policy, weights.errors);
        // Where nothing serves beside it there may be news of the step before.
        if !matches!(self.last, Last::Before) || finding.result == FindingResult::Broken {
            add(value, weights.errors, finding);
        }
        if let Some((value, finding)) = self.before(policy, weights.before / 2.0) {
            add(value, weights.before / 2.0, finding);
        }
        if let Some((value, finding)) = self.latency(policy, weights.latency) {
            add(value, weights.latency, finding);
        }
        if let Some((value, finding)) = self.share(policy, weights.share) {
            add(value, weights.share, finding);
        }
        findings.extend(self.bands(policy, weights.bands));
        let limit = 1.0 / policy.alpha;
        let is_broken = |finding: &Finding| finding.result == FindingResult::Broken;
        if together >= limit && !findings.iter().any(is_broken) {
            let result = FindingResult::Broken;
            let detail = "errors, latency and the division of traffic, averaged".to_owned();
            findings.push(evidence(
                "all evidence",
                together,
                limit,
                self.candidate.requests,
                result,
                detail,
            ));
        }
        let accepted = self.is_accepted(policy);
        let latency_accepted = match (&policy.latency, &self.slow, &self.last) {
            (Some(latency), Some(slow), Last::Beside) => slow.is_accepted(policy, latency),
            _ => true,
        };
        if !findings.iter().any(is_broken)
            && let Some(lack) = self.lack(policy, step, accepted)
        {
            let result = missing(policy);
            // Where nothing serves beside it there is nothing to judge, and others decide.
            let result = if self.last == Last::Alone { FindingResult::Ignored } else { result };
            for finding in &mut findings {
                finding.result = result;
            }
            return (self.lacking(Verdict::of(findings), lack), false);
        }
        let verdict = Verdict::of(findings);
        let known = self.ledger.pending().is_none();
        let settled = verdict.is_pass() && known && accepted && latency_accepted && together <= 1.0;
        (verdict, settled)
    }

    /// What keeps it from being judged.
    fn lack(&self, policy: &EvidencePolicy, step: &Step, accepted: bool) -> Option<String> {
        match &self.last {
            Last::Doubt(doubt) => return Some(doubt.clone()),
            Last::Alone => return Some("nothing serves beside it".to_owned()),
            Last::Nothing => return Some("nothing was seen in this step yet".to_owned()),
            Last::Beside | Last::Before => {}
        }
        let old = step.now.saturating_sub(policy.stale_after);
        if let (Some(until), Ok(old)) = (self.ledger.until(), old)
            && until < old
        {
            return Some(format!("nothing was seen since {until}"));
        }
        let (requests, minimum) = (self.candidate.requests, policy.minimum_requests);
        if requests < minimum {
            return Some(format!("error evidence rests on only {requests} samples of {minimum}"));
        }
        let beside = self.weight().filter(|_| self.last == Last::Beside);
        if let Some(weight) = beside {
            let part = ((1.0 - weight) / weight).min(1.0);
            let minimum = (minimum as f64 * part).ceil() as u64;
            let requests = self.reference.requests;
            if requests < minimum.max(1) {
                return Some(format!(
                    "what serves beside it has only {requests} samples of {minimum}"
                ));
            }
        }
        let waits = policy.wait_for_acceptance && !accepted;
        waits.then(|| {
            format!(
                "it is not shown yet that the error rate is not {} times that beside it, or below {:.2} %",
                policy.smallest_ratio,
                policy.harmless_rate * 100.0
            )
        })
    }

    fn lacking(&self, verdict: Verdict, lack: String) -> Verdict {
        match verdict {
            Verdict::Inconclusive { missing, evidence, .. } => {
                Verdict::Inconclusive { why: lack, missing, evidence }
            }
            Verdict::Fail { mut evidence } => {
                if let Some(first) = evidence.first_mut() {
                    first.detail = lack;
                }
                Verdict::Fail { evidence }
            }
            pass => pass,
        }
    }

    fn errors(&self, policy: &EvidencePolicy, weight: f64) -> (f64, Finding) {
        let (value, limit) = (self.errors.value(), 1.0 / policy.alpha / weight);
        let mut detail =
            format!("{}, beside it {}", failed(self.candidate), failed(self.reference));
        if let Some([own, other]) = self.late {
            detail.push_str(&format!(
                "; at the end of the step before {}, beside it {}",
                failed(own),
                failed(other)
            ));
        }
        if self.ledger.lost() > 0 {
            let lost = self.ledger.lost();
            detail.push_str(&format!("; {lost} windows could not be compared"));
        }
        let requests = self.candidate.requests;
        (value, evidence("error evidence", value, limit, requests, held(value, limit), detail))
    }

    fn before(&self, policy: &EvidencePolicy, weight: f64) -> Option<(f64, Finding)> {
        let before = self.before.as_ref().filter(|_| weight > 0.0)?;
        let (value, limit) = (before.evidence.value(), 1.0 / policy.alpha / weight);
        let detail = format!(
            "{}, the other version before the step {}, which allows {:.2} %; a weaker comparison, because it is of another time",
            failed(self.candidate),
            failed(before.seen),
            before.limit * 100.0
        );
        let (requests, result) = (self.candidate.requests, held(value, limit));
        Some((
            value,
            evidence("error evidence against before", value, limit, requests, result, detail),
        ))
    }

    fn latency(&self, policy: &EvidencePolicy, weight: f64) -> Option<(f64, Finding)> {
        let (latency, slow) = (policy.latency.as_ref()?, self.slow.as_ref()?);
        if slow.requests == 0 && self.last != Last::Beside {
            return None;
        }
        // Before anything was compared, this is 1.
        let (value, limit) = (slow.value(), 1.0 / policy.alpha / weight);
        let compared = slow.worst(latency).filter(|_| slow.requests > 0);
        let mut detail = compared.map_or(String::new(), |(quantile, threshold)| {
            format!(
                "most of it at the p{}: {:.0} ms beside it, {:.0} ms allowed",
                quantile * 100.0,
                threshold.as_secs_f64() * 1000.0,
                latency.allowed(threshold).as_secs_f64() * 1000.0
            )
        });
        let mut result = held(value, limit);
        if result == FindingResult::Holds && slow.in_step == 0 && self.last == Last::Beside {
            // What is still to come is only missing; what does not come means what the policy says.
            result = match policy.no_data {
                NoData::Fail if !slow.absent => FindingResult::Missing,
                _ => missing(policy),
            };
            detail = "the latencies of the two were not compared in this step yet".to_owned();
        }
        let finding = evidence("latency evidence", value, limit, slow.requests, result, detail);
        let value_known = finding.value.filter(|_| slow.requests > 0);
        Some((value, Finding { value: value_known, ..finding }))
    }

    fn share(&self, policy: &EvidencePolicy, weight: f64) -> Option<(f64, Finding)> {
        policy.sample_ratio?;
        let (share, asked) = (self.share.as_ref()?, self.weight()?);
        let (own, other) = share.requests();
        let (value, limit) = (
            share.value(asked, policy.tolerance(asked), policy.dispersion),
            1.0 / policy.alpha / weight,
        );
        let detail = format!(
            "{own} of {} requests{}, asked for are {:.2} %",
            own.saturating_add(other),
            percent(share.share()),
            asked * 100.0
        );
        let finding = evidence(
            "traffic share evidence",
            value,
            limit,
            own.saturating_add(other),
            held(value, limit),
            detail,
        );
        Some((value, finding))
    }

    fn bands(&self, policy: &EvidencePolicy, weight: f64) -> Option<Finding> {
        let latency = policy.latency.as_ref().filter(|latency| latency.bands)?;
        let slow = self.slow.as_ref()?;
        let gap = slow.gap(latency, policy.alpha * weight, policy.dispersion)?;
        let (value, limit) = (gap.found.max(0.0) * 100.0, gap.allowed * 100.0);
        let result = if value > limit { FindingResult::Broken } else { FindingResult::Holds };
        Some(Finding {
            metric: "latency distribution beside the live version".into(),
            value: Some(value),
            limit,
            unit: "%".into(),
            samples: slow.requests,
            result,
            detail: format!("more requests above {:.0} ms", gap.at.as_secs_f64() * 1000.0),
        })
    }
}

/// What it means that something is missing.
fn missing(policy: &EvidencePolicy) -> FindingResult {
    match policy.no_data {
        NoData::Hold => FindingResult::Missing,
        NoData::Fail => FindingResult::Broken,
        NoData::Ignore => FindingResult::Ignored,
    }
}

fn held(value: f64, limit: f64) -> FindingResult {
    if value >= limit { FindingResult::Broken } else { FindingResult::Holds }
}

fn failed(arm: Arm) -> String {
    format!("{} of {} failed{}", arm.failed, arm.requests, percent(arm.rate()))
}

fn percent(rate: Option<f64>) -> String {
    rate.map(|rate| format!(" ({:.2} %)", rate * 100.0)).unwrap_or_default()
}

fn evidence(
    metric: &'static str,
    value: f64,
    limit: f64,
    samples: u64,
    result: FindingResult,
    detail: String,
) -> Finding {
    // Nobody needs more than a million, and JSON has no infinity.
    let value = Some(value.min(1e6));
    Finding { metric: metric.into(), value, limit, unit: "times".into(), samples, result, detail }
}
