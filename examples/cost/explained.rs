//! What is known of one resource: in words, or as JSON.

use std::fmt::Write as _;

use petswipe_cost::{Explained, Explanation, NotReported, Range, ReportOptions, Scan};

use super::text::{counted, missing, range};
use super::{Flags, words};
use crate::{BAD_USAGE, DONE, Exit, HALF_WAY, print, say};

/// Says it. What is not there is bad usage, unless it may be among what was not looked at.
pub(super) fn tell(
    flags: &Flags,
    scan: &Scan,
    options: &ReportOptions,
    resource: &str,
) -> Result<u8, Exit> {
    let known = Explanation::of(scan, options, resource);
    if flags.json {
        print(&serde_json::to_string_pretty(&known).map_err(Exit::usage)?);
    }
    let known = words::cleaned(&known)?;
    let gaps = missing(&known.not_analysed);
    if !known.found {
        for line in &gaps {
            say(&format!("not analysed: {line}"));
        }
        let code = if known.is_partial() { HALF_WAY } else { BAD_USAGE };
        return Err(Exit { code, message: unknown(&known) });
    }
    if !flags.json {
        let mut out = said(&known.said);
        for line in &gaps {
            let _ = writeln!(out, "not analysed: {line}");
        }
        if known.said.is_empty() && gaps.is_empty() {
            let _ = writeln!(out, "{} is there, and no area judges it by itself", known.asked);
        }
        print(out.trim_end());
    }
    if known.is_partial() {
        say("this is a part: something about it was not analysed");
        return Ok(HALF_WAY);
    }
    Ok(DONE)
}

fn unknown(known: &Explanation) -> String {
    let number = usize::try_from(known.resources).unwrap_or(usize::MAX);
    let listed = counted(number, "resource", "resources");
    let mut message = format!("there is no {} among the {listed} that were looked at", known.asked);
    if !known.near.is_empty() {
        let _ = write!(message, "; like it are {}", known.near.join(", "));
    }
    if known.is_partial() {
        message += "; it may be among what was not";
    }
    message
}

/// What each area says.
fn said(said: &[Explained]) -> String {
    let mut out = String::new();
    // Writing to a string can't fail, here and below.
    for one in said {
        let _ = writeln!(out, "{}: {}: {}", one.id, one.verdict, one.reason);
        match &one.not_reported {
            Some(NotReported::Excluded(tag)) => {
                let _ = writeln!(out, "    not reported: it carries the tag {tag}");
            }
            Some(NotReported::Suppressed { until, reason }) => {
                let _ = writeln!(out, "    not reported: suppressed until {until}: {reason}");
            }
            None => {}
        }
        for evidence in &one.evidence {
            let _ = write!(out, "    {evidence}");
            if let (Some(window), Some(values)) = (evidence.window, evidence.datapoints) {
                let values = counted(values, "value", "values");
                let _ = write!(out, ", {values} from {} to {}", window.from, window.to);
            }
            let _ = writeln!(out);
        }
        advice(&mut out, one);
    }
    out
}

/// What to do about it, of what is flagged.
fn advice(out: &mut String, one: &Explained) {
    let (Some(confidence), Some(risk), Some(remediation)) =
        (one.confidence, &one.risk, &one.remediation)
    else {
        return;
    };
    let saves = match &one.monthly_saving {
        Some(saving) => {
            let bounds = range(Range { low: saving.low, high: saving.high });
            format!("{bounds} {} a month", saving.currency)
        }
        None => {
            format!("an amount not known: there is no price for {}", one.no_price_for.join(", "))
        }
    };
    let _ = writeln!(
        out,
        "    saves {saves}; {confidence} confidence; {} risk: {}",
        risk.level, risk.why
    );
    for quote in one.monthly_saving.iter().flat_map(|saving| &saving.prices) {
        let _ = writeln!(out, "    price of {}: {} ({})", quote.key, quote.price, quote.priced_at);
    }
    let _ = writeln!(out, "    to do: {}", remediation.summary);
    for command in &remediation.commands {
        let _ = writeln!(out, "      {command}");
    }
}
